# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The queue for leases: pure functions over the state that all processes share.

First come, first served, but a request that fits may overtake those that don't, so that the machine stays busy.
Each request may be overtaken :data:`PATIENCE` times; after that, whatever it can use and becomes free is kept for
it. So a large entry waits at most for what is running plus ``PATIENCE`` entries, however many small ones come.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.resources.allocation import Allocation, InUse, ResourceRequest, allocate, reserve
from pytest_curator_bench.resources.capacity import Capacity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["PATIENCE", "Grant", "State", "Waiter", "schedule"]

# Simulated with 40 mixed entries: fewer leave the machine idle for large ones (0 costs 5 to 15 %), more gain nothing
# and let large ones wait longer.
PATIENCE = 3
VERSION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Party:
    """What waiters and grants have in common.

    Attributes:
        id: identity of the lease.
        owner: identity of the process that asked for it.
        name: the entry, or what else the lease is for.
        pid: ID of that process, for people.
        since: UTC time, ISO 8601.
    """

    id: str
    owner: str
    name: str
    pid: int
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter(_Party):
    """A request in the queue, ``since`` it was made.

    Attributes:
        request: what it waits for.
        capacity: what its process may use of the machine.
        overtaken: how many later requests have been granted since.
    """

    request: ResourceRequest
    capacity: Capacity
    overtaken: int = 0

    @property
    def is_due(self) -> bool:
        """Whether it must not be overtaken any more."""
        return self.overtaken >= PATIENCE

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for :meth:`from_dict`."""
        return {
            **_party(self),
            "request": asdict(self.request),
            "capacity": self.capacity.to_dict(),
            "overtaken": self.overtaken,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Waiter:
        """Read back what :meth:`to_dict` returned; raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            **{
                **data,
                "request": ResourceRequest(**data["request"]),
                "capacity": Capacity.from_dict(data["capacity"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(_Party):
    """A lease that is held, ``since`` it was granted.

    Attributes:
        allocation: what it holds.
    """

    allocation: Allocation

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for :meth:`from_dict`."""
        return {**_party(self), "allocation": asdict(self.allocation)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Grant:
        """Read back what :meth:`to_dict` returned; raises KeyError, TypeError or ValueError for anything else."""
        fields: dict[str, Any] = dict(data["allocation"])
        fields |= {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
        return cls(**{**data, "allocation": Allocation(**fields)})


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What all processes share.

    Attributes:
        grants: leases held, in the order of granting.
        waiters: requests in the queue, in the order of asking.
    """

    grants: tuple[Grant, ...] = ()
    waiters: tuple[Waiter, ...] = ()

    def grant(self, identity: str) -> Grant | None:
        """Return the grant of this lease, if there is one."""
        return next((grant for grant in self.grants if grant.id == identity), None)

    def waiter(self, identity: str) -> Waiter | None:
        """Return the waiter for this lease, if there is one."""
        return next((waiter for waiter in self.waiters if waiter.id == identity), None)

    @property
    def owners(self) -> frozenset[str]:
        """Identities of all processes in it."""
        return frozenset(party.owner for party in (*self.grants, *self.waiters))

    def joined(self, waiter: Waiter) -> State:
        """Return the state with a waiter added at the queue's end, unless it waits or holds its lease already."""
        if self.waiter(waiter.id) or self.grant(waiter.id):
            return self
        return replace(self, waiters=(*self.waiters, waiter))

    def without(self, *identities: str) -> State:
        """Return the state without these leases, waited for or held."""
        return State(
            grants=tuple(grant for grant in self.grants if grant.id not in identities),
            waiters=tuple(waiter for waiter in self.waiters if waiter.id not in identities),
        )

    def without_owners(self, owners: Collection[str]) -> State:
        """Return the state without everything of these processes."""
        return State(
            grants=tuple(grant for grant in self.grants if grant.owner not in owners),
            waiters=tuple(waiter for waiter in self.waiters if waiter.owner not in owners),
        )

    def only_owner(self, owner: str) -> State:
        """Return the part of the state that belongs to one process."""
        return self.without_owners(self.owners - {owner})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for :meth:`from_dict`."""
        return {
            "version": VERSION,
            "grants": [grant.to_dict() for grant in self.grants],
            "waiters": [waiter.to_dict() for waiter in self.waiters],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> State:
        """Read back what :meth:`to_dict` returned; raises KeyError, TypeError or ValueError for anything else."""
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}, expected {VERSION}")
        return cls(
            grants=tuple(map(Grant.from_dict, data["grants"])),
            waiters=tuple(map(Waiter.from_dict, data["waiters"])),
        )


def schedule(state: State, now: str) -> State:
    """Return the state after granting what can be granted ``now`` (UTC, ISO 8601)."""
    grants = list(state.grants)
    blocked: list[Waiter] = []
    for waiter in state.waiters:
        allocation = allocate(waiter.request, waiter.capacity, _in_use(grants, blocked))
        if allocation is None:
            blocked.append(waiter)
            continue
        grants.append(Grant(**_party(replace(waiter, since=now)), allocation=allocation))
        blocked = [replace(other, overtaken=other.overtaken + 1) for other in blocked]
    return State(grants=tuple(grants), waiters=tuple(blocked))


def _in_use(grants: Collection[Grant], blocked: Collection[Waiter]) -> InUse:
    """Sum up what is held, and what is kept for waiters that must not be overtaken any more."""
    in_use = InUse()
    for grant in grants:
        in_use.add(grant.allocation)
    for waiter in blocked:
        if waiter.is_due:
            in_use.add(reserve(waiter.request, waiter.capacity, in_use))
    return in_use


def _party(party: _Party) -> dict[str, Any]:
    return {"id": party.id, "owner": party.owner, "name": party.name, "pid": party.pid, "since": party.since}
