# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Items that pytest runs more than once: retries, and runs of several entries that take turns.

One pass is pytest's whole ordinary protocol of an item: its fixtures are set up, it is called, and they are torn
down, so that each pass has a Ray cluster of its own, and a set-up that failed can be tried again. Only the last
pass counts. The reports of the others are sent all the same, with an outcome that neither passes nor fails, which
the rest of pytest (``-x``, ``--lf``, JUnit, exit status) takes no notice of.

Public hooks alone do this: pytest itself provides for items whose protocol is run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_curator_bench.entry.retries import is_worth_another
from pytest_curator_bench.entry.runs import has_several_runs
from pytest_curator_bench.plugin.items import BenchItem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_curator_bench.plugin.context import BenchContext

__all__ = ["Passes", "note_pass"]

RETRIED = "retried"
IN_TURN = "in turn"
# JUnit closes a test case when its teardown is reported; this one goes on.
BETWEEN = "between passes"


def note_pass(item: BenchItem, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Find out whether the item needs another pass, and have a report of this one say so."""
    if call.when == "call" or (call.when == "setup" and not report.passed):
        item.goes_on = _why_it_goes_on(item, call, report)
    elif call.when == "teardown" and report.failed:
        item.goes_on = None  # what could not be cleaned up is not built upon
    if item.goes_on is None:
        return
    if call.when == "teardown":
        report.when = BETWEEN  # type: ignore[assignment]  # as said at its definition
    elif call.when == "call" or report.failed:
        report.outcome = item.goes_on  # type: ignore[assignment]  # as other plugins that repeat items do


def _why_it_goes_on(item: BenchItem, call: pytest.CallInfo[None], report: pytest.TestReport) -> str | None:
    if item.session.shouldstop or item.session.shouldfail:
        return None
    if item.result is None:
        return IN_TURN if call.when == "call" and report.passed else None
    return RETRIED if report.failed and is_worth_another(item.entry, item.result, len(item.attempts)) else None


class Passes:
    """Runs benchmark items in as many passes as they need."""

    def __init__(self, context: BenchContext) -> None:
        self._interleave = context.options.interleave
        self._running: BenchItem | None = None
        self._settled: set[pytest.Item] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run an item that may need several passes, and with it those that take turns with it."""
        if not isinstance(item, BenchItem) or item is self._running:
            return None
        if item in self._settled:
            return True
        if item.takes_turns:
            items = item.session.items
            group = [one for one in items if isinstance(one, BenchItem) and one.takes_turns]
            others = (one for one in items[items.index(item) + 1 :] if one not in group)
            self._run(group, next(others, None))
            return True
        if item.entry.retries:
            self._run([item], nextitem)
            return True
        return None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Entries with several runs take turns if there is more than one of them."""
        several = [item for item in session.items if isinstance(item, BenchItem) and has_several_runs(item.entry)]
        if self._interleave and len(several) > 1:
            for item in several:
                item.takes_turns = True

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """A failed attempt that is followed by another is counted and shown, a run in turn is not."""
        outcome: str = report.outcome
        if outcome == RETRIED:
            return "retried", "R", ("RETRIED", {"yellow": True})
        between: str | None = report.when
        return ("", "", "") if outcome == IN_TURN or between == BETWEEN else None

    def _run(self, items: Sequence[BenchItem], after: pytest.Item | None) -> None:
        waiting = list(items)
        while waiting:
            for item in list(waiting):
                self._pass(item, waiting, after)
                if item.goes_on is None:
                    waiting.remove(item)
                    self._settled.add(item)
                elif item.goes_on == RETRIED:
                    item.begin_attempt()
                if item.session.shouldstop or item.session.shouldfail:
                    return

    def _pass(self, item: BenchItem, waiting: Sequence[BenchItem], after: pytest.Item | None) -> None:
        def following() -> pytest.Item | pytest.Collector | None:
            later = waiting[waiting.index(item) + 1 :] or [one for one in waiting if one is not item]
            if later:
                return later[0]
            # The same item again: only what is its own is torn down.
            return after if item.goes_on is None else item.parent

        self._running = item
        try:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=cast("pytest.Item", _Following(following)))
        finally:
            self._running = None


class _Following:
    """The item that follows, decided when the teardown asks for it: before the pass nobody knows what that is."""

    def __init__(self, decide: Callable[[], pytest.Item | pytest.Collector | None]) -> None:
        self._decide = decide

    def listchain(self) -> list[Any]:
        """The nodes that must stay set up."""
        node = self._decide()
        return node.listchain() if node is not None else []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decide(), name)
