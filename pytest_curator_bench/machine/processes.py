# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Processes and the resources that they use, read from /proc in one pass: see proc(5) for every field.

No psutil, for two reasons. It does not count children that have ended, though the kernel adds a child's CPU time and
I/O to its parent when the parent waits for it. And it reads swap from ``smaps``, which stops the measured process.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_curator_bench._util.small_files import read_small

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ProcessStat",
    "TreeUsage",
    "command_of",
    "descendants",
    "members_below",
    "parent_of",
    "read_stat",
    "read_stats",
    "read_tree_usage",
    "user_of",
]

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_KIB = 1024
_ROOT = Path("/")


class ProcessStat(NamedTuple):
    """Some fields of ``/proc/PID/stat``.

    Attributes:
        pid: process ID.
        name: the kernel's name of it, 15 characters at most.
        living: false for a zombie, which has ended and stays until its parent waits for it.
        parent: process ID of the parent.
        own_cpu_time_s: user and system time of the process itself, in seconds, whole clock ticks.
        waited_cpu_time_s: the same of the descendants that it, and they in turn, have waited for.
        start_ticks: when it started, in clock ticks since boot; with ``pid``, this identifies a process for good.
    """

    pid: int
    name: str
    living: bool
    parent: int
    own_cpu_time_s: float
    waited_cpu_time_s: float
    start_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeUsage:
    """Resources used by all descendants of some processes.

    Attributes:
        cpu_time_s: user and system time, in seconds; also of those that have ended.
        read_bytes: bytes read from storage (not from the page cache); also by those that have ended.
        write_bytes: bytes written to storage or waiting for it in the page cache; also by those that have ended.
        rss_bytes: resident memory; shared memory counts once for each process.
        rss_anonymous_bytes: the part of it that is neither file nor shared memory.
        swap_bytes: swapped memory.
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
    """Read all processes, by process ID; ``root`` is where /proc is, for tests."""
    proc = str(root / "proc")
    stats = {}
    for pid in os.listdir(proc):  # noqa: PTH208 - a hundred times a second, names are enough
        if pid.isdigit() and (stat := read_stat(pid, proc)) is not None:
            stats[stat.pid] = stat
    return stats


def members_below(stats: Mapping[int, ProcessStat], ancestors: Iterable[int]) -> list[ProcessStat]:
    """Return the descendants of ``ancestors``, without themselves."""
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

    A keeper is a child subreaper. Its own use does not count, but what it inherited by waiting for its children does:
    so no process is missed, however short it lived, daemons included. Only a parent that ignores SIGCHLD makes the
    kernel forget its children.
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
    """Return the parent's process ID, or None if there is no such process."""
    stat = read_stat(pid)
    return None if stat is None else stat.parent


def descendants(ancestor: int) -> frozenset[int]:
    """Return all processes that descend from the given one, zombies included, without itself."""
    return frozenset(stat.pid for stat in members_below(read_stats(), [ancestor]))


def command_of(pid: int) -> str | None:
    """Return the file name of the process's program as its command line has it, else the kernel's name of it."""
    words = read_small(f"/proc/{pid}/cmdline").rstrip(b"\0").split(b"\0")
    if len(words) == 1:  # a process that has set its title has one string there
        words = words[0].split(b" ")
    if words[0]:
        return os.fsdecode(words[0].rpartition(b"/")[2])
    stat = read_stat(pid)
    return None if stat is None else stat.name


def user_of(pid: int) -> str | None:
    """Return the name of the process's real user, or its number if it has no name; ``None`` without a process."""
    _, found, rest = read_small(f"/proc/{pid}/status").partition(b"\nUid:")
    if not found:
        return None
    number = int(rest.split(None, 1)[0])
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def read_stat(pid: int | str, proc: str = "/proc") -> ProcessStat | None:
    """Read one process; ``None`` if there is none."""
    line = read_small(f"{proc}/{pid}/stat")
    # The name may hold anything, parentheses and spaces too: only the last parenthesis ends it.
    head, _, rest = line.rpartition(b")")
    fields = rest.split(None, 20)
    if len(fields) < 20:
        return None
    return ProcessStat(
        int(pid),
        head.partition(b"(")[2].decode("utf-8", "replace"),
        fields[0] not in b"ZXx",
        int(fields[1]),
        (int(fields[11]) + int(fields[12])) * _TICK_S,
        (int(fields[13]) + int(fields[14])) * _TICK_S,
        int(fields[19]),
    )


def _fields(path: str, names: Sequence[bytes]) -> list[int]:
    """Return the numbers behind ``names`` at the beginning of lines; 0 for missing names."""
    content = b"\n" + read_small(path)
    values = []
    for name in names:
        _, found, rest = content.partition(b"\n" + name)
        values.append(int(rest.split(None, 1)[0]) if found else 0)
    return values
