# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From an entry's settings to what it leases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_curator_bench.config.model import Entry
from pytest_curator_bench.config.schema_models import RaySettings
from pytest_curator_bench.entry.resources import parallel_order, request_for, shortage_for
from pytest_curator_bench.resources.allocation import ResourceRequest
from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE, read_capacity

THERE = read_capacity({SIMULATED_VARIABLE: "cpus=16,gpus=8,memory=64000000000"})
DEFAULT_STORE = 19_200_000_000  # 30 % of memory
ROOM = 30_400_000_000  # 95 % of /dev/shm, which is half of memory


def entry(ray: dict[str, Any] | None = None, **settings: Any) -> Entry:
    """An entry with these settings."""
    section = None if ray is None else RaySettings.model_validate(ray)
    return Entry(name="e", file=Path("x.yaml"), line=1, script="s.py", timeout_s=1.0, ray=section, **settings)


@pytest.mark.parametrize(
    ("asked", "need"),
    [
        (entry(), ResourceRequest(cpus=None, gpus=None, alone=True)),
        (entry({}), ResourceRequest(cpus=None, gpus=None, object_store_bytes=DEFAULT_STORE, alone=True)),
        (entry({"num_cpus": 4}), ResourceRequest(cpus=4, gpus=None, object_store_bytes=DEFAULT_STORE)),
        (entry({"num_gpus": 0}), ResourceRequest(cpus=None, gpus=0, object_store_bytes=DEFAULT_STORE)),
        (
            entry({"num_cpus": 4, "num_gpus": 2, "object_store_memory": 10**9}, object_store_size=0.9),
            ResourceRequest(cpus=4, gpus=2, object_store_bytes=10**9),
        ),
        (
            entry({"num_cpus": 4, "num_gpus": 2}, object_store_size=0.1),
            ResourceRequest(cpus=4, gpus=2, object_store_bytes=6_400_000_000),
        ),
        # What does not fit into /dev/shm takes all of the room for stores: nobody else's fits beside it.
        (
            entry({"num_cpus": 1, "num_gpus": 0, "object_store_memory": ROOM + 1}),
            ResourceRequest(cpus=1, gpus=0, object_store_bytes=ROOM),
        ),
        (
            entry({"num_cpus": 4, "num_gpus": 0}, exclusive=True),
            ResourceRequest(cpus=4, gpus=0, object_store_bytes=DEFAULT_STORE, alone=True),
        ),
        (entry(exclusive=False), ResourceRequest(cpus=0, gpus=0)),
        (entry({}, exclusive=False), ResourceRequest(cpus=0, gpus=0, object_store_bytes=DEFAULT_STORE)),
        (entry({"num_cpus": 4}, exclusive=False), ResourceRequest(cpus=4, gpus=None, object_store_bytes=DEFAULT_STORE)),
        # The numbers of a cluster elsewhere are not those of this machine.
        (entry({"num_cpus": 400, "address": "auto"}), ResourceRequest(cpus=None, gpus=None, alone=True)),
        (entry({"num_cpus": 400, "address": "auto"}, exclusive=False), ResourceRequest(cpus=0, gpus=0)),
    ],
)
def test_needs(asked: Entry, need: ResourceRequest) -> None:
    """Each combination of named and unnamed resources and ``exclusive``; none of them lacks anything."""
    assert request_for(asked, THERE) == need
    assert shortage_for(asked, THERE) is None


@pytest.mark.parametrize(
    ("asked", "lack"),
    [
        ({"num_gpus": 9}, "needs 9 GPUs, this machine has 8"),
        ({"num_cpus": 17, "num_gpus": 0}, "needs 17 CPUs, this machine has 16"),
        ({"object_store_memory": 65 * 10**9}, "An object store of 65 GB is more than the 64 GB of memory here"),
        ({"object_store_memory": 33 * 10**9}, "Ray would refuse to start: the object store of 33 GB does not fit"),
    ],
)
@pytest.mark.parametrize("exclusive", [None, True, False])
def test_lacks(asked: dict[str, Any], lack: str, exclusive: bool | None) -> None:
    """What the machine never has is told, also of entries that run alone; not asked of clusters elsewhere."""
    found = shortage_for(entry(asked, exclusive=exclusive), THERE)
    assert found is not None
    assert found.startswith(lack)
    assert shortage_for(entry({**asked, "address": "auto"}, exclusive=exclusive), THERE) is None


def test_what_is_wrong_on_every_machine_is_no_lack() -> None:
    """A store smaller than Ray takes is an error of the entry, which its cluster's start tells."""
    assert shortage_for(entry({"num_cpus": 1, "num_gpus": 0, "object_store_memory": 2**20}), THERE) is None


def test_order_for_parallel_runs() -> None:
    """Wide and narrow ones alternate; what takes most of the machine comes last; equal ones keep their order."""
    shapes = {
        "alone": entry(),
        "eight": entry({"num_gpus": 8, "num_cpus": 16}),
        "four": entry({"num_gpus": 4, "num_cpus": 4}),
        "half the cpus": entry({"num_gpus": 0, "num_cpus": 8}),
        "one": entry({"num_gpus": 1, "num_cpus": 2}),
        "nothing": entry(exclusive=False),
        "all gpus": entry({"num_cpus": 1}),
    }
    names = {id(shape): name for name, shape in shapes.items()}
    assert [names[id(shape)] for shape in parallel_order(list(shapes.values()))] == [
        *("one", "four", "nothing", "half the cpus"),
        *("eight", "all gpus", "alone"),
    ]
    same = [entry() for _ in range(5)]
    assert list(map(id, parallel_order(same))) == list(map(id, same))
    assert parallel_order([]) == []
