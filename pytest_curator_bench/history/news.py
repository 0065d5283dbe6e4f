# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What was new in each of many sessions: failures, slower entries, and what they ran on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from pytest_curator_bench.history.baseline import Baseline, judge_change
from pytest_curator_bench.history.comparison import past_among
from pytest_curator_bench.history.environment import environment_facts
from pytest_curator_bench.history.sessions import session_before
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.record import HARMLESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
        source = index.past(entry)
        read: list[Record] = []
        for place, record in enumerate(_records(source, read), 1):
            if record.started_at < since:
                break
            if record.session in found and is_wanted(record):
                news, before = found[record.session], next(_records(source, read, place), None)
                news.new_failures += record.status not in HARMLESS and (before is None or before.status in HARMLESS)
                news.slower += _is_slower(record, past_among(_records(source, read, place), record)[0])
    return found


def _records(source: Iterator[Record], read: list[Record], place: int = 0) -> Iterator[Record]:
    """Yield all records from a place on: those that have been read already, and more from their source."""
    while True:
        if place == len(read):
            read += itertools.islice(source, 1)
        if place == len(read):
            return
        yield read[place]
        place += 1


def _is_slower(record: Record, comparable: Sequence[Record]) -> bool:
    values = tuple(one.figures[EXEC_TIME] for one in comparable if EXEC_TIME in one.figures)
    if not record.passed or EXEC_TIME not in record.figures or not values:
        return False
    direction = record.meaning(EXEC_TIME).direction
    return judge_change([record.figures[EXEC_TIME]], Baseline(values=values), direction).verdict == "worse"


def _changed(index: Index, ref: SessionRef, before: SessionRef | None) -> list[Fact]:
    if before is None:
        return []
    facts = environment_facts(index.environment(before.name), index.environment(ref.name))
    return [fact for fact in facts if fact.differs]
