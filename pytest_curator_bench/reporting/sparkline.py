# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A series of values as a line of characters."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["sparkline"]

_MARKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], *, width: int | None = None) -> str:
    """Return one mark for each value, or for each group of values: the higher the value, the taller.

    Args:
        values: the oldest first; ``None`` leaves a space.
        width: at most so many marks: each is the median of its group then.
    """
    if width is not None and len(values) > width:
        edges = [round(place * len(values) / width) for place in range(width + 1)]
        values = [_median(values[start:end]) for start, end in itertools.pairwise(edges)]
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    low, high = min(known), max(known)
    return "".join(" " if value is None else _mark(value, low, high) for value in values)


def _mark(value: float, low: float, high: float) -> str:
    if high == low:
        return _MARKS[2]
    return _MARKS[round((value - low) / (high - low) * (len(_MARKS) - 1))]


def _median(values: Sequence[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else None
