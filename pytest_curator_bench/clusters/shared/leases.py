# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The leases that shared Ray clusters run on: each outlives the entry that it was taken for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_curator_bench.clusters.local.command import ClusterSpec
    from pytest_curator_bench.resources.allocation import ResourceRequest
    from pytest_curator_bench.resources.registry import Lease

__all__ = ["SharedLeases"]


@dataclass(slots=True)
class _Kept:
    need: ResourceRequest
    lease: Lease
    user: Lease  # what the entry that runs on it now, or ran last, was given


class SharedLeases:
    """What this process's shared clusters have of the machine, by their shape: there is one cluster of each."""

    def __init__(self) -> None:
        self._kept: dict[ClusterSpec, _Kept] = {}

    def __contains__(self, spec: ClusterSpec) -> bool:
        """Whether a cluster of this shape has a lease, on whichever need."""
        return spec in self._kept

    def keep(self, spec: ClusterSpec, need: ResourceRequest, lease: Lease) -> None:
        """Take over what the lease holds, unless it was lent by :meth:`lend`: the cluster goes on using it."""
        if spec not in self._kept:
            self._kept[spec] = _Kept(need, lease.hand_over(), lease)

    def lend(self, spec: ClusterSpec, need: ResourceRequest) -> Lease | None:
        """A lease for the next entry on the cluster of this shape, if there is one that runs on the same need."""
        kept = self._kept.get(spec)
        if kept is None or kept.need != need:
            return None
        kept.user = kept.lease.lend()
        return kept.user

    def give_back(self, spec: ClusterSpec) -> None:
        """Give back what a cluster had, when it has stopped for good; raises LeaseError as its release does."""
        kept = self._kept.pop(spec, None)
        if kept is not None:
            kept.user.release()  # before the others can get any of it: recorded intervals never overlap
            kept.lease.release()
