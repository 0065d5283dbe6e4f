# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What there is to lease: topology from files laid out as the kernel does, GPUs, simulated machines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.machine.hardware import available_cpus
from pytest_curator_bench.resources import capacity
from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE, Capacity, Core, read_capacity
from pytest_curator_bench.resources.errors import LeaseError

if TYPE_CHECKING:
    from pathlib import Path


def test_this_machine() -> None:
    """The CPUs are those of the affinity set, as many as may be used, each in one core; plain data round-trips."""
    here = read_capacity({})
    assert len(here.cpus) == available_cpus()
    assert set(here.cpus) <= os.sched_getaffinity(0)
    assert sorted(cpu for core in here.cores for cpu in core.cpus) == list(here.cpus)
    assert 0 < here.object_store_bytes <= here.memory_bytes
    assert Capacity.from_dict(here.to_dict()) == here


def test_cores_and_nodes_from_sys(tmp_path: Path) -> None:
    """Threads of one core belong together, in both of the kernel's spellings, under one number in all processes."""
    files = {
        "cpu/cpu0/topology/core_cpus_list": "0,4\n",
        "cpu/cpu4/topology/core_cpus_list": "0,4\n",
        "cpu/cpu1/topology/thread_siblings_list": "1,5\n",
        "cpu/cpu5/topology/thread_siblings_list": "1,5\n",
        "cpu/cpu6/topology/core_cpus_list": "2,6\n",
        "node/node0/cpulist": "0,2,4,6\n",
        "node/node1/cpulist": "1,3,5,7-9\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert capacity._read_cores(tmp_path, {0, 1, 4, 5, 6, 8}) == (
        Core(number=0, node=0, cpus=(0, 4)),
        Core(number=1, node=1, cpus=(1, 5)),
        Core(number=2, node=0, cpus=(6,)),  # 2 is not ours, but the core is still the one that others call 2
        Core(number=8, node=1, cpus=(8,)),
    )


def test_a_quota_bounds_the_pool(tmp_path: Path) -> None:
    """Where control groups allow less CPU time than there are CPUs, only so many are given out."""
    for name, content in {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/cpu.max": "100000 100000\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert len(read_capacity({}, tmp_path).cpus) == 1


def test_simulated_machines() -> None:
    """The variable replaces CPUs and GPUs, and memory if it names that."""
    machine = read_capacity({SIMULATED_VARIABLE: "cpus=16, gpus=8,memory=64000000000"})
    assert (len(machine.cpus), machine.gpus, machine.memory_bytes) == (16, tuple(range(8)), 64 * 10**9)
    assert machine.object_store_bytes == 30_400_000_000
    assert machine.simulated
    small = read_capacity({SIMULATED_VARIABLE: "cpus=1"})
    assert (small.gpus, small.memory_bytes) == ((), read_capacity({}).memory_bytes)


@pytest.mark.parametrize(
    "text", ["", "16", "cpus", "cpus=x", "cpus=0", "cpus=-1", "gpus=8", "cpus=2,cpus=3", "cpus=2,fans=1", "cpus=99999"]
)
def test_wrong_simulated_machines(text: str) -> None:
    """Each is one error that shows what is expected; an empty variable is none at all."""
    if not text:
        assert not read_capacity({SIMULATED_VARIABLE: text}).simulated
        return
    with pytest.raises(LeaseError, match=r"CURATOR_BENCH_SIMULATED_MACHINE=.*found .*, expected cpus=NUMBER"):
        read_capacity({SIMULATED_VARIABLE: text})


@pytest.mark.parametrize(
    ("memory", "shared", "room"),
    [(100, 50, 47), (100, 200, 100), (100, 0, 100)],
)
def test_room_for_object_stores(memory: int, shared: int, room: int) -> None:
    """What Ray may fill of /dev/shm, never more than memory; where /dev/shm is tiny, stores lie in files."""
    machine = Capacity(cores=(), gpus=(), memory_bytes=memory * 10**9, shared_memory_bytes=shared * 10**9)
    assert machine.object_store_bytes // 10**9 == room
