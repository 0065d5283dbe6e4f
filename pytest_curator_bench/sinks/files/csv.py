# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results as a CSV table: one row for each, in the session's directory or in one file for many sessions."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_bytes
from pytest_curator_bench._util.text import printable
from pytest_curator_bench.results.outputs import flat_scalars
from pytest_curator_bench.sinks.base import PermanentSinkError, delivery_key
from pytest_curator_bench.sinks.files.locking import FileSink, append, locked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["FIXED_COLUMNS", "CsvSink"]

FIXED_COLUMNS = (
    *("delivery_key", "session_name", "name", "status", "reason", "success", "started_at", "finished_at"),
    *("exec_time_s", "timeout_s", "returncode", "signal", "error"),
)
"""The columns that every file begins with, in this order."""
_GROUPS = {
    "metrics": "script_metrics",
    "params": "script_params",
    "task_metrics": "task_metrics",
    "resources": "resources",
}
# Spreadsheets take 32,767 characters, Python's own reader 131,072.
MAX_CELL_CHARACTERS = 30_000


class CsvSink(FileSink):
    """Adds each result to a table (RFC 4180, UTF-8).

    A file begins with :data:`FIXED_COLUMNS`; every number, flag and text among a result's metrics and parameters has
    a column of its own behind them (``metrics.rate``, ``params.size``, ``task_metrics.…``, ``resources.…``), and so
    has how it compares (``comparison.verdict``, ``comparison.exec_time_s``: the relative change). Columns
    never move and never go: a result that brings new ones makes the file be written anew, whole or not at all, with
    these added at the right and empty in older rows. A row whose key is there already is not written again.
    """

    default_name = "results.csv"

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Add one row, unless it is there."""
        row = _row(result)
        with locked(self.file) as descriptor:
            header, rows, is_whole = _read(descriptor, self.file)
            if any(old and old[0] == row["delivery_key"] for old in rows):
                return
            known = set(header)
            columns = [*header, *(column for column in row if column not in known)]
            new = [row.get(column) for column in columns]
            if columns == header and is_whole:
                append(descriptor, _encoded([new]))
            else:
                padded = [[*old, *[""] * (len(columns) - len(old))] for old in rows]
                write_bytes(self.file, _encoded([columns, *padded, new]))


def _read(descriptor: int, path: Path) -> tuple[list[str], list[list[str]], bool]:
    """Header, rows, and whether the last line has its end; one without comes from a process that died, and goes."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        content = file.read()
    whole, torn = content[: content.rfind(b"\n") + 1], content[content.rfind(b"\n") + 1 :]
    try:
        lines = list(csv.reader(io.StringIO(whole.decode(), newline=""), strict=True))
    except (ValueError, csv.Error) as error:
        raise PermanentSinkError(f"{path} can't be read as CSV ({error}): move it away, or set another path") from error
    first = tuple(lines[0][: len(FIXED_COLUMNS)]) if lines else FIXED_COLUMNS
    if first != FIXED_COLUMNS or (torn and not lines and not _encoded([FIXED_COLUMNS]).startswith(torn[:100])):
        raise PermanentSinkError(f"{path} has other columns than this sink writes: move it away, or set another path")
    return (lines[0] if lines else []), lines[1:], not torn


def _row(result: Mapping[str, Any]) -> dict[str, object]:
    fixed: dict[str, object] = {column: result.get(column) for column in FIXED_COLUMNS}
    fixed["delivery_key"] = delivery_key(result)
    fixed["error"] = str(result.get("error") or "").partition("\n")[0]
    flat: dict[str, object] = {}
    for group, key in _GROUPS.items():
        values = result.get(key)
        for name, value in flat_scalars(values if isinstance(values, Mapping) else {}).items():
            # As the cell will be read back: a column is known by what stands in the header.
            flat.setdefault(_line(f"{group}.{name}"), value)
    comparison = result.get("comparison")
    if isinstance(comparison, Mapping):
        flat["comparison.verdict"] = comparison["verdict"]
        flat |= {_line(f"comparison.{name}"): change["change"] for name, change in comparison["changes"].items()}
    return {**fixed, **flat}


def _encoded(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _line(value)
    return "" if value is None else value


def _line(text: str) -> str:
    """Return text as one line, since one row is one line: so a torn row can be recognised."""
    return printable(" ".join(text[:MAX_CELL_CHARACTERS].splitlines()).replace("\t", " "))[:MAX_CELL_CHARACTERS]
