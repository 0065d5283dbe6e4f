# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is running now: a panel below pytest's own output on a terminal, plain lines elsewhere.

The view only reads: it looks at the log files that the scripts write. It works the same with and without
xdist, because it lives in the controller.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench._util.streams import RenderBuffer, encodable, encoding_of
from pytest_curator_bench._util.text import printable
from pytest_curator_bench.session.status import read_status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from pytest_curator_bench.session.status import EntryStatus

__all__ = ["LiveView"]

REFRESH_S = 0.5
HEARTBEAT_S = 60.0
LOG_LINES = 3


@dataclass(slots=True)
class _Running:
    name: str
    limit_s: float
    log: Path
    begun: float
    script_began: float | None = None
    heartbeat: float = 0.0
    log_inode: int = 0
    status: EntryStatus | None = None
    told_waiting: bool = False

    def look(self, now: float) -> None:
        """Note when the script's log appears, that of another run, too: the limit counts from there.

        Until then: what is being done.
        """
        try:
            inode = self.log.stat().st_ino
        except OSError:
            if self.script_began is None:
                self.status = read_status(self.log.parent)
            return
        if inode != self.log_inode:
            self.log_inode, self.script_began, self.status = inode, now, None

    def lines(self, count: int) -> list[str]:
        """What there is to show below the entry's name: the end of its log, or what it waits for."""
        return list(map(printable, self.status.detail)) if self.status else log_tail(self.log, count)

    def clock(self, now: float) -> str:
        """Elapsed time against the limit, or what is being waited for."""
        if self.script_began is None:
            return f"{self.status.doing if self.status else 'preparing'}, {now - self.begun:.0f} s"
        return f"{_duration(now - self.script_began)} / {_duration(self.limit_s)}"


class LiveView:
    """Shows running entries until closed.

    Args:
        reporter: pytest's terminal reporter, for plain lines and the cursor's column.
        to_host_path: says what the host calls a path.
        mask: hides secrets.
    """

    def __init__(
        self,
        reporter: pytest.TerminalReporter,
        to_host_path: Callable[[Path | str], Path],
        mask: Callable[[str], str] = str,
    ) -> None:
        self._mask = mask
        self._reporter = reporter
        self._on_host = to_host_path
        self._writer = reporter.config.get_terminal_writer()
        self._stream = sys.stdout
        self._descriptor = _duplicate(self._stream)
        is_terminal = self._descriptor is not None and os.isatty(self._descriptor)
        self._panel = is_terminal and os.environ.get("TERM", "dumb") != "dumb"
        self._encoding = encoding_of(sys.stdout)
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()
        self._painted = 0
        self._column = 0
        self._held = True
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="curator-bench live view", daemon=True)
        self._thread.start()

    def started(self, nodeid: str, name: str, limit_s: float, log: Path) -> None:
        """An entry has begun; its log will appear at ``log`` when its script starts."""
        if not self._panel:
            self._reporter.ensure_newline()
            if self._writer.width_of_current_line:  # xdist's dots
                self._reporter.write("\n")
            self._reporter.write_line(printable(f"{name}: started, limit {limit_s:g} s, log {self._on_host(log)}"))
        now = time.monotonic()
        with self._lock:
            self._running[nodeid] = _Running(name, limit_s, log, begun=now, heartbeat=now)

    def ended(self, nodeid: str) -> None:
        """An entry is no longer shown."""
        with self._lock:
            self._running.pop(nodeid, None)

    def hold(self) -> None:
        """Take the panel off the screen: somebody else is about to write."""
        with contextlib.suppress(OSError, ValueError):  # closed, or its reader is gone
            sys.stdout.flush()
        with self._lock:
            self._held = True
            self._erase()

    def release(self) -> None:
        """The others have written: the panel may come back."""
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
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _refresh(self) -> None:
        while not self._closing.wait(REFRESH_S):
            with self._lock:
                now = time.monotonic()
                for entry in self._running.values():
                    entry.look(now)
                if self._held:
                    continue
                if self._panel:
                    self._paint(now)
                else:
                    self._beat(now)

    def _beat(self, now: float) -> None:
        for entry in self._running.values():
            begins_waiting = entry.status is not None and entry.status.waiting and not entry.told_waiting
            if begins_waiting or now - entry.heartbeat >= HEARTBEAT_S:
                entry.heartbeat = now
                entry.told_waiting |= begins_waiting
                line = " | ".join([f"{entry.name}: {entry.clock(now)}", *entry.lines(1)])
                self._write(f"{self._mask(line)}\n")

    def _paint(self, now: float) -> None:
        if not self._running:
            return
        size = shutil.get_terminal_size()
        lines = self._render(now, size.columns)[: max(2, size.lines // 2)]
        self._erase()
        # pytest may have left its line unfinished: the panel starts below it, and erasing goes back to it.
        self._write("\n" + "\n".join(lines))
        self._painted = len(lines)

    def _erase(self) -> None:
        if self._painted:
            self._write(f"\r\x1b[{self._painted - 1}A\x1b[J" if self._painted > 1 else "\r\x1b[J")
            self._write(f"\x1b[1A\x1b[{self._column + 1}G")
            self._painted = 0

    def _render(self, now: float, columns: int) -> list[str]:
        from rich.console import Console
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        buffer = RenderBuffer(self._encoding)
        console = Console(
            file=buffer,
            width=max(20, columns - 1),
            force_terminal=True,
            color_system="standard",
            highlight=False,
        )
        for entry in self._running.values():
            row = Table.grid(padding=(0, 2))
            elapsed = now - entry.script_began if entry.script_began is not None else 0.0
            row.add_row(
                Text(entry.name, style="bold", overflow="ellipsis", no_wrap=True),
                Text(entry.clock(now), no_wrap=True),
                ProgressBar(total=entry.limit_s, completed=min(elapsed, entry.limit_s), width=20),
            )
            console.print(row)
            for line in entry.lines(LOG_LINES):
                console.print(Text(f"  {self._mask(line)}", style="dim"), overflow="ellipsis", no_wrap=True)
        return buffer.text().rstrip("\n").split("\n")

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


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
