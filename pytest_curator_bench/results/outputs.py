# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The three files that a script hands in: laid out before it runs, checked and read after it."""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import open_regular, write_bytes, write_json
from pytest_curator_bench._util.plain import to_plain
from pytest_curator_bench.results.format import FORMATS
from pytest_curator_bench.results.limits import within_limits
from pytest_curator_bench.results.tasks.reader import TaskData, TasksError, read_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = [
    "METRICS_NAME",
    "NOT_WRITTEN",
    "PARAMS_NAME",
    "RECORDS_NAME",
    "TASKS_NAME",
    "Outputs",
    "flat_scalars",
    "is_untouched",
    "keep_task_records",
    "prepare_params",
    "read_outputs",
]

PARAMS_NAME = "params.json"
METRICS_NAME = "metrics.json"
TASKS_NAME = "tasks.pkl"
RECORDS_NAME = "tasks.json"
MAX_JSON_BYTES = 64 * 1024**2

# The modification time of a params.json that no script has touched (in 2001; whole seconds, because some file
# systems keep no more). Whoever writes the file, be it with the very same content, sets the present time.
_LAID_OUT_AT_S = 1_000_000_000
NOT_WRITTEN = "was not written"
"""How the problem of a file ends that the script has not written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What a script handed in; what could be read is there even if there are problems.

    Attributes:
        params: content of ``params.json``; the entry's own parameters if the script didn't touch it.
        metrics: content of ``metrics.json``; NaN and infinities are floats.
        task_metrics: statistics per stage, aggregated from ``tasks.pkl``.
        task_records: one record per task, as JSON text.
        problems: one sentence for each file that was not written or can't be used.
        warnings: sentences about what was left out of a file that could be read.
    """

    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    task_metrics: dict[str, float] = field(default_factory=dict)
    task_records: str = ""
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class _OutputError(Exception):
    """One sentence that begins with the file's name."""


def prepare_params(entry_dir: Path, params: Mapping[str, Any]) -> None:
    """Lay out ``params.json`` with the entry's own parameters, for the script to add to.

    Files that an earlier run of the entry left are removed: they must not pass for what this one hands in.

    Raises:
        OSError: the directory can't be written.
    """
    for name in (METRICS_NAME, TASKS_NAME, RECORDS_NAME):
        (entry_dir / name).unlink(missing_ok=True)
    path = entry_dir / PARAMS_NAME
    write_json(path, params, durable=False)
    os.utime(path, (_LAID_OUT_AT_S, _LAID_OUT_AT_S))


def is_untouched(params_file: Path) -> bool:
    """Whether nobody has written the file since :func:`prepare_params` laid it out; raises OSError."""
    return params_file.stat().st_mtime == _LAID_OUT_AT_S


def read_outputs(entry_dir: Path) -> Outputs:
    """Read the three files. Never raises, whatever the script left in their place, and never waits for it."""
    problems = []
    warnings: list[str] = []
    params: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    task_data = TaskData(aggregate={}, records="")
    try:
        params, modified_at_s = _read_object(entry_dir / PARAMS_NAME, warnings)
        if modified_at_s == _LAID_OUT_AT_S:
            problems.append(f"{PARAMS_NAME} {NOT_WRITTEN}")
    except _OutputError as error:
        problems.append(str(error))
    try:
        metrics, _ = _read_object(entry_dir / METRICS_NAME, warnings)
    except _OutputError as error:
        problems.append(str(error))
    try:
        task_data = read_tasks(entry_dir / TASKS_NAME)
    except TasksError as error:
        problems.append(str(error))
    return Outputs(
        params=params,
        metrics=metrics,
        task_metrics=task_data.aggregate,
        task_records=task_data.records,
        problems=tuple(problems),
        warnings=(*warnings, *task_data.warnings),
    )


def keep_task_records(entry_dir: Path, outputs: Outputs, mask: Callable[[Any], Any]) -> Outputs:
    """Write ``tasks.json``, masked, and return the outputs without the records; a failure is a warning."""
    records = outputs.task_records
    if not records:
        return outputs
    if mask(records) != records:
        records = json.dumps(mask(json.loads(records)))
    # Put together as text: there may be millions of records.
    content = f'{{"format": {FORMATS[RECORDS_NAME]}, "tasks": {records}}}\n'
    warnings = outputs.warnings
    try:
        write_bytes(entry_dir / RECORDS_NAME, content.encode(), durable=False)
    except OSError as error:
        warnings = (*warnings, f"{RECORDS_NAME} was not written: {error.strerror or error}")
    return replace(outputs, task_records="", warnings=warnings)


def _read_object(path: Path, warnings: list[str]) -> tuple[dict[str, Any], float]:
    """The JSON object in a file, within the limits of results, and the time of its last change in seconds."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            modified_at_s = os.fstat(file.fileno()).st_mtime
            content = file.read(MAX_JSON_BYTES + 1)
    except FileNotFoundError:
        raise _OutputError(f"{path.name} {NOT_WRITTEN}") from None
    except OSError as error:
        raise _OutputError(f"{path.name} can't be read: {error.strerror or error}") from None
    if len(content) > MAX_JSON_BYTES:
        raise _OutputError(f"{path.name} is larger than {MAX_JSON_BYTES >> 20} MiB: write a summary instead")
    if not content.strip():
        raise _OutputError(f"{path.name} is empty")
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _OutputError(f"{path.name} is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise _OutputError(f"{path.name} is not JSON at {where}: {error.msg}") from None
    except RecursionError:
        raise _OutputError(f"{path.name} is nested too deeply") from None
    except ValueError:
        most = f"{sys.get_int_max_str_digits():,d}"
        raise _OutputError(
            f"{path.name} has an integer of more than {most} digits, which Python refuses to read: write it as a float"
            " or as a string"
        ) from None
    if not isinstance(data, dict):
        raise _OutputError(f'{path.name} holds {_kind(data)} instead of an object: write {{"name": value, …}}')
    data, left_out = within_limits(data, path.name)
    warnings += left_out
    plain: dict[str, Any] = to_plain(data)  # type: ignore[assignment]  # a dictionary stays one
    return plain, modified_at_s


def _kind(data: object) -> str:
    match data:
        case None:
            return "null"
        case list():
            return "a list"
        case str():
            return "a string"
        case bool():
            return "a boolean"
    return "a number"


def flat_scalars(mapping: Mapping[str, Any]) -> dict[str, int | float | bool | str]:
    """The numbers, booleans and strings in nested mappings, by dotted name (``{"a": {"b": 1}}`` → ``a.b``).

    Lists and nulls are left out. Outer values come first, and win where two have the same name.
    """
    flat: dict[str, int | float | bool | str] = {}
    waiting: deque[tuple[str, Mapping[str, Any]]] = deque([("", mapping)])
    while waiting:
        prefix, level = waiting.popleft()
        for key, value in level.items():
            if isinstance(value, dict):
                waiting.append((f"{prefix}{key}.", value))
            elif isinstance(value, bool | int | float | str):
                flat.setdefault(f"{prefix}{key}", value)
    return flat
