# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results of past sessions as sinks are given them again."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from pytest_curator_bench.delivery.results import session_results, with_comparisons
from pytest_curator_bench.history.index import Index
from tests.support.past_sessions import PastSessions

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_replayed_result_is_compared_with_what_was_usual_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What came later doesn't count; what can't be compared is delivered as it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    past = PastSessions(tmp_path / "results")
    names = [past.add({"a": seconds}) for seconds in (100.0, 101.0, 99.0, 100.0, 100.0, 150.0, 150.0, 150.0)]
    session_dir = past.results_dir / names[5]
    results, _ = session_results(session_dir)
    (compared,) = with_comparisons(session_dir, results)
    assert compared["comparison"]["verdict"] == "worse"
    assert compared["comparison"]["changes"]["exec_time_s"]["usual"] == 100.0
    assert (
        list(with_comparisons(past.results_dir / names[0], session_results(past.results_dir / names[0])[0]))
        == (session_results(past.results_dir / names[0])[0])
    )

    def fail(*_: object, **__: object) -> None:
        raise sqlite3.DatabaseError("malformed")

    monkeypatch.setattr(Index, "past", fail)
    assert with_comparisons(session_dir, results) == results
    assert caplog.messages == ["results are not compared with earlier ones: malformed"]
