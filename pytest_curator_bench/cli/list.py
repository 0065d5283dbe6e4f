# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench list``: which sessions there are."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import counted, format_duration
from pytest_curator_bench.cli.arguments import whole_number
from pytest_curator_bench.cli.output import Column, add_format_argument, print_note, print_rows
from pytest_curator_bench.cli.past_results import open_index
from pytest_curator_bench.cli.results_dir import (
    add_keyword_argument,
    add_results_arguments,
    all_sessions,
    keyword_filter,
    results_dir,
)
from pytest_curator_bench.history.content import is_running, read_content
from pytest_curator_bench.history.news import news_of
from pytest_curator_bench.results.record import HARMLESS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["AGE_COLUMN", "add_arguments", "run", "session_row"]

DEFAULT_LAST = 20
MAX_FACTS = 2


def _took(row: Mapping[str, Any]) -> str:
    return row["status"] if row["took_s"] is None else format_duration(row["took_s"])


def _age(row: Mapping[str, Any]) -> str:
    age_s = (datetime.now(UTC) - datetime.fromisoformat(row["started_at"])).total_seconds()
    return f"{format_duration(max(age_s, 0), units=1)} ago"


def _failed_style(row: Mapping[str, Any]) -> str:
    return "red" if row["failed"] else ""


def _failed(row: Mapping[str, Any]) -> str:
    new = row["new_failures"]
    if not new:
        return str(row["failed"])
    return f"{new} new" if new == row["failed"] else f"{row['failed']}, {new} new"


def _what_changed(row: Mapping[str, Any]) -> str:
    facts = [f"{fact['name']} {fact['now'] or 'unknown'}" for fact in row["changed"]]
    more = [f"{len(facts) - MAX_FACTS} more"] if len(facts) > MAX_FACTS else []
    return ", ".join([*facts[:MAX_FACTS], *more]) or "-"


# People see them only where there is something in them: a terminal has 80 columns.
_OPTIONAL = frozenset({"slower", "reason", "changed"})
AGE_COLUMN = Column(key="started_at", head="started", show=_age, is_number=True)
COLUMNS = (
    Column(key="session", is_name=True),
    AGE_COLUMN,
    Column(key="took_s", head="took", show=_took, is_number=True),
    Column(key="status", is_shown=False),
    Column(key="passed", show=lambda row: f"{row['passed']}/{row['entries']}", is_number=True),
    Column(key="entries", is_shown=False),
    Column(key="failed", show=_failed, style=_failed_style, is_number=True),
    Column(key="new_failures", is_shown=False),
    Column(key="slower", show=lambda row: str(row["slower"] or "-"), is_number=True),
    Column(key="reason", is_text=True),
    Column(key="changed", head="what changed", show=_what_changed, is_text=True),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "List the sessions of a results directory, the newest first: when they started, how long they took, how many "
        "entries passed and failed, how many of the failures are new, how many entries took longer than usual, why "
        "the session was started, and what changed since the session of the same name before it. Exit status 0: "
        "listed, 2: nothing could be listed like this."
    )
    add_results_arguments(parser)
    add_keyword_argument(parser)
    add_format_argument(parser)
    parser.add_argument(
        "--last", type=whole_number, default=DEFAULT_LAST, metavar="N", help="the newest N (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """List the sessions; returns the exit status."""
    matches = keyword_filter(options)
    directory = results_dir(options)
    refs = all_sessions(options, directory)
    rows = list(itertools.islice(_rows(refs, matches), options.last))
    if rows:
        _add_news(rows, refs, matches)
    empty = {key for key in _OPTIONAL if not any(row[key] for row in rows)}
    columns = [replace(column, is_shown=column.is_shown and column.key not in empty) for column in COLUMNS]
    print_rows(columns, rows, options.format)
    if not refs:
        print_note(f"no session in {directory}: run pytest benchmarks/ first")
    elif not rows:
        print_note(f"no entry of {counted(len(refs), 'session')} matches -k {options.keywords}")
    elif matches is None and len(rows) < len(refs):
        print_note(f"the newest {len(rows):,d} of {len(refs):,d} sessions: --last {len(refs)} lists all")
    return 0


def _rows(refs: Iterable[SessionRef], matches: Callable[[Iterable[str]], bool] | None) -> Iterator[dict[str, Any]]:
    for ref in refs:
        if matches is None:
            yield session_row(ref, ref.counts, max(len(ref.entries), sum(ref.counts.values())))
            continue
        content = read_content(ref)
        matching = [result for result in content.results if matches((result.name, *result.marks))]
        statuses: Counter[str] = Counter(result.status for result in matching)
        if total := statuses.total() + sum(matches((name,)) for name in content.missing):
            yield session_row(ref, statuses, total)


def _add_news(
    rows: Sequence[dict[str, Any]], refs: Sequence[SessionRef], matches: Callable[[Iterable[str]], bool] | None
) -> None:
    listed = {row["session"] for row in rows}
    with open_index(refs[0]) as index:
        news = news_of(
            index,
            [ref for ref in refs if ref.name in listed],
            refs,
            lambda record: matches is None or matches((record.entry, *record.marks)),
        )
    for row in rows:
        new = news[row["session"]]
        changed = [{"name": fact.name, "then": fact.then, "now": fact.now} for fact in new.changed]
        row |= {"new_failures": new.new_failures, "slower": new.slower, "changed": changed}


def session_row(ref: SessionRef, counts: Mapping[str, int], entries: int) -> dict[str, Any]:
    """Return what is printed of a session.

    Args:
        ref: the session.
        counts: how many of its entries have each status.
        entries: how many entries there are, with and without a result.
    """
    status = ref.status
    if status == "running" and not is_running(ref.path):
        status = "interrupted"  # killed
    return {
        "session": ref.name,
        "started_at": ref.started_at.isoformat(),
        "took_s": None if ref.finished_at is None else (ref.finished_at - ref.started_at).total_seconds(),
        "status": status,
        "passed": counts.get("passed", 0),
        "entries": entries,
        "failed": sum(count for status, count in counts.items() if status not in HARMLESS),
        "reason": ref.reason,
    }
