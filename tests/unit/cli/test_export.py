# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench export``: one row for each figure, the same in every format."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.cli import main
from tests.support.commands import errors

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.past_sessions import PastSessions

COLUMNS = (
    "session,session_started_at,session_reason,entry,started_at,status,reason,error,metric,value,unit,direction,setting,"
    "host,nemo_curator,nemo_curator_commit,project_commit,ray,python"
)


@pytest.fixture
def past(nights: PastSessions) -> PastSessions:
    """Two nights; in the second an entry has no figure."""
    nights.environment["git"] = {"commit": "c" * 40}
    nights.add({"a": {"exec_time_s": 1.5, "script_metrics": {"docs_per_s": 10}}, "b": 2.0})
    nights.add({"a": 1.25, "b": {"status": "error", "reason": "ray", "error": 'no "Ray",\nsee log'}})
    return nights


def csv_rows(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(text.splitlines(keepends=True)))


def test_csv(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """All sessions, the oldest first; what did not run has a row without a metric. Column names are a promise."""
    assert main(["export"]) == 0
    text = capsys.readouterr().out
    assert text.partition("\n")[0] == COLUMNS
    rows = csv_rows(text)
    assert [(row["session"][:19], row["entry"], row["metric"], row["value"]) for row in rows] == [
        ("nightly__2026-01-01", "a", "docs_per_s", "10.0"),
        ("nightly__2026-01-01", "a", "exec_time_s", "1.5"),
        ("nightly__2026-01-01", "b", "exec_time_s", "2.0"),
        ("nightly__2026-01-02", "a", "exec_time_s", "1.25"),
        ("nightly__2026-01-02", "b", "", ""),
    ]
    assert (rows[1]["unit"], rows[1]["direction"], rows[1]["ray"]) == ("s", "lower", "2.60.0")
    assert rows[1]["project_commit"] == "c" * 40
    assert (rows[4]["status"], rows[4]["reason"], rows[4]["error"]) == ("error", "ray", 'no "Ray",')
    assert rows[1]["setting"] == rows[3]["setting"] != ""


def test_selectors_and_keywords(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """As in other commands."""
    assert main(["export", "latest~1", "-k", "a", "--format", "jsonl"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["entry"], row["metric"], row["value"]) for row in rows] == [
        ("a", "docs_per_s", 10.0),
        ("a", "exec_time_s", 1.5),
    ]
    assert list(rows[0]) == COLUMNS.split(",")
    assert rows[0]["nemo_curator_commit"] is None


def test_a_file_is_written_whole_or_not_at_all(
    past: PastSessions, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there before stays until the new content is complete."""
    assert main(["export", "-o", "f.csv"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "wrote 2 sessions to f.csv\n")
    assert len(csv_rows((tmp_path / "f.csv").read_text())) == 5

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_curator_bench.cli.export.export_rows", full)
    assert errors(capsys, "export", "-o", "f.csv") == "f.csv can't be written: No space left on device\n"
    assert len(csv_rows((tmp_path / "f.csv").read_text())) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.csv", "results"]
    assert errors(capsys, "export", "-o", "none/f.csv").startswith("none/f.csv can't be written: No such file")


def test_parquet(past: PastSessions, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same rows, with types."""
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main(["export", "--format", "parquet", "-o", "f.parquet"]) == 0
    table = parquet.read_table(tmp_path / "f.parquet")
    assert table.column_names == COLUMNS.split(",")
    assert table["value"].to_pylist() == [10.0, 1.5, 2.0, 1.25, None]
    assert str(table.schema.field("started_at").type) == "timestamp[us, tz=UTC]"
    assert table["started_at"].to_pylist()[1].isoformat() == "2026-01-01T03:00:00+00:00"


def test_parquet_needs_pyarrow_and_a_file(
    past: PastSessions, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear error each, and no file."""
    assert errors(capsys, "export", "--format", "parquet") == "parquet is no text: give -o FILE\n"
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert errors(capsys, "export", "--format", "parquet", "-o", "f").startswith("parquet needs pyarrow (")
    assert not (tmp_path / "f").exists()
