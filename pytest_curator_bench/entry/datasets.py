# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The data that entries use: which set-ups must have made it, whether it is there, and what it is."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench.entry.digest_cache import DigestCache, cache_file
from pytest_curator_bench.entry.fingerprints import Fingerprint, take_fingerprint
from pytest_curator_bench.session.entry_files import read_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_curator_bench.config.model import DataSetup, DatasetUse, Entry
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["Obstacle", "find_obstacle", "needed_setups", "setups_of", "take_fingerprints"]

LOG_LINES = 5


class Obstacle(NamedTuple):
    """Why an entry can't run.

    Attributes:
        reason: the kind, for its result: ``data-setup`` or ``dataset``.
        text: one sentence, then the detail on further lines.
    """

    reason: str
    text: str


def setups_of(context: BenchContext, entry: Entry) -> tuple[str, ...]:
    """Names of the data set-ups that must have passed before the entry runs; none with ``--bench-skip-setup``."""
    return () if context.options.skip_setup else entry.data_setups


def needed_setups(context: BenchContext, entries: Iterable[Entry]) -> list[tuple[DataSetup, list[Entry]]]:
    """The data set-ups that have to run, in the order of the config, each with the entries that need it.

    Entries that won't run themselves, for lack of GPUs or because they carry a ``skip`` mark, need none.
    """
    running = [entry for entry in entries if _will_run(context, entry)]
    found = []
    for setup in context.bench_config.data_setups:
        dependents = [entry for entry in running if setup.name in setups_of(context, entry)]
        if dependents:
            found.append((setup, dependents))
    return found


def _will_run(context: BenchContext, entry: Entry) -> bool:
    return not any(mark.name == "skip" for mark in entry.marks) and context.lacking_resources(entry) is None


def find_obstacle(context: BenchContext, entry: Entry) -> Obstacle | None:
    """What keeps an entry from running when its data set-ups have had their turn."""
    setups = context.store.data_setups()
    for name in setups_of(context, entry):
        try:
            result = read_result(setups.entry_dir(name))
        except (OSError, ValueError):
            place = context.to_host_path(setups.entry_dir(name))
            text = f"Data set-up {name}, which the entry needs, has no result: see {place}"
            return Obstacle("data-setup", text)
        if not result.success:
            return Obstacle("data-setup", _setup_failure(result, context.to_host_path(result.stdouterr_file)))
    for use in _local_uses(entry):
        if not use.path.exists():
            return Obstacle("dataset", _missing_dataset(use, context.to_host_path(use.path), setups_of(context, entry)))
    return None


def _local_uses(entry: Entry) -> tuple[DatasetUse, ...]:
    """The datasets that the entry reads on this machine: a job reads them where it runs."""
    return () if entry.ray is not None and entry.ray.job is not None else entry.datasets_used


def _setup_failure(result: EntryResult, log_on_host: Path) -> str:
    sentence = (result.error or "it did not pass").partition("\n")[0]
    lines = [f"Data set-up {result.name}, which the entry needs, ended as {result.status}: {sentence}"]
    tail = log_tail(Path(result.stdouterr_file), LOG_LINES)
    lines += [f"last lines of {log_on_host}:", *(f"  {line}" for line in tail)] if tail else []
    return "\n".join(lines)


def _missing_dataset(use: DatasetUse, path: Path, setups: Sequence[str]) -> str:
    missing = f"Dataset {use.name},{use.format} is not there: {path}"
    if not setups:
        return f"{missing}; prepare it, or correct its path"
    return f"{missing}, though its data set-ups passed ({', '.join(setups)}): correct its path, or theirs"


def take_fingerprints(
    context: BenchContext, entries: Iterable[Entry], tell: Callable[[str], None], warn: Callable[[str], None]
) -> None:
    """Record what the datasets of the entries are, each once, where this run's workers find it.

    Args:
        context: what this process shares.
        entries: the selected entries; the data of those that can't run is left alone.
        tell: shows a line where something takes long.
        warn: shows a warning.

    Raises:
        SessionError: it can't be written.
    """
    runnable = [entry for entry in entries if _will_run(context, entry) and find_obstacle(context, entry) is None]
    uses = {(use.name, use.format): use for entry in runnable for use in _local_uses(entry)}
    if not uses:
        return
    records = []
    file = cache_file(os.environ) if any(use.fingerprint == "content" for use in uses.values()) else None
    with DigestCache.opened(file) as cache:
        for use in uses.values():
            if use.fingerprint == "content":
                tell(f"dataset {use.name},{use.format}: digest of its content")
            fingerprint = _fingerprint(use, cache)
            for warning in fingerprint.warnings:
                warn(f"dataset {use.name},{use.format}: {warning}")
            records.append(_record(use, fingerprint))
    if file is not None and cache.problem:
        warn(cache.problem)
    context.store.write_datasets(records)


def _fingerprint(use: DatasetUse, cache: DigestCache) -> Fingerprint:
    if use.fingerprint == "none":
        return Fingerprint()
    return take_fingerprint(use.path, cache if use.fingerprint == "content" else None)


def _record(use: DatasetUse, fingerprint: Fingerprint) -> dict[str, Any]:
    """What results say of a dataset."""
    return {"name": use.name, "format": use.format, "path": str(use.path), **asdict(fingerprint)}
