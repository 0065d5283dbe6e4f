# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The cells of a matrix against each other: is one executor faster than the other, and by more than the noise?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_curator_bench.history.baseline import Baseline
from pytest_curator_bench.history.comparison import past_of
from pytest_curator_bench.history.setting import ARGUMENTS, describe_differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_curator_bench.history.index import Index
    from pytest_curator_bench.history.records import Record
    from pytest_curator_bench.results.meanings import Direction

__all__ = ["Cell", "CellRatio", "CellVerdict", "base_name", "compare_cells"]

CellVerdict = Literal["better", "worse", "within noise", "noise unknown", "not passed", "info"]
"""Of the second cell against the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One entry of a matrix in one session.

    Attributes:
        record: its result.
        values: its value of each axis.
    """

    record: Record
    values: Mapping[str, str]


def base_name(entry: str) -> str:
    """Return the name of the entry that has the matrix."""
    return entry.partition("[")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRatio:
    """One metric of two cells that differ in one axis.

    Attributes:
        name: the entry, with the values of its other axes.
        metric: the metric.
        first: the cell of the axis' first value.
        second: the other cell.
        ratio: the second value to the first; ``None`` where one is missing or not positive.
        noise: half the width of the band in which 95 % of such ratios of equal cells lie, from the history of both
            cells; ``None`` where it is unknown.
        verdict: what that says of the second cell.
        differences: what else differs between the cells than arguments.
    """

    name: str
    metric: str
    first: Cell
    second: Cell
    ratio: float | None
    noise: float | None
    verdict: CellVerdict
    differences: Sequence[str]


def compare_cells(index: Index, cells: Iterable[Cell], axis: str, *, metrics: Iterable[str] | None) -> list[CellRatio]:
    """Compare cells that differ in one axis only.

    Args:
        index: where their history is.
        cells: those of one session that have the axis; the first value of the axis is what others are compared with.
        axis: the axis.
        metrics: the metrics; ``None`` for all that are judged.
    """
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        others = [f"{name}={value}" for name, value in cell.values.items() if name != axis]
        groups.setdefault((base_name(cell.record.entry), *others), []).append(cell)
    found = []
    for (base, *others), (first, *rest) in groups.items():
        name = f"{base}[{', '.join(others)}]" if others else base
        for second in rest:
            compared = _judged(first, second) if metrics is None else metrics
            found += [_ratio(index, name, metric, first, second) for metric in compared]
    return found


def _judged(first: Cell, second: Cell) -> list[str]:
    return [name for name in {**first.record.figures, **second.record.figures} if first.record.meaning(name).judged]


def _ratio(index: Index, name: str, metric: str, first: Cell, second: Cell) -> CellRatio:
    values = [cell.record.figures.get(metric, 0.0) for cell in (first, second)]
    passed = first.record.passed and second.record.passed
    ratio = values[1] / values[0] if passed and min(values) > 0 else None
    margins = [_margin(index, cell.record, metric) for cell in (first, second)]
    known = [margin for margin in margins if margin is not None]
    noise = math.hypot(*known) if len(known) == len(margins) else None
    return CellRatio(
        name=name,
        metric=metric,
        first=first,
        second=second,
        ratio=ratio,
        noise=None if noise is None else math.expm1(noise),
        verdict=_verdict(ratio, noise, first.record.meaning(metric).direction, passed=passed),
        differences=_differences(first.record, second.record),
    )


def _margin(index: Index, record: Record, metric: str) -> float | None:
    """Return how far a new value may lie from the usual one, as a logarithm."""
    past, _ = past_of(index, record)
    values = [one.figures[metric] for one in past if one.figures.get(metric, 0.0) > 0]
    noise = Baseline(values=tuple(values)).noise if values else None
    return None if noise is None else math.log1p(noise)


def _verdict(ratio: float | None, noise: float | None, direction: Direction, *, passed: bool) -> CellVerdict:
    if not passed:
        return "not passed"
    if ratio is None or direction not in {"lower", "higher"}:
        return "info"
    if noise is None:
        return "noise unknown"
    if abs(math.log(ratio)) <= noise:
        return "within noise"
    return "worse" if (ratio > 1) == (direction == "lower") else "better"


def _differences(first: Record, second: Record) -> list[str]:
    """Return what differs in the cells' settings; that arguments do is what a matrix is for."""
    settings = [{name: text for name, text in one.setting.items() if name != ARGUMENTS} for one in (first, second)]
    return describe_differences(*settings)
