# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sessions that run, step by step, without pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.status import EntryStatus
from pytest_curator_bench.session.store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.results.record import Status

__all__ = ["WAITING", "conclude", "session"]

WAITING = EntryStatus(
    doing="waiting for a free slot",
    detail=("whole machine leased by a_rather_long_name, pid 5473, since 01:24", "queued behind c"),
    held_by=(5473,),
)
"""The step of an entry that waits for a lease."""


def session(directory: Path, *names: str) -> SessionStore:
    """A session that runs."""
    store = SessionStore.create(directory / "results", directory / "artifacts", exact="s")
    store.begin(names)
    return store


def conclude(store: SessionStore, name: str, status: Status = "passed", **fields: object) -> EntryResult:
    """Give an entry its result."""
    path = store.entries.prepare(name)
    result = EntryResult(
        **{
            "name": name,
            "session_name": "s",
            "status": status,
            "timeout_s": 60.0,
            "nodeid": "n",
            "entry_dir": str(path),
            "stdouterr_file": str(path / "stdouterr.log"),
            **fields,  # type: ignore[arg-type]
        }
    )
    store.entries.write_result(result)
    return result
