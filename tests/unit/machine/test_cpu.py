# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Activity, frequency policies and heat: from files laid out as kernels do, and on this machine."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.machine.cpu import (
    CpuTimes,
    FrequencyPolicies,
    HotZone,
    hot_zones,
    read_cpu_times,
    read_frequency_policies,
    read_load,
    read_throttle_count,
)
from pytest_curator_bench.machine.hardware import available_memory_bytes

if TYPE_CHECKING:
    from pathlib import Path

T = os.sysconf("SC_CLK_TCK")
STAT = f"""cpu  {9 * T} 0 0 0 0 0 0 0 0 0
cpu0 {1 * T} {2 * T} {3 * T} {50 * T} {60 * T} {4 * T} {5 * T} {6 * T} {1 * T} 0
cpu1 {10 * T} 0 0 {50 * T} 0 0 0 {1 * T} 0 0
cpu7 {100 * T} 0 0 0
intr 1 2 3
ctxt 77
"""


def lay_out(root: Path, files: dict[str, str]) -> Path:
    """Write files below ``root``."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        (None, CpuTimes(busy_s=125, stolen_s=7, cpus=3)),
        ({0, 1}, CpuTimes(busy_s=25, stolen_s=7, cpus=2)),
        ({1}, CpuTimes(busy_s=10, stolen_s=1, cpus=1)),
    ],
)
def test_cpu_times(tmp_path: Path, cpus: set[int] | None, expected: CpuTimes) -> None:
    """Waiting and idling are not busy, guests are not counted twice, old kernels have fewer columns."""
    assert read_cpu_times(lay_out(tmp_path, {"proc/stat": STAT}), cpus=cpus) == expected


def test_cpu_times_of_this_machine_go_on() -> None:
    """All CPUs are there, and their time does not go back."""
    before = read_cpu_times()
    assert before.cpus == os.cpu_count()
    assert (read_cpu_times() - before).busy_s >= 0
    assert before.busy_s > 0


def test_load_and_available_memory(tmp_path: Path) -> None:
    """The first figure of three; memory in bytes, or nothing where the kernel says nothing."""
    lay_out(tmp_path, {"proc/loadavg": "1.25 0.5 0.1 2/300 4711\n", "proc/meminfo": "MemAvailable:  2048 kB\n"})
    assert read_load(tmp_path) == 1.25
    assert available_memory_bytes(tmp_path) == 2048 * 1024
    assert available_memory_bytes(tmp_path / "nowhere") is None


def policy(number: int, driver: str, governor: str, allowed: int = 4000, preference: str = "") -> dict[str, str]:
    """Files of a frequency policy of CPUs that can do 4000 kHz."""
    at = f"sys/devices/system/cpu/cpufreq/policy{number}"
    files = {
        f"{at}/scaling_driver": f"{driver}\n",
        f"{at}/scaling_governor": f"{governor}\n",
        f"{at}/scaling_max_freq": f"{allowed}\n",
        f"{at}/cpuinfo_max_freq": "4000\n",
    }
    return {**files, f"{at}/energy_performance_preference": f"{preference}\n"} if preference else files


def test_frequency_policies(tmp_path: Path) -> None:
    """The governor "powersave" is slow, except with drivers that scale by themselves, where the preference tells."""
    lay_out(tmp_path, policy(0, "acpi-cpufreq", "powersave"))
    lay_out(tmp_path, policy(1, "acpi-cpufreq", "performance", allowed=2000))
    lay_out(tmp_path, policy(2, "intel_pstate", "powersave", preference="balance_performance"))
    lay_out(tmp_path, policy(3, "intel_pstate", "powersave", preference="power"))
    lay_out(tmp_path, policy(4, "intel_cpufreq", "schedutil", allowed=3900))
    assert read_frequency_policies(tmp_path) == FrequencyPolicies(
        Counter({"governor powersave": 1, "energy preference power": 1}), capped=1, total=5
    )
    assert read_frequency_policies(tmp_path / "nowhere") == FrequencyPolicies(Counter(), capped=0, total=0)


def test_throttle_counters(tmp_path: Path) -> None:
    """All CPUs' together; a kernel that does not count is told from one that counted none."""
    assert read_throttle_count(tmp_path) is None
    for cpu, count in ((0, 3), (1, 0), (11, 4)):
        lay_out(tmp_path, {f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/core_throttle_count": f"{count}\n"})
    assert read_throttle_count(tmp_path) == 7


def zone(number: int, name: str, temperature: str, **trips: int) -> dict[str, str]:
    """Files of a thermal zone; trip points by their type, in millidegrees."""
    at = f"sys/class/thermal/thermal_zone{number}"
    files = {f"{at}/type": f"{name}\n", f"{at}/temp": temperature}
    for index, (kind, limit) in enumerate(trips.items()):
        files |= {f"{at}/trip_point_{index}_type": f"{kind}\n", f"{at}/trip_point_{index}_temp": f"{limit}\n"}
    return files


def test_hot_zones(tmp_path: Path) -> None:
    """Zones at their lowest cooling trip are hot; fans' trips, senseless ones and silent zones are not."""
    lay_out(tmp_path, zone(0, "x86_pkg_temp", "91000\n", passive=90000, critical=105000))
    lay_out(tmp_path, zone(1, "acpitz", "60000\n", passive=90000, active=50000))
    lay_out(tmp_path, zone(2, "virtual", "28000\n", critical=-274000))
    lay_out(tmp_path, zone(3, "dead", "N/A\n", passive=1000))
    assert hot_zones(tmp_path) == [HotZone("x86_pkg_temp", 91.0, 90.0)]
