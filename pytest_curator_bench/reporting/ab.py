# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How entries under several interpreters read: one row for each judged metric, with ratio, interval and verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pytest_curator_bench._util.streams import in_encoding
from pytest_curator_bench._util.text import counted, format_ratio, printable
from pytest_curator_bench.reporting.changes import value_text
from pytest_curator_bench.reporting.figures import Column
from pytest_curator_bench.reporting.grid import Grid, Row
from pytest_curator_bench.results.metrics import EXEC_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

    from pytest_curator_bench.history.ab import ABComparison, EntryPairs, MetricPairs
    from pytest_curator_bench.history.paired import PairedRatio

__all__ = ["ABTable", "ab_records"]

_STYLES = {"worse": "red", "better": "green", "differs": "red", "unsure": "yellow"}
_OF_TIMES = {"worse": "slower", "better": "faster"}


class ABTable:
    """The comparisons as tables, as wide and in the encoding of the console that prints them.

    Args:
        comparisons: the comparisons; nothing is printed for none.
    """

    def __init__(self, comparisons: Sequence[ABComparison]) -> None:
        self._comparisons = comparisons

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for comparison in self._comparisons:
            yield Text()
            yield from _lines(comparison, options.max_width, console.encoding)


def ab_records(comparisons: Iterable[ABComparison]) -> list[dict[str, Any]]:
    """Return the comparisons as plain data, for JSON; an interval that is not known is ``None``."""
    return [
        {
            "first": comparison.first,
            "second": comparison.second,
            "is_null": comparison.is_null,
            "mean_time_ratio": comparison.mean_time_ratio,
            "entries": [
                {
                    "entry": entry.entry,
                    "pairs": entry.pairs,
                    "notes": list(entry.notes),
                    "metrics": {
                        name: {
                            "first": metric.first,
                            "second": metric.second,
                            "ratio": metric.paired.ratio,
                            "interval": [metric.paired.low, metric.paired.high] if _is_known(metric.paired) else None,
                            "verdict": metric.paired.verdict,
                        }
                        for name, metric in entry.metrics.items()
                    },
                }
                for entry in comparison.entries
            ],
        }
        for comparison in comparisons
    ]


def _lines(comparison: ABComparison, width: int, encoding: str) -> Iterable[Text | Grid]:
    def shown(text: str) -> str:
        return in_encoding(printable(text), encoding)

    first, second = comparison.first, comparison.second
    null = ": the same Python, so that what differs is noise" if comparison.is_null else ""
    yield Text(shown(f"{second} against {first}{null}"), "bold")
    rows: list[Row] = []
    found: list[MetricPairs] = []
    for entry in comparison.entries:
        rows.append(Row(name=shown(f"{entry.entry} ({counted(entry.pairs, 'pair')})"), is_heading=True))
        rows += _metric_rows(entry, shown)
        found += entry.metrics.values()
    if found:
        columns = [
            _column("ratio", [_ratio(metric.paired.ratio) for metric in found], shown),
            _column("95 % interval", [_interval(metric.paired) for metric in found], shown),
            _column(first, [value_text(metric.first, metric.meaning.unit) for metric in found], shown),
            _column(second, [value_text(metric.second, metric.meaning.unit) for metric in found], shown),
        ]
        yield Grid(rows, columns, width, shown("…"), status_head="verdict")
    for entry in comparison.entries:
        yield from (Text(shown(f"{entry.entry}: {note}"), "yellow") for note in entry.notes)
    if (mean := comparison.mean_time_ratio) is not None:
        of = counted(len(comparison.times), "entry", "entries")
        yield Text(f"geometric mean of the ratios of {EXEC_TIME}, {of}: {_ratio(mean)}")


def _metric_rows(entry: EntryPairs, shown: Callable[[str], str]) -> list[Row]:
    rows = []
    for name, metric in entry.metrics.items():
        verdict = metric.paired.verdict
        word = _OF_TIMES.get(verdict, verdict) if name == EXEC_TIME else verdict
        rows.append(Row(name=shown(name), status=Text(word, _STYLES.get(verdict, "")), indent=2))
    return rows


def _column(label: str, cells: Sequence[str], shown: Callable[[str], str]) -> Column:
    return Column(shown(label), "", tuple(map(shown, cells)))


def _ratio(ratio: float) -> str:
    return f"{ratio:.3f}" if ratio < 10 else format_ratio(ratio)


def _interval(paired: PairedRatio) -> str:
    return f"{_ratio(paired.low)} to {_ratio(paired.high)}" if _is_known(paired) else "unknown"


def _is_known(paired: PairedRatio) -> bool:
    return math.isfinite(paired.high)
