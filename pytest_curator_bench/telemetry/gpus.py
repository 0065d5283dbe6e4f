# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the GPUs do meanwhile: all that the machine has, whether the entry may use them or not."""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_curator_bench.telemetry.gpu_owners import describe_process
from pytest_curator_bench.telemetry.instruments import Level

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_curator_bench.machine.gpus import GpuReader, GpuReading
    from pytest_curator_bench.telemetry.instruments import Moment

__all__ = ["Gpus"]

_MIB = 1 << 20
# Names under which readings go into the figures, and the attributes of GpuReading that hold them.
_LEVELS = {
    "utilization_percent": "utilization_percent",
    "memory_bytes": "memory_used_bytes",
    "temperature_c": "temperature_c",
    "power_w": "power_w",
    "sm_clock_mhz": "sm_clock_mhz",
}


class Gpus:
    """One row per GPU and sample, in the format of NeMo Curator's nightly ``gpustats.csv``, with more columns behind.

    The first twelve columns, their order, units and time format are those of ``GPUStatsRecorder`` in NeMo
    Curator's ``benchmarking/runner/gpu_stats_recorder.py``: "mb" there are MiB, ``utilization_memory_pct`` is the
    share of memory in use, and ``processes`` is JSON.
    """

    name = "the GPUs"
    columns = (
        "timestamp_utc",
        "hostname",
        "gpu_id",
        "utilization_gpu_pct",
        "utilization_memory_pct",
        "memory_used_mb",
        "memory_total_mb",
        "temperature_c",
        "power_draw_w",
        "power_limit_w",
        "fan_speed_pct",
        "processes",
        "elapsed_s",
        "memory_bandwidth_pct",
        "sm_clock_mhz",
        "memory_clock_mhz",
        "throttle_reasons",
    )

    def __init__(self, reader: GpuReader, own_gpu_indexes: Collection[int]) -> None:
        """Watch all GPUs of ``reader``; the figures of all together are about those that are the entry's."""
        self._reader = reader
        self._entrys = frozenset(own_gpu_indexes)
        self._hostname = platform.node()
        self._levels: dict[int, dict[str, Level]] = defaultdict(lambda: {name: Level() for name in _LEVELS})
        self._total_bytes: dict[int, int | None] = {}
        self._throttled: dict[int, set[str]] = defaultdict(set)
        self._together = {"gpu_utilization_percent": Level(), "gpu_memory_bytes": Level(), "gpu_power_w": Level()}

    def read(self, moment: Moment) -> Sequence[Mapping[str, object]]:
        """One row for each GPU."""
        readings = self._reader.read()
        for reading in readings:
            for name, attribute in _LEVELS.items():
                self._levels[reading.index][name].add(getattr(reading, attribute), moment)
            self._total_bytes[reading.index] = reading.memory_total_bytes
            if moment.running:
                self._throttled[reading.index].update(reading.throttle_reasons or ())
        self._add_together([reading for reading in readings if reading.index in self._entrys], moment)
        return [self._row(reading, moment) for reading in readings]

    def figures(self) -> dict[str, object]:
        """Means and peaks, of the entry's GPUs together and of each one by its number."""
        figures: dict[str, object] = {}
        for name, level in self._together.items():
            figures |= level.figures(name)
        each: dict[str, object] = {}
        for index, levels in self._levels.items():
            of_one: dict[str, object] = {"memory_total_bytes": self._total_bytes[index]}
            for name, level in levels.items():
                of_one |= level.figures(name)
            each[str(index)] = {**of_one, "throttle_reasons": sorted(self._throttled[index])}
        return {**figures, "gpus": each}

    def _add_together(self, readings: Sequence[GpuReading], moment: Moment) -> None:
        uses = [reading.utilization_percent for reading in readings if reading.utilization_percent is not None]
        memories = [reading.memory_used_bytes for reading in readings if reading.memory_used_bytes is not None]
        powers = [reading.power_w for reading in readings if reading.power_w is not None]
        self._together["gpu_utilization_percent"].add(sum(uses) / len(uses) if uses else None, moment)
        self._together["gpu_memory_bytes"].add(sum(memories) if memories else None, moment)
        self._together["gpu_power_w"].add(sum(powers) if powers else None, moment)

    def _row(self, reading: GpuReading, moment: Moment) -> dict[str, object]:
        used, total = reading.memory_used_bytes, reading.memory_total_bytes
        share = None if used is None or not total else round(100 * used / total, 2)
        processes = [describe_process(process) for process in reading.processes or ()]
        return {
            "timestamp_utc": moment.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "hostname": self._hostname,
            "gpu_id": reading.index,
            "utilization_gpu_pct": reading.utilization_percent,
            "utilization_memory_pct": share,
            "memory_used_mb": None if used is None else used // _MIB,
            "memory_total_mb": None if total is None else total // _MIB,
            "temperature_c": reading.temperature_c,
            "power_draw_w": None if reading.power_w is None else round(reading.power_w, 1),
            "power_limit_w": None if reading.power_limit_w is None else int(reading.power_limit_w),
            "fan_speed_pct": reading.fan_percent,
            "processes": None if reading.processes is None else json.dumps(processes, separators=(",", ":")),
            "elapsed_s": round(moment.elapsed_s, 3),
            "memory_bandwidth_pct": reading.memory_bandwidth_percent,
            "sm_clock_mhz": reading.sm_clock_mhz,
            "memory_clock_mhz": reading.memory_clock_mhz,
            "throttle_reasons": None if reading.throttle_reasons is None else " ".join(reading.throttle_reasons),
        }
