# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The limits that control groups put on this process: memory and CPU time, versions 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CgroupLimits", "read_limits"]

# Version 1 says "no limit" with the largest multiple of the page size that fits into 63 bits.
_NO_LIMIT_BYTES = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupLimits:
    """Limits in force for this process: the tightest of its control group's and those above it.

    Attributes:
        memory_bytes: of memory; ``None`` without a limit.
        cpus: of CPU time, in CPUs: 1.5 is one and a half; ``None`` without a limit.
    """

    memory_bytes: int | None
    cpus: float | None


def read_limits(root: Path = Path("/")) -> CgroupLimits:
    """Read the limits of this process; what can't be read is no limit.

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


def _directories(root: Path, controller: str) -> Iterator[Path]:
    """The control group's directory and those above it, in its own and the unified hierarchy."""
    groups = _groups(root)
    for mount_point, mount_root, controllers in _mounts(root):
        group = groups.get(controller if controllers else "")
        if group is None or (controllers and controller not in controllers):
            continue
        # A container sees its own group as the mount's root, under the path that the host knows it by; where
        # the two don't fit, what is mounted is the group itself.
        inside = group.relative_to(mount_root) if group.is_relative_to(mount_root) else PurePosixPath()
        if ".." in inside.parts:
            inside = PurePosixPath()
        top = root / mount_point.relative_to("/")
        yield from (top / part for part in (inside, *inside.parents))


def _groups(root: Path) -> dict[str, PurePosixPath]:
    """The group of each controller; the unified hierarchy's under the empty name. See cgroups(7)."""
    groups = {}
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            groups[controller] = PurePosixPath(path)
    return groups


def _mounts(root: Path) -> Iterator[tuple[PurePosixPath, PurePosixPath, frozenset[str]]]:
    """Mount point, the group mounted there, and controllers (none: unified) of each hierarchy; proc(5)."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in {"cgroup", "cgroup2"}:
            continue
        controllers = frozenset(kind[2].split(",")) if kind[0] == "cgroup" else frozenset[str]()
        yield PurePosixPath(fields[4]), PurePosixPath(fields[3]), controllers


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _integers(path: Path) -> list[int]:
    """The file's numbers; nothing where it is missing or says ``max``."""
    try:
        return [int(word) for word in path.read_text().split()]
    except (OSError, ValueError):
        return []
