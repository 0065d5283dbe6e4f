# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics of several runs: known values, and what holds for all values."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_curator_bench.results.statistics import RunStatistics, is_finite_number, mean, median, statistics_of

figures = st.one_of(st.floats(-1e300, 1e300), st.integers(-(10**6), 10**6))


def test_known_values() -> None:
    """Worked out by hand; quartiles as numpy's default has them."""
    spread = statistics_of([4, 1, 3, 2, 10])
    assert (spread.n, spread.median, spread.min, spread.max) == (5, 3, 1, 10)
    assert spread.iqr == 2  # 4 - 2
    assert statistics_of([1.0, 2.0, 3.0, 4.0]).iqr == pytest.approx(1.5)  # 3.25 - 1.75
    assert spread.to_dict() == {"n": 5, "median": 3, "min": 1, "max": 10, "iqr": 2, "ci95": [1, 10]}
    assert mean([1, 2, 6]) == 3
    assert median([1, 2]) == 1.5


def test_one_run_and_equal_runs_have_no_spread() -> None:
    """The interval is the value itself."""
    for values in ([7.5], [7.5] * 4):
        spread = statistics_of(values)
        assert (spread.median, spread.iqr, spread.ci95_low, spread.ci95_high) == (7.5, 0, 7.5, 7.5)
        assert spread.relative_width == 0


def test_relative_width() -> None:
    """Relative to the median's size; without bound where that is 0."""
    given_spread = RunStatistics(n=3, median=-10, min=-11, max=-9, iqr=1, ci95_low=-11, ci95_high=-9)
    assert given_spread.relative_width == pytest.approx(0.2)
    assert statistics_of([-1, 0, 1]).relative_width == math.inf


def test_the_interval_covers_the_median_as_often_as_it_says() -> None:
    """Of 300 samples of 15 normal values each, about 95 % have the true median in their interval."""
    source = random.Random(7)  # noqa: S311  # nothing secret
    covered = 0
    for _ in range(300):
        spread = statistics_of([source.gauss(100, 5) for _ in range(15)])
        covered += spread.ci95_low <= 100 <= spread.ci95_high
    assert 0.88 < covered / 300 < 0.99


def test_the_interval_narrows_with_more_runs() -> None:
    """More runs of the same kind: a narrower interval, and never wider than the range."""
    source = random.Random(11)  # noqa: S311  # nothing secret
    values = [source.gauss(100, 5) for _ in range(300)]
    widths = [statistics_of(values[:count]).relative_width for count in (5, 30, 300)]
    assert widths[0] > widths[1] > widths[2] > 0


@settings(deadline=None, max_examples=50)
@given(st.lists(figures, min_size=1, max_size=12))
def test_what_holds_for_all_values(values: list[float]) -> None:
    """The interval lies within the range and holds the median; nothing depends on order or on chance."""
    spread = statistics_of(values)
    assert (
        spread.min == min(values) <= spread.ci95_low <= spread.median <= spread.ci95_high <= max(values) == spread.max
    )
    assert 0 <= spread.iqr <= spread.max - spread.min or spread.iqr == pytest.approx(spread.max - spread.min)
    assert spread == statistics_of(values) == statistics_of(values[::-1])
    assert spread.relative_width >= 0
    assert min(values) <= mean(values) <= max(values)


def test_what_is_a_figure() -> None:
    """Finite numbers of a sane size; no booleans, texts, NaN."""
    assert all(map(is_finite_number, [0, -1.5, 10**300]))
    assert not any(map(is_finite_number, [True, None, "1", math.nan, math.inf, 10**400, [1]]))
