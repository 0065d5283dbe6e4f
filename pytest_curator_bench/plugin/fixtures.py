# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: what a benchmark item, and a user's own test beside it, can ask for.

Those of an entry are views of its execution: each enters one state of it, and leaves it in its teardown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.execute import EntryExecution
    from pytest_curator_bench.plugin.items import BenchItem
    from pytest_curator_bench.resources.registry import Lease


@pytest.fixture(scope="session")
def bench_session_dir(request: pytest.FixtureRequest) -> Path:
    """Directory of the running benchmark session, absolute."""
    from pytest_curator_bench.plugin.context import bench_run_of

    return bench_run_of(request.config).store.session_dir


@pytest.fixture
def bench_entry(request: pytest.FixtureRequest) -> Entry:
    """The entry of the running benchmark item, resolved."""
    return _item(request).entry


@pytest.fixture
def bench_entry_dir(request: pytest.FixtureRequest) -> Path:
    """Directory of the running entry; what an earlier run of it left there was moved aside."""
    return _entered(request, "bench_session_dir", "DIRECTORY").entry_dir


@pytest.fixture
def bench_scratch_dir(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Scratch directory of the running entry, deleted afterwards unless ``delete_scratch: false``."""
    execution = _entered(request, "bench_entry_dir", "SCRATCH")
    yield execution.scratch_dir
    _leave(execution, "SCRATCH")


@pytest.fixture
def bench_lease(request: pytest.FixtureRequest) -> Iterator[Lease]:
    """Lease of the running entry: the CPUs, GPUs and object store bytes that nobody else uses meanwhile.

    Waiting for it is not counted against the entry's limit.
    """
    execution = _entered(request, "bench_scratch_dir", "LEASED")
    yield execution.lease
    _leave(execution, "LEASED")


@pytest.fixture
def bench_ray_cluster(request: pytest.FixtureRequest) -> Iterator[LocalCluster | ExistingCluster | None]:
    """The running entry's Ray cluster: its own, a shared one, or the running one that it names.

    ``None`` where it asks for none. Starting and stopping it have limits of their own and are not counted against
    the entry's. A fixture of the same name in a ``conftest.py`` overrides it: the entry runs on what that returns.
    """
    execution = _entered(request, "bench_lease", "CLUSTER_UP")
    yield execution.cluster
    _leave(execution, "CLUSTER_UP")


def _entered(request: pytest.FixtureRequest, before: str, state: str) -> EntryExecution:
    """Return the entry's execution in this state, for which another fixture comes before this one.

    That fixture is no argument: pytest works out the arguments of arguments for each item, which for thousands of
    entries is a third of their collection.
    """
    from pytest_curator_bench.entry.states import State

    execution = _item(request).execution
    request.getfixturevalue(before)
    execution.enter(State[state])
    return execution


def _leave(execution: EntryExecution, state: str) -> None:
    from pytest_curator_bench.entry.states import State

    execution.leave(State[state])


def _item(request: pytest.FixtureRequest) -> BenchItem:
    from pytest_curator_bench.plugin.items import BenchItem

    node = request.node
    if not isinstance(node, BenchItem):
        pytest.fail(f"{request.fixturename} is for benchmark entries; {node.nodeid} is none", pytrace=False)
    return node
