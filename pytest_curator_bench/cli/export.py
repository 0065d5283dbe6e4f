# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench export``: the figures of sessions for pandas and SQL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import replacing
from pytest_curator_bench._util.text import counted
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.output import print_note
from pytest_curator_bench.cli.past_results import matching, open_index, records_of
from pytest_curator_bench.cli.results_dir import (
    add_keyword_argument,
    add_results_arguments,
    all_sessions,
    keyword_filter,
    results_dir,
    some_sessions,
)
from pytest_curator_bench.history.records import read_environment
from pytest_curator_bench.history.selectors import SELECTORS
from pytest_curator_bench.reporting.export import COLUMNS, WRITERS, export_rows

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_curator_bench.history.index import Index
    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Write the figures of sessions for pandas and SQL: one row for each figure of each result, the oldest session "
        f"first. Columns: {', '.join(COLUMNS)}. Exit status 0: written, 2: nothing was written."
    )
    parser.add_argument(
        "selector", nargs="?", metavar="SESSIONS", help=f"{SELECTORS}, several with commas (default: all sessions)"
    )
    parser.add_argument("--format", choices=list(WRITERS), default="csv", help="default: csv")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where to (default: standard output); written whole or not"
    )
    add_results_arguments(parser)
    add_keyword_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Write the figures; returns the exit status."""
    if options.format == "parquet" and options.output is None:
        raise CommandError("parquet is no text: give -o FILE")
    matches = keyword_filter(options)
    if options.selector is not None:
        refs = some_sessions(options, options.selector)
    else:
        refs = all_sessions(options, results_dir(options))
    if not refs:
        raise CommandError(f"no session in {results_dir(options)}: run pytest benchmarks/ first")
    with open_index(refs[0]) as index:
        rows = _rows(index, refs[::-1], matches)
        write = WRITERS[options.format]
        if options.output is None:
            write(rows, sys.stdout.buffer)
        else:
            try:
                with replacing(options.output) as file:
                    write(rows, file)
            except ImportError as error:
                raise CommandError(f"parquet needs pyarrow ({error}): pip install pyarrow, or --format csv") from None
            except OSError as error:
                raise CommandError(f"{options.output} can't be written: {error.strerror or error}") from None
            print_note(f"wrote {counted(len(refs), 'session')} to {options.output}")
        for problem in index.problems:
            print_note(f"skipped {problem}")
    return 0


def _rows(
    index: Index, refs: Sequence[SessionRef], matches: Callable[[Iterable[str]], bool] | None
) -> Iterator[dict[str, str | float | None]]:
    for ref in refs:
        yield from export_rows(ref, matching(records_of(index, [ref]), matches), read_environment(ref.path, ""))
