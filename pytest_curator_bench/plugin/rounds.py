# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries that need several rounds: retries, and runs that take turns (``--bench-interleave``, ``--bench-ab``).

A round is an item of its own, of the entry's name, that goes on with the entry's execution. pytest's hooks set it up,
call it and tear it down, so that each round has fresh fixtures, users' own ones too. Only the reports of the round that
finishes the entry are logged.
"""

from __future__ import annotations

import bdb
from typing import TYPE_CHECKING, Literal

import pytest

from pytest_curator_bench.entry.runs import has_several_runs
from pytest_curator_bench.plugin.items import BenchItem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["RoundsPlugin"]

_Phase = Literal["setup", "call", "teardown"]


class RoundsPlugin:
    """Runs entries that may need several rounds.

    Args:
        interleave: whether entries with several runs take turns.
    """

    def __init__(self, *, interleave: bool) -> None:
        self._interleave = interleave
        self._groups: dict[BenchItem, list[BenchItem]] = {}
        self._next_if_finished: pytest.Item | None = None
        self._durations_s: dict[str, dict[str, float]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Put the entries that take turns into groups.

        Those of a group come one after the other, so that the item before them, for which pytest keeps what its next
        item shares with it, is never followed by one that has run already.
        """
        for group in self._turns([item for item in session.items if isinstance(item, BenchItem)]):
            members = set(group)
            first = min(map(session.items.index, group))
            others = [item for item in session.items if item not in members]
            session.items[:] = [*others[:first], *group, *others[first:]]
            for item in group:
                item.takes_turns = True
                self._groups[item] = group

    def _turns(self, items: Sequence[BenchItem]) -> list[list[BenchItem]]:
        """Return the groups: the interpreters of each entry, or all entries with several runs."""
        groups: dict[str, list[BenchItem]] = {}
        for item in items:
            if item.entry.interpreter is not None:
                groups.setdefault(item.entry.base_name, []).append(item)
            elif self._interleave and has_several_runs(item.entry):
                groups.setdefault("", []).append(item)
        for group in groups.values():
            group.sort(key=lambda item: item.entry.interpreter.position if item.entry.interpreter is not None else 0)
        return [group for group in groups.values() if len(group) > 1]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a round, or the rounds of an entry, or those of its whole group in the place of the first item."""
        if not isinstance(item, BenchItem) or item.bench_run.shows_only:
            return None
        if item.is_round:
            self._run_round(item, nextitem)
            return True
        if item.takes_turns:
            group = self._groups.get(item, [])
            if group:
                for member in group:
                    del self._groups[member]
                items = item.session.items
                self._run_rounds(group, next(iter(items[items.index(group[-1]) + 1 :]), None))
            return True
        if item.entry.retries:
            self._run_rounds([item], nextitem)
            return True
        return None

    def _run_rounds(self, items: Sequence[BenchItem], after: pytest.Item | None) -> None:
        """Run round after round of the items, one of each in turn, until all are finished."""
        waiting = list(items)
        for item in waiting:
            item.begin_again()
        while waiting:
            for item in list(waiting):
                others = waiting[waiting.index(item) + 1 :] or [one for one in waiting if one is not item]
                self._next_if_finished = others[0] if others else after
                before = _progress(item)
                item.ihook.pytest_runtest_protocol(item=item.as_round(), nextitem=others[0] if others else item)
                if item.execution.is_finished or _progress(item) == before:
                    waiting.remove(item)
                elif (record := item.execution.failed_attempt) is not None:
                    item.bench_run.on_retry({"name": item.name, **record})
                if item.session.shouldstop or item.session.shouldfail:
                    return

    def _run_round(self, item: BenchItem, nextitem: pytest.Item | None) -> None:
        """Do what pytest does for an item, and log its reports only if this round finishes the entry."""
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = _Reports(item, self._durations_s.setdefault(item.nodeid, {}))
        if reports.add("setup", lambda: hook.pytest_runtest_setup(item=item)):
            reports.add("call", lambda: hook.pytest_runtest_call(item=item))
        if item.execution.is_finished:
            nextitem = self._next_if_finished
        if item.session.shouldfail or item.session.shouldstop:
            nextitem = None
        reports.add("teardown", lambda: hook.pytest_runtest_teardown(item=item, nextitem=nextitem))
        if item.execution.is_finished and nextitem is not self._next_if_finished and nextitem is not None:
            # Its clean-up has finished the entry: what its next round would have used is torn down, too.
            hook.pytest_runtest_teardown(item=item, nextitem=self._next_if_finished)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


class _Reports:
    """The reports of one round: logged as soon as it is known that the round finishes its entry."""

    def __init__(self, item: BenchItem, earlier_s: dict[str, float]) -> None:
        self._item = item
        self._earlier_s = earlier_s
        self._held: list[tuple[pytest.CallInfo[None], pytest.TestReport]] = []

    def add(self, when: _Phase, function: Callable[[], None]) -> bool:
        """Run one phase and make its report; return whether it passed."""
        reraise: tuple[type[BaseException], ...] = (pytest.exit.Exception,)
        if not self._item.config.getoption("usepdb", False):
            reraise += (KeyboardInterrupt,)
        call = pytest.CallInfo.from_call(function, when, reraise=reraise)
        report: pytest.TestReport = self._item.ihook.pytest_runtest_makereport(item=self._item, call=call)
        self._held.append((call, report))
        # A phase of the last round lasts as long as that of all rounds together.
        report.duration += self._earlier_s.get(when, 0.0)
        if self._item.execution.is_finished:
            self._log()
        else:
            self._earlier_s[when] = report.duration
        return report.passed

    def _log(self) -> None:
        for call, report in self._held:
            self._item.ihook.pytest_runtest_logreport(report=report)
            if call.excinfo is None or hasattr(report, "wasxfail"):
                continue
            if not isinstance(call.excinfo.value, pytest.skip.Exception | bdb.BdbQuit):
                self._item.ihook.pytest_exception_interact(node=self._item, call=call, report=report)
        self._held.clear()


def _progress(item: BenchItem) -> tuple[int, int]:
    execution = item.execution
    return len(execution.outcome.attempts) + (execution.failed_attempt is not None), execution.runs_left
