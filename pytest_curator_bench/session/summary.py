# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``session.json``, which sums up the runs that fill a session and the results that lie in it.

Several runs, on several hosts, may fill one session. Each writes one record only it writes,
``runs/<run>/run.json``; ``session.json`` is worked out from all of them and from the entries' directories, and holds
nothing of its own, so no file needs a lock: a run that changes its record writes ``session.json`` afterwards, and
writes it again if another record changed in the meantime. So the last run to write has seen each run's last record.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.results.format import with_format
from pytest_curator_bench.session.claims import read_claim
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.names import SESSION_NAME
from pytest_curator_bench.session.runs import RunFacts, RunRecord, RunStatus, read_runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["write_summary"]

_BY_GRAVITY: tuple[RunStatus, ...] = ("running", "interrupted", "failed", "finished")
# Enough for any number of runs that change a record at the same moment; then the next change puts it right.
_MAX_REWRITES = 20


def write_summary(session_dir: Path) -> None:
    """Write ``session.json`` anew from the records; raises OSError."""
    runs = read_runs(session_dir)
    for _ in range(_MAX_REWRITES):
        write_json(session_dir / SESSION_NAME, with_format(SESSION_NAME, _summary(session_dir, *runs)))
        before, runs = runs, read_runs(session_dir)
        if runs == before:
            return


def _summary(session_dir: Path, records: Sequence[RunRecord], unreadable: Sequence[str]) -> dict[str, Any]:
    statuses = {record.status for record in records}
    over = bool(records) and "running" not in statuses
    ends = [record.finished_at for record in records if record.finished_at is not None]
    exits = [record.exit_status for record in records if record.exit_status is not None]
    summary: dict[str, Any] = {
        "name": session_dir.name,
        "status": next((status for status in _BY_GRAVITY if status in statuses), "running"),
        "started_at": min((record.started_at for record in records), default=None),
        "finished_at": max(ends, default=None) if over else None,
        "exit_status": max(exits, default=None) if over else None,
        "counts": dict(sorted(Counter(_statuses(session_dir, records).values()).items())),
        "entries": list(dict.fromkeys(name for record in records for name in record.entries)),
    }
    for fact in fields(RunFacts):
        values = [getattr(record.facts, fact.name) for record in records]
        summary[fact.name] = next((value for value in values if value), None)
    summary["runs"] = [_without_results(record) for record in records]
    if unreadable:
        summary["unreadable_runs"] = list(unreadable)
    return summary


def _statuses(session_dir: Path, records: Sequence[RunRecord]) -> dict[str, str]:
    """Return each entry's status: that of the result in its directory.

    Where a run could write none, its record has the status. An entry that is still running has none.
    """
    statuses = _recorded_statuses(records)
    results_of = {record.run_id: record.results for record in records}
    for entry_dir in walk_entries(session_dir):
        name = entry_dir.name
        try:
            statuses[name] = read_result(entry_dir).status
        except (OSError, ValueError):
            if (claim := read_claim(entry_dir)) is None:
                continue
            statuses.pop(name, None)
            if (status := results_of.get(claim.run_id, {}).get(name)) is not None:
                statuses[name] = status
    return statuses


def _recorded_statuses(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return each entry's status as runs recorded it: the latest run wins, except that ``skipped`` never does."""
    latest: dict[str, str] = {}
    for record in records:
        for name, status in record.results.items():
            if status != "skipped" or name not in latest:
                latest[name] = status
    return latest


def _without_results(record: RunRecord) -> dict[str, Any]:
    return {key: value for key, value in record.to_dict().items() if key != "results"}
