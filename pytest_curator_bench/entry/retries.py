# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Failed attempts at an entry: whether it is retried, and what is kept of each."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import CLAIM_NAME, RESULTS_NAME, SCRATCH_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench._util.masking import Masker
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.session.store import SessionStore

__all__ = ["archive_attempt", "attempt_record", "should_retry", "with_attempts"]

DIR_PREFIX = "attempt-"
# A retry changes nothing about these.
_FINAL_REASONS = frozenset(
    {"requirements", "resources", "mark", "not-called", "script", "placeholder", "dataset", "data-setup", "busy"}
)


def should_retry(entry: Entry, result: EntryResult, made: int) -> bool:
    """Return whether an attempt with this result is retried, after ``made`` earlier attempts."""
    if made >= entry.retries or result.reason in _FINAL_REASONS:
        return False
    return result.status in entry.retry_on


def archive_attempt(store: SessionStore, masker: Masker, result: EntryResult, number: int) -> EntryResult:
    """Move the files of a failed attempt into ``attempt-NUMBER`` in the entry's directory.

    Its scratch directory is deleted: it can be large, and the next attempt needs an empty one.

    Returns:
        The attempt's result, with the new places of its files.

    Raises:
        SessionError: they can't be moved.
    """
    entry_dir = store.entries.path(result.name)
    if not store.entries.is_begun(result.name):
        return result
    archive = entry_dir / f"{DIR_PREFIX}{number}"
    kept = {CLAIM_NAME, SCRATCH_NAME, *(f"{DIR_PREFIX}{earlier}" for earlier in range(1, number))}
    warning = store.scratch.remove(result.name)
    try:
        # The script may have used the archive's name itself: then that belongs into the archive, too.
        new = entry_dir / f".{archive.name}-{secrets.token_hex(4)}"
        new.mkdir()
        for path in list(entry_dir.iterdir()):
            if path.name not in kept and path != new:
                path.rename(new / path.name)
        new.rename(archive)
        log = Path(result.stdouterr_file)
        moved = dataclasses.replace(
            result,
            entry_dir=str(archive),
            stdouterr_file=str(archive / log.relative_to(entry_dir)) if log.is_relative_to(entry_dir) else str(log),
            warnings=[*result.warnings, *([warning] if warning else [])],
        )
        write_json(archive / RESULTS_NAME, masker.mask_data(moved.to_dict()))
    except OSError as error:
        raise SessionError.unwritable(archive, "results_dir", error) from error
    return moved


def attempt_record(result: EntryResult, number: int) -> dict[str, Any]:
    """Return the record of one attempt for the entry's result."""
    return {
        "attempt": number,
        "status": result.status,
        "reason": result.reason,
        "error": result.error,
        "exec_time_s": result.exec_time_s,
        "entry_dir": result.entry_dir,
    }


def with_attempts(result: EntryResult, earlier: Sequence[dict[str, Any]]) -> EntryResult:
    """Return the last attempt's result with the records of the earlier ones; unchanged if there were none."""
    if not earlier:
        return result
    count = len(earlier) + 1
    attempts = [*earlier, attempt_record(result, count)]
    if result.attempts:  # the warnings are there already
        return dataclasses.replace(result, attempts=attempts)
    summaries = [
        f"attempt {record['attempt']} of {count}: {record['status']}: {_first_line(record)}" for record in earlier
    ]
    return dataclasses.replace(
        result,
        attempts=attempts,
        warnings=[*summaries, *result.warnings],
    )


def _first_line(record: dict[str, Any]) -> str:
    return str(record["error"] or "").partition("\n")[0]
