# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Requirements: looking metrics up, comparing, margins and sentences; properties over any metric values."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_curator_bench.config.schema_models import Requirement
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.results.requirements import judge, known_misses, unexpectedly_met, with_verdicts

METRICS = {
    "rate": 3120,
    "docs_per_sec": 4000.5,
    "ok": True,
    "words": "many",
    "list": [1],
    "nothing": None,
    "nan": math.nan,
    "inf": math.inf,
    "nested": {"count": 3, "deeper": {"value": 7}, "deep.er": {"value": 8}},
    "a.b": "literal",
    "a": {"b": "nested"},
    "zero": 0,
    "exec_time_s": -1.0,
}
HINT = "known: rate, docs_per_sec, ok, words, nan, inf, a.b, zero, ... (8 more)"


def run(**changes: Any) -> EntryResult:
    """The result of one run."""
    result = EntryResult(
        name="e",
        session_name="s",
        status="passed",
        timeout_s=9,
        nodeid="f::e",
        entry_dir="/x",
        stdouterr_file="/x/log",
        exec_time_s=12.5,
        script_metrics={key: value for key, value in METRICS.items() if key != "exec_time_s"},
        task_metrics={"reader_process_time_sum": 1.5, "rate": 9, "stage.custom.x": 2.0},
        resources={"max_rss_bytes": 10**9, "cpu": {"mean": 0.5}},
    )
    return dataclasses.replace(result, **changes)


def verdict(metric: str, *runs: EntryResult, **bounds: Any) -> dict[str, Any]:
    """One requirement's record."""
    (record,) = judge([Requirement(metric=metric, **bounds)], runs or [run()])
    return record


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("rate", 3120),
        ("nested.count", 3),
        ("nested.deeper.value", 7),
        ("nested.deep.er.value", 8),
        ("a.b", "literal"),
        ("reader_process_time_sum", 1.5),
        ("stage.custom.x", 2.0),
        ("exec_time_s", 12.5),
        ("resources.max_rss_bytes", 10**9),
        ("resources.cpu.mean", 0.5),
    ],
)
def test_where_a_metric_is_looked_up(metric: str, value: object) -> None:
    """Script, tasks, time, resources, in this order; dots lead inwards, a key that has them goes before."""
    record = verdict(metric, exact_value=value)
    assert (record["met"], record["actual"], record["margin_percent"]) == (
        True,
        value,
        None if isinstance(value, str) else 0.0,
    )


def test_a_scripts_own_exec_time_goes_before_ours() -> None:
    """What the script calls exec_time_s is what it means."""
    assert verdict("exec_time_s", run(script_metrics=METRICS), max_value=0)["met"]


