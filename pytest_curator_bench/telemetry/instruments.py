# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What an instrument is, and how its readings become few figures: as they come, none is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

__all__ = ["SHORTEST_RATE_S", "Instrument", "Level", "Moment", "Timing", "percent_of"]

# CPU time comes in clock ticks of 10 ms: a rate over less time than this would mostly be rounding.
SHORTEST_RATE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a sample is taken.

    Attributes:
        time: UTC.
        elapsed_s: since the first sample, just after the script's start, in seconds of the monotonic clock.
        interval_s: since the sample before; 0 at the first.
        running: false at the last sample, when the script has ended: levels (memory, say) tell nothing then.
    """

    time: datetime
    elapsed_s: float
    interval_s: float
    running: bool


class Instrument(Protocol):
    """One source of readings. It may raise whatever it likes: its cells stay empty then."""

    @property
    def name(self) -> str:
        """What warnings call it."""

    @property
    def columns(self) -> Sequence[str]:
        """Column names, units in them."""

    def read(self, moment: Moment) -> Sequence[Mapping[str, object]]:
        """Take a sample: one row for each thing watched, a machine, say, or several GPUs."""

    def figures(self) -> dict[str, object]:
        """What there is to say in the end, plain data; a figure that has no value is left out."""


class Level:
    """Mean over time and extremes of something that goes up and down.

    Each value stands for the time since the sample before, so that samples may come at any distance.
    """

    __slots__ = ("_integral", "_time_s", "highest", "lowest")

    def __init__(self) -> None:
        self._integral = self._time_s = 0.0
        self.highest: float | None = None
        self.lowest: float | None = None

    def add(self, value: float | None, moment: Moment) -> None:
        """Take a value in; ``None``, and what is left when the script has ended, are not."""
        if value is None or not moment.running or not moment.interval_s:
            return
        self._integral += value * moment.interval_s
        self._time_s += moment.interval_s
        self.highest = value if self.highest is None else max(self.highest, value)
        self.lowest = value if self.lowest is None else min(self.lowest, value)

    @property
    def mean(self) -> float | None:
        """Mean over time; ``None`` without a value."""
        return self._integral / self._time_s if self._time_s else None

    def figures(self, name: str) -> dict[str, object]:
        """``NAME_mean`` and ``NAME_peak``, bytes as whole numbers; nothing without a value."""
        if self.mean is None or self.highest is None:
            return {}
        whole = "bytes" in name
        mean, peak = (round(value, 0 if whole else 2) for value in (self.mean, self.highest))
        return {f"{name}_mean": int(mean) if whole else mean, f"{name}_peak": int(peak) if whole else peak}


class Timing:
    """The time over which a counter has grown, where a reading of it takes a while.

    ``with`` it around each reading. From the beginning of one to the end of another nothing is left out: so
    a thread that has to wait for a CPU in the middle of a reading never makes a rate too high.
    """

    __slots__ = ("_begun_s", "_ended_s", "_since_s")

    def __init__(self) -> None:
        self._begun_s = self._ended_s = self._since_s = time.monotonic()

    def __enter__(self) -> None:
        self._begun_s = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended_s = time.monotonic()

    @property
    def taken_s(self) -> float:
        """From the beginning of the reading that the rate begins with to the end of the last one, in seconds."""
        return self._ended_s - self._since_s

    def restart(self) -> None:
        """The next rate begins with the reading just made."""
        self._since_s = self._begun_s


def percent_of(part_s: float, whole_s: float) -> float | None:
    """A share of time in percent, never negative; ``None`` over a time too short to tell."""
    return round(max(100 * part_s / whole_s, 0.0), 2) if whole_s >= SHORTEST_RATE_S else None
