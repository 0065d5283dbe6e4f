# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: what a benchmark item, and a user's own test beside it, can ask for."""

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
    from pytest_curator_bench.plugin.context import context_of

    return context_of(request.config).store.session_dir


@pytest.fixture
def bench_entry(request: pytest.FixtureRequest) -> Entry:
    """The entry of the running benchmark item, resolved."""
    return _item(request).entry


@pytest.fixture
def bench_entry_dir(request: pytest.FixtureRequest, bench_session_dir: Path) -> Path:
    """Directory of the running entry; what an earlier run of it left there was moved aside."""
    del bench_session_dir
    item = _item(request)
    store = item.context.store
    if item.goes_on and store.is_begun(item.entry.name):
        return store.entry_dir(item.entry.name)  # an earlier pass of this very item made it
    return store.prepare_entry_dir(item.entry.name, nodeid=item.nodeid, timeout_s=item.entry.timeout_s)


@pytest.fixture
def bench_scratch_dir(request: pytest.FixtureRequest, bench_entry_dir: Path) -> Iterator[Path]:
    """Scratch directory of the running entry, deleted afterwards unless ``delete_scratch: false``."""
    item = _item(request)
    yield item.context.store.prepare_scratch(item.entry.name)
    if item.entry.delete_scratch:
        item.add_result_warning(item.context.store.remove_scratch(item.entry.name))
    del bench_entry_dir


@pytest.fixture
def bench_lease(request: pytest.FixtureRequest, bench_entry_dir: Path) -> Iterator[Lease]:
    """What the running entry has of the machine for itself: CPUs, GPUs, object store bytes.

    Waiting for it is not counted against the entry's limit.
    """
    item = _item(request)
    from pytest_curator_bench.entry.lease import make_room, take_lease

    lease = take_lease(item.context, item.entry, bench_entry_dir)
    yield lease
    item.give_back(lease)
    make_room(item.context)


@pytest.fixture
def bench_machine_noise(
    request: pytest.FixtureRequest, bench_entry_dir: Path, bench_lease: Lease
) -> Iterator[Sequence[str]]:
    """What may disturb the running entry, one sentence each; ``--bench-require-quiet`` fails it instead.

    Looked at before the entry's cluster is started. When that is gone again, GPU memory left in use is warned of.
    """
    from pytest_curator_bench.plugin.items import EntryFailedError

    del bench_entry_dir
    item = _item(request)
    monitor = item.context.monitor
    must_be_quiet = item.context.options.require_quiet
    noise = monitor.disturbances(bench_lease, must_be_quiet=must_be_quiet)
    if noise and must_be_quiet:
        raise EntryFailedError("\n".join(("The machine is not quiet.", *noise)), status="error", reason="noisy")
    yield [*noise, *monitor.gpu_memory_warnings(item.entry, bench_lease, "before the entry")]
    for warning in monitor.gpu_memory_warnings(item.entry, bench_lease, "after the entry"):
        item.add_result_warning(warning)


@pytest.fixture
def bench_ray_cluster(
    request: pytest.FixtureRequest, bench_entry_dir: Path, bench_lease: Lease
) -> Iterator[LocalCluster | ExistingCluster | None]:
    """The running entry's Ray cluster: its own, a shared one, or the running one that it names.

    ``None`` where it asks for none.

    Starting and stopping it is bounded by limits of its own and not counted against the entry's.
    """
    item = _item(request)
    if item.entry.ray is None:
        yield None
        return
    from pytest_curator_bench.entry.cluster import acquire_cluster, release_cluster
    from pytest_curator_bench.entry.job import find_cluster, uses_existing_cluster

    if uses_existing_cluster(item.entry.ray):
        yield find_cluster(item.entry)
        return

    cluster = acquire_cluster(item.context, item.entry, bench_entry_dir, bench_lease)
    yield cluster
    passed = item.result is None or item.result.success  # None: more runs of it are to come
    for warning in release_cluster(item.context, cluster, item.entry, bench_entry_dir, passed=passed):
        item.add_result_warning(warning)


def _item(request: pytest.FixtureRequest) -> BenchItem:
    from pytest_curator_bench.plugin.items import BenchItem

    node = request.node
    if not isinstance(node, BenchItem):
        pytest.fail(f"{request.fixturename} is for benchmark entries; {node.nodeid} is none", pytrace=False)
    return node
