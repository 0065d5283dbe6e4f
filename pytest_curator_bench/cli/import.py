# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench import``: the results of NeMo Curator's own runner as sessions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import counted
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.files import display
from pytest_curator_bench.cli.output import Column, add_format_argument, print_note, print_rows
from pytest_curator_bench.cli.results_dir import add_directory_arguments, results_dir
from pytest_curator_bench.session.nemo_curator_sessions import find_sessions, read_session, write_session

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]

COLUMNS = (
    Column(key="session", is_name=True),
    Column(key="entries", is_number=True),
    Column(key="problems", is_number=True),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Take over results of NeMo Curator's own runner (run.py): each of its sessions becomes one of the results "
        "directory, with its figures, outcome, environment and logs. The source is only read. A second import changes "
        "nothing but what has changed there. Exit status 0: all imported, 1: some files or sessions could not be, 2: "
        "nothing could."
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="a session of that runner, or a directory of them")
    add_directory_arguments(parser)
    add_format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Import the sessions; returns the exit status."""
    source: Path = options.directory
    try:
        found = find_sessions(source)
    except OSError as error:
        raise CommandError(f"{source} can't be read: {error.strerror}") from None
    if not found:
        raise CommandError(
            f"found no results of NeMo Curator's runner in {source}: expected SESSION/ENTRY/results.json"
        )
    target = results_dir(options, make=True)
    rows, problems = [], []
    for path in found:
        try:
            session = read_session(path)
            written = write_session(session, target)
        except ValueError as error:
            problems.append(str(error))
        except OSError as error:
            raise CommandError(f"{error.filename or target} can't be written: {error.strerror or error}") from None
        else:
            problems += session.problems
            counts = {"entries": len(session.results), "problems": len(session.problems)}
            rows.append({"session": written.name, **counts})
    print_rows(COLUMNS, rows, options.format)
    for problem in problems:
        print_note(f"skipped {problem}")
    print_note(f"imported {counted(len(rows), 'session')} into {display(target)}")
    if not rows:
        return 2
    return 1 if problems else 0
