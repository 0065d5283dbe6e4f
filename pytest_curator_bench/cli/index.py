# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench index``: the cache of past results."""

from __future__ import annotations

import sqlite3
import sys
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import counted, harmless
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.files import display
from pytest_curator_bench.cli.output import print_note
from pytest_curator_bench.cli.results_dir import add_directory_arguments, results_dir
from pytest_curator_bench.history.index import Index
from pytest_curator_bench.history.index_place import index_file

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

__all__ = ["add_arguments", "run"]

MAX_LISTED = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Look after the index, a private cache of the results directory that the other commands keep up to date by "
        "themselves. It may be deleted at any time. Exit status 0: done, and what was checked agrees with the files; "
        "1: it is damaged or does not agree, --rebuild makes it anew; 2: this command line can't be followed."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--where", action="store_true", help="print where it lies")
    what.add_argument("--check", action="store_true", help="compare it with every result file")
    what.add_argument("--rebuild", action="store_true", help="make it anew")
    add_directory_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Look after the index; returns the exit status."""
    directory = results_dir(options)
    file = index_file(directory)
    if file is None:
        raise CommandError("no directory for the index can be written, so it is kept in memory: set XDG_CACHE_HOME")
    if options.where:
        sys.stdout.write(f"{harmless(str(file))}\n")
        return 0
    return _rebuild(directory) if options.rebuild else _check(directory, file)


def _rebuild(directory: Path) -> int:
    try:
        with Index.rebuild(directory) as index:
            sessions, problems = len(index.sessions()), index.problems
    except (OSError, sqlite3.Error) as error:
        raise CommandError(f"{index_file(directory)} can't be made: {error}") from None
    for problem in problems:
        print_note(f"skipped {problem}")
    sys.stdout.write(f"{counted(sessions, 'session')} of {harmless(display(directory))}\n")
    return 0


def _check(directory: Path, file: Path) -> int:
    if not file.exists():
        sys.stdout.write("there is no index yet: the next command that needs it makes it\n")
        return 0
    try:
        index = Index.cached(directory)
        if index is None:
            return _wrong("it is damaged, or of another version: the next command that needs it makes it anew")
        with index:
            if (damage := index.check()) is not None:
                return _wrong(f"it is damaged ({damage}): --rebuild makes it anew")
            outdated, changed, sessions = index.outdated(), len(index.changed()), len(index.sessions())
    except sqlite3.Error as error:
        return _wrong(f"it is damaged ({error}): --rebuild makes it anew")
    if outdated:
        names = ", ".join([*outdated[:MAX_LISTED], *(["…"] if len(outdated) > MAX_LISTED else [])])
        were = "has" if len(outdated) == 1 else "have"
        return _wrong(
            f"{counted(len(outdated), 'session')} {were} other results than it: {names}; --rebuild makes it anew"
        )
    new = f", {changed} changed since: read when needed" if changed else ""
    sys.stdout.write(f"whole: {counted(sessions, 'session')}{new}\n")
    return 0


def _wrong(text: str) -> int:
    sys.stdout.write(f"{harmless(text)}\n")
    return 1
