# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What was new in each of many sessions: failures, slower entries, and what they ran on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from pytest_curator_bench.history.baseline import Baseline, judge_change
from pytest_curator_bench.history.comparison import LOOK_BACK, past_among
from pytest_curator_bench.history.environment import environment_facts
from pytest_curator_bench.history.sessions import session_before
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.record import HARMLESS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_curator_bench.history.environment import Fact
    from pytest_curator_bench.history.index import Index
    from pytest_curator_bench.history.records import Record
    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["News", "news_of"]


@dataclass(slots=True, kw_only=True)
class News:
    """What was new in a session.

    Attributes:
        new_failures: entries that did not pass, and had not failed just before.
        slower: entries whose time is worse than usual.
        changed: facts of the environment that differ from the session of the same name before it.
    """

    new_failures: int = 0
    slower: int = 0
    changed: Sequence[Fact] = ()


def news_of(
    index: Index,
    refs: Sequence[SessionRef],
    known: Sequence[SessionRef],
    is_wanted: Callable[[Record], bool] = lambda _record: True,
) -> dict[str, News]:
    """Return what was new in sessions, by name; each entry's results are read once for all of them.

    Args:
        index: where the results are.
        refs: the sessions.
        known: all sessions of the results directory, the one that started last first.
        is_wanted: says of a result whether it counts.
    """
    found = {ref.name: News(changed=_changed(index, ref, session_before(known, ref))) for ref in refs}
    since = min((ref.started_at.astimezone(UTC).isoformat() for ref in refs), default="~")
    for entry in index.entries() if found else ():
        records = _newest(index, entry, since)
        for place, record in enumerate(records):
            if record.session in found and is_wanted(record):
                _count(found[record.session], record, records[place + 1 : place + 1 + LOOK_BACK])
    return found


def _newest(index: Index, entry: str, since: str) -> list[Record]:
    """Return the results of an entry since a time, the newest first, and as many before as baselines may need."""
    records: list[Record] = []
    before = 0
    for record in index.past(entry):
        records.append(record)
        before += record.started_at < since
        if before == LOOK_BACK:
            break
    return records


def _count(news: News, record: Record, earlier: Sequence[Record]) -> None:
    if record.status not in HARMLESS:
        news.new_failures += not earlier or earlier[0].status in HARMLESS
    if not record.passed or EXEC_TIME not in record.figures:
        return
    values = tuple(one.figures[EXEC_TIME] for one in past_among(earlier, record)[0] if EXEC_TIME in one.figures)
    if values:
        meaning = record.meaning(EXEC_TIME)
        change = judge_change([record.figures[EXEC_TIME]], Baseline(values=values), meaning.direction)
        news.slower += change.verdict == "worse"


def _changed(index: Index, ref: SessionRef, before: SessionRef | None) -> list[Fact]:
    if before is None:
        return []
    facts = environment_facts(index.environment(before.name), index.environment(ref.name))
    return [fact for fact in facts if fact.differs]
