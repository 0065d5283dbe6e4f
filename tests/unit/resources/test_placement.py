# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which CPUs and GPUs a lease gets, on machines of any shape."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.resources.capacity import Capacity, Core
from pytest_curator_bench.resources.placement import (
    Allocation,
    InUse,
    ResourceRequest,
    describe_allocation,
    describe_need,
    lacking,
    place,
)


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
needs = st.builds(
    ResourceRequest,
    cpus=st.none() | st.integers(0, 12),
    gpus=st.none() | st.integers(0, 8),
    object_store_bytes=st.integers(0, 10**9),
    alone=st.booleans(),
)


@given(machines, st.lists(needs, max_size=12))
def test_nothing_is_given_twice(there: Capacity, asked: list[ResourceRequest]) -> None:
    """Shares have exactly what was asked for, whole cores and GPUs of their own, and room for their stores."""
    node_of = {cpu: core.node for core in there.cores for cpu in core.cpus}
    core_of = {cpu: core.number for core in there.cores for cpu in core.cpus}
    taken, shares = InUse(), list[Allocation]()
    for need in asked:
        free_by_node = {
            node: sum(len(core.cpus) for core in there.cores if core.node == node and core.number not in taken.cores)
            for node in node_of.values()
        }
        share = place(need, there, taken)
        if share is None:
            continue
        wanted = len(there.cpus) if need.alone or need.cpus is None else need.cpus
        assert len(set(share.cpus)) == len(share.cpus) == wanted
        assert {core_of[cpu] for cpu in share.cpus} == set(share.cores)
        assert len(share.gpus) == (len(there.gpus) if need.alone or need.gpus is None else need.gpus)
        if any(free >= wanted for free in free_by_node.values()):
            assert len({node_of[cpu] for cpu in share.cpus}) <= 1
        taken.add(share)
        shares.append(share)
    for what in ("cores", "gpus"):
        given_out = [item for share in shares for item in getattr(share, what)]
        assert len(set(given_out)) == len(given_out)
    assert sum(share.object_store_bytes for share in shares) <= there.object_store_bytes
    assert len(shares) <= 1 or not any(share.alone for share in shares)


@given(machines, needs)
def test_an_idle_machine_gives_whatever_it_has(there: Capacity, need: ResourceRequest) -> None:
    """What is not lacking is granted when nobody holds anything: nobody waits for what never comes."""
    assert (place(need, there, InUse()) is None) == (lacking(need, there) is not None and not need.alone)


def test_cores_are_filled_and_not_shared() -> None:
    """Three CPUs of two-thread cores take two cores, the rest of which nobody gets."""
    there, taken = machine([2, 2, 2]), InUse()
    share = place(ResourceRequest(cpus=3, gpus=0), there, taken)
    assert share == Allocation(cpus=(0, 1, 2), cores=(0, 2))
    taken.add(share)
    assert place(ResourceRequest(cpus=3, gpus=0), there, taken) is None
    assert place(ResourceRequest(cpus=2, gpus=0), there, taken) == Allocation(cpus=(4, 5), cores=(4,))


def test_nodes_are_filled_one_after_the_other() -> None:
    """A small lease goes where it leaves no large gap in two; one larger than any node spreads over few."""
    there, taken = machine([1] * 4, [1] * 8, [1] * 8), InUse()
    first = place(ResourceRequest(cpus=2, gpus=0), there, taken)
    assert first == Allocation(cpus=(0, 1), cores=(0, 1))
    taken.add(first)
    whole = place(ResourceRequest(cpus=8, gpus=0), there, taken)
    assert whole is not None
    assert whole.cpus == tuple(range(4, 12))
    wide = place(ResourceRequest(cpus=16, gpus=0), there, taken)
    assert wide is not None
    assert wide.cpus == tuple(range(4, 20))


def test_alone_means_alone() -> None:
    """Not even a lease of nothing goes beside it, before or after."""
    there = machine([1, 1], gpus=1)
    alone, nothing = ResourceRequest(cpus=None, gpus=None, alone=True), ResourceRequest(cpus=0, gpus=0)
    taken = InUse()
    taken.add(Allocation())
    assert place(alone, there, taken) is None
    assert place(nothing, there, taken) == Allocation()
    taken = InUse()
    share = place(alone, there, taken)
    assert share == Allocation(cpus=(0, 1), cores=(0, 1), gpus=(0,), object_store_bytes=10**9, alone=True)
    taken.add(share)
    assert place(nothing, there, taken) is None


def test_words() -> None:
    """People read what is asked for, what is held and what is lacking."""
    there = machine([1] * 4, gpus=2)
    assert describe_need(ResourceRequest(cpus=None, gpus=1, object_store_bytes=7_200_000_000), there) == (
        "1 GPU, 4 CPUs, 7.2 GB of object store"
    )
    assert describe_need(ResourceRequest(cpus=0, gpus=0), there) == "nothing of its own"
    assert describe_allocation(Allocation(cpus=(0,), alone=True)) == "the whole machine"
    assert lacking(ResourceRequest(cpus=5, gpus=3, object_store_bytes=2 * 10**9), there) == (
        "needs 3 GPUs, this machine has 2; needs 5 CPUs, this machine has 4; "
        "needs an object store of 2 GB, this machine has room for 1 GB"
    )
    assert lacking(ResourceRequest(cpus=None, gpus=None, alone=True), there) is None
