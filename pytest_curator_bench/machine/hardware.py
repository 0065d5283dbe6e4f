# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""CPUs, memory and disks that this process may use; read from files, in milliseconds."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pytest_curator_bench._util.small_files import read_text
from pytest_curator_bench.machine.cgroups import read_limits

__all__ = [
    "SHARED_MEMORY_DIR",
    "CpuInfo",
    "MemoryInfo",
    "SpaceInfo",
    "available_cpus",
    "available_memory_bytes",
    "read_cpus",
    "read_memory",
    "read_space",
]

SHARED_MEMORY_DIR = Path("/dev/shm")  # noqa: S108 - the kernel's own directory, not a temporary file

# One processor's part of /proc/cpuinfo is shorter than this; the whole file takes long on large machines.
_CPUINFO_BYTES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuInfo:
    """The machine's CPUs.

    Attributes:
        model: the processor's name, or maker and part where it has none.
        logical_count: CPUs that the kernel schedules on.
        physical_count: cores; ``None`` where the kernel doesn't list them.
        affinity_count: CPUs that this process may run on.
        cgroup_limit: CPU time that control groups allow, in CPUs; ``None`` without a limit.
        effective_count: the smaller of the last two, in CPUs.
    """

    model: str | None
    logical_count: int
    physical_count: int | None
    affinity_count: int
    cgroup_limit: float | None
    effective_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryInfo:
    """The machine's memory, in bytes.

    Attributes:
        total_bytes: memory of the machine.
        available_bytes: memory of the machine available now without swapping; ``None`` if unknown.
        cgroup_limit_bytes: limit of the control groups; ``None`` without one.
        effective_bytes: the smaller of total and limit.
        swap_total_bytes: swap space of the machine; ``None`` if unknown.
    """

    total_bytes: int
    available_bytes: int | None
    cgroup_limit_bytes: int | None
    effective_bytes: int
    swap_total_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceInfo:
    """A file system, in bytes.

    Attributes:
        path: the path that was asked about.
        total_bytes: its size.
        free_bytes: free space for this user.
    """

    path: str
    total_bytes: int
    free_bytes: int


def read_cpus(root: Path = Path("/")) -> CpuInfo:
    """Read the CPUs of this machine; ``root`` is where /proc and /sys are, for tests."""
    affinity, limit = len(os.sched_getaffinity(0)), read_limits(root).cpus
    return CpuInfo(
        model=_cpu_model(root / "proc/cpuinfo"),
        logical_count=os.cpu_count() or affinity,
        physical_count=_core_count(root / "sys/devices/system/cpu"),
        affinity_count=affinity,
        cgroup_limit=limit,
        effective_count=_effective_cpus(affinity, limit),
    )


def available_cpus(root: Path = Path("/")) -> int:
    """Return the number of whole CPUs that this process may keep busy, at least one; faster than :func:`read_cpus`."""
    return max(int(_effective_cpus(len(os.sched_getaffinity(0)), read_limits(root).cpus)), 1)


def read_memory(root: Path = Path("/")) -> MemoryInfo:
    """Read the memory of this machine; ``root`` is where /proc and /sys are, for tests."""
    sizes = _meminfo(root / "proc/meminfo")
    total = sizes.get("MemTotal") or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = read_limits(root).memory_bytes
    if limit is not None and limit >= total:
        limit = None
    return MemoryInfo(
        total_bytes=total,
        available_bytes=sizes.get("MemAvailable"),
        cgroup_limit_bytes=limit,
        effective_bytes=total if limit is None else limit,
        swap_total_bytes=sizes.get("SwapTotal"),
    )


def available_memory_bytes(root: Path = Path("/")) -> int | None:
    """Return the machine's memory available now without swapping; ``None`` if unknown."""
    return _meminfo(root / "proc/meminfo").get("MemAvailable")


def read_space(path: Path) -> SpaceInfo | None:
    """Return size and free space of the file system of ``path``; ``None`` if that doesn't exist."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    return SpaceInfo(path=str(path), total_bytes=usage.total, free_bytes=usage.free)


def _effective_cpus(affinity: int, limit: float | None) -> float:
    return float(affinity) if limit is None else min(float(affinity), limit)


def _cpu_model(cpuinfo: Path) -> str | None:
    try:
        with cpuinfo.open("rb") as file:
            text = file.read(_CPUINFO_BYTES).decode(errors="replace")
    except OSError:
        return None
    pairs = (line.partition(":") for line in text.split("\n\n", 1)[0].splitlines())
    values = {key.strip(): value.strip() for key, _, value in pairs}
    if "model name" in values:
        return values["model name"]
    # ARM kernels give numbers of maker and part only.
    parts = [f"{key} {values[key]}" for key in ("CPU implementer", "CPU part") if key in values]
    return ", ".join(parts) or values.get("cpu")


def _core_count(directory: Path) -> int | None:
    """Count the cores of CPUs that are on: threads of one core list the same siblings."""
    cores = set()
    for topology in directory.glob("cpu[0-9]*/topology"):
        # The second is what older kernels have.
        cores.add(read_text(topology / "core_cpus_list") or read_text(topology / "thread_siblings_list"))
    return len(cores - {""}) or None


def _meminfo(path: Path) -> dict[str, int]:
    fields = (line.split() for line in read_text(path).splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if words[2:] == ["kB"]}
