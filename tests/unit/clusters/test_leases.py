# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Leases of shared clusters: lent from entry to entry, held meanwhile, and given back once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.clusters.local.command import ClusterSpec
from pytest_curator_bench.clusters.shared.leases import SharedLeases
from pytest_curator_bench.resources.allocation import ResourceRequest
from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE, read_capacity
from pytest_curator_bench.resources.registry import LeaseRegistry
from pytest_curator_bench.resources.state_file import DIRECTORY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEC = ClusterSpec(num_cpus=3)
NEED = ResourceRequest(cpus=3, gpus=0, object_store_bytes=0)


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[tuple[LeaseRegistry, LeaseRegistry]]:
    """Ours and somebody else's, of a machine of 4 CPUs."""
    environ = {SIMULATED_VARIABLE: "cpus=4,gpus=0,memory=1000000000", DIRECTORY_VARIABLE: str(tmp_path / "leases")}
    with contextlib.ExitStack() as stack:
        made = [LeaseRegistry(read_capacity(environ), environ) for _ in range(2)]
        for registry in made:
            stack.callback(registry.close)
        yield made[0], made[1]


def test_what_a_cluster_runs_on_outlives_its_first_entry(registries: tuple[LeaseRegistry, LeaseRegistry]) -> None:
    """The entry's lease ends, the cluster's does not; the next entry gets its CPUs; its end frees them."""
    ours, others = registries
    shared = SharedLeases()
    first = ours.acquire(NEED, "first")
    shared.keep(SPEC, NEED, first)
    first.release()
    assert first.released_at is not None
    assert others.try_acquire(NEED, "other") is None

    second = shared.lend(SPEC, NEED)
    assert second is not None
    assert (second.cpus, second.environment(), second.released_at) == (first.cpus, first.environment(), None)
    assert second.granted_at >= first.released_at
    shared.keep(SPEC, NEED, second)  # as after each start of an entry on the cluster
    second.release()
    assert others.try_acquire(NEED, "other") is None

    shared.give_back(SPEC)
    assert shared.lend(SPEC, NEED) is None
    assert others.try_acquire(NEED, "other") is not None


def test_a_cluster_that_stops_ends_its_entrys_lease(registries: tuple[LeaseRegistry, LeaseRegistry]) -> None:
    """A dirty cluster is stopped before its entry is torn down: the recorded interval ends before others begin."""
    ours, others = registries
    shared = SharedLeases()
    entry = ours.acquire(NEED, "entry")
    shared.keep(SPEC, NEED, entry)
    shared.give_back(SPEC)
    other = others.try_acquire(NEED, "other")
    assert other is not None
    assert entry.released_at is not None
    assert entry.released_at <= other.granted_at
    entry.release()
    assert ours.try_acquire(NEED, "again") is None


def test_another_need_is_not_served(registries: tuple[LeaseRegistry, LeaseRegistry]) -> None:
    """An entry of the same shape that wants the machine for itself gets no part of it lent."""
    shared = SharedLeases()
    shared.keep(SPEC, NEED, registries[0].acquire(NEED, "first"))
    assert shared.lend(SPEC, ResourceRequest(cpus=3, gpus=0, object_store_bytes=0, alone=True)) is None
    assert SPEC in shared
    assert shared.lend(ClusterSpec(num_cpus=2), NEED) is None
    assert ClusterSpec(num_cpus=2) not in shared
