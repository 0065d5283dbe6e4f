# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Clusters that entries of one process share, one after the other (``ray.scope: session``)."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.resources.errors import LeaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.clusters.local.command import ClusterSpec
    from pytest_curator_bench.clusters.shared.inspector import Inspector, Inventory
    from pytest_curator_bench.resources.allocation import ResourceRequest
    from pytest_curator_bench.resources.registry import Lease

__all__ = ["ClusterPool", "Findings", "SharedCluster"]

# What a driver owned goes away after its end (0.3 s on an idle machine): an entry has left what still is there when
# nothing has changed for so long, or when so long has passed in all. Where a look has to wait for a busy machine,
# little of that time counts: Ray, too, has had to wait.
_UNCHANGED_S = 2.0
_SETTLE_LIMIT_S = 30.0
_LOOK_INTERVAL_S = 0.05
_COUNTED_S = 4 * _LOOK_INTERVAL_S


@dataclass(slots=True, eq=False)
class SharedCluster:
    """A cluster in the pool, with the lease that it runs on.

    Attributes:
        name: its name, unique in the pytest run.
        cluster: the cluster.
        inspector: the process that says what lives on it.
        request: what its lease was granted for.
        lease: what it runs on, for as long as it is in the pool.
        entry_lease: the lease of the entry that uses it now, or used it last; releasing that frees nothing.
        entries: names of the entries that have got it so far, the running one included.
        notes: sentences for the running entry's result.
        in_use: whether an entry has it.
    """

    name: str
    cluster: LocalCluster
    inspector: Inspector
    request: ResourceRequest
    lease: Lease
    entry_lease: Lease
    entries: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    in_use: bool = True

    def release(self) -> None:
        """Release the lease, once the cluster has stopped for good."""
        self.entry_lease.release()  # before others can get any of it: recorded intervals never overlap
        with contextlib.suppress(LeaseError):  # it goes with the next change, or with this process
            self.lease.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found on a cluster after an entry.

    Attributes:
        lost: why the cluster can't be used any more; empty if it can.
        left: what the entry left on it, one phrase each.
    """

    lost: str = ""
    left: tuple[str, ...] = ()


class ClusterPool:
    """The shared clusters of one process, one for each :class:`ClusterSpec`, and the leases that they run on.

    An entry asks for the cluster's lease (:meth:`lend`), acquires one of its own where there is none, takes the
    cluster (:meth:`take`), and gives it back (:meth:`examine`, :meth:`give_back`).

    It belongs to one thread and serves one entry at a time. A cluster whose entry is interrupted is never handed
    out again.
    """

    def __init__(self, prefix: str) -> None:
        """Make an empty pool; ``prefix`` begins the names of its clusters."""
        self._prefix = prefix
        self._clusters: dict[ClusterSpec, SharedCluster] = {}
        self._started = 0

    def lend(self, spec: ClusterSpec, request: ResourceRequest) -> Lease | None:
        """Return a lease for the next entry on the cluster of this spec; ``None`` if it has to acquire its own.

        A cluster of this spec that runs on another request (for the whole machine, say) is stopped: one process
        has at most one of each.

        Raises:
            ClusterError: something is left of that one.
        """
        shared = self._clusters.get(spec)
        if shared is None:
            return None
        if shared.request != request or shared.in_use:
            if problems := self._stop(shared):
                raise ClusterError(problems[0])
            return None
        shared.entry_lease = shared.lease.lend()
        return shared.entry_lease

    def take(
        self,
        spec: ClusterSpec,
        entry: str,
        start: Callable[[str], tuple[LocalCluster, Inspector]],
        *,
        request: ResourceRequest,
        lease: Lease,
    ) -> SharedCluster:
        """Return the cluster of this spec for one entry: the idle one if it is usable, or else a new one.

        Args:
            spec: its spec.
            entry: the entry's name.
            start: starts a cluster and its inspector; it is given the cluster's name, which becomes a file's.
            request: what the entry's lease was granted for.
            lease: the entry's lease: lent by :meth:`lend`, or else handed over to the new cluster.

        Raises:
            ClusterError: there is none, and it can't be started. Its lease is released then.
        """
        shared = self._clusters.get(spec)
        notes: list[str] = []
        if shared is not None:
            shared.in_use = True
            reason = self._reason_to_replace(shared)
            if not reason:
                shared.entries.append(entry)
                return shared
            notes.append(
                f"The Ray cluster {shared.name}, which it would have shared with {shared.entries[-1]}, was not usable "
                f"any more and was replaced: {reason}"
            )
            notes += self._end(shared)
        self._started += 1
        name = f"{self._prefix}-{self._started}"
        try:
            cluster, inspector = start(name)
        except BaseException:
            if shared is not None:
                self._forget(shared)
            raise
        kept = lease.hand_over() if shared is None else shared.lease
        self._clusters[spec] = SharedCluster(name, cluster, inspector, request, kept, lease, [entry], notes)
        return self._clusters[spec]

    def examine(self, shared: SharedCluster) -> Findings:
        """Look at what is left on a cluster once an entry's script has ended, giving it time to go by itself.

        What Ray Data leaves behind by design is ended, so that the next entry meets none of it.
        """
        looked_at = time.monotonic()
        deadline = looked_at + _SETTLE_LIMIT_S
        before: list[str] = []
        unchanged_s = 0.0
        ended = False
        while True:
            inventory = self._inventory(shared)
            if isinstance(inventory, str):
                return Findings(lost=inventory)
            left = inventory.left()
            if not left:
                return Findings()
            now = time.monotonic()
            unchanged_s = unchanged_s + min(now - looked_at, _COUNTED_S) if left == before else 0.0
            before, looked_at = left, now
            if now > deadline or unchanged_s > _UNCHANGED_S:
                return Findings(left=tuple(left))
            if not ended and inventory.bookkeepers:
                ended = True
                try:
                    shared.inspector.end_actors(inventory.bookkeepers)
                except ClusterError as error:
                    return Findings(lost=error.sentence)
            else:
                time.sleep(_LOOK_INTERVAL_S)

    def give_back(self, shared: SharedCluster, findings: Findings) -> list[str]:
        """Take a cluster back from its entry; it is stopped unless the findings are good.

        Returns:
            Sentences for the entry's result.

        Raises:
            ClusterError: it was stopped, and something of it is left.
        """
        shared.notes.clear()
        if not findings.lost and not findings.left:
            shared.in_use = False
            return []
        if findings.lost:
            warning = f"The shared Ray cluster {shared.name} was lost, and is replaced: {findings.lost}"
        else:
            warning = (
                f"It left things on the shared Ray cluster {shared.name}, which is replaced therefore: "
                f"{'; '.join(findings.left)}. End them in the script, or set ray.scope to entry."
            )
        problems = self._stop(shared)
        if problems:
            raise ClusterError(problems[0], warning)
        return [warning]

    @property
    def has_idle(self) -> bool:
        """Whether there is a cluster that no entry uses."""
        return any(not shared.in_use for shared in self._clusters.values())

    def drop_idle(self) -> None:
        """Stop the clusters that no entry uses and release their leases.

        Raises:
            ClusterError: something is left of one of them.
        """
        idle = [shared for shared in self._clusters.values() if not shared.in_use]
        problems = [problem for shared in idle for problem in self._stop(shared)]
        if problems:
            raise ClusterError(problems[0])

    def close(self) -> list[str]:
        """Stop all clusters and release their leases; sentences if something of them is left."""
        return [problem for shared in [*self._clusters.values()] for problem in self._stop(shared)]

    def _reason_to_replace(self, shared: SharedCluster) -> str:
        """Return why an idle cluster can't be used any more; empty if it can, and its idle workers are back."""
        inventory = self._inventory(shared)
        if isinstance(inventory, str):
            return inventory
        if inventory.left():
            return f"{'; '.join(inventory.left())} appeared on it"
        # On a fresh cluster the first ray.init() waits for as many idle workers as there are CPUs. Workers end with
        # the job that has used them, and Ray starts no new ones before a task needs them.
        missing = shared.cluster.num_cpus - inventory.workers
        if missing > 0:
            try:
                shared.inspector.start_workers(missing)
            except ClusterError as error:
                return error.sentence
        return ""

    @staticmethod
    def _inventory(shared: SharedCluster) -> Inventory | str:
        """What lives on the cluster, or why that can't be told."""
        if not shared.cluster.alive():
            return shared.cluster.failure_summary()[0] or "it ended without output"
        try:
            inventory = shared.inspector.inventory()
        except ClusterError as error:
            return error.sentence
        return dataclasses.replace(inventory, orphans=shared.cluster.orphans())

    def _stop(self, shared: SharedCluster) -> list[str]:
        """Stop a cluster and release its lease; one sentence if something of it is left."""
        problems = self._end(shared)
        self._forget(shared)
        return problems

    @staticmethod
    def _end(shared: SharedCluster) -> list[str]:
        """Stop a cluster for good; one sentence if something of it is left."""
        shared.in_use = True  # should this be interrupted, close() does the rest
        shared.inspector.stop()
        try:
            shared.cluster.stop(keep_logs_in=None, stop_timeout_s=0)
        except ClusterError as error:
            return [error.sentence]
        return []

    def _forget(self, shared: SharedCluster) -> None:
        del self._clusters[shared.cluster.spec]
        shared.release()
