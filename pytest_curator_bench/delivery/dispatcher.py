# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Passes each result to every sink, and keeps sinks quiet while something is measured."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import json_line
from pytest_curator_bench._util.text import printable
from pytest_curator_bench.delivery.receipts import Receipts
from pytest_curator_bench.delivery.worker import SinkReport, SinkWorker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_curator_bench._util.masking import Masker
    from pytest_curator_bench.sinks.base import Sink

__all__ = ["END_LIMIT_S", "SinkDispatcher", "SinkReport", "report_lines"]

START_LIMIT_S = 3.5
"""How long the begin of a session waits for sinks that show no sign of life, all together, in seconds. Nothing is
measured yet, and loading their libraries would disturb the first benchmark."""
LONGEST_START_S = 60.0
"""The same for sinks that report progress, such as one that creates a database."""
PAUSE_LIMIT_S = 1.0
"""How long a measurement waits for a call that is under way and shows no sign of life, in seconds; only once."""
LONGEST_PAUSE_LIMIT_S = 10.0
"""The same for calls that report progress, each time."""
END_LIMIT_S = 8.0
"""How long the end of a session waits for sinks that show no sign of life, all together, in seconds."""
MAX_KEPT_NAMES = 5
MAX_LEFT_OUT_LINES = 10


class SinkDispatcher:
    """All sinks of one session, each with a thread of its own, so that none waits for another.

    Attributes:
        receipts: what each sink has received, in the order of the sinks.

    Args:
        sinks: where results go.
        session_dir: the session's directory, which holds the receipts.
        env_data: the argument of ``initialize``, plain data.
        masker: hides secrets in results and in messages about failures.
        patience_s: how long the end waits for a sign of life of a sink, in seconds.
    """

    def __init__(
        self,
        sinks: Iterable[Sink],
        session_dir: Path,
        env_data: Mapping[str, Any],
        masker: Masker,
        *,
        patience_s: float = END_LIMIT_S,
    ) -> None:
        self._masker = masker
        start = (session_dir.name, _masked(env_data, ("session_dir", "results_dir"), masker))
        sinks = list(sinks)
        self.receipts = tuple(Receipts(session_dir, sink.name) for sink in sinks)
        self._workers = [
            SinkWorker(sink, receipts, start, masker, patience_s)
            for sink, receipts in zip(sinks, self.receipts, strict=True)
        ]
        self._silence_left_s = PAUSE_LIMIT_S

    def open(self) -> None:
        """Initialize every sink in its own thread, and wait for that within the limits above."""
        for worker in self._workers:
            worker.open()
        begun = time.monotonic()
        for worker in self._workers:
            worker.wait_opened(begun, silence_s=START_LIMIT_S, total_s=LONGEST_START_S)

    def entry_started(self, name: str) -> None:
        """Tell the sinks that an entry has started."""
        for worker in self._workers:
            worker.entry_started(self._masker.mask(name))

    def submit(self, result: Mapping[str, Any]) -> None:
        """Queue ``result`` for every sink: the content of its ``results.json``, secrets masked, with its true paths."""
        data = _masked(result, ("entry_dir", "stdouterr_file"), self._masker)
        for worker in self._workers:
            worker.submit(data)

    def pause(self) -> None:
        """Leave sinks that deliver ``between`` alone, because something is measured from now on.

        Calls that are under way end first. This takes as long as they report progress, within the limits above, but
        sinks that show no sign of life are waited for only once in a session.
        """
        for worker in self._workers:
            worker.pause()
        begun = time.monotonic()
        limits = {"silence_s": self._silence_left_s, "total_s": LONGEST_PAUSE_LIMIT_S}
        are_quiet = [worker.wait_paused(begun, **limits) for worker in self._workers]
        if not all(are_quiet):
            self._silence_left_s = 0.0

    def resume(self) -> None:
        """Let sinks work again: nothing is measured now."""
        for worker in self._workers:
            worker.resume()

    def close(self) -> list[SinkReport]:
        """Deliver what is left, finalize every sink, and report what became of each.

        Takes as long as sinks need that work, and at most ``patience_s`` longer for those that don't. Ctrl-C ends
        the waiting.
        """
        for worker in self._workers:
            worker.begin_closing()
        # They end side by side: waiting for one after the other takes as long as the slowest.
        try:
            return [worker.wait_closed() for worker in self._workers]
        except KeyboardInterrupt:
            for worker in self._workers:
                worker.abandon("interrupted from the keyboard")
            return [worker.wait_closed() for worker in self._workers]


def _masked(data: Mapping[str, Any], paths: Iterable[str], masker: Masker) -> dict[str, Any]:
    """Return plain data, secrets masked but for the values of ``paths``, which sinks open."""
    true = {key: data[key] for key in paths if key in data}
    plain: dict[str, Any] = json.loads(json_line({**masker.mask_data(data), **true}))
    return plain


def report_lines(reports: Iterable[SinkReport]) -> list[str]:
    """Return one line for each sink, and one for each thing that it left out, for a summary."""
    lines = (line for report in reports for line in (f"sink {report.name}: {_outcome(report)}", *_left_out(report)))
    return [printable(line) for line in lines]


def _left_out(report: SinkReport) -> list[str]:
    lines = [f"sink {report.name}: left out of {text}" for text in report.left_out[:MAX_LEFT_OUT_LINES]]
    more = len(report.left_out) - len(lines)
    return [*lines, *([f"sink {report.name}: left out {more:,d} more"] if more else [])]


def _outcome(report: SinkReport) -> str:
    parts = [f"{report.delivered} delivered"]
    if report.kept:
        more = f" and {len(report.kept) - MAX_KEPT_NAMES} more" if len(report.kept) > MAX_KEPT_NAMES else ""
        parts.append(f"{len(report.kept)} kept for replay ({', '.join(report.kept[:MAX_KEPT_NAMES])}{more})")
    if not report.is_finalized:
        parts.append("not finalized")
    if report.failures:
        calls = "1 call" if report.failures == 1 else f"{report.failures} calls"
        parts.append(f"{calls} failed, the last one with: {report.reason}")
    if report.link:
        parts.append(report.link)
    return "; ".join(parts)
