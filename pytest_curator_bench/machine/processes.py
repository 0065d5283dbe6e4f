# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Processes and what they use, read from /proc in one pass: see proc(5) for every field.

psutil would be the library for it, but what is wanted here it does not give: the use of children that have
already ended (the kernel adds CPU time and I/O of a child to its parent when the parent waits for it), and swap
without ``smaps``, whose reading stops the process that is being measured.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ProcessStat", "TreeUsage", "descendants", "members_below", "parent_of", "read_stats", "read_tree_usage"]

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_KIB = 1024
_ROOT = Path("/")


class ProcessStat(NamedTuple):
    """What matters of ``/proc/PID/stat``.

    Attributes:
        pid: process ID.
        name: the kernel's name of it, 15 characters at most.
        living: whether it runs at all: one that has ended stays until its parent waits for it, a zombie.
        parent: process ID of the parent.
        own_cpu_time_s: user and system time of the process itself, in seconds, whole clock ticks.
        waited_cpu_time_s: the same of the descendants that it, and they in turn, have waited for.
    """

    pid: int
    name: str
    living: bool
    parent: int
    own_cpu_time_s: float
    waited_cpu_time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeUsage:
    """What all descendants of some processes use, those that have ended included where the sense allows it.

    Attributes:
        cpu_time_s: user and system time, in seconds; also of those that have ended.
        read_bytes: fetched from storage (not from the page cache); also by those that have ended.
        write_bytes: sent to storage, or waiting in the page cache to be; likewise.
        rss_bytes: resident memory; what several share is counted for each of them.
        rss_anonymous_bytes: the part of it that is no file and no shared memory.
        swap_bytes: what has been swapped out.
        count: living processes.
    """

    cpu_time_s: float = 0.0
    read_bytes: int = 0
    write_bytes: int = 0
    rss_bytes: int = 0
    rss_anonymous_bytes: int = 0
    swap_bytes: int = 0
    count: int = 0


def read_stats(root: Path = _ROOT) -> dict[int, ProcessStat]:
    """All processes, by process ID; ``root`` is where /proc is, for tests."""
    proc = str(root / "proc")
    stats = {}
    for pid in os.listdir(proc):  # noqa: PTH208 - a hundred times a second, names are enough
        if pid.isdigit() and (stat := _read_stat(proc, pid)) is not None:
            stats[stat.pid] = stat
    return stats


def members_below(stats: Mapping[int, ProcessStat], ancestors: Iterable[int]) -> list[ProcessStat]:
    """The descendants of ``ancestors``, without themselves."""
    children: dict[int, list[ProcessStat]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat)
    found: dict[int, ProcessStat] = {}
    pending = list(ancestors)
    while pending:
        below = [stat for stat in children.get(pending.pop(), ()) if stat.pid not in found]
        found.update((stat.pid, stat) for stat in below)
        pending += [stat.pid for stat in below]
    return list(found.values())


def read_tree_usage(keepers: Sequence[int], root: Path = _ROOT) -> TreeUsage:
    """Sum up what runs, and ran, below ``keepers``; a process that ends meanwhile, or is another user's, is left out.

    Nothing of what a keeper, a child subreaper, uses itself is counted, but what it inherited when it waited for
    its children is: so no process is missed, however short it lived, daemons included. Only a parent that ignores
    SIGCHLD makes the kernel forget its children.
    """
    proc = str(root / "proc")
    stats = read_stats(root)
    members = members_below(stats, keepers)
    tops = [stats[pid] for pid in keepers if pid in stats]
    cpu_time_s = sum(stat.waited_cpu_time_s for stat in tops)
    read_bytes = write_bytes = rss = anonymous = swap = 0
    for stat in members:
        cpu_time_s += stat.own_cpu_time_s + stat.waited_cpu_time_s
        memory = _fields(f"{proc}/{stat.pid}/status", (b"VmRSS:", b"RssAnon:", b"VmSwap:"))
        rss += memory[0] * _KIB
        anonymous += memory[1] * _KIB
        swap += memory[2] * _KIB
    for stat in (*tops, *members):
        transfer = _fields(f"{proc}/{stat.pid}/io", (b"read_bytes:", b"write_bytes:"))
        read_bytes += transfer[0]
        write_bytes += transfer[1]
    return TreeUsage(
        cpu_time_s=cpu_time_s,
        read_bytes=read_bytes,
        write_bytes=write_bytes,
        rss_bytes=rss,
        rss_anonymous_bytes=anonymous,
        swap_bytes=swap,
        count=sum(stat.living for stat in members),
    )


def parent_of(pid: int) -> int | None:
    """The parent's process ID, or None if there is no such process."""
    stat = _read_stat("/proc", str(pid))
    return None if stat is None else stat.parent


def descendants(ancestor: int) -> frozenset[int]:
    """All processes that descend from the given one, zombies included, without itself."""
    return frozenset(stat.pid for stat in members_below(read_stats(), [ancestor]))


def _read_stat(proc: str, pid: str) -> ProcessStat | None:
    line = _content(f"{proc}/{pid}/stat")
    # The name may hold anything, parentheses and spaces too: only the last parenthesis ends it.
    head, _, rest = line.rpartition(b")")
    fields = rest.split(None, 15)
    if len(fields) < 16:
        return None
    return ProcessStat(
        int(pid),
        head.partition(b"(")[2].decode("utf-8", "replace"),
        fields[0] not in b"ZX",
        int(fields[1]),
        (int(fields[11]) + int(fields[12])) * _TICK_S,
        (int(fields[13]) + int(fields[14])) * _TICK_S,
    )


def _fields(path: str, names: Sequence[bytes]) -> list[int]:
    """The numbers behind ``names`` at the beginning of lines; 0 for those that are not there."""
    content = b"\n" + _content(path)
    values = []
    for name in names:
        _, found, rest = content.partition(b"\n" + name)
        values.append(int(rest.split(None, 1)[0]) if found else 0)
    return values


def _content(path: str) -> bytes:
    """Content of a small file; empty where it is gone or not for us."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a hundred times a second, pathlib is slow
            return file.read()
    except OSError:
        return b""
