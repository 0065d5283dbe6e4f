#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How often a comparison with the baseline calls something worse, rightly and wrongly, by simulation.

    python perf/verdicts.py                 2,000 pairs for each row
    python perf/verdicts.py --pairs 20000

Each row: the share of equal sessions called worse, and of sessions that are 10 % slower, at a noise of 2.5 %. Half of
the variance of repeated runs is between sessions. Beside it two rules that others use, for the same numbers.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from typing import TYPE_CHECKING

from pytest_curator_bench.history.baseline import Baseline, judge_change

if TYPE_CHECKING:
    from collections.abc import Callable

NOISE = 0.025
SLOWER = math.log(1.1)


def gauss(source: random.Random) -> float:
    """The kind that textbooks assume."""
    return source.gauss(0, 1)


def laplace(source: random.Random) -> float:
    """Heavy tails."""
    return source.expovariate(math.sqrt(2)) * source.choice((-1, 1))


def skewed(source: random.Random) -> float:
    """Sometimes much slower, never much faster: log-normal, of unit variance."""
    s = 0.5
    return (math.exp(s * source.gauss(0, 1)) - math.exp(s * s / 2)) / math.sqrt(math.expm1(s * s) * math.exp(s * s))


def session(source: random.Random, draw: Callable[[random.Random], float], runs: int, shift: float = 0.0) -> float:
    """The median of one session's runs."""
    night, own = (math.sqrt(0.5), math.sqrt(0.5)) if runs > 1 else (0.0, 1.0)
    common = night * draw(source)
    values = [common + own * draw(source) for _ in range(runs)]
    return 100 * math.exp(shift + NOISE * statistics.median(values))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    source = random.Random(options.seed)  # noqa: S311  # the same series each time
    print(f"{'noise':8} {'sessions':>8} {'runs':>4} | {'ours':^13} | {'previous ±10 %':^14} | {'mean + 3 sd':^13}")
    for draw in (gauss, laplace, skewed):
        for sessions in (5, 10, 20):
            for runs in (1, 3, 5):
                counts = [[0, 0], [0, 0], [0, 0]]
                for _ in range(options.pairs):
                    past = tuple(session(source, draw, runs) for _ in range(sessions))
                    for number, shift in enumerate((0.0, SLOWER)):
                        now = session(source, draw, runs, shift)
                        counts[0][number] += judge_change([now], Baseline(values=past), "lower").verdict == "worse"
                        counts[1][number] += now > 1.1 * past[-1]
                        counts[2][number] += now > statistics.fmean(past) + 3 * statistics.stdev(past)
                shares = [[f"{100 * count / options.pairs:.1f}" for count in rule] for rule in counts]
                cells = " | ".join(f"{false:>5} {found:>6} %" for false, found in shares)
                print(f"{draw.__name__:8} {sessions:8} {runs:4} | {cells}")


if __name__ == "__main__":
    main()
