# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What MLflow is told of a session and of a result, as plain data within its rules."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import read_regular
from pytest_curator_bench._util.text import change_text, harmless, noise_text, printable
from pytest_curator_bench.results.record import HARMLESS
from pytest_curator_bench.sinks.base import delivery_key
from pytest_curator_bench.sinks.mlflow.names import (
    MAX_PARAM_CHARACTERS,
    MAX_TAG_CHARACTERS,
    cut,
    flat_items,
    unique_keys,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "DELIVERY_TAG",
    "MAX_POINTS",
    "PREFIX",
    "SESSION_NAME_TAG",
    "Point",
    "ResultRecord",
    "end_status",
    "milliseconds",
    "result_record",
    "session_tags",
    "tags_of",
]

PREFIX = "curator_bench."
DELIVERY_TAG = f"{PREFIX}delivery_key"
SESSION_NAME_TAG = f"{PREFIX}session"
NOTE_TAG = "mlflow.note.content"
"""The description that MLflow's pages show of a run, as Markdown."""

MAX_POINTS = 1000
"""Most points of one series; of longer tables every n-th row is taken. The whole table is among the artifacts."""
MAX_ERROR_CHARACTERS = 4000

# What there is of telemetry: the table, its column of times, and the column that tells its series apart.
_TABLES = (("telemetry.csv", "time_utc", None), ("gpustats.csv", "timestamp_utc", "gpu_id"))
_NO_SERIES = frozenset({"elapsed_s", "hostname", "processes"})
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_STATUS: dict[str, str] = {**dict.fromkeys(HARMLESS, "FINISHED"), "interrupted": "KILLED"}


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric.

    Attributes:
        key: the metric's.
        value: may be NaN or infinite.
        timestamp_ms: when, in milliseconds since 1970; ``None``: when the run started.
        step: its number in its series.
    """

    key: str
    value: float
    timestamp_ms: int | None
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRecord:
    """One result, as a run of MLflow's.

    Attributes:
        key: the delivery key.
        name: the run's name.
        status: the run's: ``FINISHED``, ``FAILED`` or ``KILLED``.
        start_ms: its start, in milliseconds since 1970; ``None`` where the script never started.
        end_ms: its end, likewise.
        tags: by key.
        params: by key.
        points: of metrics.
    """

    key: str
    name: str
    status: str
    start_ms: int | None
    end_ms: int | None
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: Sequence[Point]


def result_record(result: Mapping[str, Any], entry_dir: Path | None) -> ResultRecord:
    """What is told of a result.

    Args:
        result: as sinks get it.
        entry_dir: the directory with the result's files, for its telemetry; ``None`` where it is no longer there.
    """
    end_ms = milliseconds(result.get("finished_at"))
    figures, texts = _metrics(result)
    series = list(_telemetry(entry_dir)) if entry_dir is not None else []
    series_names = list(dict.fromkeys(name for name, *_ in series))
    # All metrics get their keys together, so that none takes another's.
    keys = unique_keys([*(name for name, _ in figures), *series_names])
    points = [Point(key, value, end_ms) for key, (_, value) in zip(keys, figures, strict=False)]
    series_keys = dict(zip(series_names, keys[len(figures) :], strict=True))
    points += [Point(series_keys[name], value, time_ms, step) for name, value, time_ms, step in series]
    return ResultRecord(
        key=delivery_key(result),
        name=printable(str(result.get("name"))),
        status=end_status([str(result.get("status"))]),
        start_ms=milliseconds(result.get("started_at")),
        end_ms=end_ms,
        tags={**_result_tags(result), **tags_of(texts, _requirements(result), _comparison(result))},
        params=_valid(flat_items(result.get("script_params") or {}), MAX_PARAM_CHARACTERS),
        points=points,
    )


def session_tags(session_name: str, env_data: Mapping[str, Any]) -> dict[str, str]:
    """The tags of the run that stands for a session: its facts, and its environment as ``env.NAME``.

    :data:`SESSION_NAME_TAG` is the last: where it is, all are.
    """
    facts = ("reason", "viewer_url", "plugin_version", "config_digest")
    known = {key: env_data[key] for key in facts if env_data.get(key)}
    environment = {key: value for key, value in env_data.items() if key not in {*facts, *_NOT_THE_ENVIRONMENT}}
    return tags_of(flat_items(known, PREFIX), flat_items(environment, "env."), [(SESSION_NAME_TAG, session_name)])


_NOT_THE_ENVIRONMENT = frozenset({"entries", "results_dir", "run_id", "session_dir"})


def end_status(statuses: Iterable[str]) -> str:
    """A run's status in MLflow's words, from that of one entry or of all."""
    found = {_STATUS.get(status, "FAILED") for status in statuses}
    return next((status for status in ("KILLED", "FAILED") if status in found), "FINISHED")


def tags_of(*groups: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Tags, valid and each under a key of its own."""
    return _valid((item for group in groups for item in group), MAX_TAG_CHARACTERS)


