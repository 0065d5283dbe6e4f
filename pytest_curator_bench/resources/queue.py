# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Who waits, who holds what, and who is next: pure functions over the state that all processes share.

First come, first served, but whoever fits may overtake those who don't, so that the machine stays busy. Each may
be overtaken :data:`PATIENCE` times; after that everything that it can use, and that becomes free, is kept for it.
So a large entry waits at most for what is running plus ``PATIENCE`` entries, however many small ones come.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.resources.capacity import Capacity
from pytest_curator_bench.resources.placement import Allocation, InUse, ResourceRequest, place, reserve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["PATIENCE", "Grant", "State", "Waiter", "schedule"]

# Simulated with 40 mixed entries: fewer leave the machine idle for large ones (0 costs 5 to 15 %), more gain nothing
# and let large ones wait longer.
PATIENCE = 3
VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Party:
    """Who it is that waits or holds.

    Attributes:
        id: identity of the lease.
        owner: identity of the process that asked for it.
        name: the entry, or what else it is for.
        pid: number of that process, for people.
        since: UTC time, ISO 8601.
    """

    id: str
    owner: str
    name: str
    pid: int
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter(_Party):
    """Somebody who waits.

    Attributes:
        need: for what.
        capacity: what its process may use of the machine.
        overtaken: how many have come later and got something since.
    """

    need: ResourceRequest
    capacity: Capacity
    overtaken: int = 0

    @property
    def is_due(self) -> bool:
        """Whether it must not be overtaken any more."""
        return self.overtaken >= PATIENCE

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **_party(self),
            "need": asdict(self.need),
            "capacity": self.capacity.to_dict(),
            "overtaken": self.overtaken,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Waiter:
        """Read it back; raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            **{**data, "need": ResourceRequest(**data["need"]), "capacity": Capacity.from_dict(data["capacity"])}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(_Party):
    """Somebody who holds a lease, ``since`` it was granted.

    Attributes:
        share: of what.
    """

    share: Allocation

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**_party(self), "share": asdict(self.share)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Grant:
        """Read it back; raises KeyError, TypeError or ValueError for anything else."""
        share: dict[str, Any] = dict(data["share"])
        share |= {key: tuple(value) for key, value in share.items() if isinstance(value, list)}
        return cls(**{**data, "share": Allocation(**share)})


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What all processes share.

    Attributes:
        holdings: who holds what, in the order of granting.
        waiters: who waits, in the order of coming.
    """

    holdings: tuple[Grant, ...] = ()
    waiters: tuple[Waiter, ...] = ()

    def holding(self, identity: str) -> Grant | None:
        """The lease of this identity, if it is granted."""
        return next((holding for holding in self.holdings if holding.id == identity), None)

    def waiter(self, identity: str) -> Waiter | None:
        """The one of this identity, if it waits."""
        return next((waiter for waiter in self.waiters if waiter.id == identity), None)

    @property
    def owners(self) -> frozenset[str]:
        """Everybody in it."""
        return frozenset(party.owner for party in (*self.holdings, *self.waiters))

    def joined(self, waiter: Waiter) -> State:
        """With one more at the queue's end, unless it is in there already."""
        if self.waiter(waiter.id) or self.holding(waiter.id):
            return self
        return replace(self, waiters=(*self.waiters, waiter))

    def without(self, identity: str) -> State:
        """Without that lease, waited for or held."""
        return State(
            holdings=tuple(holding for holding in self.holdings if holding.id != identity),
            waiters=tuple(waiter for waiter in self.waiters if waiter.id != identity),
        )

    def without_owners(self, owners: Collection[str]) -> State:
        """Without everything of these processes."""
        return State(
            holdings=tuple(holding for holding in self.holdings if holding.owner not in owners),
            waiters=tuple(waiter for waiter in self.waiters if waiter.owner not in owners),
        )

    def only_owner(self, owner: str) -> State:
        """What one process has in it."""
        return self.without_owners(self.owners - {owner})

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "version": VERSION,
            "holdings": [holding.to_dict() for holding in self.holdings],
            "waiters": [waiter.to_dict() for waiter in self.waiters],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> State:
        """Read it back; raises KeyError, TypeError or ValueError for anything else."""
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}, expected {VERSION}")
        return cls(
            holdings=tuple(map(Grant.from_dict, data["holdings"])),
            waiters=tuple(map(Waiter.from_dict, data["waiters"])),
        )


def schedule(state: State, now: str) -> State:
    """Grant what can be granted ``now`` (UTC, ISO 8601)."""
    holdings = list(state.holdings)
    blocked: list[Waiter] = []
    for waiter in state.waiters:
        share = place(waiter.need, waiter.capacity, _taken(holdings, blocked))
        if share is None:
            blocked.append(waiter)
            continue
        holdings.append(Grant(**_party(replace(waiter, since=now)), share=share))
        blocked = [replace(other, overtaken=other.overtaken + 1) for other in blocked]
    return State(holdings=tuple(holdings), waiters=tuple(blocked))


def _taken(holdings: Collection[Grant], blocked: Collection[Waiter]) -> InUse:
    """What is not to be had: what is held, and what is kept for those who must not be overtaken any more."""
    taken = InUse()
    for holding in holdings:
        taken.add(holding.share)
    for waiter in blocked:
        if waiter.is_due:
            taken.add(reserve(waiter.need, waiter.capacity, taken))
    return taken


def _party(party: _Party) -> dict[str, Any]:
    return {"id": party.id, "owner": party.owner, "name": party.name, "pid": party.pid, "since": party.since}
