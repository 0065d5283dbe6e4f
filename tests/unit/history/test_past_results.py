# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What earlier sessions tell of entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.history import past_results
from pytest_curator_bench.history.past_results import expect, past_durations
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.progress.expected import Expected

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_curator_bench.results.record import Status


def session(results_dir: Path, name: str, number: int, **times_s: float) -> Path:
    """A session of the given day with entries that passed."""
    path = results_dir / name
    path.mkdir(parents=True)
    write_json(path / "session.json", {"started_at": f"2026-01-{number:02}T00:00:00+00:00"})
    for entry, time_s in times_s.items():
        result(path, entry, time_s)
    return path


def result(session_dir: Path, entry: str, time_s: float | None, status: Status = "passed", **fields: Any) -> None:
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
        **fields,
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
    monkeypatch.setattr(past_results, "MAX_SESSIONS", 2)
    session(tmp_path, "z-oldest", 1, a=1.0)
    session(tmp_path, "a-newest", 3, a=3.0)
    session(tmp_path, "m", 2, a=2.0)
    assert past_durations(tmp_path) == {"a": 2.5}


def test_what_is_expected_of_entries(tmp_path: Path) -> None:
    """The script's median time, and that of the lease; what never passed is not known."""
    past = session(tmp_path, "past", 1)
    lease = {"granted_at": "2026-01-01T00:00:00+00:00", "released_at": "2026-01-01T00:01:00+00:00"}
    result(past, "a", 20.0, resources={"lease": lease})
    result(past, "b", 1.0, "failed")
    expected = {"a": Expected(share=0.5, usual_s=20.0, usual_total_s=60.0), "b": Expected()}
    assert expect(tmp_path, {"a": 0.5, "b": 1.0}, besides="now") == expected
    assert expect(tmp_path, {"a": 0.5}, besides="past") == {"a": Expected(share=0.5)}
