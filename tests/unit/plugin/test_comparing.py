# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How the controller compares: each result when it comes, all at the end, and whatever goes wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.history.index import Index
from pytest_curator_bench.plugin.comparing import Comparing
from pytest_curator_bench.plugin.comparison_options import FailOn
from pytest_curator_bench.plugin.junit import comparison_properties
from pytest_curator_bench.session.entry_results import read_result
from tests.support.past_sessions import ENVIRONMENT, PastSessions

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.results.record import EntryResult


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PastSessions:
    """Eight nights of two entries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sessions = PastSessions(tmp_path / "results")
    for night in range(8):
        sessions.add(
            {"a": 100.0 + night % 3, "b": {"exec_time_s": 50.0 + night % 2, "script_metrics": {"num_kept": 7}}}
        )
    return sessions


class Run:
    """A session that was measured, and its comparison."""

    def __init__(self, past: PastSessions, entries: dict[str, Any], **options: Any) -> None:
        known = {"compare": "baseline", "session": None, "is_comparison_wanted": False, "fail_on": None, **options}
        self.warnings: list[str] = []
        bench_run: Any = SimpleNamespace(
            options=SimpleNamespace(**known),
            bench_config=SimpleNamespace(results_dir=past.results_dir),
            shows_only=False,
            mask=str,
        )
        self.comparing = Comparing(bench_run, self.warnings.append)
        session_dir = past.results_dir / past.add(entries)
        bench_run.store = SimpleNamespace(session_dir=session_dir)
        self.results: list[EntryResult] = [read_result(session_dir / entry) for entry in entries]

    def compared(self) -> dict[str, Any]:
        """How each result compares, by name."""
        self.comparing.begin(ENVIRONMENT)
        found = [self.comparing.compared(result.to_dict()) for result in self.results]
        self.comparing.end(self.results)
        return {result["name"]: result.get("comparison") for result in found}


def test_each_result_and_all_of_them(past: PastSessions) -> None:
    """What is usual, the change and its noise; JUnit gets the time, and what is not as usual."""
    run = Run(past, {"a": 130.0, "b": {"exec_time_s": 50.0, "script_metrics": {"num_kept": 8}}})
    compared = run.compared()
    change = compared["a"]["changes"]["exec_time_s"]
    assert (compared["a"]["against"], compared["a"]["verdict"], change["usual"], change["sessions"]) == (
        "baseline",
        "worse",
        101.0,
        8,
    )
    assert change["change"] == pytest.approx(130 / 101 - 1)
    assert 0 < change["noise"] < 0.05
    assert compared["b"]["verdict"] == "differs"
    assert [name for name, _ in comparison_properties(compared["b"])] == [
        "comparison.verdict",
        *(f"comparison.num_kept.{key}" for key in ("verdict", "usual", "change", "noise")),
        *(f"comparison.exec_time_s.{key}" for key in ("verdict", "usual", "change", "noise")),
    ]
    assert run.comparing.comparison is not None
    assert [entry.entry for entry in run.comparing.comparison.entries] == ["a", "b"]
    assert (run.comparing.causes, run.comparing.remarks, run.warnings) == ((), (), [])


@pytest.mark.parametrize(
    ("given", "time_s", "causes"),
    [
        ("worse", 130.0, ["a"]),
        ("worse:20", 130.0, ["a"]),
        ("worse:40 %", 130.0, []),
        ("worse", 70.0, []),
        ("changed", 70.0, ["b", "a"]),
        ("changed", 101.0, ["b"]),
    ],
)
def test_what_fails_a_run(past: PastSessions, given: str, time_s: float, causes: list[str]) -> None:
    """One line for each entry, the gravest first; an improvement is a change."""
    fail_on = FailOn.parse(given)
    b = {"exec_time_s": 50.0, "script_metrics": {"num_kept": 8}}
    run = Run(past, {"a": time_s, "b": b}, fail_on=fail_on, is_comparison_wanted=True)
    run.compared()
    assert [cause.partition(":")[0] for cause in run.comparing.causes] == causes
    assert [line.startswith(f"--bench-fail-on {given}: ") for line in run.comparing.remarks] == [True] * len(causes)


def test_chosen_sessions(past: PastSessions) -> None:
    """Those before this run; entries that it does not run are not missed."""
    past.add({"a": 200.0, "b": 50.0})
    run = Run(past, {"a": 200.0}, compare="latest")
    assert run.compared()["a"]["against"] == "latest"
    assert run.comparing.comparison is not None
    (entry,) = run.comparing.comparison.entries
    assert (entry.verdict, entry.changes["exec_time_s"].usual) == ("usual", 200.0)


def test_a_session_that_is_joined_is_not_compared_with_itself(past: PastSessions) -> None:
    """Its other jobs may have ended before."""
    newest = max(path.name for path in past.results_dir.iterdir())
    run = Run(past, {"a": 100.0}, compare="latest", session=newest)
    run.compared()
    (entry,) = run.comparing.comparison.entries if run.comparing.comparison is not None else ()
    assert entry.then is not None
    assert entry.then.session < newest


def test_nothing_is_shown_without_history(tmp_path: Path) -> None:
    """Nor is an index made; a comparison that was asked for is answered with a line."""
    run = Run(PastSessions(tmp_path / "results"), {"a": {"status": "failed"}}, is_comparison_wanted=True)
    assert run.compared() == {"a": None}
    assert (run.comparing.comparison, len(run.comparing.remarks), run.warnings) == (None, 1, [])


@pytest.mark.parametrize("broken", ["open", "past"])
def test_a_failure_is_one_warning(past: PastSessions, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """And never the end of a run; but no green one where ``--bench-fail-on`` asked."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Index, broken, fail)
    run = Run(past, {"a": 130.0}, is_comparison_wanted=True, fail_on=FailOn.parse("worse"))
    assert run.compared() == {"a": None}
    assert run.comparing.comparison is None
    assert list(run.comparing.causes) == run.warnings
    assert run.warnings == ["results are compared no further: OSError: the disk is gone"]
    assert list(run.comparing.remarks) == run.warnings
