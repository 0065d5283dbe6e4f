# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics of several runs: known values, and what holds for all values."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_curator_bench.results.statistics import RunStatistics, is_finite_number, median, statistics_of

figures = st.one_of(st.floats(-1e300, 1e300), st.integers(-(10**6), 10**6))


def test_known_values() -> None:
    """Worked out by hand; quartiles as numpy's default has them."""
    spread = statistics_of([4, 1, 3, 2, 10])
    assert (spread.n, spread.median, spread.min, spread.max) == (5, 3, 1, 10)
    assert spread.iqr == 2  # 4 - 2
    assert statistics_of([1.0, 2.0, 3.0, 4.0]).iqr == pytest.approx(1.5)  # 3.25 - 1.75
    known = {"n": 5, "median": 3, "min": 1, "max": 10, "iqr": 2, "median_ci": [1, 10], "confidence": 0.9375}
    assert spread.to_dict() == known
    assert median([1, 2]) == 1.5
    assert repr(median([3, 3])) == "3"  # counts stay whole numbers


def test_one_run_and_equal_runs_have_no_spread() -> None:
    """The interval is the value itself."""
    for values in ([7.5], [7.5] * 4):
        spread = statistics_of(values)
        assert (spread.median, spread.iqr, spread.median_ci) == (7.5, 0, (7.5, 7.5))
        assert spread.relative_width == 0


def test_relative_width() -> None:
    """Relative to the median's size; without bound where that is 0."""
    given_spread = RunStatistics(n=3, median=-10, min=-11, max=-9, iqr=1, median_ci=(-11, -9), confidence=0.75)
    assert given_spread.relative_width == pytest.approx(0.2)
    assert statistics_of([-1, 0, 1]).relative_width == math.inf


@pytest.mark.parametrize(
    ("count", "interval", "confidence"),
    [
        (1, (0, 0), 0.0),
        (2, (0, 1), 0.5),
        (3, (0, 2), 0.75),
        (5, (0, 4), 0.9375),
        (6, (0, 5), 0.96875),
        (8, (0, 7), 1 - 2 / 2**8),
        (9, (1, 7), 1 - 20 / 2**9),  # one value is left out at either end
        (3000, (1445, 1554), pytest.approx(0.95, abs=0.005)),
    ],
)
def test_the_confidence_is_that_of_the_sign_test(count: int, interval: tuple[int, int], confidence: float) -> None:
    """Whole numbers in order show which of them bound the interval."""
    known = statistics_of(range(count))
    assert (known.median_ci, known.confidence) == (interval, confidence)


@pytest.mark.parametrize("count", [2, 3, 5, 6, 15])
def test_the_interval_holds_the_median_as_often_as_it_says(count: int) -> None:
    """Of 2,000 samples of a skewed distribution, the stated part has the true median in the interval."""
    source = random.Random(7)  # noqa: S311  # nothing secret
    samples = [statistics_of([source.lognormvariate(0, 1) for _ in range(count)]) for _ in range(2000)]
    covered = sum(known.median_ci[0] <= 1 <= known.median_ci[1] for known in samples) / len(samples)
    assert covered == pytest.approx(samples[0].confidence, abs=0.03)


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
    low, high = spread.median_ci
    assert spread.min == min(values) <= low <= spread.median <= high <= max(values) == spread.max
    assert 0 <= spread.iqr <= spread.max - spread.min or spread.iqr == pytest.approx(spread.max - spread.min)
    assert spread == statistics_of(values) == statistics_of(values[::-1])
    assert spread.relative_width >= 0


def test_what_is_a_figure() -> None:
    """Finite numbers of a sane size; no booleans, texts, NaN."""
    assert all(map(is_finite_number, [0, -1.5, 10**300]))
    assert not any(map(is_finite_number, [True, None, "1", math.nan, math.inf, 10**400, [1]]))
