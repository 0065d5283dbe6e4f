# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics of several runs: median, range, quartiles, and a confidence interval of the median."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RunStatistics", "is_finite_number", "is_number", "median", "statistics_of"]

# Beyond this, sums and differences leave the range of floats. Nothing that is measured comes near.
LARGEST_FIGURE = 1e300
LEAST_ODDS = 40  # an end of the interval is beyond the true median in one of so many cases, for a confidence of 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """Statistics of one metric over several runs; all but ``n`` and ``confidence`` in the metric's own unit.

    Attributes:
        n: number of runs.
        median: the middle value, or the mean of the two middle ones.
        min: the lowest value.
        max: the highest value.
        iqr: interquartile range; quartiles by linear interpolation between closest ranks (type 7 of Hyndman
            and Fan, "Sample Quantiles in Statistical Packages", 1996; numpy's default). 0 for one run.
        median_ci: confidence interval of the median, from one of the ordered values to another (Conover, "Practical
            Nonparametric Statistics", 1999, section 3.2): the narrowest with a confidence of at least 95 %, or the
            whole range where that has less.
        confidence: the probability with which such an interval holds the true median, whatever the distribution is.
    """

    n: int
    median: float
    min: float
    max: float
    iqr: float
    median_ci: tuple[float, float]
    confidence: float

    @property
    def relative_width(self) -> float:
        """Width of the confidence interval as a fraction of the median; infinite where the median is 0."""
        width = self.median_ci[1] - self.median_ci[0]
        if width == 0:
            return 0.0
        return width / abs(self.median) if self.median else math.inf

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in ``results.json``."""
        return {**asdict(self), "median_ci": list(self.median_ci)}


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a number; a boolean is none, NaN is one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number that statistics can be made of."""
    return is_number(value) and -LARGEST_FIGURE <= value <= LARGEST_FIGURE


def median(values: Sequence[float]) -> float:
    """Return the median of at least one finite number; an integer that is the middle stays one."""
    return _middle(sorted(values))


def _middle(ordered: Sequence[float]) -> float:
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else statistics.mean((low, high))


def statistics_of(values: Sequence[float]) -> RunStatistics:
    """Return the statistics of at least one finite number, one per run."""
    ordered = sorted(values)
    left_out, confidence = _median_interval(len(ordered))
    quartiles = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else [0.0, 0.0, 0.0]
    return RunStatistics(
        n=len(ordered),
        median=_middle(ordered),
        min=ordered[0],
        max=ordered[-1],
        iqr=max(0.0, quartiles[2] - quartiles[0]),
        median_ci=(ordered[left_out], ordered[-1 - left_out]),
        confidence=confidence,
    )


@cache
def _median_interval(count: int) -> tuple[int, float]:
    """Return how many values to leave out at either end of ``count``, and the confidence of what is between.

    The interval misses the true median if at most as many values as are left out lie on one side of it. How many lie
    there is binomially distributed with a probability of one half.
    """
    left_out, below, outside = 0, 1, 2**count
    # Whole numbers alone: for thousands of runs they are beyond the floats.
    while (below + math.comb(count, left_out + 1)) * LEAST_ODDS <= outside:
        left_out += 1
        below += math.comb(count, left_out)
    return left_out, 1 - 2 * below / outside
