# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""CPUs, memory and disks, as far as this process may use them; read from files, in milliseconds."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

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
        model: the processor's name, or what there is of one.
        logical_count: CPUs that the kernel schedules on.
        physical_count: cores; ``None`` where the kernel doesn't say.
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
        total_bytes: of the machine.
        available_bytes: of the machine, now, without swapping; ``None`` where /proc doesn't say.
        cgroup_limit_bytes: what control groups allow; ``None`` without a limit.
        effective_bytes: the smaller of total and limit.
        swap_total_bytes: of the machine; ``None`` likewise.
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
        path: where it was asked for.
        total_bytes: its size.
        free_bytes: what this user may still write.
    """

    path: str
    total_bytes: int
    free_bytes: int


def read_cpus(root: Path = Path("/")) -> CpuInfo:
    """The CPUs of this machine; ``root`` is where /proc and /sys are, for tests."""
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
    """Whole CPUs that this process may keep busy, at least one; reads no more than it takes to know them."""
    return max(int(_effective_cpus(len(os.sched_getaffinity(0)), read_limits(root).cpus)), 1)


def read_memory(root: Path = Path("/")) -> MemoryInfo:
    """The memory of this machine; ``root`` is where /proc and /sys are, for tests."""
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
    """Memory of the machine that is to be had now without swapping; ``None`` where /proc doesn't say."""
    return _meminfo(root / "proc/meminfo").get("MemAvailable")


def read_space(path: Path) -> SpaceInfo | None:
    """Size and free space of the file system that ``path`` is on; ``None`` where it doesn't exist."""
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
    # ARM gives numbers of maker and part alone.
    parts = [f"{key} {values[key]}" for key in ("CPU implementer", "CPU part") if key in values]
    return ", ".join(parts) or values.get("cpu")


def _core_count(directory: Path) -> int | None:
    """Cores of the CPUs that are on: threads of one core name the same siblings."""
    cores = set()
    for topology in directory.glob("cpu[0-9]*/topology"):
        for name in ("core_cpus_list", "thread_siblings_list"):  # the second is what older kernels have
            try:
                cores.add((topology / name).read_text().strip())
            except OSError:
                continue
            break
    return len(cores) or None


def _meminfo(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if words[2:] == ["kB"]}
