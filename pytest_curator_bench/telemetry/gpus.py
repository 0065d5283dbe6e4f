# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""All GPUs of the machine, whether the entry may use them or not: use while it runs, owners of their memory."""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import format_percent, format_size
from pytest_curator_bench.machine.processes import command_of, read_stat, user_of
from pytest_curator_bench.telemetry.sources import Gauge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.machine.gpus import GpuProcess, GpuReader, GpuReading
    from pytest_curator_bench.telemetry.sources import SampleTime

__all__ = ["NIGHTLY_COLUMNS", "Gpus", "describe_process", "memory_record", "memory_warnings", "named_processes"]

NIGHTLY_COLUMNS = (
    "timestamp_utc",
    "gpu_id",
    "utilization_gpu_pct",
    "utilization_memory_pct",
    "temperature_c",
    "power_draw_w",
    "power_limit_w",
    "fan_speed_pct",
    "processes",
)
"""All columns of NeMo Curator's own file, in its order: the ``HEADER`` of its ``GPUStatsRecorder`` in August 2026."""

_MIB = 1 << 20
_NAMED_AT_MOST = 10
# Names of readings in the summary, and the attributes of GpuReading that hold them.
_GAUGES = {
    "utilization_percent": "utilization_percent",
    "memory_bytes": "memory_used_bytes",
    "temperature_c": "temperature_c",
    "power_w": "power_w",
    "sm_clock_mhz": "sm_clock_mhz",
}


class Gpus:
    """One row per GPU and sample, in the format of NeMo Curator's nightly ``gpustats.csv``, with additional columns.

    :data:`NIGHTLY_COLUMNS` come first: ``utilization_memory_pct`` is the share of memory in use, and ``processes`` is
    JSON.
    """

    name = "the GPUs"
    columns = (
        *NIGHTLY_COLUMNS,
        "elapsed_s",
        "hostname",
        "memory_used_mb",
        "memory_total_mb",
        "memory_bandwidth_pct",
        "sm_clock_mhz",
        "memory_clock_mhz",
        "throttle_reasons",
    )

    def __init__(self, reader: GpuReader, own_gpu_indexes: Collection[int]) -> None:
        """Observe all GPUs of ``reader``; the totals of the summary are about the entry's own."""
        self._reader = reader
        self._own_gpu_indexes = frozenset(own_gpu_indexes)
        self._hostname = platform.node()
        self._gauges: dict[int, dict[str, Gauge]] = defaultdict(lambda: {name: Gauge() for name in _GAUGES})
        self._total_bytes: dict[int, int | None] = {}
        self._throttled: dict[int, set[str]] = defaultdict(set)
        self._together = {"gpu_utilization_percent": Gauge(), "gpu_memory_bytes": Gauge(), "gpu_power_w": Gauge()}

    def read(self, sample_time: SampleTime) -> Sequence[Mapping[str, object]]:
        """Return one row for each GPU."""
        readings = self._reader.read()
        for reading in readings:
            for name, attribute in _GAUGES.items():
                self._gauges[reading.index][name].add(getattr(reading, attribute), sample_time)
            self._total_bytes[reading.index] = reading.memory_total_bytes
            if sample_time.running:
                self._throttled[reading.index].update(reading.throttle_reasons or ())
        self._add_together([reading for reading in readings if reading.index in self._own_gpu_indexes], sample_time)
        return [self._row(reading, sample_time) for reading in readings]

    def summary(self) -> dict[str, object]:
        """Return means and peaks, of the entry's GPUs together and of each one by its number."""
        summary: dict[str, object] = {}
        for name, gauge in self._together.items():
            summary |= gauge.summary(name)
        each: dict[str, object] = {}
        for index, gauges in self._gauges.items():
            of_one: dict[str, object] = {"memory_total_bytes": self._total_bytes[index]}
            for name, gauge in gauges.items():
                of_one |= gauge.summary(name)
            each[str(index)] = {**of_one, "throttle_reasons": sorted(self._throttled[index])}
        return {**summary, "gpus": each}

    def _add_together(self, readings: Sequence[GpuReading], sample_time: SampleTime) -> None:
        uses = [reading.utilization_percent for reading in readings if reading.utilization_percent is not None]
        memories = [reading.memory_used_bytes for reading in readings if reading.memory_used_bytes is not None]
        powers = [reading.power_w for reading in readings if reading.power_w is not None]
        self._together["gpu_utilization_percent"].add(sum(uses) / len(uses) if uses else None, sample_time)
        self._together["gpu_memory_bytes"].add(sum(memories) if memories else None, sample_time)
        self._together["gpu_power_w"].add(sum(powers) if powers else None, sample_time)

    def _row(self, reading: GpuReading, sample_time: SampleTime) -> dict[str, object]:
        used, total = reading.memory_used_bytes, reading.memory_total_bytes
        share = None if used is None or not total else round(100 * used / total, 2)
        processes = [describe_process(process) for process in reading.processes or ()]
        return {
            "timestamp_utc": sample_time.utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "gpu_id": reading.index,
            "utilization_gpu_pct": reading.utilization_percent,
            "utilization_memory_pct": share,
            "temperature_c": reading.temperature_c,
            "power_draw_w": None if reading.power_w is None else round(reading.power_w, 1),
            "power_limit_w": None if reading.power_limit_w is None else int(reading.power_limit_w),
            "fan_speed_pct": reading.fan_percent,
            "processes": None if reading.processes is None else json.dumps(processes, separators=(",", ":")),
            "elapsed_s": round(sample_time.elapsed_s, 3),
            "hostname": self._hostname,
            "memory_used_mb": None if used is None else used // _MIB,
            "memory_total_mb": None if total is None else total // _MIB,
            "memory_bandwidth_pct": reading.memory_bandwidth_percent,
            "sm_clock_mhz": reading.sm_clock_mhz,
            "memory_clock_mhz": reading.memory_clock_mhz,
            "throttle_reasons": None if reading.throttle_reasons is None else " ".join(reading.throttle_reasons),
        }


