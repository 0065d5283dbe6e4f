# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether the machine is idle, or would disturb a measurement that begins now.

The load average can't tell: it remembers the entry before for minutes. Nor can pressure (/proc/pressure): it measures
waiting, and a process that keeps one of two CPUs busy makes nobody wait, but shares caches, memory and clock speed
all the same. So CPU time is sampled over a short while, less the use of this process and those below it (an idle Ray
cluster, say).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import format_size
from pytest_curator_bench.machine.cpu import hot_zones, read_cpu_times, read_frequency_policies, read_throttle_count
from pytest_curator_bench.machine.hardware import available_memory_bytes, read_memory
from pytest_curator_bench.machine.processes import command_of, members_below, read_stats
from pytest_curator_bench.telemetry.gpus import named_processes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pytest_curator_bench.machine.gpus import GpuReading
    from pytest_curator_bench.machine.processes import ProcessStat

__all__ = ["IdleCheck"]

SAMPLE_S = 0.2
# A series of short entries pays for one check in this time.
VALID_S = 5.0
# Other processes may keep a tenth of the CPUs busy, or half a CPU, which a small machine's own services take now and
# then.
_BUSY_SHARE = 0.1
_BUSY_CPUS = 0.5
_NAMED_PROCESSES = 3
_NAMED_FROM_CPUS = 0.05
_STOLEN_SHARE = 0.05
_AVAILABLE_SHARE = 0.1
_SLOWING_GPU = {
    "hardware_slowdown",
    "hardware_thermal_slowdown",
    "software_thermal_slowdown",
    "hardware_power_brake_slowdown",
}


class IdleCheck:
    """Checks the machine for disturbances; remembers counters and the latest result."""

    def __init__(self, root: Path = Path("/"), *, sample_s: float = SAMPLE_S, valid_s: float = VALID_S) -> None:
        """Read the counters to compare with later.

        Args:
            root: where /proc and /sys are, for tests.
            sample_s: how long CPU time is sampled, in seconds.
            valid_s: how long the result of a check is valid, in seconds.
        """
        self._root = root
        self._sample_s = sample_s
        self._throttled = read_throttle_count(root)
        self._valid_s = valid_s
        self._checked_at = 0.0
        self._checked_cpus: frozenset[int] | None = None
        self._found: tuple[str, ...] = ()

    def disturbances(
        self, gpus: Collection[GpuReading] = (), *, cpus: Collection[int] | None = None, consecutive_checks: int = 1
    ) -> tuple[str, ...]:
        """Return one sentence for each disturbance; empty on an idle machine.

        Args:
            gpus: a new reading of the GPUs that matter.
            cpus: the CPUs that matter; by default those that this process may run on.
            consecutive_checks: number of consecutive checks that must all find a disturbance; transient ones are
                ignored. If it is more than one, disturbances found a moment ago are checked again.
        """
        on_gpus = tuple(_gpu_disturbances(gpus))
        checked_cpus = frozenset(os.sched_getaffinity(0) if cpus is None else cpus)
        valid = checked_cpus == self._checked_cpus and time.monotonic() - self._checked_at < self._valid_s
        if valid and (consecutive_checks == 1 or not self._found):
            return (*self._found, *on_gpus)
        self._checked_cpus = checked_cpus
        for _ in range(consecutive_checks):
            passing = (*self._of_cpu_time(checked_cpus), *self._of_memory(), *self._of_heat())
            self._found = (*passing, *self.slow_settings())
            self._checked_at = time.monotonic()
            if not self._found:
                break
        return (*self._found, *on_gpus)

    def _of_cpu_time(self, cpus: Collection[int]) -> Iterator[str]:
        try:
            processes, before, begun = read_stats(self._root), read_cpu_times(self._root, cpus=cpus), time.monotonic()
            time.sleep(self._sample_s)
            spent, elapsed_s = read_cpu_times(self._root, cpus=cpus) - before, time.monotonic() - begun
            processes_after = read_stats(self._root)
        except OSError:
            return
        own_s = _own_cpu_time_s(processes_after) - _own_cpu_time_s(processes)
        busy = max(spent.busy_s - max(own_s, 0.0), 0.0) / elapsed_s
        if busy > max(_BUSY_CPUS, _BUSY_SHARE * spent.cpus):
            names = ", ".join(_busiest(processes, processes_after, elapsed_s, cpus)) or "none that is visible from here"
            yield f"Other processes keep {busy:.1f} of {spent.cpus} CPUs busy: {names}."
        stolen = spent.stolen_s / elapsed_s / max(spent.cpus, 1)
        if stolen > _STOLEN_SHARE:
            yield f"The hypervisor withholds {100 * stolen:.0f} % of this machine's CPU time (steal)."

    def _of_memory(self) -> Iterator[str]:
        available, total = available_memory_bytes(self._root), read_memory(self._root).total_bytes
        if available is not None and available < _AVAILABLE_SHARE * total:
            share = 100 * available / total
            yield (
                f"Only {format_size(available)} of memory ({share:.0f} %) are available: other processes use the rest."
            )

    def slow_settings(self) -> Iterator[str]:
        """Yield one sentence for each setting that makes CPUs slow: waiting does not change those."""
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

    def _of_heat(self) -> Iterator[str]:
        throttled, before = read_throttle_count(self._root), self._throttled
        self._throttled = throttled
        if throttled is not None and before is not None and throttled > before:
            yield f"CPUs were slowed down for heat {throttled - before} times since the last check."
        for zone in hot_zones(self._root):
            yield (
                f"The machine is hot: {zone.name} has {zone.temperature_c:.0f} degrees Celsius, and is slowed down "
                f"from {zone.limit_c:.0f} on."
            )


def _own(stats: Mapping[int, ProcessStat]) -> list[ProcessStat]:
    """Return this process and all below it."""
    pid = os.getpid()
    return [*([stats[pid]] if pid in stats else []), *members_below(stats, [pid])]


def _own_cpu_time_s(stats: Mapping[int, ProcessStat]) -> float:
    """Return the CPU time of this process and of all that run and ran below it."""
    return sum(stat.own_cpu_time_s + stat.waited_cpu_time_s for stat in _own(stats))


def _busiest(
    before: Mapping[int, ProcessStat], after: Mapping[int, ProcessStat], elapsed_s: float, cpus: Collection[int]
) -> Iterator[str]:
    """Name the processes of others that used most of these CPUs, with the number of CPUs that each kept busy."""
    ours = {stat.pid for stat in _own(after)}
    used = {
        pid: (stat.own_cpu_time_s - (before[pid].own_cpu_time_s if pid in before else 0.0)) / elapsed_s
        for pid, stat in after.items()
        if pid not in ours and _may_use(pid, cpus)
    }
    for pid in sorted(used, key=lambda pid: -used[pid])[:_NAMED_PROCESSES]:
        if used[pid] >= _NAMED_FROM_CPUS:
            yield f"{command_of(pid) or after[pid].name} (pid {pid}, {used[pid]:.1f} CPUs)"


def _may_use(pid: int, cpus: Collection[int]) -> bool:
    try:
        return not os.sched_getaffinity(pid).isdisjoint(cpus)
    except OSError:  # it has ended
        return True


def _gpu_disturbances(gpus: Collection[GpuReading]) -> Iterator[str]:
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
