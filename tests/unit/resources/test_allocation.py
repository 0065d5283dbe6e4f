# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which CPUs and GPUs a lease gets, on machines of any shape."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.resources.allocation import (
    Allocation,
    InUse,
    ResourceRequest,
    allocate,
    describe_allocation,
    describe_request,
    shortage,
)
from pytest_curator_bench.resources.capacity import Capacity, Core


def machine(*widths_by_node: list[int], gpus: int = 0) -> Capacity:
    """A machine with cores of these widths on each node."""
    numbers = itertools.count()
    cores = []
    for node, widths in enumerate(widths_by_node):
        for width in widths:
            cpus = tuple(itertools.islice(numbers, width))
            cores.append(Core(number=cpus[0], node=node, cpus=cpus))
    return Capacity(cores=tuple(cores), gpus=tuple(range(gpus)), memory_bytes=10**9, shared_memory_bytes=2 * 10**9)


machines = st.builds(
    lambda nodes, gpus: machine(*nodes, gpus=gpus),
    st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=6), min_size=1, max_size=3),
    st.integers(0, 8),
)
requests = st.builds(
    ResourceRequest,
    cpus=st.none() | st.integers(0, 12),
    gpus=st.none() | st.integers(0, 8),
    object_store_bytes=st.integers(0, 10**9),
    alone=st.booleans(),
)


@given(machines, st.lists(requests, max_size=12))
def test_nothing_is_given_twice(there: Capacity, asked: list[ResourceRequest]) -> None:
    """Shares have exactly what was asked for, whole cores and GPUs of their own, and room for their stores."""
    node_of = {cpu: core.node for core in there.cores for cpu in core.cpus}
    core_of = {cpu: core.number for core in there.cores for cpu in core.cpus}
    in_use, allocations = InUse(), list[Allocation]()
    for request in asked:
        free_by_node = {
            node: sum(len(core.cpus) for core in there.cores if core.node == node and core.number not in in_use.cores)
            for node in node_of.values()
        }
        allocation = allocate(request, there, in_use)
        if allocation is None:
            continue
        wanted = len(there.cpus) if request.alone or request.cpus is None else request.cpus
        assert len(set(allocation.cpus)) == len(allocation.cpus) == wanted
        assert {core_of[cpu] for cpu in allocation.cpus} == set(allocation.cores)
        assert len(allocation.gpus) == (len(there.gpus) if request.alone or request.gpus is None else request.gpus)
        if any(free >= wanted for free in free_by_node.values()):
            assert len({node_of[cpu] for cpu in allocation.cpus}) <= 1
        in_use.add(allocation)
        allocations.append(allocation)
    for what in ("cores", "gpus"):
        given_out = [item for allocation in allocations for item in getattr(allocation, what)]
        assert len(set(given_out)) == len(given_out)
    assert sum(allocation.object_store_bytes for allocation in allocations) <= there.object_store_bytes
    assert len(allocations) <= 1 or not any(allocation.alone for allocation in allocations)


@given(machines, requests)
def test_an_idle_machine_gives_whatever_it_has(there: Capacity, request: ResourceRequest) -> None:
    """What exceeds nothing is granted when nobody holds anything: nobody waits for what never comes."""
    assert (allocate(request, there, InUse()) is None) == (shortage(request, there) is not None and not request.alone)


def test_cores_are_filled_and_not_shared() -> None:
    """Three CPUs of two-thread cores take two cores, the rest of which nobody gets."""
    there, in_use = machine([2, 2, 2]), InUse()
    allocation = allocate(ResourceRequest(cpus=3, gpus=0), there, in_use)
    assert allocation == Allocation(cpus=(0, 1, 2), cores=(0, 2))
    in_use.add(allocation)
    assert allocate(ResourceRequest(cpus=3, gpus=0), there, in_use) is None
    assert allocate(ResourceRequest(cpus=2, gpus=0), there, in_use) == Allocation(cpus=(4, 5), cores=(4,))


def test_nodes_are_filled_one_after_the_other() -> None:
    """A small lease goes where it leaves no large gap in two; one larger than any node spreads over few."""
    there, in_use = machine([1] * 4, [1] * 8, [1] * 8), InUse()
    first = allocate(ResourceRequest(cpus=2, gpus=0), there, in_use)
    assert first == Allocation(cpus=(0, 1), cores=(0, 1))
    in_use.add(first)
    whole = allocate(ResourceRequest(cpus=8, gpus=0), there, in_use)
    assert whole is not None
    assert whole.cpus == tuple(range(4, 12))
    wide = allocate(ResourceRequest(cpus=16, gpus=0), there, in_use)
    assert wide is not None
    assert wide.cpus == tuple(range(4, 20))


def test_alone_means_alone() -> None:
    """Not even a lease of nothing goes beside it, before or after."""
    there = machine([1, 1], gpus=1)
    alone, nothing = ResourceRequest(cpus=None, gpus=None, alone=True), ResourceRequest(cpus=0, gpus=0)
    in_use = InUse()
    in_use.add(Allocation())
    assert allocate(alone, there, in_use) is None
    assert allocate(nothing, there, in_use) == Allocation()
    in_use = InUse()
    allocation = allocate(alone, there, in_use)
    assert allocation == Allocation(cpus=(0, 1), cores=(0, 1), gpus=(0,), object_store_bytes=10**9, alone=True)
    in_use.add(allocation)
    assert allocate(nothing, there, in_use) is None


def test_words() -> None:
    """People read what is asked for, what is held and what is missing."""
    there = machine([1] * 4, gpus=2)
    assert describe_request(ResourceRequest(cpus=None, gpus=1, object_store_bytes=7_200_000_000), there) == (
        "1 GPU, 4 CPUs, 7.2 GB of object store"
    )
    assert describe_request(ResourceRequest(cpus=0, gpus=0), there) == "a free slot"
    assert describe_allocation(Allocation(cpus=(0,), alone=True)) == "the whole machine"
    assert shortage(ResourceRequest(cpus=5, gpus=3, object_store_bytes=2 * 10**9), there) == (
        "needs 3 GPUs, this machine has 2; needs 5 CPUs, this machine has 4; "
        "needs an object store of 2 GB, this machine has room for 1 GB"
    )
    assert shortage(ResourceRequest(cpus=None, gpus=None, alone=True), there) is None
