# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Robust centre and scale, and quantiles of Student's t."""

from __future__ import annotations

import random
import statistics

import pytest

from pytest_curator_bench.history.noise import noise_of, t_quantile


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    # From tables of the distribution (Abramowitz and Stegun 26.10).
    [(0.975, 1, 12.706), (0.975, 2, 4.303), (0.99, 5, 3.365), (0.975, 9, 2.262), (0.995, 19, 2.861), (0.99, 60, 2.390)],
)
def test_quantiles_of_t_as_in_tables(probability: float, degrees: int, expected: float) -> None:
    """One per cent off at most."""
    assert t_quantile(probability, degrees) == pytest.approx(expected, rel=0.01)
    assert t_quantile(1 - probability, degrees) == pytest.approx(-expected, rel=0.01)


def test_the_scale_of_gaussian_values_is_their_standard_deviation() -> None:
    """On average over many samples, within a tenth."""
    source = random.Random(1)  # noqa: S311  # the same series each time
    scales = [noise_of([source.gauss(5, 2) for _ in range(20)]).scale for _ in range(400)]
    assert statistics.fmean(scales) == pytest.approx(2, rel=0.1)


def test_a_bad_night_changes_neither_centre_nor_scale_much() -> None:
    """Nineteen quiet values, and one far out."""
    quiet = [10 + 0.1 * (number % 5) for number in range(19)]
    noise = noise_of([*quiet, 50.0])
    assert noise.centre == pytest.approx(10.2, abs=0.1)
    assert noise.scale < 0.5


def test_equal_values_have_no_noise() -> None:
    """Then any difference is one."""
    assert noise_of([3.0] * 6).scale == 0
