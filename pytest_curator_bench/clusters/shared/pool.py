# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Clusters that entries of one process share, one after the other (``ray.scope: session``)."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.clusters.local.command import ClusterSpec
    from pytest_curator_bench.clusters.shared.inspector import Inspector
    from pytest_curator_bench.clusters.shared.inventory import Inventory

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
    """A cluster in the pool.

    Attributes:
        name: its name, unique in the pytest run.
        cluster: the cluster.
        inspector: what looks at it.
        entries: names of the entries that have got it so far, the running one included.
        notes: sentences for the running entry's result.
    """

    name: str
    cluster: LocalCluster
    inspector: Inspector
    entries: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    busy: bool = False


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
    """The shared clusters of one process: one for each shape that entries have asked for.

    It belongs to one thread. A cluster that is interrupted in a method here is never handed out again.
    """

    def __init__(self, prefix: str, on_stop: Callable[[ClusterSpec], None]) -> None:
        """Make an empty pool.

        Args:
            prefix: the beginning of clusters' names.
            on_stop: told the shape of a cluster that has been stopped and is not replaced at once: what it was given
                can be used by others.
        """
        self._prefix = prefix
        self._on_stop = on_stop
        self._clusters: list[SharedCluster] = []
        self._started = 0

    def take(
        self, spec: ClusterSpec, entry: str, start: Callable[[str], tuple[LocalCluster, Inspector]]
    ) -> SharedCluster:
        """A cluster of this shape for one entry: an idle one that is well, or else a new one.

        Args:
            spec: its shape.
            entry: the entry's name.
            start: starts a cluster and its inspector; it is given the cluster's name, which becomes a file's.

        Raises:
            ClusterError: there is none, and it can't be started.
        """
        notes = []
        for shared in [shared for shared in self._clusters if not shared.busy and shared.cluster.spec == spec]:
            shared.busy = True
            lost = self._look(shared)
            if not lost:
                return self._hand_out(shared, entry)
            notes.append(
                f"The Ray cluster {shared.name}, which it would have shared with {shared.entries[-1]}, was not usable "
                f"any more and was replaced: {lost}"
            )
            notes += self._end(shared)
        self._started += 1
        name = f"{self._prefix}-{self._started}"
        try:
            shared = SharedCluster(name, *start(name), notes=notes, busy=True)
        except BaseException:
            self._on_stop(spec)
            raise
        self._clusters.append(shared)
        return self._hand_out(shared, entry)

    def of(self, cluster: LocalCluster) -> SharedCluster | None:
        """The shared cluster that this one is, if it is one."""
        return next((shared for shared in self._clusters if shared.cluster is cluster), None)

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
            shared.busy = False
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
        return any(not shared.busy for shared in self._clusters)

    def drop_idle(self) -> list[str]:
        """Stop the clusters that no entry uses, so that what is held for them is free; sentences if that fails."""
        return [problem for shared in [*self._clusters] if not shared.busy for problem in self._stop(shared)]

    def close(self) -> list[str]:
        """Stop all clusters; sentences if something of them is left."""
        return [problem for shared in [*self._clusters] for problem in self._stop(shared)]

    def _hand_out(self, shared: SharedCluster, entry: str) -> SharedCluster:
        shared.entries.append(entry)
        return shared

    def _look(self, shared: SharedCluster) -> str:
        """Why an idle cluster can't be used any more; an empty string if it can, and has its idle workers again."""
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
            return shared.cluster.last_words()[0] or "it ended without a word"
        try:
            inventory = shared.inspector.look()
        except ClusterError as error:
            return error.sentence
        return dataclasses.replace(inventory, orphans=shared.cluster.orphans())

    def _stop(self, shared: SharedCluster) -> list[str]:
        """Stop a cluster and let go of what it was given; one sentence if something of it is left."""
        problems = self._end(shared)
        self._on_stop(shared.cluster.spec)
        return problems

    def _end(self, shared: SharedCluster) -> list[str]:
        """Stop a cluster for good; one sentence if something of it is left."""
        shared.busy = True  # should this be interrupted, close() does the rest
        problems = []
        shared.inspector.stop()
        try:
            shared.cluster.stop(keep_logs_in=None, stop_timeout_s=0)
        except ClusterError as error:
            problems.append(error.sentence)
        self._clusters.remove(shared)
        return problems
