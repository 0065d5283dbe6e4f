# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From an entry's ``ray`` section to what provides its cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.existing.cluster import uses_existing_cluster
from pytest_curator_bench.clusters.local import ClusterSpec
from pytest_curator_bench.clusters.provider import ClusterStart, ExistingProvider, FreshProvider, SharedProvider
from pytest_curator_bench.entry.resources import requested_object_store_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.clusters.provider import ClusterProvider
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.resources.registry import Lease

__all__ = ["cluster_provider", "cluster_spec", "shares_cluster"]


def cluster_spec(entry: Entry, memory_bytes: int) -> ClusterSpec:
    """What kind of cluster the entry asks for; a fraction for the object store is one of ``memory_bytes``."""
    ray = entry.ray
    if ray is None:
        raise ValueError(f"entry {entry.name} asks for no cluster")
    return ClusterSpec(
        num_cpus=ray.num_cpus,
        num_gpus=ray.num_gpus,
        object_store_bytes=requested_object_store_bytes(entry, memory_bytes),
        dashboard=ray.dashboard if ray.dashboard is not None else _uses_xenna(entry),
        enable_object_spilling=bool(ray.enable_object_spilling),
    )


def shares_cluster(entry: Entry) -> bool:
    """Whether the entry's cluster is one of this process's that entries share."""
    return entry.ray is not None and entry.ray.scope == "session"


def cluster_provider(context: BenchContext, entry: Entry, entry_dir: Path, lease: Lease) -> ClusterProvider | None:
    """Return what provides the entry's cluster, as its ``ray`` section says; ``None`` if it asks for none."""
    if entry.ray is None:
        return None
    if uses_existing_cluster(entry.ray):
        return ExistingProvider(settings=entry.ray)
    start = ClusterStart(
        spec=cluster_spec(entry, context.capacity.memory_bytes),
        supervisor=context.supervisor,
        environment=context.script_environment(lease.environment(), None),
        working_dir=context.working_dir,
        cpus=lease.affinity,
    )
    keep_logs = entry.ray.keep_logs is True
    if not shares_cluster(entry):
        return FreshProvider(start=start, entry_dir=entry_dir, keep_logs=keep_logs)
    return SharedProvider(
        pool=context.cluster_pool,
        start=start,
        entry=entry.name,
        request=context.need(entry),
        lease=lease,
        entry_dir=entry_dir,
        run_dir=context.store.run_dir,
        keep_logs=keep_logs,
    )


def _uses_xenna(entry: Entry) -> bool:
    return any(arg == "xenna" or arg.endswith("=xenna") for arg in entry.args)