def describe_process(process: GpuProcess) -> dict[str, object]:
    """Describe a process as the nightly ``gpustats.csv`` does: memory in MiB, unknown values null."""
    used = None if process.used_bytes is None else process.used_bytes // _MIB
    # User and command are None if it has ended, or the driver's process IDs are not those of this container.
    user, command = user_of(process.pid), command_of(process.pid)
    return {"pid": process.pid, "username": user, "command": command, "gpu_memory_usage": used}


def memory_record(reading: GpuReading) -> dict[str, object]:
    """Describe the memory of a GPU and who uses it; in MiB, unknown values null."""
    used, total = reading.memory_used_bytes, reading.memory_total_bytes
    return {
        "memory_total": None if total is None else total // _MIB,
        "memory_used": None if used is None else used // _MIB,
        "processes": [describe_process(process) for process in reading.processes or ()],
    }


def named_processes(processes: Iterable[GpuProcess]) -> str:
    """Describe processes for people, as in ``4711 python (2 GB)``."""
    named = [_named(process) for process in processes]
    more = [f"{len(named) - _NAMED_AT_MOST} more"] if len(named) > _NAMED_AT_MOST else []
    return ", ".join(named[:_NAMED_AT_MOST] + more)


def memory_warnings(readings: Iterable[GpuReading], threshold: float, when: str) -> Iterator[str]:
    """Yield one sentence for each GPU with more memory in use than allowed, with its processes.

    Args:
        readings: GPUs to check.
        threshold: fraction of a GPU's memory, 0 to 1.
        when: end of "in use ...".
    """
    for reading in readings:
        used, total = reading.memory_used_bytes, reading.memory_total_bytes
        if used is None or not total or used <= threshold * total:
            continue
        share = format_percent(100 * used / total)
        owners = named_processes(reading.processes or ()) or "no process that the driver names"
        yield (
            f"GPU {reading.index}: {format_size(used)} of {format_size(total)} of memory ({share}) "
            f"in use {when}, over gpu_mem_use_warning_threshold ({threshold:g}): {owners}."
        )


def _named(process: GpuProcess) -> str:
    stat = read_stat(process.pid)
    # A name may hold anything: repr() leaves nothing that plays tricks on a terminal.
    name = "(not visible from here)" if stat is None else repr(stat.name)[1:-1]
    return f"{process.pid} {name} ({'?' if process.used_bytes is None else format_size(process.used_bytes)})"
