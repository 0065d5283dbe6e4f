# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the datasets of a run's entries are: recorded once, before any entry runs."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.entry.digest_cache import DigestCache, cache_file
from pytest_curator_bench.entry.fingerprints import Fingerprint, take_fingerprint
from pytest_curator_bench.entry.preflight import can_run, local_datasets, missing_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_curator_bench.config.model import DatasetUse, Entry
    from pytest_curator_bench.entry.services import Services

__all__ = ["take_fingerprints"]


def take_fingerprints(
    services: Services, entries: Iterable[Entry], report: Callable[[str], None], warn: Callable[[str], None]
) -> None:
    """Record what the datasets of the entries are, each once, where this run's workers find it.

    Args:
        services: the services of this process, with an open session.
        entries: the selected entries; the data of those that can't run is left alone.
        report: shows a line where something takes long.
        warn: shows a warning.

    Raises:
        SessionError: it can't be written.
    """
    runnable = [
        entry for entry in entries if can_run(entry, services.capacity) and missing_data(entry, services) is None
    ]
    uses = {(use.name, use.format): use for entry in runnable for use in local_datasets(entry)}
    if not uses:
        return
    records = []
    file = cache_file(os.environ) if any(use.fingerprint == "content" for use in uses.values()) else None
    with DigestCache.opened(file) as cache:
        for use in uses.values():
            if use.fingerprint == "content":
                report(f"dataset {use.name},{use.format}: digest of its content")
            fingerprint = _fingerprint(use, cache)
            for warning in fingerprint.warnings:
                warn(f"dataset {use.name},{use.format}: {warning}")
            records.append(_record(use, fingerprint))
    if file is not None and cache.problem:
        warn(cache.problem)
    services.session.write_datasets(records)


def _fingerprint(use: DatasetUse, cache: DigestCache) -> Fingerprint:
    if use.fingerprint == "none":
        return Fingerprint()
    return take_fingerprint(use.path, cache if use.fingerprint == "content" else None)


def _record(use: DatasetUse, fingerprint: Fingerprint) -> dict[str, Any]:
    """What results say of a dataset."""
    return {"name": use.name, "format": use.format, "path": str(use.path), **asdict(fingerprint)}
