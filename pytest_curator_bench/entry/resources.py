# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""An entry's resource request, worked out from its ``ray`` section and ``exclusive``, and its lease."""

from __future__ import annotations

import dataclasses
import itertools
import os
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError, StoreTooLargeError
from pytest_curator_bench.resources.allocation import ResourceRequest, describe_allocation, shortage
from pytest_curator_bench.session.status import EntryStatus, publish_status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_curator_bench.clusters.local.command import ClusterSpec
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.config.schema_models import RaySettings
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.capacity import Capacity
    from pytest_curator_bench.resources.registry import Blockage, Lease
    from pytest_curator_bench.results.record import EntryResult

__all__ = [
    "acquire_lease",
    "cluster_spec",
    "lease_warnings",
    "leased_status",
    "machine_share",
    "make_room",
    "parallel_order",
    "request_for",
    "runs_alone",
    "shares_cluster",
    "shortage_for",
    "waiting_status",
    "with_lease",
]


def request_for(entry: Entry, capacity: Capacity) -> ResourceRequest:
    """What the entry leases.

    A number that its ``ray`` section doesn't name stands for all that there is, as it does for its cluster. An
    entry that names neither CPUs nor GPUs runs alone, unless ``exclusive: false`` says that it may run beside
    others: then it leases no CPU and no GPU.
    """
    ray = _local_cluster(entry)
    store = 0 if ray is None else _store_bytes(entry, capacity)
    if runs_alone(entry):
        cpus, gpus = (None, None) if ray is None else (ray.num_cpus, ray.num_gpus)
        return ResourceRequest(cpus=cpus, gpus=gpus, object_store_bytes=store, alone=True)
    if ray is None or _names_nothing(ray):
        return ResourceRequest(cpus=0, gpus=0, object_store_bytes=store)
    return ResourceRequest(cpus=ray.num_cpus, gpus=ray.num_gpus, object_store_bytes=store)


def shortage_for(entry: Entry, capacity: Capacity) -> str | None:
    """Return one sentence about what the entry requests and this machine does not have; ``None`` if it has it all."""
    shortages = [shortage(request_for(entry, capacity), capacity)]
    if _local_cluster(entry) is not None:
        try:
            _plan_store(entry, capacity)
        except StoreTooLargeError as error:
            shortages.append(str(error))
        except ClusterError:
            pass  # the cluster's start reports it: it is no shortage
    return "; ".join(filter(None, shortages)) or None


def parallel_order(entries: Sequence[Entry]) -> list[Entry]:
    """An order in which entries keep a machine busy that several processes work through it on.

    Those that take more than half of the widest one's share come last, narrow before wide, since nothing much
    fits beside them; before them wide and narrow ones alternate, which fit beside one another. It depends on the
    entries alone: workers must agree on it, whatever machine they are on.
    """
    rays = [ray for entry in entries if (ray := _local_cluster(entry)) is not None]
    most_gpus = max((ray.num_gpus or 0 for ray in rays), default=0) or 1
    most_cpus = max((ray.num_cpus or 0 for ray in rays), default=0) or 1

    def width(entry: Entry) -> float:
        ray = _local_cluster(entry)
        if runs_alone(entry):
            return 2.0
        if ray is None or _names_nothing(ray):
            return 0.0
        gpus = 1.0 if ray.num_gpus is None else ray.num_gpus / most_gpus
        cpus = 1.0 if ray.num_cpus is None else ray.num_cpus / most_cpus
        return max(gpus, cpus)

    ordered = sorted(entries, key=width)
    narrow = [entry for entry in ordered if width(entry) <= 0.5]
    half = len(narrow) // 2
    # From the middle outwards: next to each one that is wider than half of them comes one that is narrower.
    pairs = itertools.zip_longest(reversed(narrow[:half]), narrow[half:])
    return [entry for pair in pairs for entry in pair if entry is not None] + ordered[len(narrow) :]


def cluster_spec(entry: Entry, memory_bytes: int) -> ClusterSpec:
    """Return the cluster that the entry asks for; a fraction for the object store is one of ``memory_bytes``."""
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
        interpreter=entry.interpreter,
    )


def requested_object_store_bytes(entry: Entry, memory_bytes: int) -> int | None:
    """The size that the entry asks for; a fraction is one of ``memory_bytes``; ``None`` for the default."""
    if entry.ray is not None and entry.ray.object_store_memory is not None:
        return entry.ray.object_store_memory
    size = entry.object_store_size
    if size is None or size == "default":
        return None
    return int(size * memory_bytes) if isinstance(size, float) else int(size)


def runs_alone(entry: Entry) -> bool:
    """Return whether the entry needs the whole machine to itself."""
    if entry.exclusive is not None:
        return entry.exclusive
    ray = _local_cluster(entry)
    return ray is None or _names_nothing(ray)


