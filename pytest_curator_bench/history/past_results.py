# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results of earlier sessions: what shards are balanced by, and how long entries usually take."""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.history.sessions import list_sessions
from pytest_curator_bench.results.format import NewerFormatError, skip
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.progress.expected import Expected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["expect", "past_durations"]

MAX_SESSIONS = 30
"""How many sessions are read: the newest tell of the benchmarks as they are, and reading more takes long."""
USUAL_SESSIONS = 10
"""How many give the usual times that people see while entries run: those of half a year ago help nobody wait."""


def past_durations(results_dir: Path, *, besides: str | None = None) -> dict[str, float]:
    """Return the median time of each entry that passed, in seconds, over the newest 30 sessions.

    Args:
        results_dir: where the sessions are; need not exist.
        besides: name of a session that is left out, because it is still being filled.
    """
    found: dict[str, list[float]] = {}
    for session in list_sessions(results_dir, besides=besides)[:MAX_SESSIONS]:
        for result in _passed(walk_entries(session.path)):
            if result.exec_time_s is not None:
                found.setdefault(result.name, []).append(result.exec_time_s)
    return {name: median(times_s) for name, times_s in found.items()}


def expect(results_dir: Path, shares: Mapping[str, float], *, besides: str) -> dict[str, Expected]:
    """Return what is expected of entries: medians over the newest 10 sessions, of those that passed there.

    Args:
        results_dir: where the sessions are; need not exist.
        shares: each entry's share of the machine; only the results of these entries are read.
        besides: name of a session that is left out, because it is still being filled.
    """
    sessions = list_sessions(results_dir, besides=besides)[:USUAL_SESSIONS]
    expected = {}
    for name, share in shares.items():
        times_s = [
            (result.exec_time_s, _held_s(result) or result.exec_time_s)
            for result in _passed(session.path / name for session in sessions)
            if result.exec_time_s is not None
        ]
        usual_s, total_s = map(median, zip(*times_s, strict=True)) if times_s else (None, None)
        expected[name] = Expected(share=share, usual_s=usual_s, usual_total_s=total_s)
    return expected


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
