# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench history``: one metric over time."""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import change_text, counted, harmless, near, noise_text
from pytest_curator_bench.cli.arguments import whole_number
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.output import Column, add_format_argument, print_json, print_note, print_rows
from pytest_curator_bench.cli.past_results import open_index
from pytest_curator_bench.cli.results_dir import (
    add_keyword_argument,
    add_results_arguments,
    all_sessions,
    keyword_filter,
    results_dir,
)
from pytest_curator_bench.history.baseline import Baseline
from pytest_curator_bench.history.series import series_of
from pytest_curator_bench.reporting.changes import value_text, with_unit
from pytest_curator_bench.reporting.sparkline import sparkline
from pytest_curator_bench.results.metrics import EXEC_TIME

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_curator_bench.history.index import Index
    from pytest_curator_bench.history.series import Series

__all__ = ["add_arguments", "run"]

PLOT_WIDTH = 60
MAX_FAILURES = 8
_DIRECTIONS = {"lower": "less is better", "higher": "more is better", "exact": "should stay the same", "info": ""}


LEVEL_COLUMNS = (
    Column(key="since"),
    Column(key="until"),
    Column(key="sessions", is_number=True),
    Column(key="unit", is_shown=False),
    Column(key="median", show=with_unit("median"), is_number=True),
    Column(key="noise", show=lambda row: noise_text(row["noise"]), is_number=True),
    Column(key="change", show=lambda row: change_text(row["change"]), is_number=True),
    Column(key="began_with", head="began with", show=lambda row: "; ".join(row["began_with"]), is_text=True),
)
ENTRY_COLUMNS = (
    Column(key="entry", is_name=True),
    Column(key="sessions", is_number=True),
    Column(key="unit", is_shown=False),
    Column(key="median", show=with_unit("median"), is_number=True),
    Column(key="noise", show=lambda row: noise_text(row["noise"]), is_number=True),
    Column(key="latest", show=with_unit("latest"), is_number=True),
    Column(key="trend"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Show one metric of an entry over time, or with --metric one metric of all entries. Sessions that can't be "
        "compared with those before begin a level of their own. Exit status 0: shown, 2: there is no such entry or "
        "metric."
    )
    parser.add_argument("entry", nargs="?", metavar="ENTRY", help="name of the entry")
    parser.add_argument("metric", nargs="?", default=EXEC_TIME, metavar="METRIC", help="default: %(default)s")
    parser.add_argument("--metric", dest="metric_of_all", metavar="METRIC", help="this metric of all entries")
    parser.add_argument("--last", type=whole_number, default=200, metavar="N", help="results (default: %(default)s)")
    add_results_arguments(parser)
    add_keyword_argument(parser)
    add_format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Show the history; returns the exit status."""
    if (options.entry is None) == (options.metric_of_all is None):
        raise CommandError("give an ENTRY for its history, or --metric METRIC for that of all entries")
    refs = all_sessions(options, results_dir(options))
    if not refs:
        raise CommandError(f"no session in {results_dir(options)}: run pytest benchmarks/ first")
    names = {ref.name for ref in refs}
    with open_index(refs[0]) as index:
        if options.entry is not None:
            _show_entry(index, options, names)
        else:
            _show_all(index, options, names)
        for problem in index.problems:
            print_note(f"skipped {problem}")
    return 0


def _show_entry(index: Index, options: argparse.Namespace, names: set[str]) -> None:
    known = index.entries()
    if options.entry not in known:
        raise CommandError(f"no entry {options.entry!r} has a result{near(options.entry, known)}")
    series = series_of(index, options.entry, options.metric, is_wanted=names.__contains__, limit=options.last)
    if not series.stretches:
        metrics = next((record.figures for record in reversed(series.records) if record.passed), {})
        raise CommandError(f"{options.entry} has no metric {options.metric!r}{near(options.metric, metrics)}")
    rows = list(_levels(series))
    if options.format == "json":
        values = [
            {"session": record.session, "started_at": record.started_at, "value": record.figures[series.metric]}
            for stretch in series.stretches
            for record in stretch.records
        ]
        failed = [
            {"session": record.session, "status": record.status, "error": record.error} for record in _failed(series)
        ]
        print_json({"entry": series.entry, "metric": series.metric, "levels": rows, "values": values, "failed": failed})
        return
    if options.format == "table":
        meaning = series.stretches[-1].records[-1].meaning(series.metric)
        direction = f" ({_DIRECTIONS[meaning.direction]})" if _DIRECTIONS[meaning.direction] else ""
        passed = sum(record.passed for record in series.records)
        head = (
            f"{series.entry} · {series.metric}{direction} · {counted(len(series.records), 'result')}, {passed} passed"
        )
        sys.stdout.write(f"{harmless(head)}\n\n")
    print_rows(LEVEL_COLUMNS, rows, options.format)
    if options.format == "table":
        sys.stdout.write(f"\n{_plot(series)}\n")
        for line in _failures(series):
            sys.stdout.write(f"{harmless(line)}\n")


def _levels(series: Series) -> Iterator[dict[str, Any]]:
    before: float | None = None
    for stretch in series.stretches:
        values = [record.figures[series.metric] for record in stretch.records]
        median = statistics.median(values)
        yield {
            "since": stretch.records[0].started_at[:10],
            "until": stretch.records[-1].started_at[:10],
            "sessions": len(values),
            "unit": stretch.records[-1].meaning(series.metric).unit,
            "median": median,
            "noise": Baseline(values=tuple(values)).noise,
            "change": median / before - 1 if before else None,
            "began_with": list(stretch.began_with),
        }
        before = median


def _plot(series: Series) -> str:
    values = series.values
    width = min(PLOT_WIDTH, len(values))
    each = len(values) / width
    mark = "" if each <= 1 else f"  each mark: median of {each:.0f} sessions"
    low, high = min(values), max(values)
    unit = series.stretches[-1].records[-1].meaning(series.metric).unit
    return f"{sparkline(values, width=width)}  {value_text(low, unit)} to {value_text(high, unit)}{mark}"


def _failed(series: Series) -> list[Any]:
    return [record for record in series.records if record.status in {"failed", "timeout", "error"}]


def _failures(series: Series) -> Iterator[str]:
    failed = _failed(series)
    if not failed:
        return
    counts = Counter(record.status for record in failed)
    listed = ", ".join(
        f"{record.started_at[:10]} ({record.reason or record.status})" for record in failed[-MAX_FAILURES:]
    )
    kinds = ", ".join(f"{count} {status}" for status, count in counts.items())
    more = "the last: " if len(failed) > MAX_FAILURES else ""
    yield f"{kinds}: {more}{listed}"


def _show_all(index: Index, options: argparse.Namespace, names: set[str]) -> None:
    matches = keyword_filter(options)
    rows = []
    for entry in index.entries():
        series = series_of(index, entry, options.metric_of_all, is_wanted=names.__contains__, limit=options.last)
        if not series.stretches or (matches is not None and not matches((entry, *series.records[-1].marks))):
            continue
        newest = series.stretches[-1].records
        values = [record.figures[series.metric] for record in newest]
        rows.append(
            {
                "entry": entry,
                "sessions": len(values),
                "unit": newest[-1].meaning(series.metric).unit,
                "median": statistics.median(values),
                "noise": Baseline(values=tuple(values)).noise,
                "latest": values[-1],
                "trend": sparkline(values, width=30),
            }
        )
    if not rows:
        raise CommandError(f"no entry has a metric {options.metric_of_all!r}")
    print_rows(ENTRY_COLUMNS, rows, options.format)
