# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From an entry's ``ray`` section to a running cluster, and back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
from pytest_curator_bench.entry.job import find_cluster, uses_existing_cluster, with_existing_outcome
from pytest_curator_bench.entry.plan import script_environment
from pytest_curator_bench.entry.resources import cluster_spec, request_for, shares_cluster
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.status import EntryStatus, publish_status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_curator_bench.clusters.local.cluster import ClusterSpec, LocalCluster
    from pytest_curator_bench.clusters.shared.inspector import Inspector
    from pytest_curator_bench.clusters.shared.pool import ClusterPool
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["acquire_cluster", "release_cluster", "with_cluster_outcome"]

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
LOG_NAME = "ray.log"
LOGS_DIR = "ray"


def acquire_cluster(services: Services, entry: Entry, entry_dir: Path, lease: Lease) -> LocalCluster | ExistingCluster:
    """Return the entry's cluster: its own, one that entries share (``ray.scope``), or the running one that it names.

    Raises:
        ClusterError: it does not come up, with Ray's own reason, or the running one will not do.
    """
    if uses_existing_cluster(entry.ray):
        return find_cluster(entry)
    spec = cluster_spec(entry, services.capacity.memory_bytes)
    with publish_status(entry_dir) as report:
        report(EntryStatus("starting Ray"))
        if not shares_cluster(entry):
            return _start_cluster(services, spec, entry_dir / LOG_NAME, lease)
        shared = services.cluster_pool.take(spec, entry.name, lambda name: _start_shared(services, spec, name, lease))
    services.shared_leases.keep(spec, request_for(entry, services.capacity), lease)
    return shared.cluster


def _start_cluster(services: Services, spec: ClusterSpec, log_file: Path, lease: Lease) -> LocalCluster:
    from pytest_curator_bench.clusters.local.cluster import LocalCluster

    return LocalCluster.start(
        spec,
        supervisor=services.supervisor,
        log_file=log_file,
        start_timeout_s=START_TIMEOUT_S,
        env=script_environment(lease.environment(), None, hidden=services.bench_config.secret_variables),
        cwd=services.working_dir,
        cpus=lease.affinity,
    )


def _start_shared(services: Services, spec: ClusterSpec, name: str, lease: Lease) -> tuple[LocalCluster, Inspector]:
    from pytest_curator_bench.clusters.shared.inspector import Inspector

    logs_dir = services.session.run_dir / LOGS_DIR
    try:
        logs_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SessionError.unwritable(logs_dir, "results_dir", error) from error
    cluster = _start_cluster(services, spec, logs_dir / f"{name}.log", lease)
    try:
        inspector = Inspector.start(
            cluster.private_dir,
            supervisor=services.supervisor,
            env=script_environment({}, cluster, hidden=services.bench_config.secret_variables),
            cwd=services.working_dir,
        )
    except BaseException:
        cluster.stop(keep_logs_in=None, stop_timeout_s=0)
        raise
    return cluster, inspector


def with_cluster_outcome(
    pool: ClusterPool, result: EntryResult, cluster: LocalCluster | ExistingCluster
) -> EntryResult:
    """Return the result with facts and warnings of the cluster; a script is not to blame if its cluster died."""
    if isinstance(cluster, ExistingCluster):
        return with_existing_outcome(result, cluster)
    shared = pool.of(cluster)
    facts = {
        "scope": "entry" if shared is None else "session",
        "num_cpus": cluster.num_cpus,
        "num_gpus": cluster.spec.num_gpus,
        "object_store_bytes": cluster.object_store_bytes,
        "start_time_s": cluster.start_time_s,
        "reused": shared is not None and len(shared.entries) > 1,
        "shared_name": None if shared is None else shared.name,
    }
    result = dataclasses.replace(
        result,
        resources={**result.resources, "ray": facts},
        warnings=[*result.warnings, *cluster.warnings, *(shared.notes if shared is not None else ())],
    )
    if result.status != "failed" or cluster.alive():
        return result
    sentence, detail = cluster.last_words()
    error = f"The Ray cluster died while the script ran: {sentence}\n{detail}".strip()
    return dataclasses.replace(result, status="error", reason="ray", error=error)


def release_cluster(
    pool: ClusterPool, cluster: LocalCluster | ExistingCluster, entry: Entry, entry_dir: Path, *, passed: bool
) -> Sequence[str]:
    """Stop the entry's own cluster, or look at what it left on a shared one and give that back.

    A running cluster that the entry only named is left alone. Ray's logs are kept if the entry did not pass, if its
    cluster was lost, or if the config asks for it.

    Returns:
        Warnings for the entry's result.

    Raises:
        ClusterError: something of a cluster is left.
    """
    if isinstance(cluster, ExistingCluster):
        return ()
    keep = not passed or (entry.ray is not None and entry.ray.keep_logs is True)
    shared = pool.of(cluster)
    if shared is not None:
        findings = pool.examine(shared)
        warnings = []
        if keep or findings.lost:
            logs_dir = entry_dir / LOGS_DIR
            warnings.append(cluster.copy_logs(logs_dir, log_file=entry_dir / LOG_NAME, limit_s=STOP_TIMEOUT_S))
        return [*filter(None, warnings), *pool.give_back(shared, findings)]
    told = len(cluster.warnings)
    cluster.stop(keep_logs_in=entry_dir / LOGS_DIR if keep else None, stop_timeout_s=STOP_TIMEOUT_S)
    return cluster.warnings[told:]
