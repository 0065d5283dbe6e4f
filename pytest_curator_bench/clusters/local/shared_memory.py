# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Shared memory that a killed cluster would leave behind.

Ray's object store unlinks its own file as soon as it is mapped. What tasks and actors create (shared memory
of ``multiprocessing``, named semaphores, NCCL's segments) is unlinked by those who made it, but they are
killed. Such files are found by who has them open just before the kill, and removed once nobody has.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR
from pytest_curator_bench.machine.processes import descendants, parent_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["descendants", "held_segments", "parent_of", "remove_segments", "segment_names"]


def segment_names() -> frozenset[str]:
    """Names of the files in /dev/shm."""
    try:
        return frozenset(os.listdir(SHARED_MEMORY_DIR))  # noqa: PTH208 - names are wanted, not paths
    except OSError:
        return frozenset()


def held_segments(ancestor: int, *, besides: frozenset[str]) -> frozenset[str]:
    """Which files in /dev/shm, besides the given ones, the descendants of a process have open or mapped."""
    candidates = segment_names() - besides
    return _held(candidates, descendants(ancestor)) if candidates else candidates


def remove_segments(names: frozenset[str]) -> None:
    """Unlink those of the files in /dev/shm that are our user's and that no process has open any more."""
    ours = frozenset(name for name in names if _is_ours(SHARED_MEMORY_DIR / name))
    for name in ours - _held(ours, _all_pids()) if ours else ours:
        (SHARED_MEMORY_DIR / name).unlink(missing_ok=True)


def _held(names: frozenset[str], pids: Iterable[int]) -> frozenset[str]:
    """Those of the files that some of the processes have open or mapped."""
    return names & frozenset(name for pid in pids for name in _segments_of(pid))


def _segments_of(pid: int) -> Iterator[str]:
    """Names of the files in /dev/shm that the process has mapped or open, as far as we may know."""
    process = Path(f"/proc/{pid}")
    prefix = f"{SHARED_MEMORY_DIR}/"
    with suppress(OSError):  # it ended meanwhile, or is another user's
        for line in (process / "maps").read_text("utf-8", "replace").splitlines():
            _, found, name = line.partition(prefix)
            if found:
                yield name
        for descriptor in os.listdir(process / "fd"):  # noqa: PTH208 - names are wanted, not paths
            with suppress(FileNotFoundError):  # closed meanwhile
                target = str((process / "fd" / descriptor).readlink())
                if target.startswith(prefix):
                    yield target.removeprefix(prefix)


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _is_ours(file: Path) -> bool:
    try:
        return file.stat().st_uid == os.geteuid()
    except OSError:
        return False
