# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures of results as rows that pandas and SQL read: one for each figure, with columns that never change.

A wide table would have other columns for every entry and every version of a script; ``pivot()`` of pandas makes one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    from pytest_curator_bench.history.records import Record
    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["COLUMNS", "WRITERS", "export_rows"]

_Row = dict[str, str | float | None]

COLUMNS = (
    *("session", "session_started_at", "session_reason", "entry", "started_at", "status", "reason", "error"),
    *("metric", "value", "unit", "direction", "setting"),
    *("host", "nemo_curator", "nemo_curator_commit", "project_commit", "ray", "python"),
)
"""The columns, in their order."""
_TIMES = ("session_started_at", "started_at")


def export_rows(ref: SessionRef, records: Iterable[Record], environment: Mapping[str, Any]) -> Iterator[_Row]:
    """Yield one row for each figure of each result, and one without a metric for a result that has none.

    Args:
        ref: the session.
        records: its results.
        environment: content of its ``env.json``.
    """
    origin = {
        "session": ref.name,
        "session_started_at": ref.started_at.astimezone(UTC).isoformat(),
        "session_reason": ref.reason,
        **_origin(environment),
    }
    for record in records:
        setting = json.dumps(record.setting, sort_keys=True)
        row: _Row = {
            **dict.fromkeys(COLUMNS),
            **origin,
            "entry": record.entry,
            "started_at": record.started_at or None,
            "status": record.status,
            "reason": record.reason,
            "error": record.error,
            "setting": hashlib.sha256(setting.encode()).hexdigest()[:12],
        }
        if not record.figures:
            yield row
        for metric, value in record.figures.items():
            meaning = record.meaning(metric)
            yield {**row, "metric": metric, "value": value, "unit": meaning.unit, "direction": meaning.direction}


def _origin(environment: Mapping[str, Any]) -> dict[str, str | None]:
    versions = environment.get("versions")
    known = versions if isinstance(versions, dict) else {}
    return {
        "host": _text(environment.get("hostname")),
        "nemo_curator": _text(known.get("nemo_curator")),
        "nemo_curator_commit": _commit(environment.get("nemo_curator_git")),
        "project_commit": _commit(environment.get("git")),
        "ray": _text(known.get("ray")),
        "python": _text(known.get("python")),
    }


def _commit(checkout: object) -> str | None:
    return _text(checkout.get("commit")) if isinstance(checkout, dict) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _write_csv(rows: Iterable[_Row], file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row.values()])
    text.detach()


def _write_jsonl(rows: Iterable[_Row], file: BinaryIO) -> None:
    file.writelines(f"{json.dumps(row)}\n".encode() for row in rows)


def _write_parquet(rows: Iterable[_Row], file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def kind(column: str) -> Any:
        if column in _TIMES:
            return pa.timestamp("us", tz="UTC")
        return pa.float64() if column == "value" else pa.string()

    schema = pa.schema([(column, kind(column)) for column in COLUMNS])
    with pq.ParquetWriter(file, schema) as writer:
        for batch in _batches(rows):
            writer.write_table(pa.Table.from_pylist([_with_times(row) for row in batch], schema=schema))


def _batches(rows: Iterable[_Row], size: int = 50_000) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def _with_times(row: _Row) -> dict[str, Any]:
    times = {key: datetime.fromisoformat(value) for key in _TIMES if isinstance(value := row[key], str)}
    return {**row, **times}


WRITERS: Mapping[str, Callable[[Iterable[_Row], BinaryIO], None]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
"""What writes rows to a file, by format; that of ``parquet`` raises ImportError where pyarrow is not installed."""
