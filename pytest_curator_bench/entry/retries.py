# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Attempts at an entry that failed: whether to try again, and what is kept of each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import CLAIM_NAME, RESULTS_NAME, SCRATCH_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["attempt_record", "is_worth_another", "set_aside", "with_attempts"]

DIR_PREFIX = "attempt-"
RETRY_ON = ("timeout", "error")
# What another attempt can't change: the figures are what they are, and the machine has what it has.
_IN_VAIN = frozenset({"requirements", "resources", "mark"})


def is_worth_another(entry: Entry, result: EntryResult, made: int) -> bool:
    """Whether an attempt that ended like this is made again, after ``made`` earlier ones."""
    if made >= entry.retries or result.reason in _IN_VAIN:
        return False
    return result.status in (entry.retry_on or RETRY_ON)


def set_aside(context: BenchContext, entry: Entry, result: EntryResult, number: int) -> EntryResult:
    """Move what a failed attempt left into ``attempt-NUMBER`` in the entry's directory, so that the next starts anew.

    Its scratch directory is deleted: it can be large, and the next attempt needs an empty one.

    Returns:
        The attempt's result, with the places where its files are now.

    Raises:
        SessionError: they can't be moved.
    """
    entry_dir = context.store.entries.path(entry.name)
    if not context.store.entries.is_begun(entry.name):
        return result
    aside = entry_dir / f"{DIR_PREFIX}{number}"
    warning = context.store.scratch.remove(entry.name)
    try:
        aside.mkdir()
        for path in list(entry_dir.iterdir()):
            if path.name not in {CLAIM_NAME, SCRATCH_NAME} and not path.name.startswith(DIR_PREFIX):
                path.rename(aside / path.name)
        log = Path(result.stdouterr_file)
        moved = dataclasses.replace(
            result,
            entry_dir=str(aside),
            stdouterr_file=str(aside / log.relative_to(entry_dir)) if log.is_relative_to(entry_dir) else str(log),
            warnings=[*result.warnings, *([warning] if warning else [])],
        )
        write_json(aside / RESULTS_NAME, context.masker.mask_data(moved.to_dict()))
    except OSError as error:
        raise SessionError.unwritable(aside, "results_dir", error) from error
    return moved


def attempt_record(result: EntryResult, number: int) -> dict[str, Any]:
    """What the entry's result says of one attempt."""
    return {
        "attempt": number,
        "status": result.status,
        "reason": result.reason,
        "error": result.error,
        "exec_time_s": result.exec_time_s,
        "entry_dir": result.entry_dir,
    }


def with_attempts(result: EntryResult, earlier: Sequence[dict[str, Any]]) -> EntryResult:
    """The result of the last attempt, with what became of the earlier ones; unchanged if there were none."""
    if not earlier or result.attempts:
        return result
    count = len(earlier) + 1
    told = [f"attempt {record['attempt']} of {count}: {record['status']}: {_first_line(record)}" for record in earlier]
    return dataclasses.replace(
        result,
        attempts=[*earlier, attempt_record(result, count)],
        warnings=[*told, *result.warnings],
    )


def _first_line(record: dict[str, Any]) -> str:
    return str(record["error"] or "").partition("\n")[0]
