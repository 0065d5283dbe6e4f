# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From an entry's ``ray`` section to what provides its cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.entry.plan import script_environment
from pytest_curator_bench.entry.resources import cluster_spec, request_for, shares_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.clusters.provider import ClusterProvider
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.registry import Lease

__all__ = ["cluster_provider"]


def cluster_provider(services: Services, entry: Entry, entry_dir: Path, lease: Lease) -> ClusterProvider | None:
    """Return what provides the entry's cluster, as its ``ray`` section says; ``None`` if it asks for none."""
    if entry.ray is None:
        return None
    from pytest_curator_bench.clusters.provider import ClusterStart, ExistingProvider, FreshProvider, SharedProvider

    if entry.ray.names_running_cluster:
        return ExistingProvider(settings=entry.ray)
    start = ClusterStart(
        spec=cluster_spec(entry, services.capacity.memory_bytes),
        supervisor=services.supervisor,
        environment=script_environment(lease.environment(), None, hidden=services.bench_config.secret_variables),
        working_dir=services.working_dir,
        cpus=lease.affinity,
    )
    keep_logs = entry.ray.keep_logs is True
    if not shares_cluster(entry):
        return FreshProvider(start=start, entry_dir=entry_dir, keep_logs=keep_logs)
    return SharedProvider(
        pool=services.cluster_pool,
        start=start,
        entry=entry.name,
        request=request_for(entry, services.capacity),
        lease=lease,
        entry_dir=entry_dir,
        run_dir=services.session.run_dir,
        keep_logs=keep_logs,
    )
