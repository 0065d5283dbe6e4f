# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A new value against what is usual."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.history.baseline import Baseline, Change, judge_change

if TYPE_CHECKING:
    from pytest_curator_bench.results.meanings import Direction

NOISY = (100.0, 102.0, 98.0, 101.0, 99.0, 100.4, 99.6, 100.0)
QUIET = (100.0, 101.0, 99.0, 100.5, 99.5, 100.2, 99.8, 100.0)


def judged(
    now: float, past: tuple[float, ...] = QUIET, direction: Direction = "lower", suite_scale: float = 0.0
) -> Change:
    """One new value of one session."""
    return judge_change([now], Baseline(values=past), direction, suite_scale=suite_scale)


@pytest.mark.parametrize(
    ("now", "direction", "verdict"),
    [
        (110.0, "lower", "worse"),
        (90.0, "lower", "better"),
        (110.0, "higher", "better"),
        (90.0, "higher", "worse"),
        (101.5, "lower", "usual"),
        (110.0, "info", "usual"),
    ],
)
def test_the_direction_says_which_change_is_worse(now: float, direction: Direction, verdict: str) -> None:
    """Ten per cent are far beyond a noise of one."""
    assert judged(now, direction=direction).verdict == verdict


def test_between_the_band_and_certainty_it_is_a_question() -> None:
    """The change and its noise say why."""
    change = judged(103.5, past=NOISY)
    assert change.verdict == "worse?"
    assert change.change == pytest.approx(0.035)
    assert change.noise is not None
    assert change.noise < 0.035 < 2 * change.noise


def test_a_change_below_two_per_cent_is_none_however_quiet_it_is() -> None:
    """Nobody can act on it."""
    assert judged(101.9, past=(100.0,) * 10).verdict == "usual"
    assert judged(102.1, past=(100.0,) * 10).verdict == "worse"


def test_few_sessions_leave_the_noise_unknown() -> None:
    """Then only a large change is one, and a smaller one a question."""
    past = QUIET[:4]
    assert judged(103.0, past=past).noise is None
    assert judged(103.0, past=past).verdict == "usual"
    assert judged(115.0, past=past).verdict == "worse?"
    assert judged(130.0, past=past).verdict == "worse"
    # The other entries of these sessions moved as much.
    assert judged(130.0, past=past, suite_scale=0.15).verdict == "usual"


def test_exact_metrics_differ_or_do_not() -> None:
    """A value that was seen before is usual."""
    assert judged(17547.0, past=(17547.0,), direction="exact").verdict == "usual"
    assert judged(17548.0, past=(17547.0,) * 9, direction="exact").verdict == "differs"


def test_zeros_and_negative_values_are_compared_too() -> None:
    """Ratios mean nothing there, differences do."""
    past = (0.0, 0.1, -0.1, 0.0, 0.05, -0.05)
    assert judged(0.0, past=past).verdict == "usual"
    assert judged(5.0, past=past).verdict == "worse"
    assert judged(5.0, past=(0.0,) * 6).change is None


def test_two_sessions_have_more_noise_than_one_against_many() -> None:
    """What is worse than usual may well be within the noise of two single sessions."""
    now = 104.5
    assert judged(now, past=NOISY).verdict == "worse"
    against_one = judge_change([now], Baseline(values=NOISY), "lower", reference=[100.0])
    assert against_one.verdict == "worse?"


def test_false_alarms_and_power_at_known_noise() -> None:
    """Fixed seeds: at most one in a hundred false, and 10 % found at a noise of 2.5 % with five repeats a session."""
    source = random.Random(11)  # noqa: S311  # the same series each time

    def session(shift: float) -> float:
        night = source.gauss(0, 0.025 * math.sqrt(0.5))
        runs = sorted(night + source.gauss(0, 0.025 * math.sqrt(0.5)) for _ in range(5))
        return 100 * math.exp(shift + runs[2])

    found = {0.0: 0, math.log(1.1): 0}
    for _ in range(500):
        baseline = Baseline(values=tuple(session(0.0) for _ in range(20)))
        for shift in found:
            found[shift] += judge_change([session(shift)], baseline, "lower").verdict == "worse"
    false, true = found.values()
    assert false <= 5
    assert true >= 0.93 * 500