def milliseconds(moment: object) -> int | None:
    """Milliseconds since 1970 of a time in ISO 8601; one without a zone is UTC; ``None`` for what is no time."""
    try:
        time = datetime.fromisoformat(str(moment))
    except ValueError:
        return None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def _valid(items: Iterable[tuple[str, object]], limit: int) -> dict[str, str]:
    pairs = list(items)
    keys = unique_keys([name for name, _ in pairs])
    return {key: cut(_text(value), limit) for key, (_, value) in zip(keys, pairs, strict=True)}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else harmless(str(value))


def _metrics(result: Mapping[str, Any]) -> tuple[list[tuple[str, float]], list[tuple[str, str]]]:
    """Everything that is a number, by the name that a requirement has for it, and the script's texts.

    As there, a name belongs to the script's metric first, then to that of its tasks, then to ours.
    """
    own, tasks, resources, statistics = (
        result.get(key) or {} for key in ("script_metrics", "task_metrics", "resources", "statistics")
    )
    fixed = {key: result.get(key) for key in ("exec_time_s", "timeout_s")}
    items = [*flat_items(own), *flat_items(tasks), *flat_items(fixed), *flat_items(resources, "resources.")]
    items += flat_items(statistics, "statistics.")
    figures = [(name, number) for name, value in items if (number := _number(value)) is not None]
    texts = [(f"metric.{name}", str(value)) for name, value in flat_items(own) if _number(value) is None]
    return figures, texts


def _number(value: bool | float | str) -> float | None:
    """A metric's value; what isn't finite comes as text, because JSON has no such numbers."""
    if isinstance(value, str):
        return _NOT_FINITE.get(value)
    try:
        return float(value)
    except OverflowError:
        return None  # an integer beyond all floats: a text


def _requirements(result: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for record in result.get("requirements") or ():
        verdict = "met" if record.get("met") else "known miss" if record.get("xfail") else "missed"
        yield f"requirement.{record.get('metric')}", f"{verdict}: {record.get('sentence')}"


def _comparison(result: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    comparison = result.get("comparison")
    if comparison is None:
        return
    yield f"{PREFIX}verdict", comparison["verdict"]
    if comparison["differences"]:
        yield f"{PREFIX}not_comparable", "; ".join(comparison["differences"])
    for metric, change in comparison["changes"].items():
        if change["verdict"] != "usual":
            figures = f"{change_text(change['change'])} of {change['usual']:g}, noise {noise_text(change['noise'])}"
            yield f"verdict.{metric}", f"{change['verdict']}: {figures}"


def _result_tags(result: Mapping[str, Any]) -> dict[str, str]:
    facts = ("session_name", "name", "status", "reason", "error", "signal", "returncode", "nodeid", "command_line")
    tags = {f"{PREFIX}{fact}": result[fact] for fact in facts if result.get(fact) is not None}
    lists = {fact: result.get(fact) or () for fact in ("marks", "warnings")}
    tags |= {f"{PREFIX}{fact}": "\n".join(map(str, values)) for fact, values in lists.items() if values}
    return {**tags_of(tags.items()), DELIVERY_TAG: delivery_key(result), NOTE_TAG: _note(result)}


def _note(result: Mapping[str, Any]) -> str:
    lines = [f"**{result.get('status')}**" + (f" ({result['reason']})" if result.get("reason") else "")]
    if result.get("error"):
        # Indented text is shown as it is, whatever stands in it.
        error = cut(str(result["error"]), MAX_ERROR_CHARACTERS)
        lines += ["", *(f"    {line}" for line in error.splitlines())]
    verdicts = [f"- {text}" for _, text in _requirements(result)]
    return cut(harmless("\n".join([*lines, *([""] if verdicts else []), *verdicts])), MAX_TAG_CHARACTERS)


def _telemetry(entry_dir: Path) -> Iterator[tuple[str, float, int, int]]:
    """Name, value, time and step of all that was sampled; a table that can't be read has nothing."""
    for file_name, time_column, group_column in _TABLES:
        rows: dict[str, list[dict[str, str]]] = defaultdict(list)
        try:
            text = read_regular(entry_dir / file_name).decode("utf-8", "replace")
            for row in csv.DictReader(io.StringIO(text, newline=""), restkey="", restval=""):
                rows[f"gpu_{row.get(group_column)}_" if group_column else ""].append(row)
        except (OSError, csv.Error):
            continue
        for prefix, group in rows.items():
            stride = math.ceil(len(group) / MAX_POINTS)
            for step in range(0, len(group), stride):
                yield from _sample(group[step], step, time_column, f"system/{prefix}", {*_NO_SERIES, group_column})


def _sample(
    row: Mapping[str, str], step: int, time_column: str, prefix: str, left_out: set[str | None]
) -> Iterator[tuple[str, float, int, int]]:
    time_ms = milliseconds(row.get(time_column))
    if time_ms is None:
        return
    for column, cell in row.items():
        if not column or column == time_column or column in left_out:
            continue
        try:
            value = float(cell)
        except (TypeError, ValueError):
            continue
        yield f"{prefix}{column}", value, time_ms, step
