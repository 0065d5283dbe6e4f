# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which CPUs and GPUs a lease gets: pure functions of the request, the machine and what is in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import counted, format_size
from pytest_curator_bench.resources.capacity import pick_cores

if TYPE_CHECKING:
    from pytest_curator_bench.resources.capacity import Capacity, Gpu

__all__ = [
    "Allocation",
    "InUse",
    "ResourceRequest",
    "allocate",
    "describe_allocation",
    "describe_request",
    "reserve",
    "shortage",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """What a lease is asked for.

    Attributes:
        cpus: number of CPUs; ``None`` for all of the machine's.
        gpus: likewise.
        object_store_bytes: room for a Ray object store.
        alone: the whole machine: no other lease may be held meanwhile, not even an empty one.
    """

    cpus: int | None
    gpus: int | None
    object_store_bytes: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """A part of the machine.

    Attributes:
        cpus: CPUs to run on.
        cores: numbers of the cores that these belong to; no other allocation gets a CPU of them.
        gpus: GPUs.
        object_store_bytes: room for an object store.
        alone: whether everything else must stay free.
    """

    cpus: tuple[int, ...] = ()
    cores: tuple[int, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    object_store_bytes: int = 0
    alone: bool = False


class InUse:
    """Sum of several allocations."""

    def __init__(self) -> None:
        self.cores: set[int] = set()
        self.gpus: set[Gpu] = set()
        self.object_store_bytes = 0
        self.alone = False
        self.allocations = 0

    def add(self, allocation: Allocation) -> None:
        """Add an allocation."""
        self.cores.update(allocation.cores)
        self.gpus.update(allocation.gpus)
        self.object_store_bytes += allocation.object_store_bytes
        self.alone |= allocation.alone
        self.allocations += 1


def allocate(request: ResourceRequest, capacity: Capacity, in_use: InUse) -> Allocation | None:
    """Return the part of the machine that the request gets now, or ``None`` while too much is in use."""
    if in_use.alone or (request.alone and in_use.allocations):
        return None
    allocation = reserve(request, capacity, in_use)
    enough = (
        len(allocation.cpus) >= _cpus(request, capacity)
        and len(allocation.gpus) >= _gpus(request, capacity)
        and allocation.object_store_bytes >= request.object_store_bytes
    )
    return allocation if enough else None


def reserve(request: ResourceRequest, capacity: Capacity, in_use: InUse) -> Allocation:
    """Return what the request could use of what is free; all that is free where that is not enough."""
    free_cores = (core for core in capacity.cores if core.number not in in_use.cores)
    cores = pick_cores(free_cores, _cpus(request, capacity))
    free_bytes = max(capacity.object_store_bytes - in_use.object_store_bytes, 0)
    return Allocation(
        cpus=tuple(sorted(cpu for core in cores for cpu in core.cpus)),
        cores=tuple(core.number for core in cores),
        gpus=tuple(gpu for gpu in capacity.gpus if gpu not in in_use.gpus)[: _gpus(request, capacity)],
        object_store_bytes=free_bytes if request.alone else min(request.object_store_bytes, free_bytes),
        alone=request.alone,
    )


def shortage(request: ResourceRequest, capacity: Capacity) -> str | None:
    """Describe what this machine never has, as in ``needs 4 GPUs, this machine has 1``; ``None`` if it has all."""
    missing = []
    for asked, there, what in ((request.gpus, len(capacity.gpus), "GPU"), (request.cpus, len(capacity.cpus), "CPU")):
        if asked is not None and asked > there:
            missing.append(f"needs {counted(asked, what)}, this machine has {there}")
    if request.object_store_bytes > capacity.object_store_bytes:
        asked_text, room_text = format_size(request.object_store_bytes), format_size(capacity.object_store_bytes)
        missing.append(f"needs an object store of {asked_text}, this machine has room for {room_text}")
    return "; ".join(missing) or None


def describe_request(request: ResourceRequest, capacity: Capacity) -> str:
    """Describe a request, as in ``4 GPUs, 16 CPUs, 7.2 GB of object store``; one of nothing is ``a free slot``."""
    store = request.object_store_bytes
    return _describe(_gpus(request, capacity), _cpus(request, capacity), store, alone=request.alone) or "a free slot"


def describe_allocation(allocation: Allocation) -> str:
    """Describe an allocation in the same way."""
    store = allocation.object_store_bytes
    return _describe(len(allocation.gpus), len(allocation.cpus), store, alone=allocation.alone) or "a slot"


def _describe(gpus: int, cpus: int, store: int, *, alone: bool) -> str:
    if alone:
        return "the whole machine"
    parts = [counted(gpus, "GPU")] if gpus else []
    parts += [counted(cpus, "CPU")] if cpus else []
    parts += [f"{format_size(store)} of object store"] if store else []
    return ", ".join(parts)


def _cpus(request: ResourceRequest, capacity: Capacity) -> int:
    return len(capacity.cpus) if request.alone or request.cpus is None else request.cpus


def _gpus(request: ResourceRequest, capacity: Capacity) -> int:
    return len(capacity.gpus) if request.alone or request.gpus is None else request.gpus
