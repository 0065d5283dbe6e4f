# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Durations of earlier sessions, and what is pinned for one."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session import durations
from pytest_curator_bench.session.durations import known_durations, past_durations, pin_durations
from pytest_curator_bench.session.errors import SessionError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.results.record import Status


def session(results_dir: Path, name: str, number: int, **times_s: float) -> Path:
    """A session of the given day with entries that passed."""
    path = results_dir / name
    path.mkdir(parents=True)
    write_json(path / "session.json", {"started_at": f"2026-01-{number:02}T00:00:00+00:00"})
    for entry, time_s in times_s.items():
        result(path, entry, time_s)
    return path


def result(session_dir: Path, entry: str, time_s: float | None, status: Status = "passed") -> None:
    """A result on the disk."""
    (session_dir / entry).mkdir()
    data = EntryResult(
        name=entry,
        session_name=session_dir.name,
        status=status,
        timeout_s=1,
        nodeid="n",
        entry_dir="e",
        stdouterr_file="s",
        exec_time_s=time_s,
    )
    write_json(session_dir / entry / "results.json", data.to_dict())


def test_the_median_of_what_passed(tmp_path: Path) -> None:
    """Failures, skips, unreadable files and other directories don't count."""
    session(tmp_path, "s1", 1, a=1.0, b=5.0)
    session(tmp_path, "s2", 2, a=2.0)
    last = session(tmp_path, "s3", 3, a=30.0)
    result(last, "c", 7.0, "failed")
    result(last, "d", None, "skipped")
    (last / "e").mkdir()
    (last / "e" / "results.json").write_text("{")
    (tmp_path / "artifacts").mkdir()
    assert past_durations(tmp_path) == {"a": 2.0, "b": 5.0}
    assert past_durations(tmp_path, besides="s3") == {"a": 1.5, "b": 5.0}
    assert past_durations(tmp_path / "nowhere") == {}


def test_only_the_newest_sessions_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their start, not by their names."""
    monkeypatch.setattr(durations, "MAX_SESSIONS", 2)
    session(tmp_path, "z-oldest", 1, a=1.0)
    session(tmp_path, "a-newest", 3, a=3.0)
    session(tmp_path, "m", 2, a=2.0)
    assert past_durations(tmp_path) == {"a": 2.5}


def test_the_first_to_pin_decides(tmp_path: Path) -> None:
    """Later ones get what is there, whatever they know themselves; nothing else is left in the directory."""
    assert pin_durations(tmp_path, {"a": 1.0}, 4) == {"a": 1.0}
    assert pin_durations(tmp_path, {"a": 2.0, "b": 3.0}, 4) == {"a": 1.0}
    assert known_durations(tmp_path.parent, tmp_path.name, 4) == {"a": 1.0}
    assert [path.name for path in tmp_path.iterdir()] == ["shards.json"]


def _pin(arguments: tuple[Path, float]) -> dict[str, float]:
    directory, time_s = arguments
    return pin_durations(directory, {"a": time_s}, 8)


def test_many_pin_at_once(tmp_path: Path) -> None:
    """All of eight processes go by the same figures."""
    with ProcessPoolExecutor(8) as pool:
        answers = list(pool.map(_pin, [(tmp_path, float(number)) for number in range(8)]))
    assert all(answer == answers[0] for answer in answers)


def test_a_session_is_split_in_one_way_only(tmp_path: Path) -> None:
    """A job that counts the parts differently is told so, and so is one that finds the file broken."""
    pin_durations(tmp_path, {}, 4)
    with pytest.raises(SessionError, match=r"is split into 4 shards, and this run was told 5: give --bench-shard K/4"):
        pin_durations(tmp_path, {}, 5)
    (tmp_path / "shards.json").write_text(json.dumps({"count": 4}))
    with pytest.raises(SessionError, match=r"shards\.json can't be read"):
        known_durations(tmp_path.parent, tmp_path.name, 4)
