# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Columns of the summary that say what is usual: for the time, and for the headline metric that changed most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import change_text, noise_text
from pytest_curator_bench.reporting.changes import value_text
from pytest_curator_bench.reporting.figures import Column, Figure, joined, metric_column, number_column
from pytest_curator_bench.reporting.sparkline import sparkline
from pytest_curator_bench.results.meanings import meaning_of
from pytest_curator_bench.results.metrics import EXEC_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_curator_bench.history.baseline import Change
    from pytest_curator_bench.history.comparison import EntryComparison
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["Compared"]

TREND_WIDTH = 10


class Compared:
    """How results compare, as columns.

    Args:
        entries: the comparisons; none where nothing was compared.
        shown: makes text of any origin fit for the terminal.
    """

    def __init__(self, entries: Iterable[EntryComparison], shown: Callable[[str], str]) -> None:
        self._changes = {entry.entry: entry.changes for entry in entries}
        self._shown = shown
        bars = sparkline([0, 1])
        self._has_bars = shown(bars) == bars  # they can't be spelled in ASCII

    def time_columns(self, results: Sequence[EntryResult]) -> list[Column]:
        """Return what is usual for the time, its change, the noise, and the newest sessions; none without history."""
        changes = [self._change(result, EXEC_TIME) for result in results]
        columns = [
            number_column("usual", "s", [one.usual if one is not None else None for one in changes]),
            self._texts("change", [change_text(one.change) if one is not None else "" for one in changes]),
            self._texts("noise", [noise_text(one.noise) if one is not None else "" for one in changes]),
            self._texts("trend", [self._trend(one) if one is not None else "" for one in changes]),
        ]
        return [column for column in columns if any(column.cells)]

    def metric_column(self, metrics: Iterable[str], results: Sequence[EntryResult]) -> Column | None:
        """Return what is usual for the metric that changed most; ``None`` where all are as usual."""
        found = {metric: [self._change(result, metric) for result in results] for metric in metrics}
        severities = {
            metric: max((one.severity for one in changes if one is not None and one.verdict != "usual"), default=0.0)
            for metric, changes in found.items()
        }
        most = max(severities, key=lambda metric: severities[metric], default=None)
        if most is None or not severities[most]:
            return None
        figures = [self._figure(most, result) for result in results]
        label = metric_column(most, results, self._shown).label
        return Column.of(f"usual {label}", "", figures, self._shown)

    def _figure(self, metric: str, result: EntryResult) -> Figure | None:
        if (change := self._change(result, metric)) is None:
            return None
        noise = "" if change.noise is None else noise_text(change.noise)
        aside = joined(change_text(change.change), noise, self._trend(change))
        return Figure(value_text(change.usual, meaning_of(result, metric).unit), aside)

    def _change(self, result: EntryResult, metric: str) -> Change | None:
        return self._changes.get(result.name, {}).get(metric)

    def _trend(self, change: Change) -> str:
        return sparkline([*change.baseline.values[1 - TREND_WIDTH :], change.now]) if self._has_bars else ""

    def _texts(self, label: str, texts: Sequence[str]) -> Column:
        return Column.of(label, "", [Figure(text) if text else None for text in texts], self._shown)
