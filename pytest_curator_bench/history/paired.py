# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs in pairs, one of each side in turn on one machine: their ratio, and how sure it is.

What slows both runs of a pair does not count, so that pairs say more than two sessions do.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_curator_bench.history.noise import SMALLEST_EFFECT, t_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_curator_bench.results.meanings import Direction

__all__ = ["PairedRatio", "PairedVerdict", "geometric_mean", "paired_ratio"]

_CONFIDENCE = 0.95

PairedVerdict = Literal["worse", "better", "same", "differs", "unsure", "info"]
"""``same``: the interval lies within 2 % of no change; ``unsure``: more pairs would be needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRatio:
    """Ratio of a metric between two sides.

    Attributes:
        pairs: number of pairs.
        ratio: geometric mean of the pairs' ratios, the second side to the first.
        low: lower end of its interval of 95 %; 0 where one pair tells of no interval.
        high: upper end; infinite for one pair.
        verdict: what that says.
    """

    pairs: int
    ratio: float
    low: float
    high: float
    verdict: PairedVerdict


def paired_ratio(first: Sequence[float], second: Sequence[float], direction: Direction) -> PairedRatio | None:
    """Return the ratio of a metric between the sides of pairs.

    The interval is Student's t on the logarithms of the pairs' ratios.

    Args:
        first: one value for each pair.
        second: the same of the other side, in the same order.
        direction: whether lower or higher is better.

    Returns:
        the ratio; ``None`` where there is no pair of positive values, because ratios mean nothing then.
    """
    logs = [math.log(two / one) for one, two in zip(first, second, strict=False) if one > 0 and two > 0]
    if not logs:
        return None
    middle = statistics.fmean(logs)
    half = math.inf
    if len(logs) > 1:
        half = t_quantile((1 + _CONFIDENCE) / 2, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return PairedRatio(
        pairs=len(logs),
        ratio=math.exp(middle),
        low=math.exp(middle - half),
        high=math.exp(middle + half),
        verdict=_verdict(middle - half, middle + half, direction),
    )


def geometric_mean(ratios: Iterable[float]) -> float | None:
    """Return the geometric mean of positive ratios; ``None`` of none."""
    logs = [math.log(ratio) for ratio in ratios]
    return math.exp(statistics.fmean(logs)) if logs else None


def _verdict(low: float, high: float, direction: Direction) -> PairedVerdict:
    if low >= -SMALLEST_EFFECT and high <= SMALLEST_EFFECT:
        return "same"
    if direction == "info":
        return "info"
    if low <= 0 <= high:
        return "unsure"
    if direction == "exact":
        return "differs"
    return "worse" if (low > 0) == (direction == "lower") else "better"
