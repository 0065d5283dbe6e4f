# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What makes CPUs slower than they can be: frequency governors and heat. What a kernel doesn't show is no fact."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

__all__ = ["FrequencyPolicies", "HotZone", "hot_zones", "read_frequency_policies", "read_throttle_count"]

# These drivers' governor "powersave" scales with the load, as others' "schedutil" does: what tells there is the
# energy preference. See the kernel's admin-guide/pm/intel_pstate and amd-pstate.
_SELF_SCALING_DRIVERS = {"intel_pstate", "amd-pstate-epp", "amd_pstate_epp"}
_SLOW_GOVERNORS = {"powersave", "conservative"}
_CAPPED_BELOW = 0.95
_COOLING_TRIPS = {"passive", "hot", "critical"}
_HIGHEST_SANE_TRIP = 150_000  # millidegrees; zones that exist in name only say strange things


class FrequencyPolicies(NamedTuple):
    """CPU frequency settings that cost speed, each with how many policies (mostly one per CPU) have it.

    Attributes:
        slow: governor, or energy preference, that prefers saving energy.
        capped: policies whose highest allowed frequency is under 95 % of what the hardware can do.
        total: policies that there are.
    """

    slow: Counter[str]
    capped: int
    total: int


class HotZone(NamedTuple):
    """A thermal zone that has reached the temperature at which the kernel slows CPUs down.

    Attributes:
        name: what the zone is called, ``x86_pkg_temp`` for instance.
        temperature_c: degrees Celsius.
        limit_c: the temperature reached, likewise.
    """

    name: str
    temperature_c: float
    limit_c: float


def read_frequency_policies(root: Path = Path("/")) -> FrequencyPolicies:
    """Look at all frequency policies; ``root`` is where /sys is, for tests."""
    slow: Counter[str] = Counter()
    capped = total = 0
    for policy in (root / "sys/devices/system/cpu/cpufreq").glob("policy[0-9]*"):
        total += 1
        governor = _text(policy / "scaling_governor")
        if _text(policy / "scaling_driver") in _SELF_SCALING_DRIVERS:
            preference = _text(policy / "energy_performance_preference")
            slow[f"energy preference {preference}"] += preference == "power"
        else:
            slow[f"governor {governor}"] += governor in _SLOW_GOVERNORS
        allowed, possible = _number(policy / "scaling_max_freq"), _number(policy / "cpuinfo_max_freq")
        capped += allowed is not None and possible is not None and allowed < possible * _CAPPED_BELOW
    return FrequencyPolicies(+slow, capped, total)


def read_throttle_count(root: Path = Path("/")) -> int | None:
    """How often CPUs were slowed down for heat since boot; ``None`` where the kernel does not count (not x86)."""
    cpus = list((root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle"))
    counts = [_number(directory / "core_throttle_count") for directory in cpus]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def hot_zones(root: Path = Path("/")) -> list[HotZone]:
    """Thermal zones that are at or over their lowest cooling trip point."""
    found = []
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone[0-9]*")):
        trips = []
        for kind in zone.glob("trip_point_*_type"):
            limit = _number(kind.with_name(kind.name.replace("_type", "_temp")))
            if _text(kind) in _COOLING_TRIPS and limit is not None and 0 < limit < _HIGHEST_SANE_TRIP:
                trips.append(limit)
        temperature = _number(zone / "temp")
        if trips and temperature is not None and temperature >= min(trips):
            name = _text(zone / "type") or zone.name
            found.append(HotZone(name, temperature / 1000, min(trips) / 1000))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None
