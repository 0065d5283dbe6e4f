# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Is the machine quiet? What would disturb a measurement that begins now, one sentence each.

The load average is not asked: it remembers the entry before for minutes. Nor is pressure (/proc/pressure): it
counts waiting, and a process that keeps one of two CPUs busy makes nobody wait, but shares caches, memory and
clock speed all the same. So CPU time is looked at over a short while, less what this pytest and its own processes
(an idle Ray cluster, say) use meanwhile.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench.machine.cpu import hot_zones, read_cpu_times, read_frequency_policies, read_throttle_count
from pytest_curator_bench.machine.hardware import available_memory_bytes, read_memory
from pytest_curator_bench.machine.processes import members_below, read_stats
from pytest_curator_bench.telemetry.gpu_owners import gigabytes, named_processes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_curator_bench.machine.gpus import GpuReading

__all__ = ["QuietCheck"]

LOOK_S = 0.2
# A series of short entries pays for one look in so many seconds.
FRESH_S = 5.0
# Other processes may keep so many CPUs busy: a tenth of them, but half a one in any case, which a small machine's
# own services take now and then.
_BUSY_SHARE = 0.1
_BUSY_CPUS = 0.5
_STOLEN_SHARE = 0.05
_AVAILABLE_SHARE = 0.1
_SLOWING_GPU = {
    "hardware_slowdown",
    "hardware_thermal_slowdown",
    "software_thermal_slowdown",
    "hardware_power_brake_slowdown",
}


class QuietCheck:
    """Looks at the machine; remembers what it saw, since heat is told by counters."""

    def __init__(self, root: Path = Path("/"), *, look_s: float = LOOK_S, fresh_s: float = FRESH_S) -> None:
        """Prepare to look.

        Args:
            root: where /proc and /sys are, for tests.
            look_s: how long CPU time is looked at, in seconds.
            fresh_s: for how long a look holds, in seconds.
        """
        self._root = root
        self._look_s = look_s
        self._throttled = read_throttle_count(root)
        self._fresh_s = fresh_s
        self._looked_at = 0.0
        self._watched: frozenset[int] | None = None
        self._found: tuple[str, ...] = ()

    def noise(
        self, gpus: Collection[GpuReading] = (), *, cpus: Collection[int] | None = None, looks: int = 1
    ) -> tuple[str, ...]:
        """What disturbs; empty on a quiet machine.

        Args:
            gpus: a fresh reading of all GPUs.
            cpus: the CPUs that matter; by default those that this process may run on.
            looks: so many looks must all find something: what is over after one was no noise. With more than
                one, noise is looked for anew, where otherwise what was found a moment ago still holds.
        """
        gpu_noise = tuple(_gpu_noise(gpus))
        watched = frozenset(os.sched_getaffinity(0) if cpus is None else cpus)
        fresh = watched == self._watched and time.monotonic() - self._looked_at < self._fresh_s
        if fresh and (looks == 1 or not self._found):
            return (*self._found, *gpu_noise)
        self._watched = watched
        for _ in range(looks):
            self._found = (*self._cpu_noise(watched), *self._memory_noise(), *self._speed_noise())
            self._looked_at = time.monotonic()
            if not self._found:
                break
        return (*self._found, *gpu_noise)

    def _cpu_noise(self, cpus: Collection[int]) -> Iterator[str]:
        try:
            own_s, before, begun = _own_cpu_time_s(self._root), read_cpu_times(self._root, cpus=cpus), time.monotonic()
            time.sleep(self._look_s)
            spent, taken_s = read_cpu_times(self._root, cpus=cpus) - before, time.monotonic() - begun
            own_s = _own_cpu_time_s(self._root) - own_s
        except OSError:
            return
        busy = max(spent.busy_s - max(own_s, 0.0), 0.0) / taken_s
        if busy > max(_BUSY_CPUS, _BUSY_SHARE * spent.cpus):
            yield f"Other processes keep {busy:.1f} of {spent.cpus} CPUs busy."
        stolen = spent.stolen_s / taken_s / max(spent.cpus, 1)
        if stolen > _STOLEN_SHARE:
            yield f"The hypervisor withholds {100 * stolen:.0f} % of this machine's CPU time (steal)."

    def _memory_noise(self) -> Iterator[str]:
        available, total = available_memory_bytes(self._root), read_memory(self._root).total_bytes
        if available is not None and available < _AVAILABLE_SHARE * total:
            share = 100 * available / total
            yield f"Only {gigabytes(available)} of memory ({share:.0f} %) are available: others hold the rest."

    def _speed_noise(self) -> Iterator[str]:
        policies = read_frequency_policies(self._root)
        for setting, number in policies.slow.items():
            yield (
                f"CPUs save energy ({number} of {policies.total} frequency policies have {setting}): "
                "choose the governor performance."
            )
        if policies.capped:
            yield (
                f"CPUs may not run at full speed: in {policies.capped} of {policies.total} frequency policies "
                "scaling_max_freq is below what the hardware can do."
            )
        throttled, before = read_throttle_count(self._root), self._throttled
        self._throttled = throttled
        if throttled is not None and before is not None and throttled > before:
            yield f"CPUs were slowed down for heat {throttled - before} times since the machine was last looked at."
        for zone in hot_zones(self._root):
            yield (
                f"The machine is hot: {zone.name} has {zone.temperature_c:.0f} degrees Celsius, and is slowed down "
                f"from {zone.limit_c:.0f} on."
            )


def _own_cpu_time_s(root: Path) -> float:
    """CPU time of this process and all that is and was below it."""
    stats = read_stats(root)
    own = [stats[pid] for pid in (os.getpid(),) if pid in stats]
    return sum(stat.own_cpu_time_s + stat.waited_cpu_time_s for stat in (*own, *members_below(stats, [os.getpid()])))


def _gpu_noise(gpus: Collection[GpuReading]) -> Iterator[str]:
    if not gpus:
        return
    ours = {os.getpid(), *(stat.pid for stat in members_below(read_stats(), [os.getpid()]))}
    for gpu in gpus:
        others = [process for process in gpu.processes or () if process.pid not in ours]
        if others:
            yield f"Other processes are on GPU {gpu.index}: {named_processes(others)}."
        slowed = [reason for reason in gpu.throttle_reasons or () if reason in _SLOWING_GPU]
        if slowed:
            yield f"GPU {gpu.index} is slowed down: {', '.join(slowed)}."
