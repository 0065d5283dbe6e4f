# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Several runs of one entry: names, when they are enough, and the result that they make."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_curator_bench.entry.repeats import RunSeries
from pytest_curator_bench.results.record import EntryResult


def result(exec_time_s: float = 1.0, **fields: Any) -> EntryResult:
    """The result of one run."""
    known: dict[str, Any] = {
        "name": "e",
        "session_name": "s",
        "status": "passed",
        "timeout_s": 9,
        "nodeid": "f::e",
        "entry_dir": "/x/run",
        "stdouterr_file": "/x/run/log",
    }
    return EntryResult(**{**known, "exec_time_s": exec_time_s, **fields})


def series(*results: EntryResult, **settings: Any) -> RunSeries:
    """A series that has had these runs."""
    made = RunSeries(**{"repeat": 3, "warmup": 0, "until": None, **settings})
    for item in results:
        made.add(item)
    return made


def test_names_and_end() -> None:
    """Warm-ups come first and don't count; the last measured run ends it."""
    runs = RunSeries(repeat=2, warmup=1, until=None)
    names = []
    while not runs.is_over():
        names.append(runs.next_name)
        runs.add(result())
    assert names == ["warmup-1", "run-1", "run-2"]
    assert [(run.name, run.measured) for run in runs.runs] == [("warmup-1", False), ("run-1", True), ("run-2", True)]
    assert len(runs.measured) == 2


def test_medians_and_statistics() -> None:
    """Numbers become medians, nested ones too; warm-ups leave no trace in them; statistics name each metric."""
    metrics = [
        {"rate": value, "nested": {"n": value * 2}, "text": "same", "flag": True} for value in (1000, 10, 40, 30)
    ]
    runs = [result(time, script_metrics=m, resources={"rss": 5}) for time, m in zip((9, 1, 2, 6), metrics, strict=True)]
    made = series(*runs, warmup=1).combined(entry_dir="/x")
    assert (made.status, made.exec_time_s, made.entry_dir) == ("passed", 2, "/x")
    assert made.script_metrics == {"rate": 30, "nested": {"n": 60}, "text": "same", "flag": True}
    assert set(made.statistics) == {"exec_time_s", "rate", "nested.n"}
    assert made.statistics["rate"] == {
        "n": 3,
        "median": 30,
        "min": 10,
        "max": 40,
        "iqr": 15,
        "median_ci": [10, 40],
        "confidence": 0.75,
    }
    assert [(run["run"], run["measured"], run["exec_time_s"]) for run in made.runs] == [
        ("warmup-1", False, 9),
        ("run-1", True, 1),
        ("run-2", True, 2),
        ("run-3", True, 6),
    ]
    assert made.runs[1]["metrics"] == {"rate": 10, "nested.n": 20, "text": "same", "flag": True}
    assert made.warnings == ()


def test_what_has_no_median_is_told() -> None:
    """Texts that differ, metrics that a run lacks, NaN: the last run's, and a warning that names them."""
    metrics = [{"t": "a", "n": 1, "x": float("nan")}, {"t": "b", "x": 1.0}, {"t": "b", "n": 3, "x": 2.0}]
    made = series(*(result(script_metrics=m) for m in metrics)).combined(entry_dir="/x")
    assert made.script_metrics == {"t": "b", "n": 3, "x": 2.0}
    assert made.warnings == ("metrics without a median that differ between runs (the last one's): t, n, x",)
    assert set(made.statistics) == {"exec_time_s"}


@pytest.mark.parametrize(
    ("good", "settings", "place"),
    [(1, {}, "Run 2 of 3"), (0, {"warmup": 2}, "Warm-up 1 of 2"), (2, {"warmup": 1}, "Run 2 of 3")],
)
def test_a_run_that_fails(good: int, settings: dict[str, Any], place: str) -> None:
    """It ends the series and fails the entry, with its place named; what was measured before is kept."""
    failed = result(5, status="failed", reason="exit-code", error="It broke.", script_metrics={"rate": 1})
    runs = series(*[result(1, script_metrics={"rate": 7})] * good, failed, **settings)
    assert runs.is_over()
    made = runs.combined(entry_dir="/x")
    assert (made.status, made.reason, made.error) == ("failed", "exit-code", f"{place}: It broke.")
    assert (made.exec_time_s, made.script_metrics) == (5, {"rate": 1})
    assert len(made.runs) == good + 1
    measured = good - settings.get("warmup", 0)
    assert made.statistics.get("rate", {}).get("n", 0) == max(0, measured)


def test_warnings_name_their_runs() -> None:
    """The same warning of several runs is one."""
    runs = [result(warnings=["left a process"]), result(), result(warnings=["left a process", "odd"])]
    assert series(*runs).combined(entry_dir="/x").warnings == ("run-1, run-3: left a process", "run-3: odd")


@pytest.mark.parametrize(
    ("values", "watched", "count"),
    [
        ([10, 10.01, 10.02], ["rate"], 6),
        ([10, 20, 30], ["rate"], 10),
        ([10, 10, 10], [], 10),  # the time, which varies
        ([10, 10, 10], ["missing"], 10),  # the same
        ([10, 10, 10], ["rate", "text"], 6),
    ],
)
def test_an_early_end(values: list[float], watched: list[str], count: int) -> None:
    """From the sixth run on, when the interval of every watched figure, else of the time, is narrow enough."""
    runs = RunSeries(repeat=10, warmup=0, until=0.02, judged=["rate"], watched=watched)
    while not runs.is_over():
        done = len(runs.runs)
        runs.add(result(1 + done, script_metrics={"rate": values[done % 3], "text": "x"}))
    assert len(runs.runs) == count


def test_results_survive_json_and_old_ones_can_be_read() -> None:
    """The new fields have defaults, and come back from a dictionary."""
    made = series(result(), result(), result()).combined(entry_dir="/x")
    assert EntryResult.from_dict(made.to_dict()) == made
    old = {key: value for key, value in made.to_dict().items() if key not in {"runs", "statistics", "attempts"}}
    assert EntryResult.from_dict(old).runs == ()


def test_statistics_and_records_are_bounded() -> None:
    """Judged metrics come first, medians are those of all, and each run keeps its own file."""
    metrics = {f"m{number}": number for number in range(2100)}
    made = series(*(result(script_metrics=metrics) for _ in range(100)), repeat=100, judged=["m2099"])
    combined = made.combined(entry_dir="/x")
    assert list(combined.statistics)[:3] == ["exec_time_s", "m2099", "m0"]
    assert len(combined.statistics) == 1000
    assert {len(run["metrics"]) for run in combined.runs} == {2000}
    assert "m2099" in combined.runs[0]["metrics"]
    assert combined.script_metrics == metrics
    assert list(combined.warnings) == [
        "there are statistics of 1,000 of 2,101 metrics; each run's own results.json has them all",
        "the records of 100 runs hold 2,000 of 2,100 metrics; each run's own results.json has them all",
    ]
