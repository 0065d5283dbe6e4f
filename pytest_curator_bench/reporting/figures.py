# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Columns of numbers: aligned at the decimal point, the unit once in the head, spread and bound beside the value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from pytest_curator_bench._util.text import cut_middle, format_number, printable
from pytest_curator_bench.results.meanings import headline_metrics, meaning, meaning_of
from pytest_curator_bench.results.metrics import MISSING, find_metric
from pytest_curator_bench.results.statistics import is_finite_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from pytest_curator_bench.results.record import EntryResult

__all__ = [
    "Column",
    "Figure",
    "bound_of",
    "joined",
    "key_metrics",
    "metric_column",
    "number_column",
    "spread_of",
    "time_text",
    "unmet_relation",
]

LONGEST_LABEL = 24
LONGEST_TEXT = 20
_MET = {"min_value": "≥", "max_value": "≤"}
_UNMET = {"min_value": "<", "max_value": ">", "exact_value": "≠"}
_UNIT_IN_NAME = re.compile(r"_(?:[^_.]+_per_s(?:ec)?|(?<!_per_)s|seconds|ms|bytes|mb|percent|pct)$")
_SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell.

    Attributes:
        value: the value, aligned with the others at its decimal point.
        aside: its spread and its bound.
        is_unmet: whether a requirement is not met.
    """

    value: str
    aside: str = ""
    is_unmet: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column, with its cells padded to one width.

    Attributes:
        label: its name.
        unit: the unit of all its values; empty where they have none.
        cells: one for each row; an empty one has no figure.
        unmet: the rows whose requirement is not met.
    """

    label: str
    unit: str
    cells: tuple[str, ...]
    unmet: frozenset[int] = frozenset()

    @property
    def width(self) -> int:
        """The width of its head and its cells."""
        return max(map(cell_len, (self.label, self.unit, *self.cells)))

    @classmethod
    def of(cls, label: str, unit: str, figures: Sequence[Figure | None], shown: Callable[[str], str] = str) -> Column:
        """Return the column of these figures, with all cells padded to one width.

        Args:
            label: its name.
            unit: the unit of all figures.
            figures: one for each row.
            shown: makes text of any origin fit for the terminal.
        """
        values = _aligned([shown(figure.value) if figure else "" for figure in figures])
        asides = [shown(figure.aside) if figure else "" for figure in figures]
        longest = max(map(len, asides), default=0)
        if longest:
            values = [f"{value} {aside:<{longest}}" for value, aside in zip(values, asides, strict=True)]
        cells = [value if figure else "" for value, figure in zip(values, figures, strict=True)]
        unmet = frozenset(row for row, figure in enumerate(figures) if figure and figure.is_unmet)
        return cls(shown(label), shown(unit), tuple(cells), unmet)


def metric_column(name: str, results: Sequence[EntryResult], shown: Callable[[str], str]) -> Column:
    """Return the column of a metric.

    Args:
        name: the metric.
        results: one for each row.
        shown: makes text of any origin fit for the terminal.
    """
    known = next((what for what in (meaning_of(result, name) for result in results) if what.unit), meaning(name))
    values = [find_metric(result, name) for result in results]
    numbers = [abs(value) for value in values if is_finite_number(value)]
    unit, scale = _scaled(known.unit, max(numbers, default=0.0))
    figures = [_figure(name, result, value, scale) for result, value in zip(results, values, strict=True)]
    by_name = meaning(name).unit
    label = _UNIT_IN_NAME.sub("", name) if by_name == known.unit else name
    return Column.of(cut_middle(printable(label), LONGEST_LABEL), unit or "", figures, shown)


def key_metrics(result: EntryResult) -> list[str]:
    """Return the headline metrics of one result as text, as in ``throughput 95.1 ≥ 80 docs/s``."""
    columns = [metric_column(name, [result], printable) for name in headline_metrics(result)]
    return [joined(column.label, column.cells[0].strip(), column.unit) for column in columns if column.cells[0]]


