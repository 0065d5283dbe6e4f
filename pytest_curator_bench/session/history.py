# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Durations in earlier sessions: what shards are balanced by, and how long people wait."""

from __future__ import annotations

import contextlib
from datetime import datetime
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_curator_bench.results.format import NewerFormatError, read_file_or_skip, skip
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.names import SESSION_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["UsualTimes", "past_durations", "past_sessions", "past_times"]

MAX_SESSIONS = 30
"""How many sessions are read: the newest tell of the benchmarks as they are, and reading more takes long."""


USUAL_SESSIONS = 10
"""How many give the usual times that people see while entries run: those of half a year ago help nobody wait."""


class UsualTimes(NamedTuple):
    """How long an entry usually takes, in seconds.

    Attributes:
        usual_s: one run of its script.
        usual_total_s: the whole entry while it holds its lease: all runs, and its cluster's start and stop.
    """

    usual_s: float
    usual_total_s: float


def past_sessions(results_dir: Path, *, besides: str | None = None) -> list[Path]:
    """Return the directories of sessions, the one that started last first.

    Args:
        results_dir: where the sessions are; need not exist.
        besides: name of a session that is left out, because it is still being filled.
    """
    started: list[tuple[str, Path]] = []
    with contextlib.suppress(OSError):
        for path in results_dir.iterdir():
            with contextlib.suppress(OSError):
                if path.name != besides and (at := _started_at(path, (path / SESSION_NAME).stat().st_mtime_ns)):
                    started.append((at, path))
    return [path for _, path in sorted(started, reverse=True)]


@lru_cache(maxsize=4096)
def _started_at(session_dir: Path, _changed_ns: int) -> str:
    """A session's start, read again only when its file has changed: sinks ask after every entry."""
    return str(read_file_or_skip(session_dir / SESSION_NAME).get("started_at") or "")


def past_durations(results_dir: Path, *, besides: str | None = None) -> dict[str, float]:
    """Return the median time of each entry that passed, in seconds, over the newest 30 sessions.

    Args:
        results_dir: where the sessions are; need not exist.
        besides: name of a session that is left out, because it is still being filled.
    """
    found: dict[str, list[float]] = {}
    for session_dir in past_sessions(results_dir, besides=besides)[:MAX_SESSIONS]:
        for result in _passed(walk_entries(session_dir)):
            if result.exec_time_s is not None:
                found.setdefault(result.name, []).append(result.exec_time_s)
    return {name: median(times_s) for name, times_s in found.items()}


def past_times(results_dir: Path, names: Iterable[str], *, besides: str) -> dict[str, UsualTimes]:
    """Return the usual times of those entries that passed before: medians over the newest 10 sessions.

    Args:
        results_dir: where the sessions are; need not exist.
        names: the entries to look for; only their results are read.
        besides: name of a session that is left out, because it is still being filled.
    """
    sessions = past_sessions(results_dir, besides=besides)[:USUAL_SESSIONS]
    usual = {}
    for name in names:
        times = [
            UsualTimes(result.exec_time_s, _held_s(result) or result.exec_time_s)
            for result in _passed(session / name for session in sessions)
            if result.exec_time_s is not None
        ]
        if times:
            usual[name] = UsualTimes(*map(median, zip(*times, strict=True)))
    return usual


def _held_s(result: EntryResult) -> float | None:
    """Return how long an entry held its lease."""
    lease: Any = result.resources.get("lease")
    try:
        held = datetime.fromisoformat(lease["released_at"]) - datetime.fromisoformat(lease["granted_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return held.total_seconds()


def _passed(entry_dirs: Iterable[Path]) -> Iterator[EntryResult]:
    for entry_dir in entry_dirs:
        try:
            result = read_result(entry_dir)
        except NewerFormatError as error:
            skip(error)
        except (OSError, ValueError):  # still running, or damaged
            pass
        else:
            if result.success:
                yield result
