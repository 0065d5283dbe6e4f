# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of ``curator-bench validate``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from pytest_curator_bench._util.streams import encodable
from pytest_curator_bench.cli.output import print_whole
from pytest_curator_bench.config.model import DataSetup, Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pytest_curator_bench.config.model import ScriptRun
    from pytest_curator_bench.config.problems import Problem

__all__ = ["Row", "print_report"]


@dataclass(slots=True, kw_only=True)
class Row:
    """One entry or data setup.

    Attributes:
        run: it.
        problems: what is wrong with it.
        asked_for_help: whether its script was run with ``--help``.
    """

    run: ScriptRun
    problems: list[Problem] = field(default_factory=list)
    asked_for_help: bool = False

    @property
    def is_undefined(self) -> bool:
        """Whether it names something that the configuration does not define, so that nothing else of it is known."""
        return isinstance(self.run, Entry) and bool(self.run.problems)

    def has(self, kind: str) -> bool:
        """Whether something of this kind is wrong."""
        return any(problem.kind == kind for problem in self.problems)


def print_report(console: Console, rows: Sequence[Row], *, datasets: bool, scripts: bool) -> None:
    """Print a line for each entry and data setup: what was looked at, and whether it is right.

    Args:
        console: where to.
        rows: the entries and data setups.
        datasets: whether datasets were looked for.
        scripts: whether scripts were looked for.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # Names are needed whole: whoever reads a log wants to select by them.
    table.add_column("entry", no_wrap=True)
    for heading in ("script", "--help", "datasets", "limit", "bounds"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        name = f"{row.run.name} (data setup)" if isinstance(row.run, DataSetup) else row.run.name
        bounds = str(len(row.run.requirements)) if isinstance(row.run, Entry) else ""
        cells = (_script(row, wanted=scripts), _help(row), _datasets(row, wanted=datasets))
        table.add_row(Text(encodable(name, console.file)), *cells, f"{row.run.timeout_s:g} s", bounds)
    print_whole(console, table)


def _script(row: Row, *, wanted: bool) -> Text:
    if row.is_undefined or row.has("placeholder"):
        return _wrong("no value")
    return _judged("missing" if row.has("script") else None, wanted=wanted)


def _help(row: Row) -> Text:
    return _judged("fails" if row.has("help") else None, wanted=row.asked_for_help)


def _datasets(row: Row, *, wanted: bool) -> Text:
    number = len(row.run.datasets_used)
    if not number or not wanted:
        return Text("-")
    missing = sum(problem.kind == "dataset" for problem in row.problems)
    return _wrong(f"{missing} of {number} missing") if missing else Text(f"{number} ok", style="green")


def _judged(problem: str | None, *, wanted: bool) -> Text:
    if not wanted:
        return Text("-")
    return Text("ok", style="green") if problem is None else _wrong(problem)


def _wrong(text: str) -> Text:
    return Text(text, style="bold red")
