# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is checked before anything runs: scripts, datasets, Ray, and the data setups that an entry needs."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.container import to_host_path
from pytest_curator_bench._util.interpreter import runs_itself, why_not_executable
from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench._util.text import near
from pytest_curator_bench.config.model import DataSetup, Entry, find_script
from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.entry.errors import EntryFailedError
from pytest_curator_bench.entry.resources import shortage_for
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.resources.state_file import leases_dir
from pytest_curator_bench.session.entry_results import read_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_curator_bench.config.model import BenchConfig, DatasetUse, ResolvedCommand, ScriptRun
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.capacity import Capacity
    from pytest_curator_bench.results.record import EntryResult

__all__ = [
    "can_run",
    "check_datasets",
    "check_machine",
    "check_run",
    "command_of",
    "key_of",
    "local_datasets",
    "missing_data",
    "needed_setups",
    "preflight",
    "required_setups",
]

LOG_LINES = 5


def preflight(entry: Entry, services: Services) -> str | None:
    """Check what an entry needs before anything of it is created.

    Returns:
        The sentence for a shortage of resources: the entry is to be skipped. ``None`` if it can run.

    Raises:
        EntryFailedError: its script or data is missing, or resources are and the policy requires them.
    """
    # What is wrong with an entry itself is no smaller where the machine is.
    shortage = None if entry.problems else shortage_for(entry, services.capacity)
    if shortage:
        shortage += ": ask for less, or run the entry on a machine that has it"
        if services.policy.require_resources:
            raise EntryFailedError(shortage, reason="resources")
        return shortage
    if any(mark.name == "skip" for mark in entry.marks):
        return None
    problems = [*check_run(services.bench_config, entry)]
    if problems:
        text = "\n".join(problem.shown(services.display) for problem in problems)
        raise EntryFailedError(text, reason=problems[0].kind)
    missing = missing_data(entry, services)
    if missing is not None:
        raise EntryFailedError(missing.text, reason=missing.kind)
    return None


def check_machine(
    bench_config: BenchConfig,
    entries: Sequence[Entry],
    capacity: Capacity,
    display: Callable[[Path], str],
    *,
    skip_setup: bool,
) -> list[str]:
    """Return one line per problem: missing script, dataset or Ray, unresolved placeholder, unusable lease directory.

    The datasets of an entry that has data setups are checked when those have run. An entry with problems of its own in
    the configuration is left out: it alone fails.
    """
    runs: list[ScriptRun] = [entry for entry in entries if not entry.problems]
    runs += [setup for setup, _ in needed_setups(bench_config, entries, capacity, skip_setup=skip_setup)]
    problems = [
        problem.shown(display)
        for run in runs
        for problem in (
            *check_run(bench_config, run),
            *check_datasets(bench_config, run, skip_setup=skip_setup),
        )
    ]
    try:
        leases_dir(os.environ)
    except LeaseError as error:
        problems.append(str(error))
    return list(dict.fromkeys(problems))


def check_run(config: BenchConfig, run: ScriptRun) -> Iterator[Problem]:
    """Check one entry or data setup: its placeholders, its script, and Ray where it needs it.

    Args:
        config: the configuration.
        run: one of its entries or data setups.
    """
    if isinstance(run, Entry) and run.problems:
        yield from run.problems  # whatever else is wrong may only follow from them
        return
    place, key = Place(run.file, run.line), key_of(run)
    command = command_of(config, run)
    for placeholder in command.unresolved:
        remedy = "set CURATOR_REPO_DIR to NeMo Curator's repository, or install nemo-curator"
        yield Problem(place, key, f"{placeholder} has no value here: {remedy}", "placeholder")
    problem = None if command.unresolved else _script_problem(config, run, command)
    if problem is not None:
        yield Problem(place, f"{key}.script", f"{run.script} {problem}", "script")
    if isinstance(run, Entry) and run.ray is not None and not _has_ray(run):
        where = "" if run.interpreter is None else f" for {run.interpreter.python}"
        text = f"Ray is not installed{where}; pip install 'pytest-curator-bench[curator]'"
        yield Problem(place, f"{key}.ray", text, "ray")


def _has_ray(entry: Entry) -> bool:
    if entry.interpreter is not None:
        return entry.interpreter.ray_dir is not None
    return importlib.util.find_spec("ray") is not None


def _script_problem(config: BenchConfig, run: ScriptRun, command: ResolvedCommand) -> str | None:
    script = find_script(command)
    if not script.is_file():
        tried = ", ".join(str(to_host_path(path, config.mounts)) for path in command.script)
        beside = [file.name for path in command.script for file in path.parent.glob("*")]
        meant = near(script.name, beside, cutoff=0.75)
        return f"not found{meant} Looked for {tried}" if meant else f"not found; looked for {tried}"
    if not runs_itself(script):
        return None
    if isinstance(run, Entry) and run.ray is not None and run.ray.job is not None:
        return "is no Python script, and ray.job runs no others"
    return why_not_executable(script)


def check_datasets(config: BenchConfig, run: ScriptRun, *, skip_setup: bool) -> Iterator[Problem]:
    """Check the datasets of one entry or data setup.

    Args:
        config: the configuration.
        run: one of its entries or data setups.
        skip_setup: whether data setups are left out; otherwise what they may make need not exist yet.
    """
    for use in () if _may_come_later(run, skip_setup=skip_setup) else run.datasets_used:
        if not use.path.exists():
            path = to_host_path(use.path, config.mounts)
            text = f"dataset {use.name},{use.format} is not there: {path}; prepare it, or correct its path"
            yield Problem(Place(run.file, run.line), key_of(run), text, "dataset")


def _may_come_later(run: ScriptRun, *, skip_setup: bool) -> bool:
    """Return whether the data need not be here now: setups may make it first, and a job reads it where it runs."""
    if not isinstance(run, Entry):
        return False
    return bool(run.data_setups and not skip_setup) or (run.ray is not None and run.ray.job is not None)


def key_of(run: ScriptRun) -> str:
    """Return the key path of an entry or data setup: ``entries[NAME]``."""
    return f"{'data_setups' if isinstance(run, DataSetup) else 'entries'}[{run.name}]"


def command_of(config: BenchConfig, run: ScriptRun) -> ResolvedCommand:
    """Return its command before a session has directories: nothing that is checked lies in them."""
    return config.command_values(run, session_entry_dir=config.results_dir, scratch_dir=config.artifacts_dir)


def required_setups(entry: Entry, *, skip_setup: bool) -> tuple[str, ...]:
    """Return the names of the data setups that must have passed before the entry runs."""
    return () if skip_setup else entry.data_setups


def needed_setups(
    bench_config: BenchConfig, entries: Iterable[Entry], capacity: Capacity, *, skip_setup: bool
) -> list[tuple[DataSetup, list[Entry]]]:
    """Return the data setups that have to run, in the order of the config, each with the entries that need it.

    Entries that won't run themselves need none: for a shortage of resources, a ``skip`` mark or a problem of their own.
    """
    running = [entry for entry in entries if can_run(entry, capacity)]
    found = []
    for setup in bench_config.data_setups:
        dependents = [entry for entry in running if setup.name in required_setups(entry, skip_setup=skip_setup)]
        if dependents:
            found.append((setup, dependents))
    return found


def can_run(entry: Entry, capacity: Capacity) -> bool:
    """Return whether the entry has no problem, no mark skips it, and the machine has what it needs."""
    return (
        not entry.problems
        and not any(mark.name == "skip" for mark in entry.marks)
        and shortage_for(entry, capacity) is None
    )


def missing_data(entry: Entry, services: Services) -> Problem | None:
    """Return why the entry can't run although its data setups have had their turn."""
    mounts = services.bench_config.mounts
    setups = services.session.data_setups()
    names = required_setups(entry, skip_setup=services.policy.skip_setup)
    for name in names:
        setup_dir = setups.entries.path(name)
        try:
            result = read_result(setup_dir)
        except (OSError, ValueError):
            place = to_host_path(setup_dir, mounts)
            return Problem(
                None, "", f"Data setup {name}, which the entry needs, has no result: see {place}", "data-setup"
            )
        if not result.success:
            log = to_host_path(Path(result.stdouterr_file), mounts)
            return Problem(None, "", _setup_failure(result, log), "data-setup")
    for use in local_datasets(entry):
        if not use.path.exists():
            return Problem(None, "", _missing_dataset(use, to_host_path(use.path, mounts), names), "dataset")
    return None


def local_datasets(entry: Entry) -> tuple[DatasetUse, ...]:
    """Return the datasets that the entry reads on this machine: a job reads them where it runs."""
    return () if entry.ray is not None and entry.ray.job is not None else entry.datasets_used


def _setup_failure(result: EntryResult, log_on_host: Path) -> str:
    sentence = (result.error or "it did not pass").partition("\n")[0]
    lines = [f"Data setup {result.name}, which the entry needs, ended as {result.status}: {sentence}"]
    tail = log_tail(Path(result.stdouterr_file), LOG_LINES)
    lines += [f"last lines of {log_on_host}:", *(f"  {line}" for line in tail)] if tail else []
    return "\n".join(lines)


def _missing_dataset(use: DatasetUse, path: Path, setups: Sequence[str]) -> str:
    missing = f"Dataset {use.name},{use.format} is not there: {path}"
    if not setups:
        return f"{missing}; prepare it, or correct its path"
    return f"{missing}, though its data setups passed ({', '.join(setups)}): correct its path, or theirs"
