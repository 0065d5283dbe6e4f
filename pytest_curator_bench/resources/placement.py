# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which CPUs and GPUs a lease gets: pure functions of what is asked for, what there is and what is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench.resources.capacity import pick_cores

if TYPE_CHECKING:
    from pytest_curator_bench.resources.capacity import Capacity, Gpu

__all__ = [
    "Allocation",
    "InUse",
    "ResourceRequest",
    "describe_allocation",
    "describe_need",
    "lacking",
    "place",
    "reserve",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """What is to be leased.

    Attributes:
        cpus: how many; ``None`` for all that there are.
        gpus: likewise.
        object_store_bytes: room for a Ray object store.
        alone: the whole machine: nobody else holds anything meanwhile, not even an empty lease.
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
        cores: the cores that these belong to, by number: nobody else gets a CPU of them.
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
    """What all shares given out have taken together."""

    def __init__(self) -> None:
        self.cores: set[int] = set()
        self.gpus: set[Gpu] = set()
        self.object_store_bytes = 0
        self.alone = False
        self.shares = 0

    def add(self, share: Allocation) -> None:
        """Take a share as well."""
        self.cores.update(share.cores)
        self.gpus.update(share.gpus)
        self.object_store_bytes += share.object_store_bytes
        self.alone |= share.alone
        self.shares += 1


def place(need: ResourceRequest, capacity: Capacity, taken: InUse) -> Allocation | None:
    """The share that ``need`` gets now, or ``None`` while too much is taken."""
    if taken.alone or (need.alone and taken.shares):
        return None
    share = reserve(need, capacity, taken)
    enough = (
        len(share.cpus) >= _cpus(need, capacity)
        and len(share.gpus) >= _gpus(need, capacity)
        and share.object_store_bytes >= need.object_store_bytes
    )
    return share if enough else None


def reserve(need: ResourceRequest, capacity: Capacity, taken: InUse) -> Allocation:
    """The share of what is free that ``need`` could use; all of it where that is not enough."""
    cores = pick_cores((core for core in capacity.cores if core.number not in taken.cores), _cpus(need, capacity))
    free_bytes = max(capacity.object_store_bytes - taken.object_store_bytes, 0)
    return Allocation(
        cpus=tuple(sorted(cpu for core in cores for cpu in core.cpus)),
        cores=tuple(core.number for core in cores),
        gpus=tuple(gpu for gpu in capacity.gpus if gpu not in taken.gpus)[: _gpus(need, capacity)],
        object_store_bytes=free_bytes if need.alone else min(need.object_store_bytes, free_bytes),
        alone=need.alone,
    )


def lacking(need: ResourceRequest, capacity: Capacity) -> str | None:
    """What is asked for and never there, as in ``needs 4 GPUs, this machine has 1``; ``None`` if it all is."""
    lacks = []
    for asked, there, what in ((need.gpus, len(capacity.gpus), "GPU"), (need.cpus, len(capacity.cpus), "CPU")):
        if asked is not None and asked > there:
            lacks.append(f"needs {_count(asked, what)}, this machine has {there}")
    if need.object_store_bytes > capacity.object_store_bytes:
        asked_text, there_text = _gigabytes(need.object_store_bytes), _gigabytes(capacity.object_store_bytes)
        lacks.append(f"needs an object store of {asked_text}, this machine has room for {there_text}")
    return "; ".join(lacks) or None


def describe_need(need: ResourceRequest, capacity: Capacity) -> str:
    """As in ``4 GPUs, 16 CPUs, 7.2 GB of object store``."""
    return _describe(_gpus(need, capacity), _cpus(need, capacity), need.object_store_bytes, alone=need.alone)


def describe_allocation(share: Allocation) -> str:
    """The same of a share."""
    return _describe(len(share.gpus), len(share.cpus), share.object_store_bytes, alone=share.alone)


def _describe(gpus: int, cpus: int, store: int, *, alone: bool) -> str:
    if alone:
        return "the whole machine"
    parts = [_count(gpus, "GPU")] if gpus else []
    parts += [_count(cpus, "CPU")] if cpus else []
    parts += [f"{_gigabytes(store)} of object store"] if store else []
    return ", ".join(parts) or "nothing of its own"


def _gigabytes(size: int) -> str:
    return f"{size / 10**9:.3g} GB"


def _cpus(need: ResourceRequest, capacity: Capacity) -> int:
    return len(capacity.cpus) if need.alone or need.cpus is None else need.cpus


def _gpus(need: ResourceRequest, capacity: Capacity) -> int:
    return len(capacity.gpus) if need.alone or need.gpus is None else need.gpus


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
