# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Who is on the GPUs, and who has left memory in use there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_curator_bench.machine.gpus import GpuProcess, GpuReading

__all__ = ["describe_process", "gigabytes", "memory_warnings", "named_processes"]

_MIB = 1 << 20
_NAMED_AT_MOST = 10


def describe_process(process: GpuProcess) -> dict[str, object]:
    """What the nightly ``gpustats.csv`` says of a process: ``gpu_memory_usage`` is in MiB, unknown things are null."""
    used = None if process.used_bytes is None else process.used_bytes // _MIB
    # User and command are None if it has ended, or the driver's process IDs are not those of this container.
    user, command = user_of(process.pid), command_of(process.pid)
    return {"pid": process.pid, "username": user, "command": command, "gpu_memory_usage": used}


def named_processes(processes: Iterable[GpuProcess]) -> str:
    """``PID NAME (BYTES)`` of each, for people."""
    named = [_named(process) for process in processes]
    more = [f"{len(named) - _NAMED_AT_MOST} more"] if len(named) > _NAMED_AT_MOST else []
    return ", ".join(named[:_NAMED_AT_MOST] + more)


def memory_warnings(readings: Iterable[GpuReading], threshold: float | None, when: str) -> Iterator[str]:
    """One sentence for each GPU with more memory in use than allowed, with those that hold it.

    Args:
        readings: all GPUs.
        threshold: fraction of a GPU's memory, 0 to 1; ``None`` allows everything.
        when: end of "in use ...".
    """
    for reading in readings:
        used, total = reading.memory_used_bytes, reading.memory_total_bytes
        if threshold is None or used is None or not total or used <= threshold * total:
            continue
        owners = named_processes(reading.processes or ()) or "no process that the driver would name"
        yield (
            f"GPU {reading.index}: {gigabytes(used)} of {gigabytes(total)} of memory ({100 * used / total:.3g} %) "
            f"in use {when}, over gpu_mem_use_warning_threshold ({threshold:g}): {owners}."
        )


def gigabytes(size_bytes: int) -> str:
    """The size as people say it."""
    return f"{size_bytes / 10**9:.3g} GB"


def _named(process: GpuProcess) -> str:
    stat = read_stat(process.pid)
    # A name may hold anything: repr() leaves nothing that plays tricks on a terminal.
    name = "(not visible from here)" if stat is None else repr(stat.name)[1:-1]
    return f"{process.pid} {name} ({'?' if process.used_bytes is None else gigabytes(process.used_bytes)})"
