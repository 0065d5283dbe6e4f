# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench validate``: everything that can be known of configuration files without running a benchmark."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pytest_curator_bench._util.atomic import display_path
from pytest_curator_bench._util.text import printable
from pytest_curator_bench.cli.validate.report import Row, print_report
from pytest_curator_bench.cli.validate.scripts import HelpRun, run_helps
from pytest_curator_bench.cli.validate.sinks import sink_findings
from pytest_curator_bench.config import ConfigError, load_config
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.entry.findings import Finding, command_of, findings_of, where
from pytest_curator_bench.machine.hardware import available_cpus
from pytest_curator_bench.processes.client import SupervisionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_curator_bench.config.model import BenchConfig, ScriptRun

__all__ = ["ValidateOptions", "validate"]

_MOST_AT_A_TIME = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    """What the command line asked for.

    Attributes:
        files: the configuration files, merged in this order.
        datasets: whether datasets must exist.
        scripts: whether scripts must exist and accept ``--help``, and Ray be installed where entries need it.
        strict: whether warnings count as errors.
        root_dir: the project's directory, whose ``benchmarks/scripts`` is the last place to look for scripts.
    """

    files: tuple[Path, ...]
    datasets: bool = True
    scripts: bool = True
    strict: bool = False
    root_dir: Path = field(default_factory=Path.cwd)


def validate(options: ValidateOptions, *, console: Console | None = None) -> int:
    """Check the files and print what was found.

    Returns:
        0 if nothing is wrong, 1 if something is; warnings count only where they are asked to.
    """
    console = console or Console(soft_wrap=True, highlight=False)
    start = Path.cwd()

    def display(path: Path) -> str:
        return display_path(path.absolute(), start)

    files = [file.absolute() for file in options.files]
    try:
        config = load_config(
            files, environ=os.environ, strict=options.strict, root_dir=options.root_dir.absolute(), display=display
        )
    except ConfigError as error:
        for problem in error.problems:
            console.print(problem, markup=False)
        console.print(f"{_counted(len(error.problems), 'error')}: nothing else was looked at", markup=False)
        return 1
    rows = [
        Row(run=run, place=where(run, display), findings=_wanted(config, run, options, display))
        for run in (*config.data_setups, *config.entries)
    ]
    if options.scripts:
        _ask_for_help(config, rows, os.environ, start)
    others = [Finding(kind, printable(text)) for kind, text in sink_findings(config, display)]
    print_report(console, rows, options)
    errors = list(dict.fromkeys(finding.text for finding in (*(f for row in rows for f in row.findings), *others)))
    for text in errors:
        console.print(f"error: {text}", markup=False)
    for text in config.warnings:
        console.print(f"warning: {text}", markup=False)
    entries = _counted(len(config.entries), "entry", "entries")
    setups = f" and {_counted(len(config.data_setups), 'data set-up')}" if config.data_setups else ""
    counts = f"{_counted(len(errors), 'error')}, {_counted(len(config.warnings), 'warning')}"
    console.print(f"{entries}{setups}: {counts}", markup=False)
    return 1 if errors or (options.strict and config.warnings) else 0


def _wanted(
    config: BenchConfig, run: ScriptRun, options: ValidateOptions, display: Callable[[Path], str]
) -> list[Finding]:
    left_out = {"dataset": not options.datasets, "script": not options.scripts, "ray": not options.scripts}
    # What set-ups have not made yet is told all the same: nobody knows which of the data they make.
    found = findings_of(config, run, display, skip_setup=True)
    return [finding for finding in found if not left_out.get(finding.kind)]


def _ask_for_help(config: BenchConfig, rows: Sequence[Row], environ: Mapping[str, str], cwd: Path) -> None:
    """Run each script that is there with ``--help``, once for each environment that entries give it."""
    wanted: dict[HelpRun, list[Row]] = {}
    for row in rows:
        command = command_of(config, row.run)
        script = find_script(command)
        if script.is_file() and not command.unresolved:
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
                text = printable(f"{row.place}.script: {run.script} --help: {problem}")
                row.findings.append(Finding("help", text))


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
