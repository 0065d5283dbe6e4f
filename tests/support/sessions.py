# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Finished sessions on the disk, in a moment and without a run of pytest."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.runs import RunFacts
from pytest_curator_bench.session.store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path


def make_session(
    results_dir: Path,
    name: str,
    *,
    days_old: float = 0,
    started_at: datetime | None = None,
    reason: str | None = None,
    **entries: Any,
) -> SessionStore:
    """A session with a result of each entry, given as its status or its fields; without any it goes on running.

    ``started_at`` is given to the results, too.
    """
    store = SessionStore.create(results_dir, results_dir / "artifacts", exact=name)
    store.begin(list(entries), RunFacts(reason=reason))
    results = []
    for entry, given in entries.items():
        fields: dict[str, Any] = {"status": given} if isinstance(given, str) else {"status": "passed", **given}
        entry_dir = store.entries.prepare(entry)
        if started_at is not None:
            fields = {"started_at": started_at.isoformat(), **fields}
        fields = {"timeout_s": 60.0, "nodeid": f"c.yaml::{entry}", "exec_time_s": 1.5, **fields}
        paths: dict[str, Any] = {"entry_dir": str(entry_dir), "stdouterr_file": str(entry_dir / "stdouterr.log")}
        result = EntryResult(name=entry, session_name=name, **paths, **fields)
        store.entries.write_result(result, durable=False)
        results.append(result)
    if results:
        store.finish(results, exit_status=0)
    _date(store, started_at or datetime.now(UTC) - timedelta(days=days_old))
    return store


def _date(store: SessionStore, started: datetime) -> None:
    file = store.session_dir / "session.json"
    data = json.loads(file.read_text())
    ended = (started + timedelta(seconds=90)).isoformat() if data["finished_at"] else None
    write_json(file, {**data, "started_at": started.isoformat(), "finished_at": ended}, durable=False)
