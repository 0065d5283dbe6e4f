# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The summary of results: one row for each entry, with its status, its time, and its headline metrics.

Entries with the same metrics share a section of the table, so that many different metrics leave few cells empty. A
metric that a section has no room for follows below it. No cell is ever wrapped: what went wrong stands below its row,
as wide as the terminal. Where results were compared with earlier ones, what is usual stands beside the time, and what
is not as usual below the table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.text import Text

from pytest_curator_bench._util.streams import in_encoding
from pytest_curator_bench._util.text import counted, printable
from pytest_curator_bench.reporting.changes import FOLDED, counts_text, entry_line
from pytest_curator_bench.reporting.compared import Compared
from pytest_curator_bench.reporting.details import resource_columns, stage_columns
from pytest_curator_bench.reporting.figures import (
    Column,
    Figure,
    bound_of,
    joined,
    metric_column,
    number_column,
    spread_of,
    time_text,
)
from pytest_curator_bench.reporting.grid import Grid, Row
from pytest_curator_bench.results.meanings import headline_metrics
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.record import HARMLESS, KNOWN_MISS
from pytest_curator_bench.results.statistics import is_finite_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from pytest_curator_bench.history.comparison import Comparison
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["status_text", "summary_table"]

_STYLES = {"passed": "green", "skipped": "yellow", "interrupted": "yellow", "xfailed": "yellow"}
# Sections become one while no more than two of three cells are empty.
_LEAST_FILLED = 1 / 3
# A delay that is shown: a second, and this part of the entry's time.
_LEAST_DELAY = 0.1
_LONGEST_CAUSE = 1000


def summary_table(
    results: Iterable[EntryResult], *, verbosity: int = 0, comparison: Comparison | None = None
) -> RenderableType:
    """Return the summary of results, as wide and in the encoding of the console that prints it.

    Args:
        results: the results, in the order in which they are shown; variants of a matrix go together.
        verbosity: as pytest's ``-v`` and ``-q``. Below 0: counts, and the entries that did not pass. Above 0: also
            resources and stages of tasks.
        comparison: how they compare with earlier ones: print it with ``crop=False``, as these lines are not wrapped.
    """
    return _Summary(tuple(results), verbosity, comparison)


def status_text(result: EntryResult) -> Text:
    """Return the status in its colour; yellow where an entry passed only at a further attempt."""
    word = "xfailed" if result.reason == KNOWN_MISS else result.status
    style = _STYLES.get(word, "red")
    if not result.attempts:
        return Text(word, style)
    return Text(f"{word} (attempt {len(result.attempts)})", "yellow" if style == "green" else style)


@dataclass(frozen=True, slots=True)
class _Family:
    """The variants of an entry, or the only one."""

    name: str
    results: tuple[EntryResult, ...]

    @property
    def metrics(self) -> dict[str, None]:
        """Their headline metrics, in order."""
        return dict.fromkeys(name for result in self.results for name in headline_metrics(result))


@dataclass(slots=True)
class _Section:
    """Families that share columns."""

    families: list[_Family]
    metrics: dict[str, None]

    @property
    def results(self) -> list[EntryResult]:
        return [result for family in self.families for result in family.results]


@dataclass(frozen=True, slots=True)
class _Summary:
    results: tuple[EntryResult, ...]
    verbosity: int
    comparison: Comparison | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        layout = _Layout(options.max_width, console.encoding, self.comparison)
        if self.verbosity < 0:
            yield from layout.compact(self.results)
            yield from layout.news()
            return
        families = _families(self.results)
        yield from layout.sections(families)
        if self.verbosity > 0:
            yield from layout.details(families)
        yield from layout.news()


