# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Leases of this machine's CPUs, GPUs and object store bytes: acquire, wait, release."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.resources.allocation import ResourceRequest, describe_request, shortage
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.resources.queue import Grant, State, Waiter, schedule
from pytest_curator_bench.resources.state_file import SharedState, leases_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_curator_bench.resources.capacity import Capacity

__all__ = ["Blockage", "Lease", "LeaseError", "LeaseRegistry", "ResourceRequest"]

_POLL_S = 0.02  # between two checks whether the state has changed, at first
_LONGEST_POLL_S = 0.1  # after some seconds
_OWNER_CHECK_S = 1.0  # between two checks for owners that have died


@dataclass(frozen=True, slots=True, kw_only=True)
class Blockage:
    """Why a request is waiting.

    Attributes:
        request: description of what it waits for, as in ``4 GPUs, 16 CPUs``.
        grants: leases held meanwhile, in the order of granting.
        ahead: names of the requests before it in the queue.
    """

    request: str
    grants: tuple[Grant, ...]
    ahead: tuple[str, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class Lease:
    """Exclusive use of a part of this machine, until :meth:`release`.

    Attributes:
        cpus: numbers of the CPUs to run on; empty for a lease of none.
        gpus: NVML's numbers of GPUs, or names of instances (``MIG-...``).
        object_store_bytes: room for a Ray object store.
        waited_s: seconds from the request to the grant.
        granted_at: UTC.
        released_at: UTC; ``None`` while it is held.
        affinity: the CPUs to set as affinity; ``None`` to leave it as it is: for a lease of no CPU or of all that
            this process may use, and on a simulated machine.
    """

    cpus: tuple[int, ...]
    gpus: tuple[int | str, ...]
    object_store_bytes: int
    waited_s: float
    granted_at: datetime
    released_at: datetime | None = None
    affinity: tuple[int, ...] | None = None
    _hides_gpus: bool
    _on_release: Callable[[], None] = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return variables that show CUDA the leased GPUs and no others; empty where the machine has no GPU."""
        if not self._hides_gpus:
            return {}
        # NVML counts by PCI bus; CUDA does so only when told.
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, self.gpus))}

    def release(self) -> None:
        """Release it, when everything that used it has ended. Idempotent.

        Raises:
            LeaseError: the shared state can't be written; other processes see the release with this one's next change
                of the state, or when this one ends.
        """
        if self.released_at is None:
            # Recorded before others can be granted any of it: recorded intervals never overlap.
            self.released_at = datetime.now(UTC)
            self._on_release()

    def hand_over(self) -> Lease:
        """Transfer the lease to a new holder; releasing this one then only records the time, and frees nothing."""
        successor = dataclasses.replace(self)
        self._on_release = _nothing
        return successor

    def lend(self) -> Lease:
        """Return the same lease for a temporary user; releasing that one frees nothing."""
        return dataclasses.replace(self, waited_s=0.0, granted_at=datetime.now(UTC), _on_release=_nothing)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``results.json``, times in ISO 8601."""
        return {
            "cpus": list(self.cpus),
            "gpus": list(self.gpus),
            "object_store_bytes": self.object_store_bytes,
            "waited_s": self.waited_s,
            "granted_at": self.granted_at.isoformat(),
            "released_at": self.released_at.isoformat() if self.released_at else None,
        }


class LeaseRegistry:
    """One process's leases of the machine that it shares with the same user's other processes.

    Never wait (:meth:`acquire`) while holding a lease that could be released: two processes that do so may wait for
    one another for ever. Release it first, or use :meth:`try_acquire`.

    Attributes:
        capacity: what this process may lease.
        lock_fd: descriptor for the supervisor, which outlives this process: its leases are free only when all
            copies of the descriptor are closed.
    """

    def __init__(self, capacity: Capacity, environ: Mapping[str, str]) -> None:
        """Join the processes that share the machine.

        Raises:
            LeaseError: the shared directory can't be used.
        """
        self.capacity = capacity
        directory = leases_dir(environ)
        if capacity.simulated:  # a simulated machine must not block the real one
            directory /= "simulated"
        self._shared = SharedState(directory)
        self._known = State()
        self._process = os.getpid()
        self._closed = False
        self._numbers = itertools.count()
        self._given_up: set[str] = set()  # leases that this process no longer has, and that may still be in the state
        self.lock_fd = self._shared.lock_fd

    def acquire(self, request: ResourceRequest, name: str, on_wait: Callable[[Blockage], None] | None = None) -> Lease:
        """Wait for a lease.

        Args:
            request: what to lease.
            name: what it is for; other processes show it.
            on_wait: called with the reason for waiting, at first and whenever that changes; never without a wait.

        Raises:
            LeaseError: the request exceeds the machine, or the shared state can't be used.
        """
        waiter, begun = self._waiter(request, name), time.monotonic()
        try:
            return self._lease(self._await(waiter, on_wait), begun)
        except BaseException:
            with contextlib.suppress(LeaseError):
                self._forget(waiter.id)
            raise

    def try_acquire(self, request: ResourceRequest, name: str) -> Lease | None:
        """Return a lease if it can be granted at once; raises as :meth:`acquire` does."""
        waiter, begun = self._waiter(request, name), time.monotonic()

        def ask(state: State) -> State:
            scheduled = schedule(state.joined(waiter), waiter.since)
            return scheduled if scheduled.grant(waiter.id) else state

        try:
            grant = self._change(ask).grant(waiter.id)
            return self._lease(grant, begun) if grant else None
        except BaseException:
            with contextlib.suppress(LeaseError):
                self._forget(waiter.id)
            raise

    def others_waiting(self) -> bool:
        """Return whether a request is queued: leases that are only kept ready should be released then."""
        if self._shared.signature() is None:
            return False
        return bool(self._change(lambda state: state).waiters)

    def close(self) -> None:
        """Release everything; do nothing in a fork of the process that opened the registry. Idempotent."""
        if self._process == os.getpid() and not self._closed:
            self._closed = True
            try:
                with contextlib.suppress(LeaseError):  # closing the lock has the same effect
                    self._change(lambda state: state.without_owners([self._shared.owner]))
            finally:
                self._shared.close()

    def _waiter(self, request: ResourceRequest, name: str) -> Waiter:
        if missing := shortage(request, self.capacity):
            raise LeaseError(f"{name} {missing}")
        return Waiter(
            id=f"{self._shared.owner}-{next(self._numbers)}",
            owner=self._shared.owner,
            name=name,
            pid=self._process,
            since=_now(),
            request=request,
            capacity=self.capacity,
        )

    def _await(self, waiter: Waiter, on_wait: Callable[[Blockage], None] | None) -> Grant:
        def ask(state: State) -> State:
            return state.joined(waiter)  # again, in case the state was reset meanwhile

        reported: Blockage | None = None
        begun = time.monotonic()
        state = self._change(ask)
        while (grant := state.grant(waiter.id)) is None:
            blockage = _blockage(state, waiter)
            if on_wait is not None and blockage != reported:
                on_wait(blockage)
                reported = blockage
            next_check = time.monotonic() + _OWNER_CHECK_S
            while self._shared.signature() == self._shared.seen and (now := time.monotonic()) < next_check:
                time.sleep(min(_POLL_S + (now - begun) / 100, _LONGEST_POLL_S))
            state = self._change(ask)
        return grant

    def _change(self, edit: Callable[[State], State]) -> State:
        def apply(state: State) -> State:
            return schedule(edit(state.without(*self._given_up)), _now())

        state = self._shared.change(apply, own=self._known)
        self._given_up.clear()
        self._known = state.only_owner(self._shared.owner)
        return state

    def _forget(self, identity: str) -> None:
        """Leave the queue, or give up a lease; where that can't be written, the next change does it."""
        self._given_up.add(identity)
        self._change(lambda state: state)

    def _lease(self, grant: Grant, begun: float) -> Lease:
        allocation, capacity = grant.allocation, self.capacity
        keep_affinity = capacity.simulated or not allocation.cpus or len(allocation.cpus) == len(capacity.cpus)
        return Lease(
            cpus=allocation.cpus,
            gpus=tuple(capacity.devices.get(gpu, gpu) for gpu in allocation.gpus),
            object_store_bytes=allocation.object_store_bytes,
            waited_s=round(time.monotonic() - begun, 3),
            granted_at=datetime.fromisoformat(grant.since),
            affinity=None if keep_affinity else allocation.cpus,
            _hides_gpus=bool(capacity.gpus),
            _on_release=lambda: self._forget(grant.id),
        )


def _blockage(state: State, waiter: Waiter) -> Blockage:
    names = [other.name for other in state.waiters]
    position = next(index for index, other in enumerate(state.waiters) if other.id == waiter.id)
    return Blockage(
        request=describe_request(waiter.request, waiter.capacity),
        grants=state.grants,
        ahead=tuple(names[:position]),
    )


def _nothing() -> None:
    """Release nothing: another lease does."""


def _now() -> str:
    return datetime.now(UTC).isoformat()
