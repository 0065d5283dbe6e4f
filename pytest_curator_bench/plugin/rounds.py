# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries that need several rounds: retries, and runs that take turns (``--bench-interleave``: A1 B1 A2 B2).

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
        self._group: list[BenchItem] = []
        self._has_run = False
        self._next_if_finished: pytest.Item | None = None
        self._durations_s: dict[str, dict[str, float]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Put the entries with several runs into a group, if they take turns and there is more than one.

        They come one after the other, so that the item before them, for which pytest keeps what its next item shares
        with it, is never followed by one that has run already.
        """
        several = [item for item in session.items if isinstance(item, BenchItem) and has_several_runs(item.entry)]
        if self._interleave and len(several) > 1:
            self._group = several
            first = session.items.index(several[0])
            others = [item for item in session.items if item not in set(several)]
            session.items[:] = [*others[:first], *several, *others[first:]]
            for item in several:
                item.takes_turns = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a round, or the rounds of an entry, or those of the whole group in the place of its first item."""
        if not isinstance(item, BenchItem) or item.bench_run.shows_only:
            return None
        if item.is_round:
            self._run_round(item, nextitem)
            return True
        if item.takes_turns:
            if not self._has_run:
                self._has_run = True
                items = item.session.items
                self._run_rounds(self._group, next(iter(items[items.index(self._group[-1]) + 1 :]), None))
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
