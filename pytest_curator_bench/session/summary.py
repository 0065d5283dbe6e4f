# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``session.json``, which sums up the runs that fill a session and the results that lie in it.

Several runs, on several hosts, may fill one session. Each writes one record only it writes,
``runs/<run>/run.json``; ``session.json`` is worked out from all of them and from the entries' directories, and holds
nothing of its own, so no file needs a lock: a run that changes its record writes ``session.json`` afterwards, and
writes it again if another record changed in the meantime. So the last run to write has seen each run's last record.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import signature, write_json
from pytest_curator_bench.results.format import with_format
from pytest_curator_bench.results.record import HARMLESS
from pytest_curator_bench.session.claims import read_claim
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.names import CLAIM_NAME, RESULTS_NAME, SESSION_NAME
from pytest_curator_bench.session.runs import RunFacts, RunRecord, RunStatus, read_runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["SummaryRefresher", "write_summary"]

_BY_GRAVITY: tuple[RunStatus, ...] = ("running", "interrupted", "failed", "finished")
# Enough for any number of runs that change a record at the same moment; then the next change puts it right.
_MAX_REWRITES = 20
# What begins or ends at the same moment is written together; and writing takes a twentieth of a core at most.
_PAUSE_S = 1.0
_PAUSES_PER_COST = 20


def write_summary(session_dir: Path, *, durable: bool = True) -> None:
    """Write ``session.json`` anew from the records; raises OSError.

    Args:
        session_dir: the session's directory.
        durable: as for :func:`~pytest_curator_bench._util.atomic.write_json`.
    """
    runs = read_runs(session_dir)
    for _ in range(_MAX_REWRITES):
        data = with_format(SESSION_NAME, _summary(session_dir, *runs))
        write_json(session_dir / SESSION_NAME, data, durable=durable)
        before, runs = runs, read_runs(session_dir)
        if runs == before:
            return


class SummaryRefresher:
    """Keeps ``session.json`` up to date while entries run: a thread, so that nothing waits for the disk.

    A file that can't be written meanwhile is no error: the run's end writes it, and reports what is wrong.

    Args:
        session_dir: the session's directory.
    """

    def __init__(self, session_dir: Path) -> None:
        self._session_dir = session_dir
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="curator-bench session.json", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Note that an entry has begun or ended."""
        self._changed.set()

    def close(self) -> None:
        """Write no more. Idempotent."""
        self._closing.set()
        self._changed.set()
        self._thread.join()

    def _refresh(self) -> None:
        while self._changed.wait() and not self._closing.wait(_PAUSE_S):
            self._changed.clear()
            begun = time.thread_time()
            with contextlib.suppress(OSError):
                write_summary(self._session_dir, durable=False)
            if self._closing.wait((time.thread_time() - begun) * _PAUSES_PER_COST):
                return


def _summary(session_dir: Path, records: Sequence[RunRecord], unreadable: Sequence[str]) -> dict[str, Any]:
    statuses = {record.status for record in records}
    over = bool(records) and "running" not in statuses
    ends = [record.finished_at for record in records if record.finished_at is not None]
    exits = [record.exit_status for record in records if record.exit_status is not None]
    entries = list(dict.fromkeys(name for record in records for name in record.entries))
    found, running = _statuses(session_dir, records)
    summary: dict[str, Any] = {
        "name": session_dir.name,
        "status": next((status for status in _BY_GRAVITY if status in statuses), "running"),
        "started_at": min((record.started_at for record in records), default=None),
        "finished_at": max(ends, default=None) if over else None,
        "exit_status": max(exits, default=None) if over else None,
        "counts": dict(sorted(Counter(found.values()).items())),
        "progress": {
            "entries": len(entries),
            "done": len(found),
            "failed": sum(status not in HARMLESS for status in found.values()),
            "running": running,
        },
        "entries": entries,
    }
    for fact in fields(RunFacts):
        values = [getattr(record.facts, fact.name) for record in records]
        summary[fact.name] = next((value for value in values if value), None)
    summary["runs"] = [_without_results(record) for record in records]
    if unreadable:
        summary["unreadable_runs"] = list(unreadable)
    return summary


def _statuses(session_dir: Path, records: Sequence[RunRecord]) -> tuple[dict[str, str], int]:
    """Return each entry's status, that of the result in its directory, and how many are running.

    Where a run could write none, its record has the status. An entry that is still running has none.
    """
    statuses, running = _recorded_statuses(records), 0
    results_of = {record.run_id: record.results for record in records}
    over = {record.run_id for record in records if record.is_over()}
    for entry_dir in walk_entries(session_dir):
        name = entry_dir.name
        files = (signature(entry_dir / RESULTS_NAME), signature(entry_dir / CLAIM_NAME))
        if (status := _status(entry_dir, files)) is not None:
            statuses[name] = status
        elif (claim := read_claim(entry_dir)) is not None:
            statuses.pop(name, None)
            if (status := results_of.get(claim.run_id, {}).get(name)) is not None:
                statuses[name] = status
            else:
                running += claim.run_id not in over
    return statuses, running


@lru_cache(maxsize=8192)
def _status(entry_dir: Path, _files: object) -> str | None:
    """Return the status of the result in an entry's directory: read again only when a file has changed."""
    try:
        return read_result(entry_dir).status
    except (OSError, ValueError):
        return None


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
