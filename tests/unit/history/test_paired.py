# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ratios of runs in pairs."""

from __future__ import annotations

import math
import random

import pytest

from pytest_curator_bench.history.paired import geometric_mean, paired_ratio


def test_what_slows_both_runs_of_a_pair_cancels() -> None:
    """A machine that gets twice as slow from pair to pair, and 10 % that are real."""
    found = paired_ratio([1, 2, 4, 8], [1.1, 2.2, 4.4, 8.8], "lower")
    assert found is not None
    assert (found.ratio, found.low, found.high) == pytest.approx((1.1, 1.1, 1.1))
    assert found.verdict == "worse"
    assert found.pairs == 4


def test_the_interval_holds_the_true_ratio_in_95_of_100_cases() -> None:
    """For few pairs too; fixed seed."""
    source = random.Random(2)  # noqa: S311  # the same series each time
    for pairs in (2, 3, 5, 10):
        held = 0
        for _ in range(1000):
            second = [1.1 * math.exp(source.gauss(0, 0.05)) for _ in range(pairs)]
            found = paired_ratio([1.0] * pairs, second, "lower")
            assert found is not None
            held += found.low <= 1.1 <= found.high
        assert 930 <= held <= 970


@pytest.mark.parametrize(
    ("second", "direction", "verdict"),
    [
        ([1.10, 1.11, 1.12], "lower", "worse"),
        ([1.10, 1.11, 1.12], "higher", "better"),
        ([0.90, 0.91, 0.92], "lower", "better"),
        ([1.00, 1.005, 0.995], "lower", "same"),
        ([0.8, 1.0, 1.3], "lower", "unsure"),
        ([1.5], "lower", "unsure"),
        ([1.10, 1.11, 1.12], "info", "info"),
    ],
)
def test_verdicts(second: list[float], direction: str, verdict: str) -> None:
    """One pair alone says nothing."""
    found = paired_ratio([1.0] * len(second), second, direction)  # type: ignore[arg-type]
    assert found is not None
    assert found.verdict == verdict


def test_values_without_ratios() -> None:
    """Zeros have none."""
    assert paired_ratio([0.0, 0.0], [1.0, 2.0], "lower") is None
    assert paired_ratio([], [], "lower") is None


def test_the_geometric_mean() -> None:
    """Half and double cancel."""
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1)
    assert geometric_mean([]) is None
