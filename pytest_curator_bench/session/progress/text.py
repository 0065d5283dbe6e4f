# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Progress in words: the head line, and the lines of an entry, plain and as they fit into a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import cut_middle, format_clock, format_seconds, printable
from pytest_curator_bench.results.record import HARMLESS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from rich.text import Text

    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.session.progress.entries import EntryFollower
    from pytest_curator_bench.session.progress.expected import TimeLeft

__all__ = ["end_line", "entry_line", "entry_lines", "head_line", "start_line"]


def head_line(done: int, total: int, failed: int, left: TimeLeft | None) -> str:
    """Return ``3/12, 1 failed, about 0:48 left``."""
    parts = [f"{done}/{total}", *([f"{failed} failed"] if failed else [])]
    if left is not None:
        parts.append(f"{'about' if left.is_whole else 'at least'} {format_clock(left.time_s)} left")
    return ", ".join(parts)


def start_line(follower: EntryFollower, log: str) -> str:
    """Return that an entry's script starts: ``a: started, usually 36:49, limit 3,600 s, log results/s/a/…``."""
    usual_s = follower.expected.usual_s
    usual = f"usually {format_clock(usual_s)}, " if usual_s is not None else ""
    return printable(f"{follower.name}: started, {usual}limit {format_seconds(follower.limit_s)}, log {log}")


def entry_line(follower: EntryFollower, now: datetime) -> str:
    """Return an entry's name, step and figures on one plain line."""
    clock, limit = follower.clock(now)
    return printable(f"{follower.name}: {', '.join(filter(None, (clock, limit, *follower.figures())))}")


def end_line(result: EntryResult, figures: Sequence[str] = ()) -> str:
    """Return how an entry ended: ``a: passed in 36.2 s, throughput 95.1 docs/s``, or what went wrong."""
    if result.status in HARMLESS:
        taken = [] if result.exec_time_s is None else [f"in {format_seconds(result.exec_time_s)}"]
        return printable(f"{result.name}: {', '.join([' '.join([result.status, *taken]), *figures])}")
    taken = [] if result.exec_time_s is None else [f"after {format_seconds(result.exec_time_s)}"]
    lines = (result.error or "").splitlines()
    error = "; ".join(lines if result.reason == "requirements" else lines[:1])
    return printable(f"{result.name}: {' '.join([result.status, *taken])}{f': {error}' if error else ''}")


def entry_lines(
    followers: Sequence[EntryFollower],
    now: datetime,
    *,
    width: int,
    height: int,
    mask: Callable[[str], str] = str,
) -> list[Text]:
    """Return the lines that show entries on a terminal, as many as fit: of each its step, then its log's last line."""
    from rich.cells import cell_len
    from rich.text import Text

    names = min(max((cell_len(follower.name) for follower in followers), default=0), max(width // 3, 12))
    has_logs = height >= 2 * len(followers)
    lines = []
    for follower in followers if len(followers) <= height else followers[: max(height - 1, 0)]:
        clock, limit = follower.clock(now)
        line = Text(cut_middle(printable(follower.name), names), style="bold")
        line.append(" " * (names - cell_len(line.plain) + 2))
        below = follower.log_line
        if follower.status is not None and follower.status.is_waiting and line.cell_len + cell_len(clock) > width:
            clock, below = follower.status.doing, follower.status.details
        line.append(mask(clock), style="not bold")
        if limit:
            line.append(f", {limit}", style="not bold dim")
        for figure in follower.figures():
            if line.cell_len + len(f", {figure}") > width:
                break  # half a number would be another one
            line.append(f", {figure}", style="not bold")
        lines.append(line)
        if has_logs and below:
            lines.append(Text(f"  {mask(below)}", style="dim"))
    if len(followers) > height:
        lines.append(Text(f"and {len(followers) - len(lines)} more", style="dim"))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines
