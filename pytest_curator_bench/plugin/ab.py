# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``--bench-ab NAME=PYTHON``: each entry once for each interpreter, as entries of their own that take turns."""

from __future__ import annotations

import dataclasses
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.interpreter import script_python
from pytest_curator_bench._util.text import counted, printable
from pytest_curator_bench.config.paths import find_curator_repo
from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.plugin.items import BenchItem
from pytest_curator_bench.session.interpreters import InterpreterError, ask_interpreter
from pytest_curator_bench.session.names import validate_entry_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_curator_bench._util.interpreter import Interpreter
    from pytest_curator_bench.config.model import BenchConfig, Entry
    from pytest_curator_bench.plugin.options import BenchOptions

__all__ = ["multiply_entries"]

OWN_NAME = "own"


def multiply_entries(options: BenchOptions, config: pytest.Config, bench_config: BenchConfig) -> BenchConfig:
    """Return the configuration with an entry ``ENTRY@NAME`` for each entry and interpreter that options name.

    Node IDs on the command line are made to fit, and the interpreters are shown.

    Raises:
        pytest.UsageError: an interpreter can't be run, or an entry can't be called so.
    """
    interpreters = _find_interpreters(options, config, bench_config)
    if not interpreters:
        return bench_config
    config.pluginmanager.register(_ABPlugin(interpreters), "curator_bench_ab")
    bench_config = _with_interpreters(bench_config, interpreters)
    _extend_node_ids(config, bench_config)
    return bench_config


def _find_interpreters(options: BenchOptions, config: pytest.Config, bench_config: BenchConfig) -> list[Interpreter]:
    """Return the interpreters that ``--bench-ab`` and ``--bench-ab-null`` ask for; none without these options."""
    named = options.ab
    if options.ab_null:
        named = options.ab[:1] or ((OWN_NAME, script_python()),)
    repo = find_curator_repo(bench_config.files, os.environ) if named else None
    found = []
    for position, (name, python) in enumerate(named, 1):
        try:
            found.append(ask_interpreter(name, position, _path_of(python, config), repo))
        except InterpreterError as error:
            raise pytest.UsageError(f"--bench-ab {printable(f'{name}={python}: {error}')}") from None
    if options.ab_null:
        found.append(dataclasses.replace(found[0], name=f"{found[0].name}-again", position=2))
    return found


def _path_of(python: str, config: pytest.Config) -> str:
    """Return the path as it is, without its links resolved: those lead out of a virtual environment."""
    if "/" not in python and (found := shutil.which(python)) is not None:
        return found
    return os.path.abspath(config.invocation_params.dir / os.path.expanduser(python))  # noqa: PTH100, PTH111  # a string


def _with_interpreters(bench_config: BenchConfig, interpreters: Sequence[Interpreter]) -> BenchConfig:
    taken = {entry.name for entry in bench_config.entries}
    entries = []
    for entry in bench_config.entries:
        for interpreter in interpreters:
            name = f"{entry.name}@{interpreter.name}"
            if name in taken:
                raise pytest.UsageError(f"--bench-ab {interpreter.name}: there is an entry {name}: choose another name")
            try:
                validate_entry_name(name)
            except ValueError as error:
                raise pytest.UsageError(f"--bench-ab {interpreter.name}: {error}") from None
            # All pairs are wanted: one side must not end before the other.
            entries.append(
                dataclasses.replace(
                    entry,
                    name=name,
                    interpreter=interpreter,
                    repeat_until_ci=None,
                    problems=(*entry.problems, *_problems(entry)),
                )
            )
    return dataclasses.replace(bench_config, entries=tuple(entries))


def _problems(entry: Entry) -> Iterator[Problem]:
    if entry.ray is not None and entry.ray.job is not None:
        text = "its script runs as a job elsewhere, in the environment of that cluster: leave it out of --bench-ab"
        yield Problem(Place(entry.file, entry.line), f"entries[{entry.name}].ray.job", text)


def _extend_node_ids(config: pytest.Config, bench_config: BenchConfig) -> None:
    """Make node IDs on the command line that name an entry name it in all interpreters."""
    names: dict[str, list[str]] = {}
    for entry in bench_config.entries:
        names.setdefault(entry.base_name, []).append(entry.name)
    extended = []
    for argument in config.args:
        file, separator, name = argument.partition("::")
        extended += [f"{file}::{one}" for one in names[name]] if separator and name in names else [argument]
    config.args[:] = extended


class _ABPlugin:
    """Shows what is compared with what.

    Args:
        interpreters: the interpreters.
    """

    def __init__(self, interpreters: Sequence[Interpreter]) -> None:
        self._interpreters = interpreters

    def pytest_report_header(self) -> list[str]:
        """Name the interpreters, and what makes them differ."""
        return [
            printable(f"curator-bench interpreter {interpreter.name}: {interpreter.python} ({_versions(interpreter)})")
            for interpreter in self._interpreters
        ]

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """Count the pairs, and name the entries that have only one: nobody should learn that afterwards."""
        entries = {item.entry.base_name: item.entry for item in items if isinstance(item, BenchItem)}
        names = ", ".join(interpreter.name for interpreter in self._interpreters)
        lines = [f"curator-bench A/B: {counted(len(entries), 'entry', 'entries')}, each in turns under {names}"]
        single = [name for name, entry in entries.items() if entry.repeat == 1]
        if single:
            lines.append(f"curator-bench A/B: one pair has no interval, set repeat (5 or more): {', '.join(single)}")
        return [printable(line) for line in lines]


def _versions(interpreter: Interpreter) -> str:
    versions = {
        "Python": interpreter.version,
        "nemo_curator": interpreter.curator_version,
        "ray": interpreter.ray_version,
    }
    known = [f"{name} {version}" for name, version in versions.items() if version]
    if interpreter.curator_commit:
        changed = " with changes" if interpreter.curator_is_dirty else ""
        known.append(f"NeMo Curator commit {interpreter.curator_commit[:7]}{changed}")
    return ", ".join(known)
