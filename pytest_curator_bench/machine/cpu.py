# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""CPU time and load of the machine, and what slows CPUs down: frequency governors and heat; see proc(5)."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_curator_bench._util.small_files import read_text

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "CpuTimes",
    "FrequencyPolicies",
    "HotZone",
    "hot_zones",
    "read_cpu_times",
    "read_frequency_policies",
    "read_load",
    "read_throttle_count",
]

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")

# These drivers' governor "powersave" scales with the load, as others' "schedutil" does: what tells there is the
# energy preference. See the kernel's admin-guide/pm/intel_pstate and amd-pstate.
_SELF_SCALING_DRIVERS = {"intel_pstate", "amd-pstate-epp", "amd_pstate_epp"}
_SLOW_GOVERNORS = {"powersave", "conservative"}
_CAPPED_BELOW = 0.95
_COOLING_TRIPS = {"passive", "hot", "critical"}
_HIGHEST_SANE_TRIP = 150_000  # millidegrees; zones that exist in name only say strange things


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTimes:
    """CPU time since boot, in seconds, over some CPUs together.

    Attributes:
        busy_s: time in which they ran something.
        stolen_s: time in which they were ready to, but the hypervisor ran another machine.
        cpus: number of CPUs.
    """

    busy_s: float
    stolen_s: float
    cpus: int

    def __sub__(self, earlier: CpuTimes) -> CpuTimes:
        """Return the difference; never negative, even if a CPU was switched off meanwhile."""
        return CpuTimes(
            busy_s=max(self.busy_s - earlier.busy_s, 0.0),
            stolen_s=max(self.stolen_s - earlier.stolen_s, 0.0),
            cpus=self.cpus,
        )


def read_cpu_times(root: Path = Path("/"), *, cpus: Collection[int] | None = None) -> CpuTimes:
    """Return the CPU time of the machine, or of ``cpus`` alone; in whole clock ticks, mostly 0.01 s.

    Args:
        root: where /proc is, for tests.
        cpus: the kernel's numbers of CPUs to add up; ``None`` for all.

    Raises:
        OSError: /proc/stat can't be read.
    """
    busy = stolen = number = 0
    for line in (root / "proc/stat").read_text().splitlines():
        name, *words = line.split()
        cpu = name.removeprefix("cpu")
        if cpu == name or not cpu.isdigit() or (cpus is not None and int(cpu) not in cpus):
            continue
        # user nice system idle iowait irq softirq steal; guests are in user and nice already.
        ticks = [*map(int, words[:8]), *[0] * 8][:8]
        busy += ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]
        stolen += ticks[7]
        number += 1
    return CpuTimes(busy_s=busy * _TICK_S, stolen_s=stolen * _TICK_S, cpus=number)


def read_load(root: Path = Path("/")) -> float:
    """Return the load average over one minute: tasks that run, are ready to run, or wait for a disk.

    Raises:
        OSError: /proc/loadavg can't be read.
    """
    return float((root / "proc/loadavg").read_text().split()[0])


class FrequencyPolicies(NamedTuple):
    """CPU frequency settings that cost speed, and the number of policies (mostly one per CPU) with each.

    Attributes:
        slow: governors or energy preferences that save energy.
        capped: policies whose highest allowed frequency is under 95 % of the hardware's.
        total: all policies.
    """

    slow: Counter[str]
    capped: int
    total: int


class HotZone(NamedTuple):
    """A thermal zone that has reached the temperature at which the kernel slows CPUs down.

    Attributes:
        name: the zone's name, ``x86_pkg_temp`` for instance.
        temperature_c: degrees Celsius.
        limit_c: the temperature reached, likewise.
    """

    name: str
    temperature_c: float
    limit_c: float


def read_frequency_policies(root: Path = Path("/")) -> FrequencyPolicies:
    """Read all frequency policies; ``root`` is where /sys is, for tests."""
    slow: Counter[str] = Counter()
    capped = total = 0
    for policy in (root / "sys/devices/system/cpu/cpufreq").glob("policy[0-9]*"):
        total += 1
        governor = read_text(policy / "scaling_governor")
        if read_text(policy / "scaling_driver") in _SELF_SCALING_DRIVERS:
            preference = read_text(policy / "energy_performance_preference")
            slow[f"energy preference {preference}"] += preference == "power"
        else:
            slow[f"governor {governor}"] += governor in _SLOW_GOVERNORS
        allowed, possible = _number(policy / "scaling_max_freq"), _number(policy / "cpuinfo_max_freq")
        capped += allowed is not None and possible is not None and allowed < possible * _CAPPED_BELOW
    return FrequencyPolicies(+slow, capped, total)


def read_throttle_count(root: Path = Path("/")) -> int | None:
    """Return how often CPUs were slowed down for heat since boot; ``None`` where the kernel doesn't count (not x86)."""
    cpus = list((root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle"))
    counts = [_number(directory / "core_throttle_count") for directory in cpus]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def hot_zones(root: Path = Path("/")) -> list[HotZone]:
    """Return the thermal zones at or over their lowest cooling trip point."""
    found = []
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone[0-9]*")):
        trips = []
        for kind in zone.glob("trip_point_*_type"):
            limit = _number(kind.with_name(kind.name.replace("_type", "_temp")))
            if read_text(kind) in _COOLING_TRIPS and limit is not None and 0 < limit < _HIGHEST_SANE_TRIP:
                trips.append(limit)
        temperature = _number(zone / "temp")
        if trips and temperature is not None and temperature >= min(trips):
            name = read_text(zone / "type") or zone.name
            found.append(HotZone(name, temperature / 1000, min(trips) / 1000))
    return found


def _number(path: Path) -> int | None:
    try:
        return int(read_text(path))
    except ValueError:
        return None
