# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is running now: a panel below pytest's own output on a terminal, plain lines elsewhere.

The view only reads files that others write (:mod:`pytest_curator_bench.session.progress`). It works the same with and
without xdist, because it lives in the controller.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pytest_curator_bench.machine.processes import parent_of
from pytest_curator_bench.plugin.terminal.panel import Panel
from pytest_curator_bench.results.record import HARMLESS
from pytest_curator_bench.session.names import LOG_NAME
from pytest_curator_bench.session.progress.entries import EntryFollower
from pytest_curator_bench.session.progress.expected import time_left_of
from pytest_curator_bench.session.progress.text import end_line, entry_line, entry_lines, head_line, start_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pytest

    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.session.progress.expected import Expected

__all__ = ["LiveView"]

REFRESH_S = 0.5


@dataclass(slots=True, eq=False)
class _Shown:
    """An entry that is shown, and what has been said of it in lines."""

    follower: EntryFollower
    heartbeat: float
    is_announced: bool = False
    has_told_waiting: bool = False


class LiveView:
    """Shows running entries until closed.

    Args:
        reporter: pytest's terminal reporter, for plain lines and the cursor's column.
        display: returns what people call a path.
        mask: hides secrets.
        expected: what is expected of the selected entries, by name.
        heartbeat_s: seconds between two lines about an entry where there is no terminal; 0 for none.
        is_quiet: only a line when an entry waits for another run.
    """

    def __init__(
        self,
        reporter: pytest.TerminalReporter,
        display: Callable[[Path | str], str],
        mask: Callable[[str], str] = str,
        *,
        expected: Mapping[str, Expected] | None = None,
        heartbeat_s: float = 60.0,
        is_quiet: bool = False,
    ) -> None:
        self._mask = mask
        self._reporter = reporter
        self._display = display
        self._expected = expected or {}
        self._heartbeat_s = heartbeat_s
        self._writer = reporter.config.get_terminal_writer()
        self._panel = Panel(sys.stdout)
        shown: Literal["panel", "lines"] = "panel" if self._panel.is_possible else "lines"
        self._form: Literal["quiet", "panel", "lines"] = "quiet" if is_quiet else shown
        self._running: dict[str, _Shown] = {}
        self._statuses: dict[str, str] = {}
        self._lock = threading.RLock()
        self._column = 0
        self._held = True
        self._closing = threading.Event()
        self._write_as_pytest = self._writer.write
        self._writer.write = self._write_above  # type: ignore[method-assign]  # others write at any time, as xdist does
        self._thread = threading.Thread(target=self._refresh, name="curator-bench live view", daemon=True)
        self._thread.start()

    def started(self, nodeid: str, name: str, limit_s: float, entry_dir: Path) -> None:
        """An entry is about to be prepared: it may have to wait for its lease."""
        follower = EntryFollower(name, entry_dir, limit_s=limit_s, expected=self._expected.get(name))
        with self._lock:
            self._running[nodeid] = _Shown(follower, heartbeat=time.monotonic())

    def began(self, nodeid: str) -> None:
        """An entry holds its lease and its script starts."""
        with self._lock:
            shown = self._running.get(nodeid)
            if shown is not None and self._form == "lines" and not shown.is_announced:
                shown.is_announced = True
                self._print(self._announcement(shown.follower))

    def ended(self, nodeid: str) -> None:
        """An entry is no longer shown."""
        with self._lock:
            self._running.pop(nodeid, None)

    def concluded(self, result: EntryResult) -> None:
        """An entry has its result."""
        with self._lock:
            self._statuses[result.name] = result.status
            if self._form == "lines":
                from pytest_curator_bench.reporting.figures import key_metrics

                self._print(end_line(result, key_metrics(result)[:1]))

    def _print(self, line: str) -> None:
        """Print a line from pytest's own thread."""
        self._reporter.ensure_newline()
        if self._writer.width_of_current_line:  # xdist's dots
            self._reporter.write("\n")
        self._reporter.write_line(self._mask(line))
        self._flush()
        self._column = 0

    def _announcement(self, follower: EntryFollower) -> str:
        return start_line(follower, self._display(follower.entry_dir / LOG_NAME))

    def hold(self) -> None:
        """Take the panel off the screen: somebody else is about to write."""
        self._flush()
        with self._lock:
            self._held = True
            self._panel.erase(self._column)

    def release(self) -> None:
        """The others have written: the panel may come back."""
        self._flush()  # the lines of our thread come after theirs
        with self._lock:
            self._held = False
            self._column = self._writer.width_of_current_line

    def close(self) -> None:
        """Take the panel off and stop looking."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join()
        self.hold()
        self._writer.write = self._write_as_pytest  # type: ignore[method-assign]
        self._panel.close()

    def _write_above(self, msg: str, *, flush: bool = False, **markup: bool) -> None:
        """Write what pytest or a plugin writes: where the panel stands, which comes back below it."""
        with self._lock:
            self._panel.erase(self._column)
            self._write_as_pytest(msg, flush=flush, **markup)
            self._flush()
            self._column = self._writer.width_of_current_line

    @staticmethod
    def _flush() -> None:
        with contextlib.suppress(OSError, ValueError):  # closed, or its reader is gone
            sys.stdout.flush()

    def _refresh(self) -> None:
        while not self._closing.wait(REFRESH_S):
            with self._lock:
                for shown in self._running.values():
                    shown.follower.look()
                if self._held:
                    continue
                if self._form == "panel":
                    self._paint()
                else:
                    self._report(time.monotonic())

    def _report(self, now: float) -> None:
        """Print what is due: that an entry waits, has started, or still runs."""
        for shown in self._running.values():
            follower, status = shown.follower, shown.follower.status
            if status is not None and status.is_waiting:
                is_news = self._form == "lines" or not all(map(_is_own, status.held_by))
                if is_news and not shown.has_told_waiting:
                    shown.has_told_waiting, shown.heartbeat = True, now
                    self._write_line(f"{follower.name}: {status.text}")
            elif follower.is_running and self._form == "lines" and not shown.is_announced:
                shown.is_announced, shown.heartbeat = True, now
                self._write_line(self._announcement(follower))
            if self._form == "lines" and self._heartbeat_s and now - shown.heartbeat >= self._heartbeat_s:
                shown.heartbeat = now
                line = entry_line(follower, datetime.now(UTC))
                self._write_line(f"{line} | {follower.log_line}" if follower.log_line else line)

    def _write_line(self, line: str) -> None:
        # pytest may have left its line unfinished.
        self._panel.write(f"{chr(10) if self._column else ''}{self._mask(line)}\n")
        self._column = 0

    def _paint(self) -> None:
        if not self._running:
            return
        from rich.text import Text

        columns, rows = self._panel.size()
        now, width = datetime.now(UTC), max(20, columns - 1)
        failed = sum(status not in HARMLESS for status in self._statuses.values())
        followers = [shown.follower for shown in self._running.values()]
        left = time_left_of(self._expected, self._statuses, followers)
        head = head_line(len(self._statuses), len(self._expected), failed, left)
        lines = [Text(f"[{head}]", style="bold red" if failed else "bold")]
        lines += entry_lines(followers, now, width=width, height=max(1, rows // 2 - 1), mask=self._mask)
        self._panel.draw(lines, width, self._column)


def _is_own(pid: int) -> bool:
    """Return whether a process belongs to this run: it is this one, or an xdist worker."""
    return os.getpid() in {pid, parent_of(pid)}
