# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench compare --within SESSION --by AXIS``: the cells of a matrix against each other."""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import format_ratio, harmless, noise_text, one_of
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.output import Column, print_note, print_rows
from pytest_curator_bench.cli.past_results import matching, open_index, records_of
from pytest_curator_bench.cli.results_dir import keyword_filter, one_session
from pytest_curator_bench.history.cells import Cell, base_name, compare_cells
from pytest_curator_bench.history.content import read_content
from pytest_curator_bench.reporting.changes import with_unit
from pytest_curator_bench.results.metrics import EXEC_TIME

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from pytest_curator_bench.history.cells import CellRatio
    from pytest_curator_bench.history.sessions import SessionRef
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["compare_within"]

COMPARED, NOTHING_COMPARABLE = 0, 3
_STYLES = {"worse": "red", "not passed": "red", "better": "green"}
_WITH_TIMES = {"worse": "slower", "better": "faster"}


def _columns(axis: str) -> tuple[Column, ...]:
    return (
        Column(key="entry", is_name=True),
        Column(key="metric", is_name=True),
        Column(key="unit", is_shown=False),
        Column(key="first", head=axis),
        Column(key="first_value", head="", show=with_unit("first_value"), is_number=True),
        Column(key="second", head="against"),
        Column(key="second_value", head="", show=with_unit("second_value"), is_number=True),
        Column(
            key="ratio", show=lambda row: "-" if row["ratio"] is None else format_ratio(row["ratio"]), is_number=True
        ),
        Column(key="noise", show=lambda row: noise_text(row["noise"]), is_number=True),
        Column(
            key="verdict",
            show=lambda row: (
                _WITH_TIMES.get(row["verdict"], row["verdict"]) if row["metric"] == EXEC_TIME else row["verdict"]
            ),
            style=lambda row: _STYLES.get(row["verdict"], ""),
        ),
        Column(key="note", head="", is_text=True),
    )


def compare_within(options: argparse.Namespace) -> int:
    """Compare the cells of one session; returns the exit status."""
    if options.within is None or options.by is None or options.selectors:
        raise CommandError("--within SESSION takes --by AXIS and no other sessions")
    matches = keyword_filter(options)
    ref = one_session(options, options.within)
    matrices = _matrices(read_content(ref).results)
    with open_index(ref) as index:
        found = {record.entry: record for record in matching(records_of(index, [ref]), matches)}
        cells = [
            Cell(record=found[name], values=values) for name, values in matrices.items() if values and name in found
        ]
        axes = {axis for cell in cells for axis in cell.values}
        if cells and options.by not in axes:
            raise CommandError(f"--by {options.by}: no such axis in {ref.name}, expected {one_of(axes)}")
        compared = compare_cells(
            index,
            [cell for cell in cells if options.by in cell.values],
            options.by,
            metrics=None if options.all else [EXEC_TIME],
        )
        problems = index.problems
    if options.format == "table":
        sys.stdout.write(f"{harmless(f'{ref.name}  by  {options.by}')}\n\n")
    print_rows(_columns(options.by), list(_rows(compared, options.by)), options.format)
    for problem in problems:
        print_note(f"skipped {problem}")
    if any(ratio.ratio is not None for ratio in compared):
        return COMPARED
    print_note(f"nothing can be compared: {_why_nothing(compared, cells, options.by, ref)}")
    return NOTHING_COMPARABLE


def _matrices(results: Iterable[EntryResult]) -> dict[str, dict[str, str]]:
    """Return the value of each axis by entry; what only some cells of a matrix have is no axis."""
    axes = {result.name: _axes(result) for result in results}
    by_base: dict[str, list[dict[str, str]]] = {}
    for name, values in axes.items():
        by_base.setdefault(base_name(name), []).append(values)
    return {
        name: {
            axis: value for axis, value in values.items() if all(axis in other for other in by_base[base_name(name)])
        }
        for name, values in axes.items()
    }


def _axes(result: EntryResult) -> dict[str, str]:
    """Return an entry's value of each axis of its matrix, without what ``include`` adds to it."""
    from pytest_curator_bench.config.matrix.combinations import in_name  # slow to import

    matrix = result.script_params.get("matrix")
    values = {str(axis): _written(value) for axis, value in matrix.items()} if isinstance(matrix, dict) else {}
    # The axes come first, and only they are in the name.
    for count in range(1, len(values)):
        axes = dict(itertools.islice(values.items(), count))
        if result.name.endswith(f"[{'-'.join(map(in_name, axes.values()))}]"):
            return axes
    return values


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _rows(compared: Iterable[CellRatio], axis: str) -> Iterator[dict[str, Any]]:
    for ratio in compared:
        first, second = ratio.first.record, ratio.second.record
        failed = [f"{one.entry} {one.status}: {one.error or ''}" for one in (first, second) if not one.passed]
        yield {
            "entry": ratio.name,
            "metric": ratio.metric,
            "unit": first.meaning(ratio.metric).unit,
            "first": ratio.first.values[axis],
            "first_value": first.figures.get(ratio.metric) if first.passed else None,
            "second": ratio.second.values[axis],
            "second_value": second.figures.get(ratio.metric) if second.passed else None,
            "ratio": ratio.ratio,
            "noise": ratio.noise,
            "verdict": ratio.verdict,
            "note": "; ".join(failed or ratio.differences),
        }


def _why_nothing(compared: list[CellRatio], cells: list[Cell], axis: str, ref: SessionRef) -> str:
    if not cells:
        return f"no entry of {ref.name} has the values of a matrix in its params.json"
    if not compared:
        return f"no two entries differ in {axis} only"
    return "of each two cells one did not pass"
