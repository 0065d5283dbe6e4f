# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""GPUs through the driver's library: a compiled stand-in for it, in processes of their own."""

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

ASK = """
import json, dataclasses
from pytest_curator_bench.machine.gpus import query_gpus, visible_gpus
print(json.dumps([dataclasses.asdict(query_gpus()), [*visible_gpus().items()]]))
"""


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the stand-in."""
    return build_stub_nvml(tmp_path_factory.mktemp("nvml"))


def ask(environment: dict[str, str]) -> tuple[dict[str, Any], list[int | str]]:
    """Inventory and visible GPUs, as a process with this environment sees them."""
    inventory, visible = ask_all(environment)
    return inventory, [device for _, device in visible]


def ask_all(environment: dict[str, str]) -> tuple[dict[str, Any], list[tuple[int | str, int | str]]]:
    """The same, and before the name of each visible GPU what it is."""
    output = subprocess.check_output(
        [sys.executable, "-c", ASK], env={**environment, "PYTHONPATH": str(ROOT)}, text=True
    )
    inventory, visible = json.loads(output)
    return inventory, [(gpu, device) for gpu, device in visible]


def test_gpus_and_driver_are_described(stub: Path) -> None:
    """Each GPU's name, identity and memory; the driver's versions in the form people use."""
    inventory, visible = ask(
        stub_nvml_environment(
            stub, count=2, name="NVIDIA H200", name_1="NVIDIA L4", memory_total_1=24 << 30, cuda=12080
        )
    )
    assert visible == [0, 1]
    assert inventory == {
        "gpus": [
            {
                "index": 0,
                "name": "NVIDIA H200",
                "uuid": "GPU-000000a0-0000-0000-0000-000000000000",
                "memory_total_bytes": 80 << 30,
            },
            {
                "index": 1,
                "name": "NVIDIA L4",
                "uuid": "GPU-000000a1-0000-0000-0000-000000000000",
                "memory_total_bytes": 24 << 30,
            },
        ],
        "driver_version": "580.95.05",
        "cuda_driver_version": "12.8",
        "reason": None,
    }


@pytest.mark.parametrize(
    ("function", "field"),
    [
        ("nvmlDeviceGetName", "name"),
        ("nvmlDeviceGetUUID", "uuid"),
        ("nvmlDeviceGetMemoryInfo", "memory_total_bytes"),
    ],
)
def test_what_one_gpu_doesnt_say_is_unknown_and_the_rest_is_there(stub: Path, function: str, field: str) -> None:
    """Each call may fail by itself: here one of them, for the second GPU."""
    inventory, visible = ask(stub_nvml_environment(stub, count=2, fail=f"{function}@1=3"))
    assert visible == [0, 1]
    assert inventory["gpus"][1][field] is None
    assert inventory["gpus"][0][field] is not None
    assert sum(value is None for value in inventory["gpus"][1].values()) == 1


def test_what_the_driver_doesnt_say_is_unknown(stub: Path) -> None:
    """Versions are no reason to lose the GPUs."""
    failing = "nvmlSystemGetDriverVersion=3 nvmlSystemGetCudaDriverVersion_v2=13 nvmlShutdown=1"
    inventory, visible = ask(stub_nvml_environment(stub, fail=failing))
    assert (inventory["driver_version"], inventory["cuda_driver_version"], visible) == (None, None, [0])


def test_a_lost_gpu_is_named_and_the_others_counted(stub: Path) -> None:
    """One that fell off the bus is no GPU to run on."""
    inventory, visible = ask(stub_nvml_environment(stub, count=3, fail="nvmlDeviceGetHandleByIndex_v2@1=15"))
    assert [gpu["index"] for gpu in inventory["gpus"]] == [0, 2]
    assert inventory["reason"].startswith("GPU 1: ")
    assert visible == [0, 2]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"fail": "nvmlInitWithFlags=9"}, "no NVIDIA driver that answers: "),
        ({"fail": "nvmlDeviceGetCount_v2=999"}, "the NVIDIA driver doesn't count its GPUs: "),
        ({"count": 0}, "the NVIDIA driver has no GPU"),
    ],
)
def test_a_driver_that_gives_no_gpus_is_no_error(stub: Path, values: dict[str, Any], reason: str) -> None:
    """The list is empty, and says why."""
    inventory, visible = ask(stub_nvml_environment(stub, **values))
    assert inventory["gpus"] == []
    assert inventory["reason"].startswith(reason)
    assert visible == []


def test_a_machine_without_a_driver_is_no_error(tmp_path: Path) -> None:
    """A file in the library's place that is no library stands for a machine without one."""
    (tmp_path / "libnvidia-ml.so.1").write_text("no library")
    inventory, visible = ask({**os.environ, "LD_LIBRARY_PATH": str(tmp_path)})
    assert inventory["gpus"] == []
    assert "no NVIDIA driver that answers" in inventory["reason"]
    assert visible == []


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("", []),
        ("0", [0]),
        ("0,1,2,3", [0, 1, 2, 3]),
        ("3, 1", [3, 1]),
        ("0,4,1", [0]),  # CUDA stops at the first that doesn't exist
        ("-1", []),
        ("1,1", []),  # CUDA refuses the list
        ("GPU-000000a2", [2]),
        ("GPU-000000a", []),  # fits several
        ("GPU-000000a0-0000-0000-0000-000000000000,GPU-000000a1", [0, 1]),
        ("MIG-11111111-2222-3333-4444-555555555555", ["MIG-11111111-2222-3333-4444-555555555555"]),
        ("none", []),
    ],
)
def test_only_visible_gpus_are_used(stub: Path, shown: str, expected: list[int | str]) -> None:
    """The inventory has them all; those that CUDA would use are given by number, instances by name."""
    environment = {**stub_nvml_environment(stub, count=4), "CUDA_VISIBLE_DEVICES": shown}
    inventory, visible = ask_all(environment)
    uuids = {gpu["index"]: gpu["uuid"] for gpu in inventory["gpus"]}
    assert len(uuids) == 4
    assert visible == [(uuids.get(device, device), device) for device in expected]


def test_a_gpu_without_uuid_is_known_by_its_number(stub: Path) -> None:
    """There is nothing better."""
    _, visible = ask_all(stub_nvml_environment(stub, count=2, fail="nvmlDeviceGetUUID@1=3"))
    assert visible == [("GPU-000000a0-0000-0000-0000-000000000000", 0), (1, 1)]
