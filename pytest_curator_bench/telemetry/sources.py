# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The interface of telemetry sources, and how they reduce samples to a summary without keeping them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

__all__ = ["SHORTEST_RATE_S", "Gauge", "RateClock", "SampleTime", "Source", "percent_of"]

# CPU time comes in clock ticks of 10 ms: a rate over less time than this would mostly be rounding.
SHORTEST_RATE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTime:
    """When a sample is taken.

    Attributes:
        utc: the time.
        elapsed_s: monotonic seconds since the first sample, which is taken just after the script's start.
        interval_s: seconds since the sample before; 0 at the first.
        running: false at the last sample, when the script has ended and gauges (of memory, say) mean nothing.
    """

    utc: datetime
    elapsed_s: float
    interval_s: float
    running: bool


class Source(Protocol):
    """Something that is sampled. It may raise any exception: its cells stay empty then."""

    @property
    def name(self) -> str:
        """Name of it in warnings."""

    @property
    def columns(self) -> Sequence[str]:
        """Column names, with units."""

    def read(self, sample_time: SampleTime) -> Sequence[Mapping[str, object]]:
        """Take a sample: one row for each thing observed, such as a machine or each GPU."""

    def summary(self) -> dict[str, object]:
        """Return means, peaks and totals as plain data; those without a value are left out."""


class Gauge:
    """Mean over time and extremes of a value that goes up and down.

    Each value counts for the time since the sample before, so that samples may come at any distance.
    """

    __slots__ = ("_integral", "_time_s", "highest", "lowest")

    def __init__(self) -> None:
        self._integral = self._time_s = 0.0
        self.highest: float | None = None
        self.lowest: float | None = None

    def add(self, value: float | None, sample_time: SampleTime) -> None:
        """Add a value, unless it is ``None`` or the script has ended."""
        if value is None or not sample_time.running or not sample_time.interval_s:
            return
        self._integral += value * sample_time.interval_s
        self._time_s += sample_time.interval_s
        self.highest = value if self.highest is None else max(self.highest, value)
        self.lowest = value if self.lowest is None else min(self.lowest, value)

    @property
    def mean(self) -> float | None:
        """Mean over time; ``None`` without a value."""
        return self._integral / self._time_s if self._time_s else None

    def summary(self, name: str) -> dict[str, object]:
        """Return ``NAME_mean`` and ``NAME_peak``, bytes as whole numbers; empty without a value."""
        if self.mean is None or self.highest is None:
            return {}
        whole = "bytes" in name
        mean, peak = (round(value, 0 if whole else 2) for value in (self.mean, self.highest))
        return {f"{name}_mean": int(mean) if whole else mean, f"{name}_peak": int(peak) if whole else peak}


class RateClock:
    """The time over which a counter has grown, where reading it takes a while.

    Use it as a context manager around each reading. The time runs from the beginning of one reading to the end of
    another: so a thread that waits for a CPU in the middle of a reading never makes a rate too high.
    """

    __slots__ = ("_begun_s", "_ended_s", "_since_s")

    def __init__(self) -> None:
        self._begun_s = self._ended_s = self._since_s = time.monotonic()

    def __enter__(self) -> None:
        self._begun_s = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended_s = time.monotonic()

    @property
    def duration_s(self) -> float:
        """Seconds from the beginning of the rate's first reading to the end of the latest one."""
        return self._ended_s - self._since_s

    def restart(self) -> None:
        """Begin the next rate with the latest reading."""
        self._since_s = self._begun_s


def percent_of(part_s: float, whole_s: float) -> float | None:
    """Return a share of time in percent, never negative; ``None`` if the time is too short to tell."""
    return round(max(100 * part_s / whole_s, 0.0), 2) if whole_s >= SHORTEST_RATE_S else None
