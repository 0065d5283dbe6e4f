# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How the figures of several runs spread: median, range, quartiles, and an interval for the median.

The standard library alone: a few runs need neither numpy nor scipy, which the harness would have to load.
"""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RunStatistics", "is_finite_number", "is_number", "mean", "median", "statistics_of"]

# Beyond this, sums and differences leave the range of floats. Nothing that is measured comes near.
LARGEST_FIGURE = 1e300
RESAMPLES = 2000
# Thousands of runs need fewer resamples, and each one takes longer.
MAX_DRAWS = 400_000
MIN_RESAMPLES = 200
SEED = 20260131
TAIL = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """What is known of one metric after several runs; all but ``n`` in the metric's own unit.

    Attributes:
        n: number of runs.
        median: the middle value, or the mean of the two middle ones.
        min: the lowest.
        max: the highest.
        iqr: interquartile range; quartiles by linear interpolation between closest ranks (type 7 of Hyndman
            and Fan, "Sample Quantiles in Statistical Packages", 1996; numpy's default, and
            ``statistics.quantiles(method="inclusive")``). 0 for one run.
        ci95_low: lower end of the 95 % confidence interval of the median: the bootstrap's percentile interval
            (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13) from 2,000 resamples
            (fewer above 200 runs), always the same ones.
        ci95_high: its upper end. Both are the value itself for one run, which says nothing of its spread.
    """

    n: int
    median: float
    min: float
    max: float
    iqr: float
    ci95_low: float
    ci95_high: float

    @property
    def relative_width(self) -> float:
        """Width of the confidence interval as a fraction of the median; infinite where the median is 0."""
        width = self.ci95_high - self.ci95_low
        if width == 0:
            return 0.0
        return width / abs(self.median) if self.median else math.inf

    def to_dict(self) -> dict[str, object]:
        """As it stands in ``results.json``."""
        return {
            "n": self.n,
            "median": self.median,
            "min": self.min,
            "max": self.max,
            "iqr": self.iqr,
            "ci95": [self.ci95_low, self.ci95_high],
        }


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a number; a boolean is none, NaN is one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number that statistics can be made of."""
    return is_number(value) and -LARGEST_FIGURE <= value <= LARGEST_FIGURE


def median(values: Sequence[float]) -> float:
    """The middle value; the mean of the two middle ones for an even number. ``values``: figures, at least one."""
    return _median_of_sorted(sorted(values))


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, never outside of the values. ``values``: figures, at least one."""
    return min(max(statistics.fmean(values), min(values)), max(values))


def statistics_of(values: Sequence[float]) -> RunStatistics:
    """Work out the spread of figures, one a run, at least one. The same values always give the same spread."""
    ordered = sorted(values)
    low, high = _interval(ordered)
    quartiles = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else [0.0, 0.0, 0.0]
    return RunStatistics(
        n=len(ordered),
        median=_median_of_sorted(ordered),
        min=ordered[0],
        max=ordered[-1],
        iqr=max(0.0, quartiles[2] - quartiles[0]),
        ci95_low=low,
        ci95_high=high,
    )


def _median_of_sorted(ordered: Sequence[float]) -> float:
    below, above = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    # An integer that is the middle stays one, and rounding must not lead out of the two.
    return below if below == above else min(max((below + above) / 2, below), above)


def _interval(ordered: Sequence[float]) -> tuple[float, float]:
    center = _median_of_sorted(ordered)
    if ordered[0] == ordered[-1]:
        return center, center
    count = len(ordered)
    resamples = max(MIN_RESAMPLES, min(RESAMPLES, MAX_DRAWS // count))
    # The same resamples in every process; nothing here is a secret.
    choose = random.Random(SEED).choices  # noqa: S311
    medians = sorted(_median_of_sorted(sorted(choose(ordered, k=count))) for _ in range(resamples))
    cut = int(TAIL * resamples)
    # The median of what was measured belongs to its interval, whatever the resamples are.
    return min(medians[cut], center), max(medians[-1 - cut], center)
