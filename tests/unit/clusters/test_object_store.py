# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How much of the machine's memory an object store takes."""

from __future__ import annotations

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local.object_store import ObjectStorePlan, plan_object_store

GB = 10**9


def plan(
    asked: int | None, *, memory: int = 100 * GB, free: int = 50 * GB, slow_allowed: bool = False
) -> ObjectStorePlan:
    """A plan for a machine of 100 GB, of which half can be shared memory."""
    environment = {"RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1"} if slow_allowed else {}
    return plan_object_store(asked, memory=memory, shared_memory_free=free, environment=environment)


@pytest.mark.parametrize(
    ("memory", "free", "expected"),
    [
        (100 * GB, 50 * GB, 30 * GB),
        (100 * GB, 10 * GB, 9_500_000_000),
        (1000 * GB, 500 * GB, 200 * GB),
        (GB, GB, 300_000_000),
    ],
)
def test_default_size(memory: int, free: int, expected: int) -> None:
    """30 % of memory, at most 95 % of what is free in /dev/shm, at most 200 GB; no warning."""
    assert plan(None, memory=memory, free=free) == ObjectStorePlan(expected)


def test_default_with_the_shared_memory_of_a_plain_container() -> None:
    """64 MiB of /dev/shm are too little for a store: 2 GiB on disk, and how to do better."""
    made = plan(None, free=64 * 1024**2)
    assert made.size_bytes == 2 * 1024**3
    assert "/dev/shm" in made.warnings[0]
    assert "--shm-size" in made.warnings[0]


def test_a_size_asked_for_is_taken() -> None:
    """A size that fits in /dev/shm is used as it is."""
    assert plan(40 * GB) == ObjectStorePlan(40 * GB)


def test_a_size_beyond_shared_memory_warns() -> None:
    """Ray would put it on disk and only say so in its log: the result shall say it."""
    made = plan(5 * GB, free=GB)
    assert made.size_bytes == 5 * GB
    assert "5 GB does not fit in /dev/shm, of which 1 GB are free" in made.warnings[0]


def test_a_large_store_on_disk_needs_permission() -> None:
    """More than 10 GB outside /dev/shm is refused, as Ray does later, unless its variable allows it."""
    with pytest.raises(ClusterError, match="Ray would refuse to start"):
        plan(20 * GB, free=GB)
    assert plan(20 * GB, free=GB, slow_allowed=True).warnings


@pytest.mark.parametrize(("asked", "message"), [(1000, "too small"), (101 * GB, "more than the 100 GB")])
def test_impossible_sizes_are_refused(asked: int, message: str) -> None:
    """Less than Ray's minimum, or more than all memory, is one clear error."""
    with pytest.raises(ClusterError, match=message):
        plan(asked)
