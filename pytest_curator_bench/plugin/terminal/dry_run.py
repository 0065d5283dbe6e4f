# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``--bench-dry-run``: what each entry would run, in which environment, within which limits."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.interpreter import script_python
from pytest_curator_bench._util.links import as_named
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.config.secrets import masked_variables
from pytest_curator_bench.entry.by_hand import run_script_line
from pytest_curator_bench.entry.plan import build_command
from pytest_curator_bench.entry.preflight import needed_setups
from pytest_curator_bench.entry.resources import request_for, shortage_for
from pytest_curator_bench.entry.runs import has_several_runs
from pytest_curator_bench.entry.setups import setup_command
from pytest_curator_bench.resources.allocation import describe_request
from pytest_curator_bench.session.names import DATA_SETUP_NAME, SCRATCH_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_curator_bench.config.model import Entry, ResolvedCommand, ScriptRun
    from pytest_curator_bench.plugin.context import BenchRun
    from pytest_curator_bench.resources.capacity import Capacity

__all__ = ["print_dry_run"]


def print_dry_run(bench_run: BenchRun, entries: Iterable[Entry], write: Callable[[str], None]) -> None:
    """Print each entry's command such that it can be pasted: with directories that it makes in the temporary one.

    Nothing is created, and scripts and datasets need not be there.
    """
    bench, capacity = bench_run.bench_config, bench_run.services.capacity
    by_hand_dir = Path(tempfile.gettempdir(), f"curator-bench-{os.getuid()}")
    write("")
    entries = list(entries)
    for setup, dependents in needed_setups(bench, entries, capacity, skip_setup=bench_run.options.skip_setup):
        setup_dir = by_hand_dir / DATA_SETUP_NAME / setup.name
        values = bench.command_values(setup, session_entry_dir=setup_dir, scratch_dir=setup_dir / SCRATCH_NAME)
        write(f"data setup {setup.name}")
        write(f"  command: {_pasteable(setup_dir, values, setup_command(values))}")
        _write_surroundings(bench_run, setup, values, write)
        write(f"  needed by: {', '.join(entry.name for entry in dependents)}")
        write(f"  from: {bench_run.display(setup.file)}:{setup.line}")
    for entry in entries:
        if entry.problems:
            write(bench_run.mask(f"{entry.name}"))
            for problem in entry.problems:
                write(bench_run.mask(f"  error: {problem.shown(bench_run.display)}"))
            write(f"  from: {bench_run.display(entry.file)}:{entry.line}")
            continue
        entry_dir = by_hand_dir / entry.name
        resolved = bench.command_values(entry, session_entry_dir=entry_dir, scratch_dir=entry_dir / SCRATCH_NAME)
        python = script_python(entry.interpreter)
        command = build_command(find_script(resolved), resolved.args, entry_dir, python=python)
        write(f"{entry.name}")
        write(f"  command: {_pasteable(entry_dir, resolved, command)}")
        write(f"  by itself: {run_script_line(entry, bench.files, bench_run.display)}")
        _write_surroundings(bench_run, entry, resolved, write)
        write(f"  resources: {_resources(entry)}")
        write(f"  lease: {_lease(entry, capacity)}")
        if has_several_runs(entry):
            write(f"  runs: {_runs(entry)}")
        write(f"  from: {bench_run.display(entry.file)}:{entry.line}")
    write("")


def _pasteable(directory: Path, resolved: ResolvedCommand, command: Sequence[str]) -> str:
    """Return a shell's line that makes the command's directories and runs it in its environment."""
    python, script, *args = command
    variables = "".join(f"{name}={shlex.quote(value)} " for name, value in resolved.env.items())
    made = shlex.join(["mkdir", "-p", str(directory / SCRATCH_NAME)])
    return f"{made} && {variables}{shlex.join([python, str(as_named(Path(script))), *args])}"


def _runs(entry: Entry) -> str:
    warmup = f"{entry.warmup} to warm up, then " if entry.warmup else ""
    until = f", fewer if the interval is narrower than {entry.repeat_until_ci:.4g}" if entry.repeat_until_ci else ""
    return f"{warmup}{entry.repeat}{until}"


def _write_surroundings(
    bench_run: BenchRun, run: ScriptRun, resolved: ResolvedCommand, write: Callable[[str], None]
) -> None:
    for key, value in masked_variables(resolved.env).items():
        write(f"  environment: {key}={shlex.quote(value)}")
    write(f"  working directory: {bench_run.services.working_dir}")
    grace_s = bench_run.bench_config.grace_s
    write(f"  limits: {run.timeout_s:g} s, then {grace_s:g} s to end what it started")


def _resources(entry: Entry) -> str:
    if entry.ray is None:
        return "no Ray cluster"
    parts = [f"{key}={value}" for key, value in entry.ray.model_dump(exclude_none=True).items()]
    return f"Ray cluster with {', '.join(parts) or 'defaults'}"


def _lease(entry: Entry, capacity: Capacity) -> str:
    shortage = shortage_for(entry, capacity)
    return f"none: it {shortage}" if shortage else describe_request(request_for(entry, capacity), capacity)