@pytest.mark.parametrize(
    ("metric", "bounds", "met", "margin", "sentence"),
    [
        ("rate", {"min_value": 3500}, False, -10.857, "rate = 3,120, must be at least 3,500 (10.9 % too low)"),
        ("rate", {"min_value": 3000}, True, 4.0, "rate = 3,120, at least 3,000 (4 % above)"),
        ("rate", {"min_value": 3120}, True, 0.0, "rate = 3,120, at least 3,120"),
        ("rate", {"max_value": 3000}, False, -4.0, "rate = 3,120, must be at most 3,000 (4 % too high)"),
        ("rate", {"max_value": 4000}, True, 22.0, "rate = 3,120, at most 4,000 (22 % below)"),
        (
            "rate",
            {"min_value": 3000, "max_value": 4000},
            True,
            4.0,
            "rate = 3,120, at least 3,000 and at most 4,000 (4 % above)",
        ),
        ("rate", {"max_value": 2}, False, -155900.0, "rate = 3,120, must be at most 2 (1,560× as much)"),
        ("rate", {"exact_value": 3121}, False, -0.032, "rate = 3,120, must be exactly 3,121 (1 too low)"),
        ("rate", {"exact_value": 3120.0}, True, 0.0, "rate = 3,120, exactly 3,120"),
        (
            "docs_per_sec",
            {"exact_value": 4000.25},
            False,
            -0.00625,
            "docs_per_sec = 4000.5, must be exactly 4000.25 (0.00625 % too high)",
        ),
        ("ok", {"exact_value": True}, True, None, "ok = true, exactly true"),
        ("ok", {"exact_value": False}, False, None, "ok = true, must be exactly false"),
        ("ok", {"exact_value": 1}, False, None, "ok is true (a boolean), not a number, must be exactly 1"),
        ("rate", {"exact_value": True}, False, None, "rate is 3,120 (a number), not a boolean, must be exactly true"),
        ("ok", {"min_value": 1}, False, None, "ok is true (a boolean), not a number, must be at least 1"),
        ("words", {"exact_value": "few"}, False, None, "words = 'many', must be exactly 'few'"),
        ("words", {"max_value": 3}, False, None, "words is 'many' (a text), not a number, must be at most 3"),
        ("list", {"max_value": 3}, False, None, "list is a list (a list), not a number, must be at most 3"),
        ("nothing", {"min_value": 3}, False, None, "nothing is null (null), not a number, must be at least 3"),
        ("nan", {"min_value": 3}, False, None, "nan is NaN, which meets no bound, must be at least 3"),
        ("nan", {"max_value": 3}, False, None, "nan is NaN, which meets no bound, must be at most 3"),
        ("inf", {"min_value": 3}, True, None, "inf = inf, at least 3"),
        ("inf", {"max_value": 3}, False, None, "inf = inf, must be at most 3 (too high)"),
        ("rate", {"max_value": -10}, False, -31300.0, "rate = 3,120, must be at most -10 (too high)"),
        ("zero", {"min_value": 0}, True, 0.0, "zero = 0, at least 0"),
        ("rate", {"min_value": 0}, True, None, "rate = 3,120, at least 0"),
        ("zero", {"min_value": 5}, False, -100.0, "zero = 0, must be at least 5 (100 % too low)"),
        (
            "doc_per_sec",
            {"min_value": 1},
            False,
            None,
            "doc_per_sec is missing (did you mean docs_per_sec?), must be at least 1",
        ),
        ("qqqqqqqqqq", {"exact_value": "x"}, False, None, f"qqqqqqqqqq is missing ({HINT}), must be exactly 'x'"),
    ],
)  # fmt: skip
def test_one_value_against_bounds(
    metric: str, bounds: dict[str, Any], met: bool, margin: float | None, sentence: str
) -> None:
    """Met or not, by how much, and one readable sentence; a mismatch of types is told."""
    record = verdict(metric, **bounds)
    assert record["sentence"] == sentence
    assert record["met"] is met
    assert record["margin_percent"] == (None if margin is None else pytest.approx(margin, rel=0.02))
    assert record["bounds"] == bounds


def test_values_that_look_alike_are_shown_in_full() -> None:
    """A miss by the last digit does not read as a contradiction."""
    record = verdict("x", run(script_metrics={"x": 1.00000001}), max_value=1.0)
    assert record["sentence"].startswith("x = 1.00000001, must be at most 1.0 (1e-06 % too high)")


@pytest.mark.parametrize(
    ("metric", "bounds", "warning"),
    [
        ("rate", {"min_value": 3000, "warn_below": 3200}, "rate = 3,120 is below 3,200 (warn_below)"),
        ("rate", {"max_value": 4000, "warn_above": 3100}, "rate = 3,120 is above 3,100 (warn_above)"),
        ("rate", {"warn_below": 3000, "warn_above": 4000}, None),
        ("rate", {"min_value": 3200, "warn_below": 3300}, None),
        ("missing", {"warn_below": 3}, f"missing is missing ({HINT})"),
        ("nan", {"warn_below": 3}, "nan is NaN, which meets no bound"),
        ("ok", {"warn_above": 3}, "ok is true (a boolean), not a number"),
    ],
)
def test_warnings_never_fail(metric: str, bounds: dict[str, Any], warning: str | None) -> None:
    """Bounds for warnings alone are always met, and a hard bound that is missed needs no warning beside it."""
    record = verdict(metric, **bounds)
    assert record["warning"] == warning
    assert record["met"] is ("min_value" not in bounds or bounds["min_value"] <= 3120)


RUNS = [run(script_metrics={"x": value}) for value in (10, 40, 30)]


