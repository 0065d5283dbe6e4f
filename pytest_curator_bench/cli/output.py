# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows as a table for people, JSON, CSV or Markdown (``--format``).

JSON and CSV have the values themselves, tables and Markdown what people read. On a terminal a table is as wide as that
and has colours unless ``NO_COLOR`` is set. In a pipe or a file it is as wide as it needs to be.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import cut_middle, harmless, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.console import Console, RenderableType

__all__ = [
    "Column",
    "add_format_argument",
    "print_for_people",
    "print_json",
    "print_note",
    "print_rows",
    "print_whole",
]

# Characters.
LEAST_NAME, LEAST_TEXT, GAP, UNBOUNDED = 16, 8, 2, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        key: its key in rows, its name in JSON and CSV.
        head: its heading for people; by default the key.
        show: makes the text for people of a row; by default of the row's value, ``-`` for ``None``.
        style: Rich's style for a row's cell.
        is_number: aligned on the right.
        is_shown: whether people see it; otherwise it is in JSON and CSV only.
        is_text: folded where a terminal has no room.
        is_name: cut in the middle where that does not suffice; others are never cut.
    """

    key: str
    head: str | None = None
    show: Callable[[Mapping[str, Any]], str] | None = None
    style: Callable[[Mapping[str, Any]], str] | None = None
    is_number: bool = False
    is_shown: bool = True
    is_text: bool = False
    is_name: bool = False

    @property
    def heading(self) -> str:
        """The heading for people."""
        return self.key if self.head is None else self.head

    def text(self, row: Mapping[str, Any]) -> str:
        """Return what people read in this column of a row."""
        if self.show is not None:
            return printable(self.show(row))
        value = row.get(self.key)
        return "-" if value is None else printable(str(value))

    def fitted(self, row: Mapping[str, Any], width: int) -> str:
        """Return the same as it fits into a width."""
        return cut_middle(self.text(row), width) if self.is_name else self.text(row)

    def style_of(self, row: Mapping[str, Any]) -> str:
        """Return Rich's style for the cell of a row."""
        return self.style(row) if self.style is not None else ""


def add_format_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--format``."""
    parser.add_argument("--format", choices=["table", "json", "csv", "md"], default="table", help="default: table")


def print_rows(columns: Sequence[Column], rows: Iterable[Mapping[str, Any]], format_name: str) -> None:
    """Print rows to standard output.

    Args:
        columns: the columns.
        rows: a value for each column's key; JSON has their other keys, too.
        format_name: ``table``, ``json``, ``csv`` or ``md``.
    """
    rows = list(rows)
    shown = [column for column in columns if column.is_shown]
    if format_name == "json":
        print_json(rows)
    elif format_name == "csv":
        _print_csv(columns, rows)
    elif format_name == "md":
        _print_markdown(shown, rows)
    else:
        _print_table(shown, rows)


def print_renderable(renderable: RenderableType) -> None:
    """Print what fits itself to the terminal's width; in a log, which has no width, all of it is in one piece."""
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal:
        console.print(renderable)
        return
    console.width = UNBOUNDED
    with console.capture() as capture:
        console.print(renderable)
    _write_stripped(capture.get())


def _write_stripped(text: str) -> None:
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in text.splitlines()))


def print_json(data: object) -> None:
    """Print data as JSON."""
    # ASCII is what every terminal and every reader takes.
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def print_note(text: str) -> None:
    """Print a line for people beside the output: to standard error, so that it is in no file of figures."""
    sys.stderr.write(harmless(text) + "\n")


def _print_csv(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.key for column in columns])
    for row in rows:
        writer.writerow([_csv_value(row.get(column.key)) for column in columns])


def _csv_value(value: object) -> object:
    if isinstance(value, str):
        return harmless(value)
    return json.dumps(value) if isinstance(value, dict | list | tuple | bool) else value


def _print_markdown(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    cells = [[column.heading for column in columns], ["---:" if column.is_number else "---" for column in columns]]
    cells += [[column.text(row).replace("|", r"\|") for column in columns] for row in rows]
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in cells))


def _print_table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    console = Console(highlight=False)
    widths = _widths(columns, rows, console.width if console.is_terminal else sys.maxsize)
    for column, width in zip(columns, widths, strict=True):
        justify: Any = "right" if column.is_number else "left"
        table.add_column(column.heading, justify=justify, no_wrap=not column.is_text, overflow="fold", min_width=width)
    for row in rows:
        cells = zip(columns, widths, strict=True)
        table.add_row(*(Text(column.fitted(row, width), column.style_of(row)) for column, width in cells))
    if console.is_terminal:  # too narrow: the terminal wraps lines
        console.width = max(console.width, sum(widths) + GAP * (len(widths) - 1))
    print_for_people(console, table)


def print_for_people(console: Console, shown: RenderableType) -> None:
    """Print to standard output: as wide as a terminal, or as wide as it is, without spaces at the ends of lines."""
    if console.is_terminal:
        console.print(shown)
        return
    with console.capture() as capture:
        print_whole(console, shown)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def _widths(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], available: int) -> list[int]:
    """Return the least width of each column: what is in it, but for names and longer texts where there is no room."""
    widths = [max(len(text) for text in (column.heading, *map(column.text, rows))) for column in columns]
    widths = [
        min(width, LEAST_TEXT) if column.is_text else width for column, width in zip(columns, widths, strict=True)
    ]
    excess = sum(widths) + GAP * (len(widths) - 1) - available
    for number, column in enumerate(columns):
        if column.is_name and excess > 0:
            least = min(widths[number], LEAST_NAME)
            widths[number], excess = max(widths[number] - excess, least), excess - (widths[number] - least)
    return widths


def print_whole(console: Console, shown: RenderableType) -> None:
    """Print a table as wide as it is: in a log, which has no width, nothing is to be cut off."""
    unbounded = console.options.update(max_width=10_000)
    console.width = max(console.width, console.measure(shown, options=unbounded).maximum)
    console.print(shown)
