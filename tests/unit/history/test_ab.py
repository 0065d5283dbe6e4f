# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results of several interpreters: which runs are pairs, and what is said of the others."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from pytest_curator_bench.history.ab import compare_interpreters
from pytest_curator_bench.reporting.ab import ABTable, ab_records
from pytest_curator_bench.results.record import EntryResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.history.ab import EntryPairs

POSITIONS = {"main": 1, "pr": 2, "other": 3}


def run(number: int, at: int, seconds: float, status: str = "passed") -> dict[str, Any]:
    """One run of an entry, that began in this minute; number 0 is the one to warm up."""
    return {
        "run": f"run-{number}" if number else "warmup-1",
        "measured": number > 0,
        "status": status,
        "reason": None if status == "passed" else "exit-code",
        "exec_time_s": seconds,
        "started_at": f"2026-11-30T00:{at:02}:00+00:00",
        "metrics": {},
    }


def result(side: str, runs: Sequence[dict[str, Any]], *, entry: str = "cc", **fields: Any) -> EntryResult:
    """The result of an entry under an interpreter."""
    known: dict[str, Any] = {"session_name": "s", "status": "passed", "timeout_s": 60.0, "nodeid": "n"}
    interpreter = {"name": side, "position": POSITIONS[side], "entry": entry, "python": f"/{side}/bin/python"}
    known |= {"entry_dir": "/e", "stdouterr_file": "/e/log", "runs": runs, "interpreter": interpreter}
    return EntryResult(**{**known, "name": f"{entry}@{side}", **fields})


def only(*results: EntryResult) -> EntryPairs:
    """The pairs of the only entry under the only two interpreters."""
    (comparison,) = compare_interpreters(results)
    (entry,) = comparison.entries
    return entry


def test_runs_in_turns_are_pairs() -> None:
    """The machine gets twice as slow meanwhile, which doesn't matter; the run to warm up doesn't count."""
    main = result("main", [run(0, 0, 9), run(1, 1, 1), run(2, 3, 2), run(3, 5, 4)])
    second = result("pr", [run(0, 0, 5), run(1, 2, 1.1), run(2, 4, 2.2), run(3, 6, 4.4)])
    found = only(second, main)  # results of a disk come in any order
    assert (found.entry, found.pairs, found.notes) == ("cc", 3, [])
    time = found.metrics["exec_time_s"]
    assert (time.first, time.second) == (2, 2.2)
    assert (time.paired.ratio, time.paired.low, time.paired.high) == pytest.approx((1.1, 1.1, 1.1))
    assert time.paired.verdict == "worse"


def test_only_judged_metrics_are_compared() -> None:
    """A count is none, unless a rule says so."""
    metrics = {"docs_per_s": 5.0, "num_docs": 3.0}
    runs = [{**run(number, 3 * number, 1), "metrics": metrics} for number in (1, 2)]
    sides = [result(side, runs) for side in ("main", "pr")]
    assert [*only(*sides).metrics] == ["exec_time_s", "docs_per_s"]
    rules = [{"name": "num_docs", "judge": True}]
    ruled = [EntryResult.from_dict({**side.to_dict(), "metric_rules": rules}) for side in sides]
    assert [*only(*ruled).metrics] == ["exec_time_s", "docs_per_s", "num_docs"]


def test_pairs_with_a_failed_run_are_left_out_and_said() -> None:
    """The side that failed ended there; the other went on alone."""
    failed = result("pr", [run(1, 2, 2), run(2, 4, 9, "failed")], status="failed", reason="exit-code")
    found = only(result("main", [run(1, 1, 1), run(2, 3, 1), run(3, 5, 1)]), failed)
    assert found.pairs == 1
    assert found.metrics["exec_time_s"].paired.ratio == pytest.approx(2)
    assert found.notes == [
        "2 of 3 pairs left out: cc@pr: run-2 failed (exit-code)",
        "one pair has no interval: set repeat to 5 or more",
    ]


