# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench show``: one session, or one result in full."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import format_duration, format_number, format_seconds, harmless, instead_of
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.files import display
from pytest_curator_bench.cli.list import session_row
from pytest_curator_bench.cli.output import (
    Column,
    add_format_argument,
    print_for_people,
    print_json,
    print_note,
    print_rows,
)
from pytest_curator_bench.cli.results_dir import (
    add_keyword_argument,
    add_results_arguments,
    keyword_filter,
    one_session,
)
from pytest_curator_bench.history.ab import compare_interpreters
from pytest_curator_bench.history.content import read_content
from pytest_curator_bench.history.selectors import SELECTORS
from pytest_curator_bench.results.outputs import flat_scalars
from pytest_curator_bench.results.statistics import is_number

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.history.content import SessionContent
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["add_arguments", "run"]


def _time(value: object) -> str:
    return format_seconds(value) if is_number(value) else "-"


# In CSV and Markdown; on the terminal the summary table of a run stands in their place.
ENTRY_COLUMNS = (
    Column(key="entry", is_name=True),
    Column(key="status"),
    Column(key="exec_time_s", head="took", show=lambda row: _time(row["exec_time_s"]), is_number=True),
    Column(key="timeout_s", head="limit", show=lambda row: _time(row["timeout_s"]), is_number=True),
    Column(key="reason", is_shown=False),
    Column(key="error", head="why", show=lambda row: (row["error"] or "").partition("\n")[0]),
)
FIELD_COLUMNS = (
    Column(key="field"),
    Column(key="value", show=lambda row: _shown(row["value"]), is_text=True),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Show one session with the outcome of each entry, or the result of one entry in full. Exit status 0: shown, "
        "2: there is no such session or entry."
    )
    parser.add_argument(
        "session", nargs="?", default="latest", metavar="SESSION", help=f"{SELECTORS} (default: latest)"
    )
    parser.add_argument("entry", nargs="?", metavar="ENTRY", help="name of the entry whose result is shown")
    add_results_arguments(parser)
    add_keyword_argument(parser)
    add_format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Show the session or the result; returns the exit status."""
    matches = keyword_filter(options)
    content = read_content(one_session(options, options.session))
    if options.entry is not None:
        _show_result(_named_result(content, options.entry), options.format)
    else:
        _show_session(content, matches or (lambda _names: True), options.format)
    for problem in content.problems:
        print_note(f"skipped {problem}")
    return 0


def _named_result(content: SessionContent, name: str) -> EntryResult:
    by_name = {result.name: result for result in content.results}
    if name in by_name:
        return by_name[name]
    if name in content.missing:
        raise CommandError("\n".join([*content.problems, f"{name} of {content.ref.name}: {content.missing[name]}"]))
    raise CommandError(f"no entry {name!r} in {content.ref.name}{instead_of(name, by_name)}")


def _show_session(content: SessionContent, matches: Callable[[Iterable[str]], bool], format_name: str) -> None:
    results = [result for result in content.results if matches((result.name, *result.marks))]
    missing = {name: status for name, status in content.missing.items() if matches((name,))}
    ref = content.ref
    summary = session_row(ref, ref.counts, len(content.results) + len(content.missing))
    if format_name == "json":
        records = [result.to_dict() for result in results]
        from pytest_curator_bench.reporting.ab import ab_records

        comparisons = compare_interpreters(results)
        ab = {"ab": ab_records(comparisons)} if comparisons else {}
        print_json({**summary, "missing": missing, "environment": content.environment, "results": records, **ab})
        return
    if format_name == "table":
        sys.stdout.write(f"{harmless(_headline(summary))}\n\n")
        if results:
            _print_summary(results)
        sys.stdout.writelines(f"{harmless(name)}: {status}\n" for name, status in missing.items())
        sys.stdout.write(f"\nresults: {harmless(display(ref.path))}\n")
        return
    rows = [
        {
            "entry": result.name,
            "status": result.status,
            "exec_time_s": result.exec_time_s,
            "timeout_s": result.timeout_s,
            "reason": result.reason,
            "error": result.error,
        }
        for result in results
    ]
    nothing = dict.fromkeys(("exec_time_s", "timeout_s", "reason", "error"))
    rows += [{"entry": name, "status": status, **nothing} for name, status in missing.items()]
    print_rows(ENTRY_COLUMNS, rows, format_name)


def _print_summary(results: Sequence[EntryResult]) -> None:
    from rich.console import Console

    from pytest_curator_bench.reporting.ab import ABTable
    from pytest_curator_bench.reporting.summary import summary_table

    console = Console(highlight=False)
    print_for_people(console, summary_table(results))
    if comparisons := compare_interpreters(results):
        print_for_people(console, ABTable(comparisons))


def _headline(summary: Mapping[str, Any]) -> str:
    took = "" if summary["took_s"] is None else f" in {format_duration(summary['took_s'])}"
    reason = f" · {summary['reason']}" if summary["reason"] else ""
    counts = f"{summary['passed']} of {summary['entries']} passed"
    return f"{summary['session']}: {summary['status']}{took}, {counts}{reason}"


# --- one result in full ---


def _show_result(result: EntryResult, format_name: str) -> None:
    if format_name == "json":
        print_json(result.to_dict())
    else:
        print_rows(FIELD_COLUMNS, [{"field": field, "value": value} for field, value in _fields(result)], format_name)


def _fields(result: EntryResult) -> Iterator[tuple[str, Any]]:
    """Yield all that is known of a result for people, the outcome first."""
    yield "entry", result.name
    yield "session", result.session_name
    yield "status", result.status if result.reason is None else f"{result.status} ({result.reason})"
    yield from (("error", line) for line in (result.error or "").splitlines())
    yield from (("warning", text) for text in result.warnings)
    yield from ((f"requirement {verdict['metric']}", verdict["sentence"]) for verdict in result.requirements)
    yield "exec_time_s", result.exec_time_s
    yield "timeout_s", result.timeout_s
    yield "started_at", result.started_at
    yield "finished_at", result.finished_at
    yield "returncode", result.returncode if result.signal is None else result.signal
    yield "command", result.command_line
    if result.interpreter is not None:
        yield from ((f"interpreter {name}", value) for name, value in flat_scalars(result.interpreter).items())
    yield "marks", ", ".join(result.marks) or None
    for name, value in flat_scalars(result.script_metrics).items():
        yield f"metric {name}", value
    for name, statistics in result.statistics.items():
        low, high = statistics.get("median_ci") or (statistics["min"], statistics["max"])
        yield f"statistics {name}", f"{format_number(low)} to {format_number(high)} in {statistics['n']} runs"
    for run in result.runs:
        yield f"run {run['run']}", f"{run['status']} in {_time(run['exec_time_s'])}"
    for number, attempt in enumerate(result.attempts, 1):
        yield f"attempt {number}", f"{attempt['status']} in {_time(attempt['exec_time_s'])}"
    groups = {"param": result.script_params, "resource": result.resources, "task metric": result.task_metrics}
    for kind, values in groups.items():
        for name, value in flat_scalars(values).items():
            yield f"{kind} {name}", value
    yield from ((f"dataset {dataset.get('name')}", dataset.get("path")) for dataset in result.datasets)
    yield "log", result.stdouterr_file
    yield "directory", result.entry_dir


def _shown(value: object) -> str:
    return format_number(value) if is_number(value) else "-" if value is None else str(value)
