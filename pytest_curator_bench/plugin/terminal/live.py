# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is running now: a panel below pytest's own output on a terminal, plain lines elsewhere.

The view only reads files that others write (:mod:`pytest_curator_bench.session.progress`). It works the same with and
without xdist, because it lives in the controller.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TextIO

from pytest_curator_bench._util.streams import RenderBuffer, encodable, encoding_of
from pytest_curator_bench._util.text import format_seconds, printable
from pytest_curator_bench.machine.processes import parent_of
from pytest_curator_bench.results.record import HARMLESS
from pytest_curator_bench.session.names import LOG_NAME
from pytest_curator_bench.session.progress.entries import EntryFollower, format_duration
from pytest_curator_bench.session.progress.expected import Expected, time_left

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pytest

    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.session.progress.expected import TimeLeft

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
        to_host_path: says what the host calls a path.
        mask: hides secrets.
        expected: what is expected of the selected entries, by name.
        heartbeat_s: seconds between two lines about an entry where there is no terminal; 0 for none.
        is_quiet: only a line when an entry waits for another run.
    """

    def __init__(
        self,
        reporter: pytest.TerminalReporter,
        to_host_path: Callable[[Path | str], Path],
        mask: Callable[[str], str] = str,
        *,
        expected: Mapping[str, Expected] | None = None,
        heartbeat_s: float = 60.0,
        is_quiet: bool = False,
    ) -> None:
        self._mask = mask
        self._reporter = reporter
        self._on_host = to_host_path
        self._expected = expected or {}
        self._heartbeat_s = heartbeat_s
        self._writer = reporter.config.get_terminal_writer()
        self._stream = sys.stdout
        self._descriptor = _duplicate(self._stream)
        is_terminal = self._descriptor is not None and os.isatty(self._descriptor)
        has_panel = is_terminal and os.environ.get("TERM", "dumb") != "dumb"
        self._form: Literal["quiet", "panel", "lines"] = "quiet" if is_quiet else "panel" if has_panel else "lines"
        self._encoding = encoding_of(sys.stdout)
        self._running: dict[str, _Shown] = {}
        self._statuses: dict[str, str] = {}
        self._lock = threading.RLock()
        self._frame: list[str] = []
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
                from pytest_curator_bench.session.progress.text import end_line

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
        usual_s = follower.expected.usual_s
        usual = f"usually {format_duration(usual_s)}, " if usual_s is not None else ""
        log = self._on_host(follower.entry_dir / LOG_NAME)
        return printable(f"{follower.name}: started, {usual}limit {format_seconds(follower.limit_s)}, log {log}")

    def hold(self) -> None:
        """Take the panel off the screen: somebody else is about to write."""
        self._flush()
        with self._lock:
            self._held = True
            self._erase()

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
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _write_above(self, msg: str, *, flush: bool = False, **markup: bool) -> None:
        """Write what pytest or a plugin writes: where the panel stands, which comes back below it."""
        with self._lock:
            self._erase()
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
                from pytest_curator_bench.session.progress.text import entry_line

                shown.heartbeat = now
                line = entry_line(follower, datetime.now(UTC))
                self._write_line(f"{line} | {follower.log_line}" if follower.log_line else line)

    def _write_line(self, line: str) -> None:
        # pytest may have left its line unfinished.
        self._write(f"{chr(10) if self._column else ''}{self._mask(line)}\n")
        self._column = 0

    def _paint(self) -> None:
        if not self._running:
            return
        frame = self._render(*self._size())
        if frame == self._frame:
            return
        self._erase()
        # pytest may have left its line unfinished: the panel starts below it, and erasing goes back to it.
        self._write("\n" + "\n".join(frame))
        self._frame = frame

    def _erase(self) -> None:
        if self._frame:
            self._write(f"\r\x1b[{len(self._frame) - 1}A\x1b[J" if len(self._frame) > 1 else "\r\x1b[J")
            self._write(f"\x1b[1A\x1b[{self._column + 1}G")
            self._frame = []

    def _size(self) -> os.terminal_size:
        """Return the terminal's present size: of our descriptor, because pytest captures those that Python looks at."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                size = os.get_terminal_size(self._descriptor)
                if size.columns and size.lines:
                    return size
        return shutil.get_terminal_size()

    def _render(self, columns: int, rows: int) -> list[str]:
        from rich.console import Console
        from rich.text import Text

        from pytest_curator_bench.session.progress.text import entry_lines, head_line

        now, width = datetime.now(UTC), max(20, columns - 1)
        failed = sum(status not in HARMLESS for status in self._statuses.values())
        head = head_line(len(self._statuses), len(self._expected), failed, self._left(now))
        lines = [Text(f"[{head}]", style="bold red" if failed else "bold")]
        followers = [shown.follower for shown in self._running.values()]
        lines += entry_lines(followers, now, width=width, height=max(1, rows // 2 - 1), mask=self._mask)
        buffer = RenderBuffer(self._encoding)
        console = Console(file=buffer, width=width, force_terminal=True, color_system="standard", highlight=False)
        for line in lines:
            console.print(line, no_wrap=True, crop=True)
        return buffer.text().rstrip("\n").split("\n")

    def _left(self, now: datetime) -> TimeLeft | None:
        running = {shown.follower.name: shown.follower for shown in self._running.values()}
        if all(follower.status is not None and follower.status.is_waiting for follower in running.values()):
            return None  # for another run, of which nothing is known here
        return time_left(
            (running[name].remaining_s(now) if name in running else expected.usual_total_s, expected.share)
            for name, expected in self._expected.items()
            if name not in self._statuses
        )

    def _write(self, text: str) -> None:
        # A terminal that went away must not end a benchmark.
        with contextlib.suppress(OSError, ValueError):
            if self._descriptor is None:
                self._stream.write(encodable(text, self._stream))
            else:
                os.write(self._descriptor, text.encode(self._encoding, "backslashreplace"))


def _duplicate(stream: TextIO) -> int | None:
    """Return a copy of the stream's descriptor, or ``None`` where it has none, as in a notebook.

    pytest captures descriptor 1 while an item runs; the copy keeps leading to the terminal.
    """
    try:
        return os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None


def _is_own(pid: int) -> bool:
    """Return whether a process belongs to this run: it is this one, or an xdist worker."""
    return os.getpid() in {pid, parent_of(pid)}
