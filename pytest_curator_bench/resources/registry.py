# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Leases of this machine's CPUs, GPUs and object store bytes: asking for them, waiting, giving them back."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.resources.placement import ResourceRequest, describe_need, lacking
from pytest_curator_bench.resources.queue import Grant, State, Waiter, schedule
from pytest_curator_bench.resources.state_file import SharedState, leases_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_curator_bench.resources.capacity import Capacity

__all__ = ["Blockage", "Lease", "LeaseError", "LeaseRegistry", "ResourceRequest"]

_GLANCE_S = 0.02  # between two looks at whether the state has changed, at first
_LONGEST_GLANCE_S = 0.1  # after some seconds
_LOOK_S = 1.0  # between two looks for owners that have died


@dataclass(frozen=True, slots=True, kw_only=True)
class Blockage:
    """Why somebody waits.

    Attributes:
        wanted: what for, as in ``4 GPUs, 16 CPUs``.
        holdings: who holds what, in the order of granting.
        ahead: names of those who came before and wait as well.
    """

    wanted: str
    holdings: tuple[Grant, ...]
    ahead: tuple[str, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class Lease:
    """A part of this machine that nobody else has, until :meth:`release`.

    Attributes:
        cpus: numbers of the CPUs to run on; empty for a lease of none.
        gpus: NVML's numbers of GPUs, or names of instances (``MIG-...``).
        object_store_bytes: room for a Ray object store.
        waited_s: seconds from asking to getting it.
        granted_at: UTC.
        released_at: UTC; ``None`` while it is held.
        affinity: the CPUs to set as affinity; ``None`` where nothing is to be set: for a lease of no CPU or of
            all that this process may use, and on a simulated machine.
    """

    cpus: tuple[int, ...]
    gpus: tuple[int | str, ...]
    object_store_bytes: int
    waited_s: float
    granted_at: datetime
    released_at: datetime | None = None
    affinity: tuple[int, ...] | None = None
    _hides_gpus: bool
    _give_back: Callable[[], None] = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Variables that show the leased GPUs, and no others, to CUDA; none where the machine has no GPU."""
        if not self._hides_gpus:
            return {}
        # NVML counts by PCI bus; CUDA does so only when told.
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, self.gpus))}

    def release(self) -> None:
        """Give it back, when everything that used it has ended. Idempotent.

        Raises:
            LeaseError: the others could not be told; they will see it when this process ends.
        """
        if self.released_at is None:
            # Taken before the others can get any of it: recorded intervals never overlap.
            self.released_at = datetime.now(UTC)
            self._give_back()

    def hand_over(self) -> Lease:
        """The same for somebody who goes on using it; releasing this one then only says that its holder has done."""
        heir = dataclasses.replace(self)
        self._give_back = _nothing
        return heir

    def lend(self) -> Lease:
        """The same for somebody who uses it for a while: releasing that gives nothing back to others."""
        return dataclasses.replace(self, waited_s=0.0, granted_at=datetime.now(UTC), _give_back=_nothing)

    def to_dict(self) -> dict[str, Any]:
        """For ``results.json``: plain data, times in ISO 8601."""
        return {
            "cpus": list(self.cpus),
            "gpus": list(self.gpus),
            "object_store_bytes": self.object_store_bytes,
            "waited_s": self.waited_s,
            "granted_at": self.granted_at.isoformat(),
            "released_at": self.released_at.isoformat() if self.released_at else None,
        }


class LeaseRegistry:
    """What one process leases of the machine that it shares with others of the same user.

    Never wait (:meth:`acquire`) while you hold a lease that you could do without: two who do so may wait for one
    another for ever. Give it up first, or use :meth:`try_acquire`.

    Attributes:
        capacity: what this process may lease.
        lock_fd: descriptor for whoever ends this process's processes after it was killed: what this process
            holds is free only when all copies of the descriptor are closed.
    """

    def __init__(self, capacity: Capacity, environ: Mapping[str, str]) -> None:
        """Take part.

        Raises:
            LeaseError: the common directory can't be used.
        """
        self.capacity = capacity
        directory = leases_dir(environ)
        if capacity.simulated:  # what is only pretended must not keep the real thing from others
            directory /= "simulated"
        self._shared = SharedState(directory)
        self._known = State()
        self._process = os.getpid()
        self._closed = False
        self._numbers = itertools.count()
        self.lock_fd = self._shared.lock_fd

    def acquire(self, need: ResourceRequest, name: str, on_wait: Callable[[Blockage], None] | None = None) -> Lease:
        """Lease ``need``, as soon as it can be had.

        Args:
            need: what.
            name: what for; others see it.
            on_wait: told why it has to wait, first and whenever that changes; never called if it has not to.

        Raises:
            LeaseError: this machine never has so much, or the common state can't be used.
        """
        waiter, begun = self._waiter(need, name), time.monotonic()
        try:
            return self._lease(self._await(waiter, on_wait), begun)
        except BaseException:
            with contextlib.suppress(LeaseError):
                self._forget(waiter.id)
            raise

    def try_acquire(self, need: ResourceRequest, name: str) -> Lease | None:
        """Lease ``need`` if it can be had at once; raises as :meth:`acquire` does."""
        waiter, begun = self._waiter(need, name), time.monotonic()

        def ask(state: State) -> State:
            asked = schedule(state.joined(waiter), waiter.since)
            return asked if asked.holding(waiter.id) else state

        try:
            holding = self._change(ask).holding(waiter.id)
            return self._lease(holding, begun) if holding else None
        except BaseException:
            with contextlib.suppress(LeaseError):
                self._forget(waiter.id)
            raise

    def others_waiting(self) -> bool:
        """Whether somebody waits for a lease: whoever holds one only to have it ready should give it up."""
        if self._shared.signature() is None:
            return False
        return bool(self._change(lambda state: state).waiters)

    def close(self) -> None:
        """Give everything back; in a fork of the process that took part, do nothing. Idempotent."""
        if self._process == os.getpid() and not self._closed:
            self._closed = True
            try:
                with contextlib.suppress(LeaseError):  # the closed lock says the same
                    self._change(lambda state: state.without_owners([self._shared.owner]))
            finally:
                self._shared.close()

    def _waiter(self, need: ResourceRequest, name: str) -> Waiter:
        if lack := lacking(need, self.capacity):
            raise LeaseError(f"{name} {lack}")
        return Waiter(
            id=f"{self._shared.owner}-{next(self._numbers)}",
            owner=self._shared.owner,
            name=name,
            pid=self._process,
            since=_now(),
            need=need,
            capacity=self.capacity,
        )

    def _await(self, waiter: Waiter, on_wait: Callable[[Blockage], None] | None) -> Grant:
        def ask(state: State) -> State:
            return state.joined(waiter)  # again, should somebody have made the state anew

        told: Blockage | None = None
        begun = time.monotonic()
        state = self._change(ask)
        while (holding := state.holding(waiter.id)) is None:
            blockage = _blockage(state, waiter)
            if on_wait is not None and blockage != told:
                on_wait(blockage)
                told = blockage
            look = time.monotonic() + _LOOK_S
            while self._shared.signature() == self._shared.seen and (now := time.monotonic()) < look:
                time.sleep(min(_GLANCE_S + (now - begun) / 100, _LONGEST_GLANCE_S))
            state = self._change(ask)
        return holding

    def _change(self, edit: Callable[[State], State]) -> State:
        state = self._shared.change(lambda old: schedule(edit(old), _now()), own=self._known)
        self._known = state.only_owner(self._shared.owner)
        return state

    def _forget(self, identity: str) -> None:
        self._change(lambda state: state.without(identity))

    def _lease(self, holding: Grant, begun: float) -> Lease:
        share, there = holding.share, self.capacity
        whole = self.capacity.simulated or not share.cpus or len(share.cpus) == len(there.cpus)
        return Lease(
            cpus=share.cpus,
            gpus=tuple(there.devices.get(gpu, gpu) for gpu in share.gpus),
            object_store_bytes=share.object_store_bytes,
            waited_s=round(time.monotonic() - begun, 3),
            granted_at=datetime.fromisoformat(holding.since),
            affinity=None if whole else share.cpus,
            _hides_gpus=bool(there.gpus),
            _give_back=lambda: self._forget(holding.id),
        )


def _blockage(state: State, waiter: Waiter) -> Blockage:
    names = [other.name for other in state.waiters]
    position = next(index for index, other in enumerate(state.waiters) if other.id == waiter.id)
    return Blockage(
        wanted=describe_need(waiter.need, waiter.capacity),
        holdings=state.holdings,
        ahead=tuple(names[:position]),
    )


def _nothing() -> None:
    """What is left to do for a lease that another one gives back."""


def _now() -> str:
    return datetime.now(UTC).isoformat()
