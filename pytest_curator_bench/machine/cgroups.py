# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Control groups of this process, versions 1 and 2: limits of memory and CPU time, and kills for lack of memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_curator_bench._util.small_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CgroupLimits", "count_oom_kills", "read_limits"]

# Version 1 writes "no limit" as the largest multiple of the page size that fits into 63 bits.
_NO_LIMIT_BYTES = 1 << 62
# The files with the line "oom_kill N": version 2, version 1.
_OOM_COUNTERS = ("memory.events", "memory.oom_control")


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupLimits:
    """Limits in force for this process: the tightest of its control group and those above it.

    Attributes:
        memory_bytes: limit of memory; ``None`` without one.
        cpus: limit of CPU time, in CPUs, not always whole; ``None`` without one.
    """

    memory_bytes: int | None
    cpus: float | None


def read_limits(root: Path = Path("/")) -> CgroupLimits:
    """Read the limits of this process; a limit that can't be read is none.

    Args:
        root: where /proc and /sys are, for tests.
    """
    memory: list[int] = []
    cpus: list[float] = []
    for directory in _directories(root, "memory"):
        memory += _integers(directory / "memory.max")[:1] or _integers(directory / "memory.limit_in_bytes")
    for directory in _directories(root, "cpu"):
        quota = _integers(directory / "cpu.max")
        if not quota:
            quota = [
                *_integers(directory / "cpu.cfs_quota_us"),
                *_integers(directory / "cpu.cfs_period_us"),
            ]
        if len(quota) == 2 and quota[0] > 0 and quota[1] > 0:
            cpus.append(quota[0] / quota[1])
    return CgroupLimits(
        memory_bytes=min((limit for limit in memory if limit < _NO_LIMIT_BYTES), default=None),
        cpus=min(cpus, default=None),
    )


def count_oom_kills(root: Path = Path("/")) -> int:
    """Return how many processes of this control group the kernel has ever killed for lack of memory.

    Those of the whole machine count where the group has no counter; 0 where there is none at all.

    Args:
        root: where /proc and /sys are, for tests.
    """
    files = [
        *(directory / name for directory in _directories(root, "memory") for name in _OOM_COUNTERS),
        root / "proc/vmstat",
    ]
    for file in files:
        for line in read_text(file).splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill" and value.isdigit():
                return int(value)
    return 0


def _directories(root: Path, controller: str) -> Iterator[Path]:
    """Yield the control group's directory and those above it, in its own and the unified hierarchy."""
    groups = _groups(root)
    for mount_point, mount_root, controllers in _mounts(root):
        group = groups.get(controller if controllers else "")
        if group is None or (controllers and controller not in controllers):
            continue
        # A container sees its own group as the mount's root, under its path on the host; where the two don't fit,
        # the group itself is mounted.
        inside = group.relative_to(mount_root) if group.is_relative_to(mount_root) else PurePosixPath()
        if ".." in inside.parts:
            inside = PurePosixPath()
        top = root / mount_point.relative_to("/")
        yield from (top / part for part in (inside, *inside.parents))


def _groups(root: Path) -> dict[str, PurePosixPath]:
    """Return the group of each controller; the unified hierarchy's under the empty name. See cgroups(7)."""
    groups = {}
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            groups[controller] = PurePosixPath(path)
    return groups


def _mounts(root: Path) -> Iterator[tuple[PurePosixPath, PurePosixPath, frozenset[str]]]:
    """Yield mount point, group mounted there and controllers (none: unified) of each hierarchy; see proc(5)."""
    for line in read_text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in {"cgroup", "cgroup2"}:
            continue
        controllers = frozenset(kind[2].split(",")) if kind[0] == "cgroup" else frozenset[str]()
        yield PurePosixPath(fields[4]), PurePosixPath(fields[3]), controllers


def _integers(path: Path) -> list[int]:
    """Return the file's numbers; empty where it is missing or has ``max``."""
    try:
        return [int(word) for word in read_text(path).split()]
    except ValueError:
        return []
