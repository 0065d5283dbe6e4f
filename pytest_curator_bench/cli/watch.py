# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench watch``: follow a session from another terminal, by its files alone."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_curator_bench._util.streams import encodable
from pytest_curator_bench._util.text import format_clock, harmless
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.results_dir import add_results_arguments, one_session
from pytest_curator_bench.history.selectors import SELECTORS
from pytest_curator_bench.session.progress.sessions import SessionFollower
from pytest_curator_bench.session.progress.text import end_line, entry_line, entry_lines, head_line

if TYPE_CHECKING:
    import argparse

    from rich.text import Text

    from pytest_curator_bench.session.progress.sessions import SessionProgress

__all__ = ["add_arguments", "run"]

REFRESH_S = 1.0
# The newest ones: those of a long night would leave no room for what runs.
_MOST_FAILURES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Show what a session runs, for how long, and what has failed, until it has ended. Only files are read. "
        "Exit status 0: nothing has failed, 1: something has, or a run was killed or interrupted, "
        "2: there is no such session, 130: Ctrl-C."
    )
    parser.add_argument(
        "session",
        nargs="?",
        default="latest",
        metavar="SESSION",
        help=f"{SELECTORS} (default: latest)",
    )
    add_results_arguments(parser)
    parser.add_argument("--once", action="store_true", help="print the present state and end")


def run(options: argparse.Namespace) -> int:
    """Follow the session; returns the exit status."""
    follower = SessionFollower(one_session(options, options.session).path)
    if options.once:
        progress = _look(follower)
        _print_lines(_state(progress))
    elif sys.stdout.isatty():
        progress = _follow_on_terminal(follower)
    else:
        progress = _follow_in_lines(follower)
    return 1 if progress.has_failed else 0


def _look(follower: SessionFollower) -> SessionProgress:
    try:
        return follower.look()
    except OSError as error:
        raise CommandError(f"the session can't be read any more: {error}") from None


def _follow_on_terminal(follower: SessionFollower) -> SessionProgress:
    """Redraw the state in place until the session has ended; the last one stays on the screen."""
    from rich.console import Console, Group
    from rich.live import Live

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            progress = _look(follower)
            live.update(Group(*_screen(progress, datetime.now(UTC), *console.size)), refresh=True)
            if progress.is_over:
                return progress
            time.sleep(REFRESH_S)


def _screen(progress: SessionProgress, now: datetime, columns: int, rows: int) -> list[Text]:
    from rich.text import Text

    width = columns - 1
    head = Text(_head(progress, now), style="bold red" if progress.has_failed else "bold")
    ends = [Text(line, style="red") for line in _failures(progress)]
    ends += [Text(line, style="yellow") for line in _ends(progress)]
    room = max(rows - 2 - len(ends), 1)
    lines = [head, *entry_lines(progress.running, now, width=width, height=room), *ends]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def _follow_in_lines(follower: SessionFollower) -> SessionProgress:
    """Print a line for each change until the session has ended."""
    said: dict[str, str] = {}
    progress = _look(follower)
    _print_lines([_head(progress, datetime.now(UTC))])
    while True:
        now = datetime.now(UTC)
        for entry in progress.running:
            step = entry.status.text if entry.status is not None else ""
            if step and said.get(entry.name) != step:
                said[entry.name] = step
                _print_lines([entry_line(entry, now)])
        ended = [result for result in progress.results.values() if said.get(result.name) != result.status]
        for result in ended:
            said[result.name] = result.status
            _print_lines([end_line(result)])
        if ended:
            _print_lines([_head(progress, now)])
        if progress.is_over:
            _print_lines(_ends(progress))
            return progress
        time.sleep(REFRESH_S)
        progress = _look(follower)


def _state(progress: SessionProgress) -> list[str]:
    now = datetime.now(UTC)
    entries = []
    for entry in progress.running:
        entries += [entry_line(entry, now), *([f"  {entry.log_line}"] if entry.log_line else [])]
    return [_head(progress, now), *entries, *_failures(progress), *_ends(progress)]


def _head(progress: SessionProgress, now: datetime) -> str:
    """Return ``nightly__2026-11-25: 18/50, 1 failed, about 3:05:00 left, running for 1:52:00``."""
    if not progress.entries:
        return f"{progress.name}: no entry yet"
    failed, left = len(progress.failed), None if progress.is_over else progress.left
    head = f"{progress.name}: {head_line(len(progress.results), len(progress.entries), failed, left)}"
    if progress.started_at is None or progress.is_over:
        return head
    return f"{head}, running for {format_clock((now - progress.started_at).total_seconds())}"


def _failures(progress: SessionProgress) -> list[str]:
    failed = progress.failed
    more = [f"and {len(failed) - _MOST_FAILURES} more that did not pass"] if len(failed) > _MOST_FAILURES else []
    return [*more, *map(end_line, failed[-_MOST_FAILURES:])]


def _ends(progress: SessionProgress) -> list[str]:
    """Return how a session that has ended did so."""
    if not progress.is_over:
        return []
    if progress.killed:
        who = ", ".join(progress.killed)
        again = f"go on with --bench-session {progress.name}"
        return [f"the run was killed, or its machine went down ({who}): {again}"]
    statuses = sorted({run.status for run in progress.runs})
    return [f"the session has ended: {', '.join(statuses)}"]


def _print_lines(lines: list[str]) -> None:
    for line in lines:
        sys.stdout.write(encodable(harmless(line), sys.stdout) + "\n")
    sys.stdout.flush()
