# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What an entry needs of the machine, worked out from its ``ray`` section and ``exclusive``."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError, StoreTooLargeError
from pytest_curator_bench.clusters.existing.cluster import uses_existing_cluster
from pytest_curator_bench.clusters.local.object_store import plan_object_store
from pytest_curator_bench.resources.allocation import ResourceRequest, shortage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.config.schema_models import RaySettings
    from pytest_curator_bench.resources.capacity import Capacity

__all__ = ["parallel_order", "request_for", "requested_object_store_bytes", "shortage_for"]


def request_for(entry: Entry, capacity: Capacity) -> ResourceRequest:
    """What the entry leases.

    A number that its ``ray`` section doesn't name stands for all that there is, as it does for its cluster. An
    entry that names neither CPUs nor GPUs runs alone, unless ``exclusive: false`` says that it may run beside
    others: then it leases no CPU and no GPU.
    """
    ray = _local_cluster(entry)
    store = 0 if ray is None else _store_bytes(entry, capacity)
    if _runs_alone(entry, ray):
        cpus, gpus = (None, None) if ray is None else (ray.num_cpus, ray.num_gpus)
        return ResourceRequest(cpus=cpus, gpus=gpus, object_store_bytes=store, alone=True)
    if ray is None or _names_nothing(ray):
        return ResourceRequest(cpus=0, gpus=0, object_store_bytes=store)
    return ResourceRequest(cpus=ray.num_cpus, gpus=ray.num_gpus, object_store_bytes=store)


def shortage_for(entry: Entry, capacity: Capacity) -> str | None:
    """One sentence about what the entry needs and the machine has not."""
    lacks = [shortage(request_for(entry, capacity), capacity)]
    if _local_cluster(entry) is not None:
        try:
            _plan_store(entry, capacity)
        except StoreTooLargeError as error:
            lacks.append(str(error))
        except ClusterError:
            pass  # for its start to say: it is no matter of what the machine has
    return "; ".join(filter(None, lacks)) or None


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
        if _runs_alone(entry, ray):
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


def requested_object_store_bytes(entry: Entry, memory_bytes: int) -> int | None:
    """The size that the entry asks for; a fraction is one of ``memory_bytes``; ``None`` for the default."""
    if entry.ray is not None and entry.ray.object_store_memory is not None:
        return entry.ray.object_store_memory
    size = entry.object_store_size
    if size is None or size == "default":
        return None
    return int(size * memory_bytes) if isinstance(size, float) else int(size)


def _local_cluster(entry: Entry) -> RaySettings | None:
    """The cluster that is started here, if any; what is asked of one elsewhere is not leased of this machine."""
    return None if uses_existing_cluster(entry.ray) else entry.ray


def _names_nothing(ray: RaySettings) -> bool:
    return ray.num_cpus is None and ray.num_gpus is None


def _runs_alone(entry: Entry, ray: RaySettings | None) -> bool:
    return entry.exclusive if entry.exclusive is not None else ray is None or _names_nothing(ray)


def _store_bytes(entry: Entry, capacity: Capacity) -> int:
    try:
        size = _plan_store(entry, capacity)
    except ClusterError:  # it will not come to a lease
        size = 0
    # What does not fit into /dev/shm lies on disk, and takes all the more of the page cache.
    return min(size, capacity.object_store_bytes)


def _plan_store(entry: Entry, capacity: Capacity) -> int:
    return plan_object_store(
        requested_object_store_bytes(entry, capacity.memory_bytes),
        memory=capacity.memory_bytes,
        shared_memory_free=capacity.shared_memory_bytes,
        environment=os.environ,
    ).size_bytes
