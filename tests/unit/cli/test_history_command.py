# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench history``: levels, failures, and all entries of a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.commands import data, errors, shown

if TYPE_CHECKING:
    from tests.support.past_sessions import PastSessions


@pytest.fixture
def past(nights: PastSessions) -> PastSessions:
    """Ten nights: after four the data set is another one, and the ninth fails."""
    for night in range(10):
        time_s = (10.0 if night < 4 else 20.0) + night % 2 / 10
        a = {
            "exec_time_s": time_s,
            "datasets": [{"name": "cc", "format": "parquet", "content_digest": "ab" * 32 if night < 4 else "cd" * 32}],
            "script_metrics": {"docs_per_s": 1000 / time_s},
        }
        if night == 8:
            a |= {"status": "failed", "reason": "exit-code"}
        nights.add({"a": a, "b": 5.0})
    return nights


def test_an_entry(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """One level for each stretch that can be compared, what it began with, and what failed."""
    lines = shown(capsys, "history", "a")
    assert " ".join(lines[0]) == "a · exec_time_s (less is better) · 10 results, 9 passed"
    assert lines[4][:5] == ["2026-01-01", "2026-01-04", "4", "10.05", "s"]
    assert lines[5][:5] == ["2026-01-05", "2026-01-10", "5", "20.1", "s"]
    assert " ".join(lines[5][-5:]) == "dataset cc/parquet: abababababab → cdcdcdcdcdcd"
    assert lines[-2][0] == "▁▁▁▁█████"
    assert " ".join(lines[-1]) == "1 failed: 2026-01-09 (exit-code)"


def test_an_entry_as_data(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """All values, another metric, the last results only."""
    report = data(capsys, "history", "a", "docs_per_s", "--last", "3")
    assert [value["value"] for value in report["values"]] == [pytest.approx(1000 / 20.1)] * 2
    assert [failed["status"] for failed in report["failed"]] == ["failed"]
    assert report["levels"][0]["noise"] is None


def test_a_metric_of_all_entries(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """One row for each entry that has it."""
    rows = data(capsys, "history", "--metric", "exec_time_s")
    assert [(row["entry"], row["sessions"], row["latest"]) for row in rows] == [("a", 5, 20.1), ("b", 10, 5.0)]
    assert [row["entry"] for row in data(capsys, "history", "--metric", "docs_per_s")] == ["a"]
    assert [row["entry"] for row in data(capsys, "history", "--metric", "exec_time_s", "-k", "b")] == ["b"]


def test_what_is_not_there(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and a name that is near."""
    assert errors(capsys, "history", "x") == "no entry 'x' has a result\n"
    assert errors(capsys, "history", "a", "docs_per_m") == "a has no metric 'docs_per_m'; did you mean 'docs_per_s'?\n"
    assert errors(capsys, "history", "--metric", "x") == "no entry has a metric 'x'\n"
    assert errors(capsys, "history").startswith("give an ENTRY for its history, or --metric METRIC")
