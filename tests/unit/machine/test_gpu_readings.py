# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""GPU readings through a compiled stand-in for the driver's library, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.stub_nvml import build_stub_nvml, stub_nvml_environment

ROOT = Path(__file__).parents[3]

READ = """
import dataclasses, json
from pytest_curator_bench.machine.gpus import GpuReader
reader = GpuReader.open()
print(json.dumps(None if reader is None else [dataclasses.asdict(reading) for reading in reader.read()]))
if reader is not None:
    reader.close()
"""
VISIBLE = """
import json, sys
from pytest_curator_bench.machine.gpus import query_gpus, visible_indexes
print(json.dumps(sorted(visible_indexes(sys.argv[1] if sys.argv[1:] else None, query_gpus().gpus))))
"""


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the stand-in."""
    return build_stub_nvml(tmp_path_factory.mktemp("nvml"))


def run(code: str, environment: dict[str, str], *args: str) -> Any:
    """What ``code`` prints in a process with this environment."""
    output = subprocess.check_output(
        [sys.executable, "-c", code, *args], env={**environment, "PYTHONPATH": str(ROOT)}, text=True
    )
    return json.loads(output)


BUSY = {
    "gpu_util": 80,
    "memory_util": 35,
    "memory_used": 3 << 30,
    "temperature": 71,
    "power": 412345,
    "power_limit": 700000,
    "fan": 44,
    "sm_clock": 1755,
    "memory_clock": 2619,
    "throttle": 0x4 | 0x40,
    "processes": "7:1048576 9:-",
}


def test_all_readings_have_their_units(stub: Path) -> None:
    """Each figure of the driver comes in ours; memory that the driver doesn't tell of a process is unknown."""
    idle, busy = run(READ, stub_nvml_environment(stub, count=2, **{f"{key}_1": value for key, value in BUSY.items()}))
    assert busy == {
        "index": 1,
        "utilization_percent": 80,
        "memory_bandwidth_percent": 35,
        "memory_used_bytes": 3 << 30,
        "memory_total_bytes": 80 << 30,
        "temperature_c": 71,
        "power_w": 412.345,
        "power_limit_w": 700.0,
        "fan_percent": 44,
        "sm_clock_mhz": 1755,
        "memory_clock_mhz": 2619,
        "throttle_reasons": ["software_power_cap", "hardware_thermal_slowdown"],
        "processes": [{"pid": 7, "used_bytes": 1 << 20}, {"pid": 9, "used_bytes": None}],
    }
    assert (idle["utilization_percent"], idle["processes"], idle["throttle_reasons"]) == (0, [], [])


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        ("nvmlDeviceGetUtilizationRates", {"utilization_percent", "memory_bandwidth_percent"}),
        ("nvmlDeviceGetMemoryInfo", {"memory_used_bytes", "memory_total_bytes"}),
        ("nvmlDeviceGetTemperature", {"temperature_c"}),
        ("nvmlDeviceGetPowerUsage", {"power_w"}),
        ("nvmlDeviceGetEnforcedPowerLimit", {"power_limit_w"}),
        ("nvmlDeviceGetFanSpeed", {"fan_percent"}),
        ("nvmlDeviceGetClockInfo", {"sm_clock_mhz", "memory_clock_mhz"}),
        ("nvmlDeviceGetCurrentClocksEventReasons", set()),  # the older name answers
        ("nvmlDeviceGetComputeRunningProcesses_v3", set()),  # the other list answers
    ],
)
def test_each_call_may_fail_by_itself(stub: Path, function: str, fields: set[str]) -> None:
    """What one call doesn't say is unknown (not supported, GPU lost), and the rest is there."""
    for code in (3, 15):
        (reading,) = run(READ, stub_nvml_environment(stub, fail=f"{function}={code}"))
        assert {name for name, value in reading.items() if value is None} == fields


def test_reasons_and_processes_that_nothing_tells_are_unknown(stub: Path) -> None:
    """Unknown is not none."""
    names = ("CurrentClocksEventReasons", "CurrentClocksThrottleReasons", "ComputeRunningProcesses_v3")
    failing = " ".join(f"nvmlDeviceGet{name}=3" for name in (*names, "GraphicsRunningProcesses_v3"))
    (reading,) = run(READ, stub_nvml_environment(stub, fail=failing))
    assert (reading["throttle_reasons"], reading["processes"]) == (None, None)


def test_gpus_that_are_lost_are_left_out(stub: Path) -> None:
    """The others keep their numbers; CUDA_VISIBLE_DEVICES hides none."""
    environment = stub_nvml_environment(stub, count=3, fail="nvmlDeviceGetHandleByIndex_v2@1=15")
    readings = run(READ, {**environment, "CUDA_VISIBLE_DEVICES": ""})
    assert [reading["index"] for reading in readings] == [0, 2]


@pytest.mark.parametrize(
    "values", [{"count": 0}, {"fail": "nvmlInitWithFlags=9"}, {"fail": "nvmlDeviceGetCount_v2=999"}]
)
def test_without_gpus_there_is_no_reader(stub: Path, values: dict[str, Any]) -> None:
    """A driver without GPUs, or one that does not answer, is an ordinary machine."""
    assert run(READ, stub_nvml_environment(stub, **values)) is None


def test_without_a_driver_there_is_no_reader(tmp_path: Path) -> None:
    """A file in the library's place that is no library stands for a machine without one."""
    (tmp_path / "libnvidia-ml.so.1").write_text("no library")
    assert run(READ, {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, [0, 1, 2]), ("", []), ("2,0", [0, 2]), ("GPU-000000a1", [1]), ("7", []), ("MIG-1234", [0, 1, 2])],
)
def test_visible_gpus_by_number(stub: Path, visible: str | None, expected: list[int]) -> None:
    """Numbers and UUIDs are found; all count where an instance of a divided GPU is named."""
    assert run(VISIBLE, stub_nvml_environment(stub, count=3), *([] if visible is None else [visible])) == expected
