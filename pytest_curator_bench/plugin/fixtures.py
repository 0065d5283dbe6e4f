# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: what a benchmark item, and a user's own test beside it, can ask for.

Those of an entry are views of its execution: each enters one state of it, and leaves it in its teardown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.config.model import Entry
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
def bench_entry_dir(request: pytest.FixtureRequest, bench_session_dir: Path) -> Path:
    """Directory of the running entry; what an earlier run of it left there was moved aside."""
    from pytest_curator_bench.entry.execute import State

    execution = _item(request).execution
    execution.enter(State.DIRECTORY)
    return execution.entry_dir


@pytest.fixture
def bench_scratch_dir(request: pytest.FixtureRequest, bench_entry_dir: Path) -> Iterator[Path]:
    """Scratch directory of the running entry, deleted afterwards unless ``delete_scratch: false``."""
    from pytest_curator_bench.entry.execute import State

    execution = _item(request).execution
    execution.enter(State.SCRATCH)
    yield execution.scratch_dir
    execution.leave(State.SCRATCH)


@pytest.fixture
def bench_lease(request: pytest.FixtureRequest, bench_scratch_dir: Path) -> Iterator[Lease]:
    """Lease of the running entry: the CPUs, GPUs and object store bytes that nobody else uses meanwhile.

    Waiting for it is not counted against the entry's limit.
    """
    from pytest_curator_bench.entry.execute import State

    execution = _item(request).execution
    execution.enter(State.LEASED)
    yield execution.lease
    execution.leave(State.LEASED)


@pytest.fixture
def bench_machine_noise(request: pytest.FixtureRequest, bench_lease: Lease) -> Iterator[Sequence[str]]:
    """What may disturb the running entry, one sentence each; ``--bench-require-quiet`` fails it instead.

    The machine is checked before the entry's cluster starts. After the cluster has stopped, GPU memory that is still
    in use is warned about.
    """
    from pytest_curator_bench.entry.execute import State

    execution = _item(request).execution
    execution.enter(State.MACHINE_CHECKED)
    yield execution.noise
    execution.leave(State.MACHINE_CHECKED)


@pytest.fixture
def bench_ray_cluster(
    request: pytest.FixtureRequest, bench_machine_noise: Sequence[str]
) -> Iterator[LocalCluster | ExistingCluster | None]:
    """The running entry's Ray cluster: its own, a shared one, or the running one that it names.

    ``None`` where it asks for none. Starting and stopping it have limits of their own and are not counted against
    the entry's.
    """
    from pytest_curator_bench.entry.execute import State

    execution = _item(request).execution
    execution.enter(State.CLUSTER_UP)
    yield execution.cluster
    execution.leave(State.CLUSTER_UP)


def _item(request: pytest.FixtureRequest) -> BenchItem:
    from pytest_curator_bench.plugin.items import BenchItem

    node = request.node
    if not isinstance(node, BenchItem):
        pytest.fail(f"{request.fixturename} is for benchmark entries; {node.nodeid} is none", pytrace=False)
    return node
