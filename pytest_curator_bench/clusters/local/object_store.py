# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How large a cluster's object store will be, and where it lies: decided before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import format_size
from pytest_curator_bench.clusters import internals
from pytest_curator_bench.clusters.errors import ClusterError, StoreTooLargeError
from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR, read_space

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ObjectStorePlan", "plan_object_store", "shared_memory_free_bytes"]

# Ours: with less than this in /dev/shm (Docker's default is 64 MiB) a store on disk serves better than none.
_SMALLEST_USEFUL_STORE_BYTES = 256 * 1024**2
_DEFAULT_SLOW_STORE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class ObjectStorePlan:
    """How large a cluster's object store will be.

    Attributes:
        size_bytes: what Ray is told.
        warnings: sentences about a store that will be slow.
    """

    size_bytes: int
    warnings: tuple[str, ...] = ()


def shared_memory_free_bytes() -> int:
    """Free space in /dev/shm, in bytes; 0 where there is no such file system."""
    space = read_space(SHARED_MEMORY_DIR)
    return 0 if space is None else space.free_bytes


def plan_object_store(
    asked_bytes: int | None, *, memory: int, shared_memory_free: int, environment: Mapping[str, str]
) -> ObjectStorePlan:
    """Decide on the object store's size before anything is started.

    Without a wish it is 30 % of memory, as Ray's, but of all memory rather than of what happens to be free,
    so that every run of a benchmark gets the same; never more than 95 % of what is free in /dev/shm, nor than
    200 GB. Where /dev/shm is tiny, as in a container started without ``--shm-size``, it is 2 GiB on disk.

    Args:
        asked_bytes: the size wished for, in bytes; ``None`` for the default.
        memory: bytes that this process may use.
        shared_memory_free: what :func:`shared_memory_free_bytes` says.
        environment: the cluster's environment, which may carry Ray's permission for a large store on disk.

    Raises:
        StoreTooLargeError: for a size that this machine has no room for.
        ClusterError: for another one that Ray would refuse after some seconds.
    """
    size = asked_bytes
    if size is None:
        size = min(int(memory * internals.STORE_MEMORY_SHARE), internals.LARGEST_DEFAULT_STORE_BYTES)
        in_shared_memory = int(shared_memory_free * internals.STORE_SHARED_MEMORY_SHARE)
        if in_shared_memory >= min(size, _SMALLEST_USEFUL_STORE_BYTES):
            size = min(size, in_shared_memory)
        else:
            size = min(size, _DEFAULT_SLOW_STORE_BYTES)
        size = max(size, internals.SMALLEST_STORE_BYTES)
    if size < internals.SMALLEST_STORE_BYTES:
        raise ClusterError(
            f"An object store of {format_size(size)} is too small for Ray: ask for at least "
            f"{internals.SMALLEST_STORE_BYTES} bytes (75 MiB)."
        )
    if size > memory:
        raise StoreTooLargeError(
            f"An object store of {format_size(size)} is more than the {format_size(memory)} of memory here: "
            "ask for less (30 % of memory is Ray's default)."
        )
    if size <= shared_memory_free:
        return ObjectStorePlan(size)
    shortage = (
        f"the object store of {format_size(size)} does not fit in /dev/shm, of which "
        f"{format_size(shared_memory_free)} are free"
    )
    remedy = "ask for less, or make /dev/shm larger (docker run --shm-size)"
    if size > internals.LARGEST_SLOW_STORE_BYTES and not environment.get(internals.ALLOW_SLOW_STORE):
        raise StoreTooLargeError(f"Ray would refuse to start: {shortage}; {remedy}.")
    return ObjectStorePlan(size, (f"Ray keeps its objects on disk, which is slow: {shortage}; {remedy}.",))
