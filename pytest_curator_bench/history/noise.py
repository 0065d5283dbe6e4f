# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Centre and scale of a few noisy values, such that one bad night changes neither; and where the next may lie.

Values are logarithms of what was measured where that is positive, so that differences are ratios.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SMALLEST_EFFECT", "Noise", "noise_of", "t_quantile"]

SMALLEST_EFFECT = math.log(1.02)
"""A change below 2 % is none, however quiet a metric is: nobody can act on it."""

_CLIP = 2.5
# Standard deviation of a standard normal variable that is clipped at ±2.5.
_CLIPPED_SD = 0.9752


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Centre and scale of some values.

    Attributes:
        n: number of values, at least two.
        centre: the mean of the values, each drawn in to 2.5 scales from the median.
        scale: what the standard deviation is to Gaussian values.
    """

    n: int
    centre: float
    scale: float

    def margin(self, chance: float, *, n: int = 1) -> float:
        """Return how far the mean of ``n`` new values lies above the centre with a probability of ``chance`` only."""
        return t_quantile(1 - chance, self.n - 1) * self.scale * math.sqrt(1 / n + 1 / self.n)


def noise_of(values: Sequence[float]) -> Noise:
    """Return centre and scale of at least two values."""
    middle = statistics.median(values)
    distances = sorted(abs(value - middle) for value in values)
    # The median of the distances for the bulk, the 90 % quantile for a second mode.
    rough = max(1.4826 * statistics.median(distances), _quantile(distances, 0.9) / 1.645)
    if rough == 0:
        # Nearly all are equal: what differs is all that is known of the noise.
        return Noise(n=len(values), centre=middle, scale=statistics.pstdev(values))
    drawn = [min(max(value, middle - _CLIP * rough), middle + _CLIP * rough) for value in values]
    return Noise(n=len(values), centre=statistics.fmean(drawn), scale=statistics.stdev(drawn) / _CLIPPED_SD)


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@cache
def t_quantile(probability: float, degrees: int) -> float:
    """Return a quantile of Student's t distribution.

    By the expansion of Cornish and Fisher (Abramowitz and Stegun 26.7.5), which is off by less than 1 % from five
    degrees of freedom on, and exact for one and two.

    Args:
        probability: between 0 and 1.
        degrees: degrees of freedom, at least one.
    """
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    if degrees == 2:
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    z = statistics.NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / math.pow(degrees, power + 1) for power, term in enumerate(terms))