def test_what_happens_between_two_runs_is_the_cause_too() -> None:
    """As a Ray cluster that does not start in a later turn."""
    broken = result("pr", [run(1, 2, 2)], status="error", reason="ray")
    found = only(result("main", [run(1, 1, 1), run(2, 3, 1)]), broken)
    assert (found.pairs, found.notes[0]) == (1, "1 of 2 pairs left out: cc@pr: error (ray)")


def test_after_a_retry_neighbours_in_time_are_pairs() -> None:
    """The second attempt of one side begins while the other is at its third run."""
    main = result("main", [run(1, 1, 50), run(2, 3, 100), run(3, 5, 2), run(4, 7, 4)])
    retried = result("pr", [run(1, 4, 110), run(2, 6, 2.2), run(3, 8, 4.4)], attempts=[{"attempt": 1}, {"attempt": 2}])
    found = only(main, retried)
    assert found.pairs == 3
    assert found.metrics["exec_time_s"].paired.high == pytest.approx(1.1)
    assert found.notes == ["1 of 4 pairs left out: cc@pr: attempt 2 began anew"]


def test_one_run_each_and_a_side_without_a_run() -> None:
    """A pair of single runs has a ratio and no interval; an unmet requirement doesn't make a run none."""
    at = "2026-11-30T00:00:00+00:00"
    main = result("main", [], exec_time_s=2.0, started_at=at, script_metrics={"deep": {"docs_per_s": 8.0}})
    pr: dict[str, Any] = {
        "exec_time_s": 3.0,
        "started_at": at.replace("00:00:00", "00:00:09"),
        "script_metrics": main.script_metrics,
    }
    found = only(main, result("pr", [], status="failed", reason="requirements", **pr))
    assert found.metrics["exec_time_s"].paired.ratio == pytest.approx(1.5)
    assert [*found.metrics] == ["exec_time_s", "deep.docs_per_s"]
    assert found.notes == ["one pair has no interval: set repeat to 5 or more"]
    skipped = only(main, result("pr", [], status="skipped", reason="skipped"))
    assert (skipped.pairs, skipped.metrics, skipped.notes) == (0, {}, ["1 of 1 pair left out: cc@pr: skipped"])
    assert compare_interpreters([main]) == []
    assert compare_interpreters([EntryResult.from_dict({**main.to_dict(), "interpreter": None})]) == []


def test_three_interpreters_are_compared_with_the_first() -> None:
    """And the mean over entries is geometric."""
    factors = {"main": 1.0, "pr": 2.0, "other": 0.5}
    results = [
        result(side, [run(1, 3 * turn + at, factors[side] * more) for turn in range(2)], entry=entry)
        for entry, more in (("cc", 1.0), ("dd", 1.0))
        for at, side in enumerate(factors)
    ]
    results[4] = result("pr", [run(1, 1, 8), run(2, 4, 8)], entry="dd")
    comparisons = compare_interpreters(results)
    assert [(one.first, one.second) for one in comparisons] == [("main", "pr"), ("main", "other")]
    assert [one.mean_time_ratio for one in comparisons] == pytest.approx([4, 0.5])
    assert [entry.entry for entry in comparisons[0].entries] == ["cc", "dd"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_is_whole_at_any_width(width: int) -> None:
    """Verdict, ratio and interval stand in it; the same Python twice is called so."""
    sides = [result("main", [run(1, 1, 1), run(2, 3, 1)]), result("pr", [run(1, 2, 1.5), run(2, 4, 1.5)])]
    comparisons = compare_interpreters(sides)
    output = io.StringIO()
    Console(file=output, width=width, highlight=False).print(ABTable(comparisons))
    lines = output.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    for text in ("pr against main", "cc (2 pairs)", "slower", "1.500", "1.500 to 1.500", "1 entry: 1.500"):
        assert text in output.getvalue()
    assert ab_records(comparisons)[0]["entries"][0]["metrics"]["exec_time_s"]["interval"] == pytest.approx([1.5, 1.5])
    assert not comparisons[0].is_null