def shares_cluster(entry: Entry) -> bool:
    """Return whether the entry shares a cluster of this process with others."""
    return entry.ray is not None and entry.ray.scope == "session"


def acquire_lease(services: Services, entry: Entry, entry_dir: Path) -> Lease:
    """Wait for the entry's lease and return it.

    An entry on a shared cluster borrows that cluster's lease. Idle shared clusters are stopped before this process
    waits for anything, so that no two processes wait for what the other one keeps.

    Args:
        services: the services of this process.
        entry: the entry.
        entry_dir: its directory; while the entry waits, its status there says for what.

    Raises:
        LeaseError: the request can never be granted.
        ClusterError: something is left of a cluster that was stopped.
    """
    request = request_for(entry, services.capacity)
    if shares_cluster(entry):
        spec = cluster_spec(entry, services.capacity.memory_bytes)
        lent = services.cluster_pool.lend(spec, request)
        if lent is not None:
            return lent
    if services.has_idle_cluster:
        lease = services.leases.try_acquire(request, entry.name)
        if lease is not None:
            return lease
        services.cluster_pool.drop_idle()
    with publish_status(entry_dir) as report:
        return services.leases.acquire(request, entry.name, lambda blockage: report(waiting_status(blockage)))


def make_room(services: Services) -> None:
    """Stop idle shared clusters if somebody is waiting for their leases; raises ClusterError."""
    if services.has_idle_cluster and services.leases.others_waiting():
        services.cluster_pool.drop_idle()


def with_lease(result: EntryResult, lease: Lease) -> EntryResult:
    """Return the result with a record of the lease."""
    return dataclasses.replace(result, resources={**result.resources, "lease": lease.to_dict()})


def lease_warnings(entry: Entry, lease: Lease) -> list[str]:
    """Warn about entry settings that conflict with the lease."""
    if "CUDA_VISIBLE_DEVICES" not in lease.environment() or "CUDA_VISIBLE_DEVICES" not in entry.env:
        return []
    gpus = ", ".join(map(str, lease.gpus)) or "none"
    return [f"Its env sets CUDA_VISIBLE_DEVICES, whatever it has leased (GPUs: {gpus}): name ray.num_gpus instead"]


def waiting_status(blockage: Blockage) -> EntryStatus:
    """Return what is waited for, and who holds it."""
    holders = [
        f"{describe_allocation(grant.allocation).removeprefix('the ')} leased by {grant.name}, pid {grant.pid}, "
        f"since {_clock(grant.since)}"
        for grant in blockage.grants
    ]
    queue = [f"queued behind {', '.join(blockage.ahead)}"] if blockage.ahead else []
    return EntryStatus(
        doing=f"waiting for {blockage.request}",
        detail=(*holders, *queue),
        held_by=tuple(grant.pid for grant in blockage.grants),
    )


def leased_status(doing: str, lease: Lease, *, run: str | None = None) -> EntryStatus:
    """Return the status of an entry that holds its lease."""
    return EntryStatus(
        doing=doing,
        leased_at=lease.granted_at,
        cpus=len(lease.cpus),
        gpus=tuple(gpu for gpu in lease.gpus if isinstance(gpu, int)),  # no figures of a divided GPU's instances
        run=run,
    )


def machine_share(entry: Entry, capacity: Capacity, workers: int) -> float:
    """Return the share of the machine that the entry takes while others run: 1 where nothing runs beside it."""
    request = request_for(entry, capacity)
    if request.alone:
        return 1.0
    parts = ((request.cpus, len(capacity.cpus)), (request.gpus, len(capacity.gpus)))
    shares = [1.0 if asked is None else asked / there for asked, there in parts if there]
    return min(max(1 / workers, *shares), 1.0)


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M")


def _local_cluster(entry: Entry) -> RaySettings | None:
    """The cluster that is started here, if any; what is asked of one elsewhere is not leased of this machine."""
    return None if entry.ray is not None and entry.ray.names_running_cluster else entry.ray


def _names_nothing(ray: RaySettings) -> bool:
    return ray.num_cpus is None and ray.num_gpus is None


def _store_bytes(entry: Entry, capacity: Capacity) -> int:
    try:
        size = _plan_store(entry, capacity)
    except ClusterError:  # it will not come to a lease
        size = 0
    # What does not fit into /dev/shm lies on disk, and takes all the more of the page cache.
    return min(size, capacity.object_store_bytes)


def _plan_store(entry: Entry, capacity: Capacity) -> int:
    from pytest_curator_bench.clusters.local.object_store import plan_object_store

    return plan_object_store(
        requested_object_store_bytes(entry, capacity.memory_bytes),
        memory=capacity.memory_bytes,
        shared_memory_free=capacity.shared_memory_bytes,
        environment=os.environ,
    ).size_bytes


def _uses_xenna(entry: Entry) -> bool:
    return any(arg == "xenna" or arg.endswith("=xenna") for arg in entry.args)
