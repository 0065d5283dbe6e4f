# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Gives each result to every sink, without ever waiting for one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import json_line
from pytest_curator_bench.delivery.receipts import Spool
from pytest_curator_bench.delivery.worker import Channel, SinkReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_curator_bench._util.masking import Masker
    from pytest_curator_bench.sinks.base import Sink

__all__ = ["END_LIMIT_S", "Dispatcher", "SinkReport", "report_lines"]

START_LIMIT_S = 3.5
"""How long a session's begin waits for sinks to get ready without a sign of life, all together, in seconds: it is no
measured time yet, and loading their libraries would disturb the first benchmark."""
LONGEST_START_S = 60.0
"""The same for sinks that report progress, such as one that makes a data base."""
END_LIMIT_S = 9.0
"""By how much sinks that are down may delay a session's end, all together, in seconds."""
MAX_KEPT_NAMES = 5


class Dispatcher:
    """All sinks of one session; one thread for each, so that none waits for another.

    Attributes:
        spools: what each sink has received, in the order of the sinks.

    Args:
        sinks: where results go.
        session_dir: the session's directory, which holds the spools.
        env_data: what ``initialize`` is given, plain data.
        masker: hides secrets in results and in what is said of failures.
        patience_s: how long, at the end, a sink may go on without a sign of life, in seconds.
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
        start = (session_dir.name, json.loads(json_line(masker.mask_data(env_data))))
        sinks = list(sinks)
        self.spools = tuple(Spool(session_dir, sink.name) for sink in sinks)
        self._channels = [
            Channel(sink, spool, start, masker.mask, patience_s) for sink, spool in zip(sinks, self.spools, strict=True)
        ]

    def open(self) -> None:
        """Begin: every sink is initialized, in its own thread; waits for that, within the limits said above."""
        for channel in self._channels:
            channel.open()
        begun = time.monotonic()
        for channel in self._channels:
            channel.wait_opened(begun, patience_s=START_LIMIT_S, at_most_s=LONGEST_START_S)

    def entry_started(self, name: str) -> None:
        """Tell the sinks that an entry begins."""
        for channel in self._channels:
            channel.entry_started(name)

    def submit(self, result: Mapping[str, Any]) -> None:
        """Give ``result`` to every sink, secrets masked: the same as its ``results.json`` holds."""
        data = json.loads(json_line(self._masker.mask_data(result)))
        for channel in self._channels:
            channel.submit(data)

    def close(self) -> list[SinkReport]:
        """Have what is left delivered, end every sink, and say what became of each.

        Takes as long as sinks need that work, and at most ``patience_s`` longer for those that don't. Ctrl-C ends
        the waiting.
        """
        for channel in self._channels:
            channel.begin_closing()
        # They end side by side: waiting for one after the other takes as long as the slowest.
        try:
            return [channel.wait_closed() for channel in self._channels]
        except KeyboardInterrupt:
            for channel in self._channels:
                channel.abandon("interrupted from the keyboard")
            return [channel.wait_closed() for channel in self._channels]


def report_lines(reports: Iterable[SinkReport]) -> list[str]:
    """One line for each sink, for a summary."""
    return [f"sink {report.name}: {_outcome(report)}" for report in reports]


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
