# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench run-script``: one entry's script on this terminal, with the environment that pytest would give it."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
import shlex
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import read_json_object
from pytest_curator_bench._util.text import harmless
from pytest_curator_bench.cli.files import display, load_files
from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.entry.by_hand import can_be_debugged, run_by_hand
from pytest_curator_bench.entry.errors import EXPECTED_ERRORS
from pytest_curator_bench.entry.execute import EntryExecution, State
from pytest_curator_bench.entry.services import Policy, Services
from pytest_curator_bench.results.metrics import metric_lines
from pytest_curator_bench.results.outputs import METRICS_NAME
from pytest_curator_bench.session.status import read_status

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_curator_bench.config.model import BenchConfig, Entry

__all__ = ["add_arguments", "run"]

_NOT_RUN = 2
_INTERRUPTED = 130
_LOOK_S = 0.5


class _CannotRunError(Exception):
    """The script can't be run; the message says why, and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Run the script of one entry on this terminal: its command and its environment as under pytest, on a lease and "
        "a Ray cluster of its own, in a new temporary directory; without log, time limit, repeats and requirements. "
        "The exit status is the script's; 2 if it can't be run."
    )
    parser.add_argument("entry", metavar="ENTRY", help="the entry's name")
    parser.add_argument(
        "--bench-config",
        dest="files",
        action="append",
        required=True,
        type=Path,
        metavar="FILE",
        help="a configuration file, as for pytest; repeatable",
    )
    parser.add_argument("--pdb", action="store_true", help="open pdb where the script raises")
    parser.set_defaults(unknown_keys="warn")


def run(options: argparse.Namespace) -> int:
    """Run the script; returns its exit status."""
    try:
        config = load_files(options, strict_entries=False, root_dir=Path.cwd())
        _say(*(f"warning: {text}" for text in config.warnings))
        entry = _entry(config, options.entry)
        directory = Path(tempfile.mkdtemp(prefix="curator-bench-"))
        own = dataclasses.replace(config, results_dir=directory / "session", artifacts_dir=directory / "session")
        return _run(own, entry, directory, pdb=options.pdb)
    except (ConfigError, _CannotRunError, OSError, *EXPECTED_ERRORS) as error:
        sys.stderr.write(harmless(f"{error}\n"))
        return _NOT_RUN
    except KeyboardInterrupt:
        return _INTERRUPTED


def _entry(config: BenchConfig, name: str) -> Entry:
    entries = {entry.name: entry for entry in config.entries}
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=5, cutoff=0.5) or list(entries)[:8]
        raise _CannotRunError(f"{name}: no enabled entry has this name; did you mean {', '.join(near)}?")
    return entries[name]


def _run(config: BenchConfig, entry: Entry, directory: Path, *, pdb: bool) -> int:
    with Services.opened(config, session_name="by-hand", policy=Policy(skip_setup=True)) as services:
        execution = EntryExecution(entry, services)
        if (shortage := execution.preflight()) is not None:
            raise _CannotRunError(shortage)
        if execution.runs_as_job:
            raise _CannotRunError(f"{entry.name}: its script runs as a job on another machine (ray.job), not here")
        with _status_shown(services.session.entries.path(entry.name)):
            execution.enter(State.CLUSTER_UP)
        plan = execution.plan_by_hand(directory)
        if pdb and not can_be_debugged(plan.command):
            raise _CannotRunError(f"{entry.name}: {plan.command[0]} is no Python: run it without --pdb")
        _say(services.masker.mask(shlex.join(plan.command)))
        status = run_by_hand(plan, pdb=pdb)
        metrics = read_json_object(directory / METRICS_NAME)
    _say(*(services.masker.mask(line) for line in metric_lines(metrics)))
    _say(f"exit status {status}; files: {display(directory)}")
    return status


@contextlib.contextmanager
def _status_shown(entry_dir: Path) -> Iterator[None]:
    """Print what the entry waits for, as often as that changes."""
    done = threading.Event()

    def watch() -> None:
        shown = None
        while not done.wait(_LOOK_S):
            status = read_status(entry_dir)
            if status is not None and status != shown:
                shown = status
                _say(" | ".join((status.doing, *status.detail)))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _say(*lines: str) -> None:
    """Print on standard error: standard output is the script's."""
    for line in lines:
        sys.stderr.write(harmless(line) + os.linesep)
    sys.stderr.flush()
