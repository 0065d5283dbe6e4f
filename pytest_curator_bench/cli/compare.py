# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench compare``: what differs from what is usual, or between sessions."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import change_text, counted, harmless, noise_text
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.output import Column, add_format_argument, print_json, print_note, print_rows
from pytest_curator_bench.cli.past_results import matching, open_index, records_of
from pytest_curator_bench.cli.results_dir import (
    add_keyword_argument,
    add_results_arguments,
    keyword_filter,
    some_sessions,
)
from pytest_curator_bench.cli.within import compare_within
from pytest_curator_bench.history.comparison import compare
from pytest_curator_bench.history.environment import environment_facts
from pytest_curator_bench.history.index import Index
from pytest_curator_bench.history.records import read_environment
from pytest_curator_bench.history.reference import BASELINE
from pytest_curator_bench.history.selectors import SELECTORS
from pytest_curator_bench.reporting.changes import (
    FOLDED,
    counts_text,
    entry_row,
    with_unit,
    words_of,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_curator_bench.history.comparison import Comparison, EntryComparison
    from pytest_curator_bench.history.environment import Fact
    from pytest_curator_bench.history.index import Index
    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["add_arguments", "run"]

NOTHING_WORSE, WORSE, NOTHING_COMPARABLE = 0, 1, 3
_STYLES = {
    **dict.fromkeys(("broken", "worse"), "red"),
    **dict.fromkeys(("worse?", "differs", "not comparable"), "yellow"),
    **dict.fromkeys(("better", "fixed"), "green"),
}
COLUMNS = (
    Column(key="verdict", show=lambda row: row["words"], style=lambda row: _STYLES.get(row["verdict"], "")),
    Column(key="entry", is_name=True),
    Column(key="metric", is_name=True),
    Column(key="unit", is_shown=False),
    Column(key="usual", show=with_unit("usual"), is_number=True),
    Column(key="now", show=with_unit("now"), is_number=True),
    Column(key="change", show=lambda row: change_text(row["change"]), is_number=True),
    Column(key="noise", show=lambda row: noise_text(row["noise"]) if row["usual"] is not None else "-", is_number=True),
    Column(key="sessions", is_shown=False),
    Column(key="trend"),
    Column(key="note", head="", is_text=True),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Compare a session with what is usual, or sessions with others. Entries that are as usual are counted. Exit "
        "status 0: nothing is worse, 1: an entry broke or a metric is worse, 2: this command line can't be followed, "
        "3: nothing can be compared."
    )
    parser.epilog = f"A selector is one of: {SELECTORS}. Several, with commas between them, are pooled."
    parser.add_argument(
        "selectors",
        nargs="*",
        metavar="[[OTHER] SESSION]",
        help="the session (default: latest), and before it what to compare it with (default: baseline, that is the "
        "newest 20 comparable sessions before it)",
    )
    parser.add_argument(
        "--within",
        metavar="SESSION",
        help="compare the cells of its matrices with each other; exit status 0: compared, 3: nothing can be compared",
    )
    parser.add_argument("--by", metavar="AXIS", help="with --within: the axis in which the compared cells differ")
    parser.add_argument("--all", action="store_true", help="every judged metric of every entry")
    add_results_arguments(parser)
    add_keyword_argument(parser)
    add_format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Compare; returns the exit status."""
    if options.within is not None or options.by is not None:
        return compare_within(options)
    if len(options.selectors) > 2:
        raise CommandError(f"found {len(options.selectors)} selectors, expected two: pool sessions with commas")
    *others, selector = options.selectors or ["latest"]
    new = some_sessions(options, selector)
    other = None if others in ([], [BASELINE]) else some_sessions(options, others[0])
    matches = keyword_filter(options)
    with open_index(new[0]) as index:
        comparison = compare(
            index,
            matching(records_of(index, new), matches),
            None if other is None else matching(records_of(index, other), matches),
        )
        problems = index.problems
        facts = _environment(index, comparison, new, other)
    rows = list(_rows(comparison, every=options.all or options.format != "table"))
    if options.format == "json":
        print_json(_report(comparison, new, other, facts, rows))
    elif options.format == "table":
        _print_head(comparison, new, other, facts)
        print_rows(COLUMNS, rows, "table")
        sys.stdout.write(f"\n{counts_text(comparison)}{'' if options.all else '    all of them: --all'}\n")
    else:
        print_rows(COLUMNS, rows, options.format)
    for problem in problems:
        print_note(f"skipped {problem}")
    if not comparison.is_anything_compared:
        print_note("nothing can be compared: no earlier result of these entries was measured in the same setting")
    return _exit_status(comparison)


def _exit_status(comparison: Comparison) -> int:
    if comparison.is_worse:
        return WORSE
    return NOTHING_WORSE if comparison.is_anything_compared else NOTHING_COMPARABLE


def _environment(
    index: Index, comparison: Comparison, new: Sequence[SessionRef], other: Sequence[SessionRef] | None
) -> list[Fact]:
    """Return what differs between the newest session and the newest of the other side."""
    if other is not None:
        then = read_environment(other[0].path, "")
    else:
        earlier = [entry.then for entry in comparison.entries if entry.then is not None]
        if not earlier:
            return []
        then = index.environment(max(earlier, key=lambda record: record.started_at).session)
    return [fact for fact in environment_facts(then, read_environment(new[0].path, "")) if fact.differs]


def _rows(comparison: Comparison, *, every: bool) -> Iterator[dict[str, Any]]:
    for entry in comparison.entries:
        if every:
            yield from _all_rows(entry)
        elif entry.verdict not in FOLDED:
            yield {**entry_row(entry), "words": words_of(entry)}


def _all_rows(entry: EntryComparison) -> Iterator[dict[str, Any]]:
    first = {**entry_row(entry), "words": words_of(entry)}
    yield first
    for metric, change in itertools.islice(entry.changes.items(), first["metric"] is not None, None):
        yield {
            **first,
            **change.to_dict(entry.unit(metric)),
            "words": change.verdict,
            "metric": metric,
            "trend": "",
            "note": "",
        }


def _print_head(
    comparison: Comparison, new: Sequence[SessionRef], other: Sequence[SessionRef] | None, facts: Sequence[Fact]
) -> None:
    against = "usual: up to 20 comparable sessions before" if other is None else _names(other)
    lines = [f"{_names(new)}  against  {against}"]
    if facts:
        lines.append(
            "environment   " + " · ".join(f"{fact.name} {fact.then or '-'} → {fact.now or '-'}" for fact in facts)
        )
    if comparison.suite_change is not None:
        entries = counted(sum(bool(entry.changes) for entry in comparison.entries), "entry", "entries")
        lines.append(f"suite         {change_text(comparison.suite_change)} (median time of {entries})")
    sys.stdout.write("".join(f"{harmless(line)}\n" for line in [*lines, ""]))


def _names(refs: Sequence[SessionRef]) -> str:
    return refs[0].name if len(refs) == 1 else f"{refs[-1].name} to {refs[0].name} ({counted(len(refs), 'session')})"


def _report(
    comparison: Comparison,
    new: Sequence[SessionRef],
    other: Sequence[SessionRef] | None,
    facts: Sequence[Fact],
    rows: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    keys = [column.key for column in COLUMNS if column.key != "trend"]
    return {
        "sessions": [ref.name for ref in new],
        "against": BASELINE if other is None else [ref.name for ref in other],
        "exit_status": _exit_status(comparison),
        "suite_change": comparison.suite_change,
        "environment": [{"name": fact.name, "then": fact.then, "now": fact.now} for fact in facts],
        "rows": [{key: row[key] for key in keys} | {"status": row["status"]} for row in rows],
    }
