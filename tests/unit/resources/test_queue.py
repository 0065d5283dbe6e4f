# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Who is next: no double grant, no starving, nothing idle that somebody at the front could use."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pytest_curator_bench.resources.allocation import InUse, ResourceRequest, allocate
from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE, read_capacity
from pytest_curator_bench.resources.queue import PATIENCE, State, Waiter, schedule

THERE = read_capacity({SIMULATED_VARIABLE: "cpus=16,gpus=8,memory=1000000000"})
NOW = "2026-01-01T00:00:00+00:00"
ROOM = THERE.object_store_bytes

requests = st.builds(
    ResourceRequest,
    cpus=st.none() | st.integers(0, 16),
    gpus=st.none() | st.integers(0, 8),
    object_store_bytes=st.integers(0, ROOM),
    alone=st.booleans(),
)


def waiter(name: str, request: ResourceRequest) -> Waiter:
    """Somebody who has just come."""
    return Waiter(id=name, owner=f"owner of {name}", name=name, pid=1, since=NOW, request=request, capacity=THERE)


def queued(*asked: tuple[str, ResourceRequest]) -> State:
    """All of these have come, in this order, and been looked after one by one."""
    state = State()
    for name, request in asked:
        state = schedule(state.joined(waiter(name, request)), NOW)
    return state


def holders(state: State) -> list[str]:
    """Names of those who hold something."""
    return [grant.name for grant in state.grants]


def gpus(number: int) -> ResourceRequest:
    """So many GPUs."""
    return ResourceRequest(cpus=1, gpus=number)


class Queue(RuleBasedStateMachine):
    """Whatever comes and goes, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.count = 0
        self.passed: dict[str, int] = {}

    def settle(self, state: State) -> None:
        """Schedule, and count by how many each waiter has been overtaken."""
        before = {grant.id for grant in state.grants}
        order = [item.id for item in state.waiters]
        self.state = schedule(state, NOW)
        granted = [grant.id for grant in self.state.grants if grant.id not in before]
        for left in self.state.waiters:
            later = order[order.index(left.id) :]
            self.passed[left.id] = self.passed.get(left.id, 0) + len(set(granted) & set(later))

    @rule(request=requests)
    def come(self, request: ResourceRequest) -> None:
        """Somebody asks."""
        self.count += 1
        self.settle(self.state.joined(waiter(f"e{self.count}", request)))

    @precondition(lambda self: self.state.grants)
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        """A holder gives back."""
        self.settle(self.state.without(data.draw(st.sampled_from(self.state.grants)).id))

    @precondition(lambda self: self.state.waiters)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """A waiter dies."""
        self.settle(self.state.without_owners([data.draw(st.sampled_from(self.state.waiters)).owner]))

    @invariant()
    def nothing_twice(self) -> None:
        """No core, GPU or byte of store has two holders, and who is alone is alone."""
        allocations = [grant.allocation for grant in self.state.grants]
        for what in ("cpus", "cores", "gpus"):
            held = [item for allocation in allocations for item in getattr(allocation, what)]
            assert len(set(held)) == len(held)
        assert sum(allocation.object_store_bytes for allocation in allocations) <= ROOM
        assert len(allocations) == 1 or not any(allocation.alone for allocation in allocations)

    @invariant()
    def the_first_is_never_kept_waiting(self) -> None:
        """Who stands first waits only because it does not fit."""
        in_use = InUse()
        for grant in self.state.grants:
            in_use.add(grant.allocation)
        for first in self.state.waiters[:1]:
            assert allocate(first.request, THERE, in_use) is None

    @invariant()
    def patience(self) -> None:
        """Beyond the bound only those pass who leave what the waiter needs, and can have, untouched."""
        for item in self.state.waiters:
            assert item.overtaken == self.passed.get(item.id, 0)
            if item.request.alone:
                assert item.overtaken <= PATIENCE

    @invariant()
    def stable_and_plain(self) -> None:
        """Looking again changes nothing, and the state survives its file."""
        assert schedule(self.state, NOW) == self.state
        assert State.from_dict(json.loads(json.dumps(self.state.to_dict()))) == self.state


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=30)  # of up to fifty steps each


@given(st.lists(requests, max_size=30))
def test_everybody_is_served(asked: list[ResourceRequest]) -> None:
    """Whatever stream comes, when holders go in turn, all have had their lease in the end."""
    state, served = State(), set[str]()
    for number, request in enumerate(asked):
        state = schedule(state.joined(waiter(str(number), request)), NOW)
    while state.grants:
        served.add(state.grants[0].id)
        state = schedule(state.without(state.grants[0].id), NOW)
    assert not state.waiters
    assert len(served) == len(asked)


def test_a_stream_of_small_ones_does_not_starve_a_large_one() -> None:
    """A new small one comes whenever another ends: the large one gets its turn after PATIENCE of them."""
    state = queued(("s0", gpus(1)), ("s1", gpus(1)), ("large", gpus(8)))
    after = 0
    for number in range(2, 100):
        state = schedule(state.joined(waiter(f"s{number}", gpus(1))), NOW)
        if holders(state) == ["large"]:
            break
        after += f"s{number}" in holders(state)
        state = schedule(state.without(state.grants[0].id), NOW)
    assert holders(state) == ["large"]
    assert after == PATIENCE


def test_small_ones_fill_gaps() -> None:
    """While a large one waits, what fits goes on."""
    state = queued(("six", gpus(6)), ("eight", gpus(8)), ("two", gpus(2)))
    assert holders(state) == ["six", "two"]


def test_what_the_next_does_not_need_is_given_to_others() -> None:
    """Behind a waiter whose turn it is, only what it needs is kept: CPUs go on being leased while it waits for GPUs."""
    state = queued(("seven", gpus(7)), ("eight", gpus(8)), *[(f"one{number}", gpus(1)) for number in range(PATIENCE)])
    for number in range(PATIENCE - 1):
        state = schedule(state.without(f"one{number}"), NOW)
    state = schedule(state.without(f"one{PATIENCE - 1}"), NOW)
    state = schedule(state.joined(waiter("gpu", gpus(1))), NOW)
    state = schedule(state.joined(waiter("cpus", ResourceRequest(cpus=10, gpus=0))), NOW)
    assert holders(state) == ["seven", "cpus"]
    assert [item.name for item in state.waiters] == ["eight", "gpu"]
