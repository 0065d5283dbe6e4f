# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What only the machine can tell of one entry or data set-up: its script, its datasets, Ray."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_curator_bench._util.container import to_host_path
from pytest_curator_bench.config.model import DataSetup, Entry, find_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_curator_bench.config.model import BenchConfig, ResolvedCommand, ScriptRun

__all__ = ["Finding", "Kind", "command_of", "findings_of", "where"]

Kind = Literal["placeholder", "script", "help", "dataset", "ray", "sink"]


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind: what was looked at.
        text: one line, with file, line and key, what was found and what to do.
    """

    kind: Kind
    text: str


def findings_of(
    config: BenchConfig, run: ScriptRun, display: Callable[[Path], str], *, skip_setup: bool = False
) -> Iterator[Finding]:
    """Placeholders without a value here, a script or datasets that are not there, no Ray.

    Args:
        config: the configuration.
        run: one of its entries or data set-ups.
        display: how to write a file's path in messages.
        skip_setup: whether data set-ups are left out: else what they may make need not be there yet.
    """
    place = where(run, display)
    command = command_of(config, run)
    for placeholder in command.unresolved:
        remedy = "set CURATOR_REPO_DIR to NeMo Curator's repository, or install nemo-curator"
        yield Finding("placeholder", f"{place}: {placeholder} has no value here: {remedy}")
    if not command.unresolved and not find_script(command).is_file():
        tried = ", ".join(str(to_host_path(path, config.mounts)) for path in command.script)
        yield Finding("script", f"{place}.script: {run.script} not found; looked for {tried}")
    for use in () if _comes_later(run, skip_setup=skip_setup) else run.datasets_used:
        if not use.path.exists():
            path = to_host_path(use.path, config.mounts)
            text = f"dataset {use.name},{use.format} is not there: {path}; prepare it, or correct its path"
            yield Finding("dataset", f"{place}: {text}")
    if isinstance(run, Entry) and run.ray is not None and importlib.util.find_spec("ray") is None:
        text = "Ray is not installed; pip install 'pytest-curator-bench[curator]'"
        yield Finding("ray", f"{place}.ray: {text}")


def _comes_later(run: ScriptRun, *, skip_setup: bool) -> bool:
    """Whether the data need not be here now: set-ups may make them first, and a job reads them where it runs."""
    if not isinstance(run, Entry):
        return False
    return bool(run.data_setups and not skip_setup) or (run.ray is not None and run.ray.job is not None)


def where(run: ScriptRun, display: Callable[[Path], str]) -> str:
    """``FILE:LINE: entries[NAME]``."""
    section = "data_setups" if isinstance(run, DataSetup) else "entries"
    return f"{display(run.file)}:{run.line}: {section}[{run.name}]"


def command_of(config: BenchConfig, run: ScriptRun) -> ResolvedCommand:
    """Its command, before a session has directories: what is looked at here does not lie in them."""
    return config.command_values(run, session_entry_dir=config.results_dir, scratch_dir=config.artifacts_dir)
