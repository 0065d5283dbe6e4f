# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Machine-wide load, CPU time and memory while an entry runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench.machine.cpu import read_cpu_times, read_load
from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR, available_memory_bytes, read_space
from pytest_curator_bench.telemetry.sources import Gauge, RateClock, percent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_curator_bench.telemetry.sources import SampleTime

__all__ = ["MachineActivity"]


class MachineActivity:
    """Load, CPU time, memory and /dev/shm of the machine; in a container mostly those of its host."""

    name = "the machine"
    columns = ("machine_cpu_percent", "other_cpu_percent", "machine_load", "machine_available_bytes", "shm_bytes")

    def __init__(self, *, own_cpu_time_s: Callable[[], float], root: Path = Path("/")) -> None:
        """Begin to observe the machine.

        Args:
            own_cpu_time_s: returns the CPU time, in seconds, that the entry itself has used so far.
            root: where /proc is, for tests.

        Raises:
            OSError: /proc/stat can't be read.
        """
        self._root = root
        self._own_cpu_time_s = own_cpu_time_s
        self._rate_clock = RateClock()
        self._begin = self._since = read_cpu_times(root)
        self._own_s = own_cpu_time_s()
        self._elapsed_s = 0.0
        names = ("machine_cpu_percent", "other_cpu_percent", "machine_load", "shm_bytes")
        self._gauges = {name: Gauge() for name in names}
        self._available = Gauge()

    def read(self, sample_time: SampleTime) -> Sequence[Mapping[str, object]]:
        """Return one row."""
        with self._rate_clock:
            now, own_s = read_cpu_times(self._root), self._own_cpu_time_s()
        busy_s, duration_s = (now - self._since).busy_s, self._rate_clock.duration_s
        percent = percent_of(min(busy_s / max(now.cpus, 1), duration_s), duration_s)
        others = percent_of(busy_s - (own_s - self._own_s), duration_s)
        if percent is not None or not sample_time.running:
            self._since, self._own_s = now, own_s
            self._rate_clock.restart()
        self._elapsed_s = sample_time.elapsed_s
        space = read_space(SHARED_MEMORY_DIR)
        available = available_memory_bytes(self._root)
        values = {
            "machine_cpu_percent": percent,
            "other_cpu_percent": others,
            "machine_load": read_load(self._root),
            "shm_bytes": None if space is None else space.total_bytes - space.free_bytes,
        }
        for name, value in values.items():
            self._gauges[name].add(value, sample_time)
        self._available.add(available, sample_time)
        return [{**values, "machine_available_bytes": available}]

    def summary(self) -> dict[str, object]:
        """Return means and peaks; of available memory the lowest value."""
        summary: dict[str, object] = {}
        for name, gauge in self._gauges.items():
            summary |= gauge.summary(name)
        if self._available.lowest is not None:
            summary["machine_available_bytes_min"] = int(self._available.lowest)
        stolen = percent_of((self._since - self._begin).stolen_s / max(self._begin.cpus, 1), self._elapsed_s)
        return summary if stolen is None else {**summary, "machine_stolen_percent_mean": stolen}
