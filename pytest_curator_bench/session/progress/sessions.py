# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A session while it is filled: what has ended, what runs, what is left, by its files alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import signature
from pytest_curator_bench.results.record import HARMLESS
from pytest_curator_bench.session.claims import read_claim
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.names import (
    CLAIM_NAME,
    DATA_SETUP_NAME,
    EXPECTED_NAME,
    RESERVED_ENTRY_NAMES,
    RESULTS_NAME,
    RUNS_NAME,
)
from pytest_curator_bench.session.progress.entries import EntryFollower
from pytest_curator_bench.session.progress.expected import Expected, read_expected, time_left_of
from pytest_curator_bench.session.runs import read_run, run_file
from pytest_curator_bench.session.status import STATUS_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.session.claims import EntryClaim
    from pytest_curator_bench.session.progress.expected import TimeLeft
    from pytest_curator_bench.session.runs import RunRecord

__all__ = ["SessionFollower", "SessionProgress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProgress:
    """The state of a session.

    Attributes:
        name: its name.
        started_at: when its first run started.
        entries: names of the selected entries.
        results: the results of entries that have ended, by name, in the order in which they ended.
        running: the entries and data setups that have begun and not ended.
        runs: the records of its runs.
        killed: descriptions of the processes of runs that were killed.
        left: how long it takes from now on; ``None`` where nothing is known of that.
    """

    name: str
    started_at: datetime | None
    entries: tuple[str, ...]
    results: dict[str, EntryResult]
    running: tuple[EntryFollower, ...]
    runs: tuple[RunRecord, ...]
    killed: tuple[str, ...]
    left: TimeLeft | None

    @property
    def is_over(self) -> bool:
        """Whether all of its runs have ended."""
        return bool(self.runs) and all(run.is_over() for run in self.runs)

    @property
    def failed(self) -> list[EntryResult]:
        """The results of entries that did not pass."""
        return [result for result in self.results.values() if result.status not in HARMLESS]

    @property
    def has_failed(self) -> bool:
        """Whether an entry, or a whole run, did not end well."""
        exits = {run.exit_status for run in self.runs} - {None, 0, 5}
        return bool(self.failed or self.killed or exits)


class SessionFollower:
    """Follows a session; files that have not changed are not read again, and nothing is written.

    Args:
        session_dir: the session's directory.
    """

    def __init__(self, session_dir: Path) -> None:
        self._session_dir = session_dir
        self._results: dict[str, EntryResult] = {}
        self._ended: dict[str, tuple[int, int]] = {}
        self._followers: dict[Path, tuple[EntryClaim, EntryFollower]] = {}
        self._expected: dict[str, Expected] = {}

    def look(self) -> SessionProgress:
        """Return the present state; raises OSError if the session's directory can't be read."""
        runs = tuple(self._runs())
        self._expected = {}
        for run in runs:
            file = run_file(self._session_dir, run.run_id).with_name(EXPECTED_NAME)
            self._expected |= _expected(self._session_dir, run.run_id, signature(file))
        over = {run.run_id for run in runs if run.is_over()}
        running = [follower for path in self._unfinished(over) if (follower := self._follow(path, over)) is not None]
        known = {path: found for path, found in self._followers.items() if found[1] in running}
        self._followers = known
        of_runs = (name for run in runs for name in run.entries)
        entries = tuple(dict.fromkeys([*of_runs, *self._results]))  # a run's record may be unreadable
        return SessionProgress(
            name=self._session_dir.name,
            started_at=min((_moment(run.started_at) for run in runs), default=None),
            entries=entries,
            results=dict(self._results),
            running=tuple(running),
            runs=runs,
            killed=tuple(run.owner.describe() for run in runs if run.status == "running" and run.run_id in over),
            left=time_left_of({name: self._expected.get(name, Expected()) for name in entries}, self._results, running),
        )

    def _runs(self) -> Iterator[RunRecord]:
        runs_dir = self._session_dir / RUNS_NAME
        for path in sorted(runs_dir.iterdir()) if runs_dir.is_dir() else ():
            record = _run(self._session_dir, path.name, signature(run_file(self._session_dir, path.name)))
            if record is not None:
                yield record

    def _unfinished(self, over: set[str]) -> list[Path]:
        """Return the directories of entries and data setups without a result; keep the results of the others.

        An entry that has ended costs one look at its directory, which changes with each file that is replaced in it.
        """
        unfinished = []
        setups_dir = self._session_dir / DATA_SETUP_NAME
        for directory in (setups_dir, self._session_dir) if setups_dir.is_dir() else (self._session_dir,):
            with os.scandir(directory) as found:
                items = sorted(found, key=lambda item: item.name)
            for item in items:
                if item.name.startswith(".") or item.name in RESERVED_ENTRY_NAMES or not item.is_dir():
                    continue
                stat = item.stat(follow_symlinks=False)
                state = (stat.st_ino, stat.st_mtime_ns)
                if self._ended.get(item.path) == state:
                    continue
                path = directory / item.name
                if self._has_ended(path, over, is_setup=directory is setups_dir):
                    self._ended[item.path] = state
                else:
                    self._ended.pop(item.path, None)
                    unfinished.append(path)
        return unfinished

    def _has_ended(self, path: Path, over: set[str], *, is_setup: bool) -> bool:
        """Return whether an entry has its result; one whose cluster is being stopped, or that is retried, has not."""
        result = None
        found = signature(path / RESULTS_NAME)
        if found is not None:
            claim = _claim(path, signature(path / CLAIM_NAME))
            is_left = claim is None or claim.run_id in over
            if is_left or not os.path.lexists(path / STATUS_NAME):
                result = _result(path, found)
        if is_setup:
            return result is not None
        if result is None:
            self._results.pop(path.name, None)
        elif self._results.get(path.name) is not result:
            self._results.pop(path.name, None)
            self._results[path.name] = result
        return result is not None

    def _follow(self, path: Path, over: set[str]) -> EntryFollower | None:
        """Return the follower of an entry whose run goes on; ``None`` for what is no entry, or was left by its run."""
        claim = _claim(path, signature(path / CLAIM_NAME))
        if claim is None or claim.run_id in over:
            return None
        known, follower = self._followers.get(path, (None, None))
        if follower is None or known != claim:
            is_setup = path.parent != self._session_dir
            follower = EntryFollower(
                f"data setup {path.name}" if is_setup else path.name,
                path,
                limit_s=claim.timeout_s,
                expected=None if is_setup else self._expected.get(path.name),
                began=_moment(claim.prepared_at),
            )
            self._followers[path] = claim, follower
        follower.look()
        return follower


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@lru_cache(maxsize=256)
def _run(session_dir: Path, run_id: str, _found: object) -> RunRecord | None:
    try:
        return read_run(session_dir, run_id)
    except (OSError, KeyError, TypeError, ValueError):
        return None


@lru_cache(maxsize=256)
def _expected(session_dir: Path, run_id: str, _found: object) -> dict[str, Expected]:
    return read_expected(session_dir, run_id)


@lru_cache(maxsize=256)
def _claim(entry_dir: Path, _found: object) -> EntryClaim | None:
    return read_claim(entry_dir)


@lru_cache(maxsize=4096)
def _result(entry_dir: Path, _found: object) -> EntryResult | None:
    try:
        return read_result(entry_dir)
    except (OSError, ValueError):
        return None