class _Layout:
    """Lays results out for a terminal."""

    def __init__(self, width: int, encoding: str, comparison: Comparison | None) -> None:
        self._width = width
        self._encoding = encoding
        self._mark = self._shown("…")
        self._comparison = comparison
        self._compared = Compared(comparison.entries if comparison is not None else (), self._shown)

    def _shown(self, text: str) -> str:
        return in_encoding(printable(text), self._encoding)

    def compact(self, results: Sequence[EntryResult]) -> Iterable[RenderableType]:
        """Yield the counts, and a row for each entry that did not pass."""
        words = [status_text(result).plain.partition(" ")[0] for result in results]
        counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
        yield Text(f"{counted(len(results), 'entry', 'entries')}: {counts}")
        failed = [result for result in results if result.status not in HARMLESS]
        if failed:
            rows = [self._row(result, result.name) for result in failed]
            yield Grid(rows, [], self._width, self._mark, head="")

    def sections(self, families: Sequence[_Family]) -> Iterable[RenderableType]:
        """Yield the sections of the table."""
        for number, section in enumerate(self._sections(families)):
            if number:
                yield Text()
            results = section.results
            yield Grid(self._rows(section.families), self._columns(section.metrics, results), self._width, self._mark)

    def news(self) -> Iterable[RenderableType]:
        """Yield a line for each entry that is not as usual, and how many are."""
        if self._comparison is None:
            return
        yield Text()
        for entry in self._comparison.entries:
            if entry.verdict not in FOLDED:
                # One line whatever the width, so that it can be searched for; a terminal wraps it by itself.
                style = "red" if entry.is_worse else ""
                yield Text(self._shown(entry_line(entry)), style, no_wrap=True, overflow="ignore")
        yield Text(self._shown(counts_text(self._comparison)))

    def details(self, families: Sequence[_Family]) -> Iterable[RenderableType]:
        """Yield resources, and the stages of tasks."""
        results = [result for family in families for result in family.results]
        if columns := resource_columns(results):
            yield Text("\nresources")
            rows = [replace(row, status=None, notes=()) for row in self._rows(families)]
            yield Grid(rows, columns, self._width, self._mark)
        for result in results:
            stages, columns = stage_columns(result)
            if stages:
                yield Text(f"\nstages of {self._shown(result.name)}")
                rows = [Row(name=self._shown(stage)) for stage in stages]
                yield Grid(rows, columns, self._width, self._mark, head="stage")

    def _sections(self, families: Sequence[_Family]) -> list[_Section]:
        sections: list[_Section] = []
        for family in families:
            metrics = family.metrics
            for section in sections:
                union = section.metrics | metrics
                if len(union) == len(section.metrics) or self._is_readable(
                    _Section([*section.families, family], union)
                ):
                    section.families.append(family)
                    section.metrics = union
                    break
            else:
                sections.append(_Section([family], metrics))
        return sections

    def _is_readable(self, section: _Section) -> bool:
        """Whether a section has few empty cells, and room for all its columns."""
        filled = [len(family.metrics) * len(family.results) for family in section.families if family.metrics]
        rows = sum(len(family.results) for family in section.families if family.metrics)
        if sum(filled) < rows * len(section.metrics) * _LEAST_FILLED:
            return False
        columns = self._columns(section.metrics, section.results)
        return Grid(self._rows(section.families), columns, self._width, self._mark).is_one_block

    def _columns(self, metrics: Iterable[str], results: Sequence[EntryResult]) -> list[Column]:
        """Return the columns of times and metrics, and what is usual for the time and the metric that changed most."""
        time, *others = _time_columns(results, self._shown)
        columns = [time, *self._compared.time_columns(results), *others, *self._metric_columns(metrics, results)]
        usual = self._compared.metric_column(metrics, results)
        return [*columns, usual] if usual is not None else columns

    def _metric_columns(self, names: Iterable[str], results: Sequence[EntryResult]) -> list[Column]:
        columns = {name: metric_column(name, results, self._shown) for name in names}
        heads = [(column.label, column.unit) for column in columns.values()]
        # Two names that differ only in their unit's spelling are shown in full.
        return [
            column if heads.count((column.label, column.unit)) == 1 else replace(column, label=self._shown(name))
            for name, column in columns.items()
        ]

    def _rows(self, families: Iterable[_Family]) -> list[Row]:
        rows: list[Row] = []
        for family in families:
            if len(family.results) == 1:
                rows.append(self._row(family.results[0], family.results[0].name))
                continue
            rows.append(Row(name=self._shown(family.name), is_heading=True))
            rows += [self._row(result, _variant(result), indent=2) for result in family.results]
        return rows

    def _row(self, result: EntryResult, name: str, *, indent: int = 0) -> Row:
        status = status_text(result)
        notes = [Text(self._shown(line), status.style) for line in _causes(result)]
        return Row(name=self._shown(name), status=status, notes=notes, indent=indent)


def _families(results: Iterable[EntryResult]) -> list[_Family]:
    found: dict[str, list[EntryResult]] = {}
    for result in results:
        found.setdefault(result.name.partition("[")[0], []).append(result)
    return [_Family(name, tuple(members)) for name, members in found.items()]


def _variant(result: EntryResult) -> str:
    before, _, after = result.name.partition("[")[2].rpartition("]")
    return f"{before}{after}" or result.name


def _causes(result: EntryResult) -> list[str]:
    """Return why an entry did not pass: all unmet requirements, or the first line of its error."""
    if result.status == "passed":
        return []
    lines = (result.error or result.reason or "").splitlines()
    lines = lines if result.reason == "requirements" else lines[:1]
    return [line[:_LONGEST_CAUSE] for line in lines]


def _time_columns(results: Sequence[EntryResult], shown: Callable[[str], str]) -> list[Column]:
    """Return the time with its limit, and what came before where that took long."""
    runs = [sum(run["measured"] for run in result.runs) or None for result in results]
    further = (number_column("runs", "", runs), _waits(results), _ray_starts(results))
    return [
        Column.of("time", "s", [_time(result) for result in results], shown),
        number_column("limit", "s", [result.timeout_s if _has_run(result) else None for result in results]),
        *(column for column in further if any(column.cells)),
    ]


def _time(result: EntryResult) -> Figure | None:
    if not _has_run(result):
        return None
    bound, is_unmet = bound_of(result, EXEC_TIME, result.exec_time_s)
    return Figure(time_text(result.exec_time_s or 0.0), joined(spread_of(result, EXEC_TIME), bound), is_unmet)


def _has_run(result: EntryResult) -> bool:
    return is_finite_number(result.exec_time_s)  # masking may have made a string of a number


def _waits(results: Sequence[EntryResult]) -> Column:
    return _delays("waited", results, [(result.resources.get("lease") or {}).get("waited_s") for result in results])


def _ray_starts(results: Sequence[EntryResult]) -> Column:
    clusters = [result.resources.get("ray") or {} for result in results]
    return _delays("Ray start", results, [None if ray.get("reused") else ray.get("start_time_s") for ray in clusters])


def _delays(label: str, results: Sequence[EntryResult], delays: Sequence[object]) -> Column:
    """Return the column of delays, without those that are short beside the time."""
    long = [
        delay if is_finite_number(delay) and delay >= max(1.0, _LEAST_DELAY * (result.exec_time_s or 0.0)) else None
        for result, delay in zip(results, delays, strict=True)
    ]
    return number_column(label, "s", long)
