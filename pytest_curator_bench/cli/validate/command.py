# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench validate``: everything that can be known of configuration files without running a benchmark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pytest_curator_bench._util.interpreter import runs_itself
from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench._util.text import counted
from pytest_curator_bench.cli.files import add_file_arguments, display, load_files
from pytest_curator_bench.cli.validate.report import Row, print_report
from pytest_curator_bench.cli.validate.scripts import HelpRun, run_helps
from pytest_curator_bench.cli.validate.sinks import sink_problems
from pytest_curator_bench.config import ConfigError
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.entry.preflight import check_datasets, check_run, command_of, key_of
from pytest_curator_bench.machine.hardware import available_cpus
from pytest_curator_bench.processes.client import SupervisionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pytest_curator_bench.config.model import BenchConfig, ScriptRun

__all__ = ["add_arguments", "run"]

_MOST_AT_A_TIME = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Check configuration files, merged in order, without running a benchmark: everything that they "
        "say, that scripts exist and accept --help, and that datasets exist. Exit status 0: nothing is wrong, "
        "1: something is, 2: this command line can't be understood."
    )
    add_file_arguments(parser)
    parser.add_argument("--no-datasets", dest="datasets", action="store_false", help="don't look for datasets")
    parser.add_argument(
        "--no-scripts",
        dest="scripts",
        action="store_false",
        help="don't look for scripts and Ray, and run no script with --help: for another machine than the one "
        "that runs the benchmarks",
    )
    parser.add_argument(
        "--strict", action="store_true", help="warnings are errors, and so is a variable of a sink that is not defined"
    )
    parser.add_argument(
        "--rootdir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the project's directory, whose benchmarks/scripts is the last place to look for scripts "
        "(default: the current directory)",
    )


def run(options: argparse.Namespace) -> int:
    """Check the files and print what was found.

    Returns:
        0 if nothing is wrong, 1 if something is; warnings count only where they are asked to.
    """
    console = Console(soft_wrap=True, highlight=False)
    try:
        # An entry's own mistakes are among its problems, so that they hide nothing that is wrong elsewhere.
        config = load_files(options, strict=options.strict, strict_entries=False, root_dir=options.rootdir.absolute())
    except ConfigError as error:
        for problem in error.problems:
            console.print(problem, markup=False)
        console.print(f"{counted(len(error.problems), 'error')}: nothing else was looked at", markup=False)
        return 1
    mask = Masker(config.secrets).mask
    rows = [Row(run=run, problems=_wanted(config, run, options)) for run in (*config.data_setups, *config.entries)]
    if options.scripts:
        _ask_for_help(config, rows, os.environ, Path.cwd())
    others = sink_problems(config, display)
    print_report(console, rows, datasets=options.datasets, scripts=options.scripts)
    errors = list(
        dict.fromkeys(mask(problem.shown(display)) for problem in (*(p for row in rows for p in row.problems), *others))
    )
    for text in errors:
        console.print(f"error: {text}", markup=False)
    for text in config.warnings:
        console.print(f"warning: {text}", markup=False)
    for text in config.differences:
        console.print(f"note: {text}", markup=False)
    entries = counted(len(config.entries), "entry", "entries")
    setups = f" and {counted(len(config.data_setups), 'data setup')}" if config.data_setups else ""
    counts = f"{counted(len(errors), 'error')}, {counted(len(config.warnings), 'warning')}"
    console.print(f"{entries}{setups}: {counts}", markup=False)
    return 1 if errors or (options.strict and config.warnings) else 0


def _wanted(config: BenchConfig, run: ScriptRun, options: argparse.Namespace) -> list[Problem]:
    left_out = {"dataset": not options.datasets, "script": not options.scripts, "ray": not options.scripts}
    # What setups have not made yet is reported all the same: nobody knows which of the data they make.
    found = [*check_run(config, run), *check_datasets(config, run, skip_setup=True)]
    return [problem for problem in found if not left_out.get(problem.kind)]


def _ask_for_help(config: BenchConfig, rows: Sequence[Row], environ: Mapping[str, str], cwd: Path) -> None:
    """Run each script that is there with ``--help``, once for each environment that entries give it."""
    wanted: dict[HelpRun, list[Row]] = {}
    for row in rows:
        if row.is_undefined:
            continue
        command = command_of(config, row.run)
        script = find_script(command)
        if script.is_file() and not command.unresolved and not runs_itself(script):  # such one may know no --help
            wanted.setdefault(HelpRun(script, tuple(sorted(command.env.items()))), []).append(row)
    inherited = {name: value for name, value in environ.items() if name not in config.secret_variables}
    try:
        parallel = min(_MOST_AT_A_TIME, available_cpus())
        outcomes = run_helps(wanted, environ=inherited, cwd=cwd, parallel=parallel)
    except SupervisionError as error:
        outcomes = dict.fromkeys(wanted, str(error))
    for run, problem in outcomes.items():
        for row in wanted[run]:
            row.asked_for_help = True
            if problem is not None:
                place, key = Place(row.run.file, row.run.line), f"{key_of(row.run)}.script"
                row.problems.append(Problem(place, key, f"{run.script} --help: {problem}", "help"))
