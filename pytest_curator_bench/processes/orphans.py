# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The harness as the last one to inherit the processes of a job, when its keeper and the supervisor were both killed.

While it has jobs it is a child subreaper: what a job leaves behind then becomes its child, and so do daemons of users'
fixtures and plugins, which must live on. The mark that a keeper gives its processes distinguishes the two.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import time
from typing import TYPE_CHECKING

from pytest_curator_bench._util.small_files import read_small
from pytest_curator_bench.machine.processes import members_below, read_stats

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_curator_bench.machine.processes import ProcessStat

__all__ = ["JobCount", "kill_orphans", "reap_keepers"]

KEEPER_NAME = "bench-keeper"
_WATCHERS = {KEEPER_NAME, "bench-supervise"}
_SET_CHILD_SUBREAPER, _GET_CHILD_SUBREAPER = 36, 37  # linux/prctl.h
_RESCAN_S = 0.02
_KILL_TIMEOUT_S = 10.0
_MARK = re.compile(rb"Max realtime timeout +(\d+)")


class JobCount:
    """Makes this process a child subreaper as long as there are jobs, and only so long."""

    def __init__(self) -> None:
        self._jobs = 0
        self._former = 0
        self._prctl = ctypes.CDLL(None).prctl

    def add(self) -> None:
        """Count a job that begins."""
        if not self._jobs:
            former = ctypes.c_int()
            self._prctl(_GET_CHILD_SUBREAPER, ctypes.byref(former), 0, 0, 0)
            self._former = former.value
            self._prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._jobs += 1

    def remove(self) -> None:
        """Count a job that has ended."""
        self._jobs -= 1
        if not self._jobs:
            self._prctl(_SET_CHILD_SUBREAPER, self._former, 0, 0, 0)


def kill_orphans(main_pid: int, mark: int | None, watchers: Collection[int]) -> None:
    """Kill all processes of a job that this process has inherited, and wait for their end.

    Args:
        main_pid: the job's main process, whose ID is that of its session too.
        mark: the limit that tells the job's processes from all others; ``None`` where they have none.
        watchers: keeper and supervisor, which have been killed: the job is inherited when they have ended.
    """
    deadline = time.monotonic() + _KILL_TIMEOUT_S
    while True:
        stats = read_stats()
        orphans = [stat for stat in stats.values() if _is_orphan(stat, main_pid, mark)]
        for stat in (*orphans, *members_below(stats, [orphan.pid for orphan in orphans])):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(stat.pid, signal.SIGKILL)
        for orphan in orphans:
            _reap(orphan.pid)
        are_watched = any(pid in stats and stats[pid].living and stats[pid].name in _WATCHERS for pid in watchers)
        if not (orphans or are_watched) or time.monotonic() > deadline:
            return
        time.sleep(_RESCAN_S)


def reap_keepers() -> None:
    """Collect keepers that this process has inherited, and that have ended."""
    for stat in read_stats().values():
        if stat.parent == os.getpid() and stat.name == KEEPER_NAME and not stat.living:
            _reap(stat.pid)


def _is_orphan(stat: ProcessStat, main_pid: int, mark: int | None) -> bool:
    if stat.parent != os.getpid() or stat.name in _WATCHERS:  # who end by themselves what they still have
        return False
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(stat.pid) == main_pid or (mark is not None and _mark_of(stat.pid) == mark)
    return False


def _mark_of(pid: int) -> int | None:
    found = _MARK.search(read_small(f"/proc/{pid}/limits"))
    return int(found[1]) if found else None


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
