# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""An entry's lease: taken before anything of it starts, recorded in its result."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.entry.cluster import cluster_spec, shares_cluster
from pytest_curator_bench.resources.allocation import describe_allocation
from pytest_curator_bench.session.status import EntryStatus, publish_status

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.resources.registry import Blockage, Lease
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["lease_warnings", "make_room", "take_lease", "waiting_status", "with_lease"]

RESOURCE = "lease"


def take_lease(context: BenchContext, entry: Entry, entry_dir: Path) -> Lease:
    """Lease what the entry needs, as soon as it can be had.

    An entry on a shared cluster borrows that cluster's lease. Clusters that are only kept ready are given up before
    this process waits for anything, so that no two processes wait for what the other one keeps.

    Raises:
        LeaseError: it never can be had.
        ClusterError: something is left of a cluster that was given up.
    """
    need, pool = context.need(entry), context.cluster_pool
    if shares_cluster(entry):
        spec = cluster_spec(entry, context.capacity.memory_bytes)
        lent = context.shared_leases.lend(spec, need)
        if lent is not None:
            return lent
        if spec in context.shared_leases:  # on another need (exclusive, say): it would be taken for this entry's
            _drop_idle(context)
    if pool.has_idle:
        lease = context.leases.try_acquire(need, entry.name)
        if lease is not None:
            return lease
        _drop_idle(context)
    with publish_status(entry_dir) as say:
        return context.leases.acquire(need, entry.name, lambda blockage: say(waiting_status(blockage)))


def make_room(context: BenchContext) -> None:
    """Give up the clusters that are only kept ready, if somebody waits for what they have; raises ClusterError."""
    if context.cluster_pool.has_idle and context.leases.others_waiting():
        _drop_idle(context)


def _drop_idle(context: BenchContext) -> None:
    problems = context.cluster_pool.drop_idle()
    if problems:
        raise ClusterError(problems[0])


def with_lease(result: EntryResult, lease: Lease) -> EntryResult:
    """The result, with what was leased and for how long."""
    return dataclasses.replace(result, resources={**result.resources, RESOURCE: lease.to_dict()})


def lease_warnings(entry: Entry, lease: Lease) -> list[str]:
    """Warn about entry settings that conflict with the lease."""
    if "CUDA_VISIBLE_DEVICES" not in lease.environment() or "CUDA_VISIBLE_DEVICES" not in entry.env:
        return []
    gpus = ", ".join(map(str, lease.gpus)) or "none"
    return [f"Its env sets CUDA_VISIBLE_DEVICES, whatever it has leased (GPUs: {gpus}): name ray.num_gpus instead"]


def waiting_status(blockage: Blockage) -> EntryStatus:
    """What is waited for, and who has it."""
    holders = [
        f"{grant.name} (pid {grant.pid}) holds {describe_allocation(grant.allocation)} since {_clock(grant.since)}"
        for grant in blockage.grants
    ]
    queue = [f"before it in the queue: {', '.join(blockage.ahead)}"] if blockage.ahead else []
    return EntryStatus(f"waiting for {blockage.request}", (*holders, *queue), waiting=True)


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")