@pytest.mark.parametrize(
    ("how", "actual", "aside"),
    [
        (None, 30, "median of 3 runs"),
        ("median", 30, "median of 3 runs"),
        ("min", 10, "min of 3 runs"),
        ("max", 40, "max of 3 runs"),
        ("mean", pytest.approx(26.667, rel=1e-3), "mean of 3 runs"),
        ("all", 10, "run 1 of 3"),
    ],
)
def test_which_figure_of_several_runs_is_judged(how: str | None, actual: float, aside: str) -> None:
    """The median unless the requirement says otherwise; of ``all`` the worst one decides."""
    record = verdict("x", *RUNS, min_value=5, judge=how)
    assert (record["met"], record["actual"], record["judge"]) == (True, actual, how or "median")
    assert f"({aside})" in record["sentence"]
    assert not verdict("x", *RUNS, min_value=50, judge=how)["met"]


def test_all_runs_must_meet_it() -> None:
    """With ``all``, one run that misses is enough, and it is named."""
    record = verdict("x", *RUNS, min_value=20, judge="all")
    assert record["sentence"] == "x = 10 (run 1 of 3), must be at least 20 (50 % too low)"
    assert verdict("x", *RUNS, min_value=20)["met"]


def test_runs_without_the_metric_or_with_something_else() -> None:
    """A metric that one run lacks is not met; one that is a text in one run is told; NaN is no median."""
    lacking = verdict("x", RUNS[0], run(script_metrics={}), min_value=1)
    assert lacking["sentence"] == "x is missing in run 2 of 2, must be at least 1"
    text = verdict("x", RUNS[0], run(script_metrics={"x": "10"}), min_value=1)
    assert (text["met"], "'10' (a text)" in text["sentence"]) == (False, True)
    assert not verdict("x", *RUNS, run(script_metrics={"x": math.nan}), min_value=1)["met"]


def test_exact_values_that_differ_between_runs() -> None:
    """The median decides, but a count that was not the same every time is told."""
    record = verdict("x", *RUNS, exact_value=30)
    assert (record["met"], record["warning"]) == (True, "x was not the same in all runs: 10, 40, 30")
    assert verdict("x", RUNS[0], RUNS[0], exact_value=10)["warning"] is None
    flags = [run(script_metrics={"x": value}) for value in (True, True, False)]
    assert not verdict("x", *flags, exact_value=True)["met"]
    assert verdict("x", *flags[:2], exact_value=True)["sentence"] == "x = true (all 2 runs), exactly true"


def verdicts(*requirements: Requirement, strict: bool = False, runxfail: bool = False) -> EntryResult:
    """The result with its requirements."""
    result = run()
    return with_verdicts(result, judge(requirements, [result]), strict=strict, known_misses_count=runxfail)


MET = Requirement(metric="rate", min_value=1)
UNMET = Requirement(metric="rate", min_value=4000)
KNOWN = Requirement(metric="rate", min_value=4000, xfail="slow")
SURPRISE = Requirement(metric="ok", exact_value=True, xfail="broken")


def test_unmet_requirements_fail_the_entry() -> None:
    """One line for each that is not met; all are recorded."""
    result = verdicts(MET, UNMET, Requirement(metric="zero", exact_value=1))
    assert (result.status, result.reason, result.success) == ("failed", "requirements", False)
    assert (result.error or "").splitlines() == [
        "rate = 3,120, must be at least 4,000 (22 % too low)",
        "zero = 0, must be exactly 1 (1 too low)",
    ]
    assert [record["met"] for record in result.requirements] == [True, False, False]


def test_known_misses() -> None:
    """A marked one that is missed leaves the entry passed, with a reason and a warning; --runxfail lifts that."""
    result = verdicts(MET, KNOWN)
    assert (result.status, result.reason) == ("passed", "known-miss")
    assert known_misses(result) == "slow (rate = 3,120, must be at least 4,000 (22 % too low))"
    assert result.warnings == ("known miss (slow): rate = 3,120, must be at least 4,000 (22 % too low)",)
    assert verdicts(MET, KNOWN, runxfail=True).status == "failed"
    assert verdicts(UNMET, KNOWN).error == "rate = 3,120, must be at least 4,000 (22 % too low)"


