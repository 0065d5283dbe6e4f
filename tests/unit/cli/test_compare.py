# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench compare``: verdicts as rows and exit status; the rules themselves are tested in unit/history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.cli import main
from tests.support.commands import data, errors, shown

if TYPE_CHECKING:
    from tests.support.past_sessions import PastSessions


def quiet(nights: PastSessions, count: int = 8) -> None:
    """Some nights that are as usual."""
    for night in range(count):
        nights.add({"a": 10 + night % 3 / 10, "b": 20 + night % 2 / 10, "c": 30.0})


def test_nothing_is_worse(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0; what is as usual is counted, and listed with --all."""
    quiet(nights)
    lines = shown(capsys, "compare")
    assert lines[0][1:3] == ["against", "usual:"]
    assert lines[-1][:3] == ["3", "as", "usual"]
    assert not [line for line in lines if "exec_time_s" in line]
    every = shown(capsys, "compare", "--all")
    assert [line[2] for line in every if "exec_time_s" in line] == ["b", "a", "c"]


def test_something_is_worse(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1; failures first, then what got slower, with its noise; the environment on top."""
    quiet(nights)
    nights.environment["versions"] = {**nights.environment["versions"], "ray": "2.61.0"}
    nights.add({"a": 13.0, "b": {"status": "error", "error": "Ray did not start.\nx"}, "c": 30.0})
    lines = shown(capsys, "compare", status=1)
    assert ["environment", "ray", "2.60.0", "→", "2.61.0"] in lines
    rows = [line for line in lines if line[:1] in (["■"], ["▲"])]
    assert rows[0][:3] == ["■", "error", "b"]
    assert " ".join(rows[0]).endswith("passed before: Ray did not start.")
    assert rows[1][:4] == ["▲", "slower", "a", "exec_time_s"]
    report = data(capsys, "compare", "-k", "not b", status=1)
    assert [(row["entry"], row["verdict"]) for row in report["rows"]] == [("a", "worse"), ("c", "usual")]
    assert report["rows"][0]["change"] == pytest.approx(13 / 10.1 - 1)
    assert report["exit_status"] == 1
    assert main(["compare", "-k", "c"]) == 0


def test_sessions_against_others(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Two selectors: the other side first; several are pooled."""
    quiet(nights)
    nights.add({"a": 13.0, "b": 20.0}, name="try-1")
    nights.add({"a": 13.1, "b": 20.0}, name="try-2")
    report = data(capsys, "compare", "try-1", "try-2")
    assert (report["sessions"], report["against"]) == (["try-2"], ["try-1"])
    assert {row["verdict"] for row in report["rows"]} == {"usual"}
    report = data(capsys, "compare", "latest~2", "try-1,try-2", status=1)
    assert report["rows"][0]["entry"] == "a"
    assert [row["verdict"] for row in report["rows"] if row["entry"] == "c"] == ["not run"]


def test_what_cannot_be_compared(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed argument is named; where nothing else is there, the exit status is 3."""
    nights.add({"a": 10.0})
    nights.add({"a": {"exec_time_s": 10.0, "arguments": ["--executor", "ray_data"]}})
    assert main(["compare"]) == 3
    printed = capsys.readouterr()
    assert "not comparable" in printed.out
    assert "arguments: --executor xenna → --executor ray_data" in printed.out
    assert printed.err.startswith("nothing can be compared: ")


def cells(nights: PastSessions, xenna: float, *, passed: bool = True) -> None:
    """A night of a matrix of two axes; xenna takes another CPU, and ``include`` says so."""
    entries: dict[str, Any] = {}
    for written, size in (("1", 1), ("1.50", 1.5)):
        for executor, time_s in (("ray_data", 10.0 + nights.nights % 3 / 10), ("xenna", xenna)):
            included = {"cpus": 6} if executor == "xenna" else {}
            entries[f"dedup[{executor}-{written}]"] = {
                "exec_time_s": time_s * size,
                "status": "passed" if passed or executor == "ray_data" else "failed",
                "error": None if passed or executor == "ray_data" else "ValueError: x",
                "arguments": ["--executor", executor, "--size", str(size)],
                "script_params": {"matrix": {"executor": executor, "size": size, **included}},
                "script_metrics": {"throughput_docs_per_sec": 100 / time_s},
                "resources": {"lease": {"cpus": [0, 1, 2][: 3 if executor == "xenna" else 2], "gpus": []}},
            }
    nights.add({**entries, "other": 1.0})


def test_within_a_session(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Cells that differ in one axis only, against its first value; noise from the history of both."""
    cells(nights, 20.0)
    rows = data(capsys, "compare", "--within", "latest", "--by", "executor")
    assert [(row["entry"], row["first"], row["second"], row["ratio"]) for row in rows] == [
        ("dedup[size=1]", "ray_data", "xenna", 2.0),
        ("dedup[size=1.5]", "ray_data", "xenna", 2.0),
    ]
    assert [(row["noise"], row["verdict"]) for row in rows] == [(None, "noise unknown")] * 2
    for _ in range(8):
        cells(nights, 20.0)
    cells(nights, 5.0)
    lines = shown(capsys, "compare", "--within", "latest", "--by", "executor", "--all")
    assert next(" ".join(line) for line in lines if "exec_time_s" in line).endswith("faster CPUs: 2 → 3")
    rows = data(capsys, "compare", "--within", "latest", "--by", "executor", "--all", "-k", "1.50")
    assert [(row["metric"], row["verdict"]) for row in rows] == [
        ("throughput_docs_per_sec", "better"),
        ("exec_time_s", "better"),
    ]
    assert 0.01 < rows[1]["noise"] < 0.05
    (row, _) = data(capsys, "compare", "--within", "latest", "--by", "size", "-k", "dedup")
    assert (row["entry"], row["first"], row["second"], row["ratio"]) == ("dedup[executor=ray_data]", "1", "1.5", 1.5)


def test_within_a_session_nothing_can_be_compared(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 3 and why; a wrong axis lists the axes."""
    cells(nights, 20.0, passed=False)
    assert main(["compare", "--within", "latest", "--by", "executor"]) == 3
    printed = capsys.readouterr()
    assert "not passed  dedup[xenna-1] failed: ValueError: x" in printed.out
    assert printed.err == "nothing can be compared: of each two cells one did not pass\n"
    within = ("compare", "--within", "latest", "--by")
    assert "expected one of executor, size" in errors(capsys, *within, "cpus")
    assert "no entry of " in errors(capsys, *within, "size", "-k", "other", status=3)
    assert "no two entries differ in size only" in errors(capsys, *within, "size", "-k", "1.50", status=3)
    assert errors(capsys, "compare", "--by", "size").startswith("--within SESSION takes --by AXIS")
    assert errors(capsys, *within, "size", "latest").startswith("--within SESSION takes --by AXIS")


def test_too_many_selectors(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Sessions are pooled with commas."""
    nights.add({"a": 1.0})
    assert errors(capsys, "compare", "a", "b", "c").startswith("found 3 selectors, expected two: ")
