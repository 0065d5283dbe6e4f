# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From an entry's ``ray`` section to a running cluster, and back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
from pytest_curator_bench.entry.job import with_existing_fate
from pytest_curator_bench.entry.resources import requested_object_store_bytes
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.status import EntryStatus, publish_status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_curator_bench.clusters.local.cluster import ClusterSpec, LocalCluster
    from pytest_curator_bench.clusters.shared.inspector import Inspector
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["acquire_cluster", "cluster_spec", "release_cluster", "shares_cluster", "with_cluster_fate"]

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
LOG_NAME = "ray.log"
LOGS_DIR = "ray"


def cluster_spec(entry: Entry, memory_bytes: int) -> ClusterSpec:
    """What kind of cluster the entry asks for; a fraction for the object store is one of ``memory_bytes``."""
    from pytest_curator_bench.clusters.local.cluster import ClusterSpec

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


def acquire_cluster(context: BenchContext, entry: Entry, entry_dir: Path, lease: Lease) -> LocalCluster:
    """The entry's cluster, on its lease: its own, or one that entries share, as its ``ray.scope`` says.

    Raises:
        ClusterError: it does not come up; with Ray's own reason.
    """
    spec = cluster_spec(entry, context.capacity.memory_bytes)
    with publish_status(entry_dir) as say:
        say(EntryStatus("starting Ray"))
        if not shares_cluster(entry):
            return _start_cluster(context, spec, entry_dir / LOG_NAME, lease)
        return context.cluster_pool.take(
            spec,
            entry.name,
            lambda name: _start_shared(context, spec, name, lease),
            request=context.need(entry),
            lease=lease,
        ).cluster


def _start_cluster(context: BenchContext, spec: ClusterSpec, log_file: Path, lease: Lease) -> LocalCluster:
    from pytest_curator_bench.clusters.local.cluster import LocalCluster

    return LocalCluster.start(
        spec,
        supervisor=context.supervisor,
        log_file=log_file,
        start_timeout_s=START_TIMEOUT_S,
        env=context.script_environment(lease.environment(), None),
        cwd=context.working_dir,
        cpus=lease.affinity,
    )


def _start_shared(context: BenchContext, spec: ClusterSpec, name: str, lease: Lease) -> tuple[LocalCluster, Inspector]:
    from pytest_curator_bench.clusters.shared.inspector import Inspector

    logs_dir = context.store.run_dir / LOGS_DIR
    try:
        logs_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SessionError.unwritable(logs_dir, "results_dir", error) from error
    cluster = _start_cluster(context, spec, logs_dir / f"{name}.log", lease)
    try:
        inspector = Inspector.start(
            cluster.private_dir,
            supervisor=context.supervisor,
            env=context.script_environment({}, cluster),
            cwd=context.working_dir,
        )
    except BaseException:
        cluster.stop(keep_logs_in=None, stop_timeout_s=0)
        raise
    return cluster, inspector


def with_cluster_fate(
    context: BenchContext, result: EntryResult, cluster: LocalCluster | ExistingCluster
) -> EntryResult:
    """The result, with facts and warnings of the cluster; a script is not to blame if its cluster died."""
    if isinstance(cluster, ExistingCluster):
        return with_existing_fate(result, cluster)
    shared = context.cluster_pool.of(cluster)
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
    context: BenchContext, cluster: LocalCluster, entry: Entry, entry_dir: Path, *, passed: bool
) -> Sequence[str]:
    """Stop the entry's own cluster, or look at what it left on a shared one and give that back.

    Ray's logs are kept if the entry did not pass, if its cluster was lost, or if the config asks for it.

    Returns:
        Warnings for the entry's result.

    Raises:
        ClusterError: something of a cluster is left.
    """
    keep = not passed or (entry.ray is not None and entry.ray.keep_logs is True)
    shared = context.cluster_pool.of(cluster)
    if shared is not None:
        findings = context.cluster_pool.examine(shared)
        warnings = []
        if keep or findings.lost:
            logs_dir = entry_dir / LOGS_DIR
            warnings.append(cluster.copy_logs(logs_dir, log_file=entry_dir / LOG_NAME, limit_s=STOP_TIMEOUT_S))
        return [*filter(None, warnings), *context.cluster_pool.give_back(shared, findings)]
    told = len(cluster.warnings)
    cluster.stop(keep_logs_in=entry_dir / LOGS_DIR if keep else None, stop_timeout_s=STOP_TIMEOUT_S)
    return cluster.warnings[told:]


def _uses_xenna(entry: Entry) -> bool:
    return any(arg == "xenna" or arg.endswith("=xenna") for arg in entry.args)