def number_column(label: str, unit: str, values: Sequence[object]) -> Column:
    """Return a column of plain numbers; what is no finite number leaves its cell empty."""
    numbers = [value if is_finite_number(value) else None for value in values]
    name, scale = _scaled(unit, max((abs(value) for value in numbers if value is not None), default=0.0))
    return Column.of(label, name or "", [None if n is None else Figure(time_text(n / scale)) for n in numbers])


def time_text(value: float) -> str:
    """Return a number with three significant digits, or with all before the point."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def spread_of(result: EntryResult, name: str, scale: float = 1.0) -> str:
    """Return half the width of the interval of a median, as in ``± 1.3``; empty where there is none."""
    low, high = result.statistics.get(name, {}).get("median_ci") or (0.0, 0.0)
    half = (high - low) / 2 / scale
    return f"± {half:,.0f}" if half >= 99.5 else f"± {half:.2g}" if half else ""


def _figure(name: str, result: EntryResult, value: object, scale: float) -> Figure | None:
    bound, is_unmet = bound_of(result, name, value, scale)
    if value is MISSING:
        return Figure("missing", is_unmet=True) if is_unmet else None
    return Figure(_text(value, scale), joined(spread_of(result, name, scale), bound), is_unmet)


def bound_of(result: EntryResult, name: str, value: object, scale: float = 1.0) -> tuple[str, bool]:
    """Return a metric's bound as a relation that is true, ``≥ 80`` or ``< 80``, and whether it is not met."""
    verdict = next((verdict for verdict in result.requirements if verdict["metric"] == name), None)
    if verdict is None:
        return "", False
    return _bound(verdict, value, scale), not verdict["met"]


def unmet_relation(verdict: Mapping[str, Any]) -> str:
    """Return an unmet requirement as a relation, ``num_documents 14,998 ≠ 15,000``, or else its sentence."""
    if verdict["bound"] is None or verdict["actual"] is None:
        return str(verdict["sentence"]).partition(" (known: ")[0]
    return f"{verdict['metric']} {_text(verdict['actual'], 1.0, other=verdict['limit'])} {_bound(verdict, None, 1.0)}"


def _bound(verdict: Mapping[str, Any], value: object, scale: float) -> str:
    signs = _MET if verdict["met"] else _UNMET
    given = verdict["bounds"] if verdict["met"] else {verdict["bound"]: verdict["limit"]}
    judged = verdict["actual"]
    # Of several runs another figure than the median may be judged.
    is_other = is_finite_number(judged) and is_finite_number(value) and judged != value
    whose = f"{verdict['judge']} {_text(judged, scale)} " if is_other else ""
    if verdict["met"] and "exact_value" in given:
        return "exact"
    bounds = [f"{signs[key]} {_text(limit, scale, other=judged)}" for key, limit in given.items() if key in signs]
    return whose + ", ".join(bounds) if bounds else ""


def _text(value: object, scale: float, *, other: object = None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int | float):
        return cut_middle(printable(value) if isinstance(value, str) else f"a {type(value).__name__}", LONGEST_TEXT)
    scaled = value if scale == 1 else value / scale
    text = format_number(scaled)
    is_alike = is_finite_number(other) and other != value and format_number(other / scale) == text
    return repr(scaled) if is_alike else text


def _scaled(unit: str | None, largest: float) -> tuple[str | None, float]:
    """Return the unit for sizes up to the largest, and how many bytes it has."""
    if unit != "bytes":
        return unit, 1.0
    return next(((name, scale) for name, scale in _SIZES if largest >= scale), ("bytes", 1.0))


def _aligned(values: Sequence[str]) -> list[str]:
    halves = [value.partition(".") for value in values]
    before = max((len(whole) for whole, _, _ in halves), default=0)
    behind = max((len(point + rest) for _, point, rest in halves), default=0)
    return [f"{whole:>{before}}{point + rest:<{behind}}" for whole, point, rest in halves]


def joined(*texts: str) -> str:
    """Return those of the texts that aren't empty, with spaces between."""
    return " ".join(filter(None, texts))
