# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is usual for one metric, and whether a new value differs from it by more than its noise.

A value is compared with many past sessions, never with one predecessor, and its noise is that between sessions: runs
within one session are more alike than sessions are. What the rule promises was measured by ``perf/verdicts.py``.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_curator_bench.history.noise import SMALLEST_EFFECT, Noise, noise_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.results.compared import ChangeDict
    from pytest_curator_bench.results.meanings import Direction

__all__ = ["BASELINE_SESSIONS", "MIN_SESSIONS", "Baseline", "Change", "Verdict", "judge_change"]

BASELINE_SESSIONS = 20
"""How many of the newest comparable sessions are the baseline."""
MIN_SESSIONS = 5
"""Fewer sessions say nothing reliable of the noise: it is unknown then, not none."""
# One value in 125 that is no worse is called so, and one in 40 lies above the band of the usual.
_CHANCE = 0.008
_BAND = 0.025
# Where the noise is unknown a change must be as large as this to be called so, or to be suspected.
_CLEAR_WITHOUT_NOISE = math.log(1.2)
_SUSPECT_WITHOUT_NOISE = math.log(1.1)

Verdict = Literal["worse", "better", "worse?", "better?", "differs", "usual"]
"""``worse?`` and ``better?`` lie outside the band of the usual, but too near to it to be sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What is usual for one metric of one entry.

    Attributes:
        values: of comparable sessions in which the entry passed, the oldest first; at least one.
        since: when the first of these sessions started; UTC, ISO 8601.
    """

    values: tuple[float, ...]
    since: str = ""

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def is_noise_known(self) -> bool:
        """Whether there are enough sessions to say how large the noise is."""
        return len(self.values) >= MIN_SESSIONS

    @property
    def noise(self) -> float | None:
        """Half the width of the band in which 95 % of sessions lie, as a fraction of the median; ``None``: unknown."""
        scale = _Scale(self.values)
        noise = self.noise_on(scale)
        return None if noise is None else scale.fraction(noise.margin(_BAND))

    def noise_on(self, scale: _Scale) -> Noise | None:
        """Return centre and scale on a scale; ``None`` where too few sessions tell them."""
        return noise_of([scale.place(value) for value in self.values]) if self.is_noise_known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a metric compares with what is usual.

    Attributes:
        verdict: what to think of it.
        now: the new value; of several sessions their median.
        usual: what it is compared with: the median of the baseline, or of the other side.
        baseline: where the noise comes from.
        change: relative change of the new value, such as 0.12; ``None`` where the usual value is 0.
        noise: half the width of the usual band as a fraction of the usual value; ``None`` where it is unknown.
        severity: the change in widths of that band: what changes are sorted by.
    """

    verdict: Verdict
    now: float
    usual: float
    baseline: Baseline
    change: float | None
    noise: float | None
    severity: float

    def to_dict(self, unit: str | None) -> ChangeDict:
        """Return it as plain data, with the unit of its values."""
        return {
            "verdict": self.verdict,
            "unit": unit,
            "usual": self.usual,
            "now": self.now,
            "change": self.change,
            "noise": self.noise,
            "sessions": len(self.baseline.values),
        }


class _Scale:
    """Places of values such that differences are ratios, where all are positive; else in medians' sizes."""

    def __init__(self, values: Sequence[float]) -> None:
        self._is_log = min(values) > 0
        self._unit = abs(statistics.median(values)) or 1.0

    def place(self, value: float) -> float:
        return math.log(value) if self._is_log else value / self._unit

    def fraction(self, distance: float) -> float:
        return math.expm1(distance) if self._is_log else distance


def judge_change(
    now: Sequence[float],
    baseline: Baseline,
    direction: Direction,
    *,
    reference: Sequence[float] | None = None,
    suite_scale: float = 0.0,
) -> Change:
    """Compare new values of a metric with what is usual.

    Args:
        now: one value for each new session; at least one.
        baseline: what is usual: the noise comes from it.
        direction: whether lower or higher is better; ``exact`` finds every difference, ``info`` none.
        reference: values of the sessions to compare with in place of the baseline, one for each.
        suite_scale: how far other entries of the same sessions have moved, as a standard deviation of logarithms: it
            stands in where the noise is unknown.
    """
    usual = baseline.values if reference is None else tuple(reference)
    scale = _Scale([*now, *usual, *baseline.values])
    noise = baseline.noise_on(scale)
    value, middle = statistics.median(now), statistics.median(usual)
    if reference is None and noise is not None:
        centre, sessions = noise.centre, len(baseline.values)
    else:
        centre, sessions = statistics.fmean(map(scale.place, usual)), len(usual)
    shift = statistics.fmean(map(scale.place, now)) - centre
    change = value / middle - 1 if middle else None
    if noise is not None:
        widening = math.sqrt((1 / len(now) + 1 / sessions) / (1 + 1 / noise.n))
        band, clear = noise.margin(_BAND) * widening, noise.margin(_CHANCE) * widening
    else:
        band = max(_SUSPECT_WITHOUT_NOISE, 2 * suite_scale)
        clear = max(_CLEAR_WITHOUT_NOISE, 3 * suite_scale)
    band, clear = max(band, SMALLEST_EFFECT), max(clear, SMALLEST_EFFECT)
    return Change(
        verdict=_verdict(shift, band, clear, direction, is_new=set(now).isdisjoint(usual)),
        now=value,
        usual=middle,
        baseline=baseline,
        change=change,
        noise=None if noise is None else scale.fraction(noise.margin(_BAND)),
        severity=abs(shift) / band,
    )


def _verdict(shift: float, band: float, clear: float, direction: Direction, *, is_new: bool) -> Verdict:
    if direction == "exact":
        return "differs" if is_new else "usual"
    if direction == "info" or abs(shift) <= band:
        return "usual"
    is_worse = (shift > 0) == (direction == "lower")
    if abs(shift) <= clear:
        return "worse?" if is_worse else "better?"
    return "worse" if is_worse else "better"
