# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``--bench-interleave``: entries with several runs take turns, A1 B1 A2 B2.

Each turn but the last is an item of its own, of the same name, whose fixtures are set up and torn down by pytest's
hooks and which reports nothing. The last turn is the entry's own item, with pytest's whole protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from pytest_curator_bench.entry.runs import has_several_runs
from pytest_curator_bench.plugin.items import BenchItem

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["InterleavePlugin"]


class InterleavePlugin:
    """Runs the entries with several runs in turns; registered where the option asks for it."""

    def __init__(self) -> None:
        self._group: list[BenchItem] = []
        self._started = False
        self._current: BenchItem | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Put the entries with several runs into the group, if there is more than one."""
        several = [item for item in session.items if isinstance(item, BenchItem) and has_several_runs(item.entry)]
        self._group = several if len(several) > 1 else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run the whole group in the place of its first item."""
        if item not in self._group or item is self._current:
            return None
        if not self._started:
            self._started = True
            self._run_group(item.session)
        return True

    def _run_group(self, session: pytest.Session) -> None:
        waiting = list(self._group)
        items = session.items
        rest = (one for one in items[items.index(waiting[0]) + 1 :] if one not in waiting)
        after = next(rest, None)
        while waiting:
            for item in list(waiting):
                later = waiting[waiting.index(item) + 1 :] or [one for one in waiting if one is not item]
                if item.execution.runs_left > 1 and _take_turn(item, later[0] if later else item):
                    continue
                waiting.remove(item)
                self._current = item
                item.ihook.pytest_runtest_protocol(item=item, nextitem=later[0] if later else after)
                self._current = None
                if session.shouldstop or session.shouldfail:
                    return


def _take_turn(item: BenchItem, nextitem: pytest.Item) -> bool:
    """Make one run of the entry; return whether its next one is due.

    If not, the item's own protocol shows why: its result is there, or its setup fails again.
    """
    turn = item.as_turn()
    turn.ihook.pytest_runtest_logstart(nodeid=turn.nodeid, location=turn.location)
    succeeded = _phase("setup", lambda: turn.ihook.pytest_runtest_setup(item=turn))
    succeeded = succeeded and _phase("call", lambda: turn.ihook.pytest_runtest_call(item=turn))
    torn_down = _phase("teardown", lambda: turn.ihook.pytest_runtest_teardown(item=turn, nextitem=nextitem))
    turn.ihook.pytest_runtest_logfinish(nodeid=turn.nodeid, location=turn.location)
    return succeeded and torn_down and not item.execution.is_finished


def _phase(when: Literal["setup", "call", "teardown"], call: Callable[[], object]) -> bool:
    info = pytest.CallInfo.from_call(call, when, reraise=(pytest.exit.Exception, KeyboardInterrupt))
    return info.excinfo is None