def test_marked_ones_that_are_met() -> None:
    """Told, and with strictness a failure, also beside a known miss."""
    result = verdicts(SURPRISE)
    assert (result.status, unexpectedly_met(result), known_misses(result)) == ("passed", "broken", None)
    assert result.warnings == ("ok = true, exactly true, which xfail denies (broken): remove the mark",)
    strict = verdicts(SURPRISE, KNOWN, strict=True)
    assert (strict.status, strict.reason) == ("failed", "requirements")
    assert strict.error == "[XPASS(strict)] ok = true, exactly true, which xfail denies (broken): remove the mark"
    both = verdicts(SURPRISE, KNOWN)
    assert (both.reason, unexpectedly_met(both)) == ("known-miss", None)
    assert verdicts(SURPRISE, strict=False, runxfail=True).warnings == ()


def test_a_failed_script_is_not_judged() -> None:
    """Nothing is said of requirements where there was nothing to measure."""
    failed = run(status="failed", reason="exit-code")
    assert with_verdicts(failed, judge([UNMET], [failed]), strict=True) is failed


numbers = st.one_of(st.integers(), st.floats(), st.integers(10**300, 10**900))
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=5))
names = st.sampled_from(["x", "y", "x.y"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(names, inner, max_size=2)),
    max_leaves=4,
)
bounds = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def requirements(draw: st.DrawFn) -> Requirement:
    """Any requirement on x or x.y that the configuration accepts."""
    metric = draw(st.sampled_from(["x", "x.y", "exec_time_s", "resources.x"]))
    how = draw(st.sampled_from([None, "median", "min", "max", "mean", "all"]))
    low, high = sorted([draw(bounds), draw(bounds)])
    exact = draw(st.one_of(st.booleans(), st.integers(), bounds, st.text(max_size=5)))
    forms: list[dict[str, Any]] = [
        {"min_value": low},
        {"max_value": high},
        {"min_value": low, "max_value": high},
        {"exact_value": exact},
        {"warn_below": low},
        {"warn_above": low},
        {"warn_below": low, "warn_above": high},
    ]
    given_bounds = draw(st.sampled_from(forms))
    return Requirement.model_validate({"metric": metric, "judge": how, **given_bounds})


@settings(deadline=None)
@given(requirements(), st.lists(st.dictionaries(names, values), min_size=1, max_size=4))
def test_judging_never_raises_and_gives_plain_data(requirement: Requirement, metrics: list[dict[str, Any]]) -> None:
    """Whatever scripts write: one record that JSON can carry, with a one-line sentence."""
    runs = [run(script_metrics=mapping, resources=mapping) for mapping in metrics]
    (record,) = judge([requirement], runs)
    assert set(record) >= {"metric", "bounds", "bound", "actual", "met", "margin_percent", "warning", "sentence"}
    assert type(record["met"]) is bool
    json.dumps(record)
    assert "\n" not in record["sentence"]
    assert len(record["sentence"]) < 1000


@settings(deadline=None)
@given(numbers, bounds, bounds)
def test_a_looser_bound_never_makes_it_worse(value: float, first: float, second: float) -> None:
    """Monotone: what meets a bound meets every looser one, and margins grow with it."""
    low, high = sorted([first, second])
    measured = run(script_metrics={"x": value})
    if verdict("x", measured, min_value=high)["met"]:
        assert verdict("x", measured, min_value=low)["met"]
    if verdict("x", measured, max_value=low)["met"]:
        assert verdict("x", measured, max_value=high)["met"]
    if verdict("x", measured, min_value=low, max_value=high)["met"]:
        assert verdict("x", measured, min_value=low)["met"]
        assert verdict("x", measured, max_value=high)["met"]


@settings(deadline=None)
@given(numbers, bounds)
def test_a_margin_agrees_with_the_verdict(value: float, bound: float) -> None:
    """Negative where it is not met, never where it is."""
    for key in ("min_value", "max_value", "exact_value"):
        record = verdict("x", run(script_metrics={"x": value}), **{key: bound})
        margin = record["margin_percent"]
        if margin is not None:
            assert (margin >= 0) if record["met"] else (margin <= 0)
