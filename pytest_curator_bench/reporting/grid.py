# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A table whose cells are never wrapped: columns without room follow in a further block, long text below its row."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from rich import box
from rich.cells import cell_len
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from pytest_curator_bench._util.text import cut_middle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

    from pytest_curator_bench.reporting.figures import Column

__all__ = ["Grid", "Row"]

GAP = 2
_LEAST_NAME = 16
_NOTE_INDENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What stands at the begin of a row, and below it.

    Attributes:
        name: as it is shown.
        status: in its colour; ``None`` in a table without statuses.
        notes: text below the row; a single one stands in the row, if that has no figures and enough room.
        indent: how far the name is indented.
        is_heading: whether the row has no figures of its own, and columns no cells for it.
    """

    name: str
    status: Text | None = None
    notes: Sequence[Text] = ()
    indent: int = 0
    is_heading: bool = False


# A row, and the place of its cells in the columns; ``None`` for a heading.
_Place: TypeAlias = "tuple[Row, int | None]"


class Grid:
    """A table of rows and columns.

    Args:
        rows: the rows.
        columns: columns with a cell for each row that is no heading.
        width: of the terminal.
        mark: what stands for the middle of a name that is too long.
        head: what the names are; empty for a table without a head.
        status_head: what the statuses are.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        columns: Sequence[Column],
        width: int,
        mark: str,
        *,
        head: str = "entry",
        status_head: str = "status",
    ) -> None:
        self._width = width
        self._mark = mark
        self._head = head
        self._status_head = status_head
        self._longest_name = max(cell_len(head), *(row.indent + cell_len(row.name) for row in rows))
        places = itertools.count()
        self._places: list[_Place] = [(row, None if row.is_heading else next(places)) for row in rows]
        statuses = [row.status.cell_len for row in rows if row.status is not None]
        self._status_width = max([*statuses, len(status_head)]) if statuses else 0
        self._blocks = self._in_blocks(columns)

    @property
    def is_one_block(self) -> bool:
        """Whether all columns stand side by side."""
        return len(self._blocks) == 1

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, block in enumerate(self._blocks):
            if number:
                yield Text()
            has_status = number == 0 and self._status_width > 0
            rows = self._places if has_status else self._with_figures(block)
            name_width = self._name_width(block, has_status=has_status)
            table = self._table(rows, block, name_width, has_status=has_status)
            lines = console.render_lines(table, options, pad=False)
            above = len(lines) - len(rows)
            for line in lines[:above]:
                yield from line
                yield Segment.line()
            before = name_width + GAP + self._status_width + GAP
            for (row, place), line in zip(rows, lines[above:], strict=True):
                notes = list(row.notes if has_status else ())
                has_figures = place is not None and any(column.cells[place] for column in block)
                if len(notes) == 1 and not has_figures and before + notes[0].cell_len <= self._width:
                    yield from Segment.adjust_line_length(line, before)
                    yield notes.pop(0)
                else:
                    yield from line
                    yield Segment.line()
                for note in notes:
                    yield Padding(note, (0, 0, 0, _NOTE_INDENT), expand=False)

    def _with_figures(self, block: Sequence[Column]) -> list[_Place]:
        """Return the rows that have figures in a block, and the headings of such rows."""
        found: list[_Place] = []
        heading: _Place | None = None
        for row, place in self._places:
            if row.indent == 0:
                heading = None
            if place is None:
                heading = row, place
            elif any(column.cells[place] for column in block):
                found += [heading, (row, place)] if heading else [(row, place)]
                heading = None
        return found

    def _in_blocks(self, columns: Sequence[Column]) -> list[list[Column]]:
        least_name = min(self._longest_name, max(_LEAST_NAME, self._width // 4))
        room = self._width - least_name - (GAP + self._status_width if self._status_width else 0)
        blocks: list[list[Column]] = [[]]
        for column in columns:
            if blocks[-1] and column.width + GAP > room:
                blocks.append([])
                room = self._width - least_name
            blocks[-1].append(column)
            room -= column.width + GAP
        return blocks

    def _name_width(self, block: Sequence[Column], *, has_status: bool) -> int:
        others = sum(GAP + column.width for column in block) + (GAP + self._status_width if has_status else 0)
        return min(self._longest_name, max(_LEAST_NAME, self._width - others))

    def _table(self, rows: Sequence[_Place], block: Sequence[Column], name_width: int, *, has_status: bool) -> Table:
        # One column of padding, and one of the box.
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
        table.show_header = bool(self._head)
        has_units = any(column.unit for column in block)
        table.add_column(self._head, width=name_width, no_wrap=True, overflow="crop")
        if has_status:
            table.add_column(self._status_head, width=self._status_width, no_wrap=True, overflow="crop")
        for column in block:
            head = Text(column.label, justify="right")
            if has_units:
                head.append("\n").append(column.unit, "dim")
            table.add_column(head, width=column.width, no_wrap=True, overflow="crop")
        for row, place in rows:
            name = Text(" " * row.indent + cut_middle(row.name, name_width - row.indent, self._mark))
            begin = [name, row.status or ""] if has_status else [name]
            if place is None:
                table.add_row(*begin)
                continue
            cells = [
                Text(f"{column.cells[place]:>{column.width}}", "red" if place in column.unmet else "")
                for column in block
            ]
            table.add_row(*begin, *cells)
        return table
