# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From the inert content of a ``tasks.pkl`` to statistics: three shapes in, one aggregation out.

The numbers are those of ``nemo_curator.tasks.utils.TaskPerfUtils.aggregate_task_metrics(tasks, prefix="task")``,
but for the rounding of sums.
"""

from __future__ import annotations

import math
import struct

from pytest_curator_bench.results.limits import MAX_TASK_METRICS
from pytest_curator_bench.results.tasks.inert import Inert, TaskFileError

TYPE_CHECKING = False  # as in inert
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["summarize"]

PREFIX = "task"
MIN_VISITS = 10_000
MAX_WARNINGS = 20
MAX_NAME_CHARACTERS = 200  # of pipelines, stages, metrics, tasks and classes
# What nemo_curator's StagePerfStats has by default: a plain record may leave these out.
NUMBERS_OF_STATS = ("process_time", "actor_idle_time", "input_data_size_mb", "num_items_processed")
# numpy's name of a scalar's type to struct's, for scalars that stages recorded as metrics
_STRUCT_CODES = {"f2": "e", "f4": "f", "f8": "d", "b1": "?"}
_STRUCT_CODES |= {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
_DICTIONARIES = {"Counter", "OrderedDict", "defaultdict"}


def summarize(root: Any, size: int) -> dict[str, Any]:
    """Aggregate tasks that ``load_inert`` read.

    A task is an object with the attribute ``_stage_perf``, as NeMo Curator's are, or a dictionary with the
    key ``stage_perf``, for scripts without NeMo Curator. Either holds a list of statistics, objects or
    dictionaries, with ``stage_name``, numbers, and a mapping ``custom_metrics``.

    Args:
        root: a list of tasks, a mapping of pipeline names to such lists, or a ``WorkflowRunResult``.
        size: bytes of the pickle. They limit how many statistics and numbers are looked at: a few bytes can
            refer to one long list again and again, while honest ones are many for each number.

    Returns:
        ``aggregate``: floats by ``task[_{pipeline}]_{stage}_{metric}_{sum|mean|std}`` (``std`` that of the
        population); statistics that tasks of one pipeline share count once. ``tasks``: a dictionary per task
        with ``task_id``, ``dataset_name``, ``stage_perf``, and ``pipeline`` where pipelines have names.
        ``warnings``: sentences about metrics that are no numbers and were left out.

    Raises:
        TaskFileError: anything else.
    """
    reader = _Reader(MIN_VISITS + size)
    aggregate: dict[str, float] = {}
    left_out = 0
    for pipeline, tasks in _pipelines(root).items():
        prefix = f"{PREFIX}_{pipeline}" if pipeline else PREFIX
        for stage, metrics in reader.read_pipeline(pipeline, tasks).items():
            for metric, values in metrics.items():
                if len(aggregate) + 3 > MAX_TASK_METRICS:
                    left_out += 3
                    continue
                key = f"{prefix}_{stage}_{metric}"
                total = _sum(values)
                mean = total / len(values)
                aggregate[f"{key}_sum"] = total
                aggregate[f"{key}_mean"] = mean
                deviations = [(value - mean) * (value - mean) for value in values]  # a power would raise for large ones
                aggregate[f"{key}_std"] = math.sqrt(_sum(deviations) / len(values))
    if left_out:
        reader.warnings.append(
            f"gives more than {MAX_TASK_METRICS:,d} statistics of stages and metrics: {left_out:,d} were left out"
        )
    return {"aggregate": aggregate, "tasks": reader.records, "warnings": reader.warnings}


class _Reader:
    """Walks over tasks and collects records and warnings."""

    def __init__(self, max_visits: int) -> None:
        self.records: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._visits_left = max_visits
        self._warned: set[tuple[str, str]] = set()
        self._read: dict[int, dict[str, Any]] = {}

    def read_pipeline(self, pipeline: str, tasks: Sequence[Any]) -> dict[str, dict[str, list[float]]]:
        """The values of each metric of each stage, one per statistics object, in order."""
        stages: dict[str, dict[str, list[float]]] = {}
        seen: set[int] = set()
        named = {"pipeline": pipeline} if pipeline else {}
        for task in tasks:
            self._visit()
            sources = _stage_perf(task)
            self._visit(len(sources))
            records = [self._record(source) for source in sources]
            for source, record in zip(sources, records, strict=True):
                if id(source) not in seen:
                    seen.add(id(source))
                    _collect(record, stages.setdefault(record["stage_name"], {}))
            known = {name: _text(_attribute(task, name)) for name in ("task_id", "dataset_name")}
            self.records.append({**named, **known, "stage_perf": records})
        return stages

    def _record(self, source: Any) -> dict[str, Any]:
        """Read a statistics object, only once: a batch that fans out gives the same one to many tasks."""
        record = self._read.get(id(source))
        if record is not None:
            return record
        attributes = _attributes(source)
        if attributes is None or "stage_name" not in attributes:
            raise TaskFileError(f"holds {_describe(source)} where the statistics of a stage should be")
        custom_metrics = _mapping(attributes.get("custom_metrics")) or {}
        self._visit(len(attributes) + len(custom_metrics))
        stage = _text(attributes["stage_name"]) or ""
        defaults = dict.fromkeys(NUMBERS_OF_STATS, 0) if type(source) is dict else {}
        own = {name: value for name, value in attributes.items() if name not in {"stage_name", "custom_metrics"}}
        numbers = self._numbers(stage, {**defaults, **own})
        custom = self._numbers(stage, custom_metrics)
        record = self._read[id(source)] = {"stage_name": stage, **numbers, "custom_metrics": custom}
        return record

    def _numbers(self, stage: str, values: dict[Any, Any]) -> dict[str, float]:
        """Those of the values that are numbers; each other one is a warning, the first time."""
        numbers = {}
        for key, value in values.items():
            name = _text(key) or ""
            number = _number(value)
            if number is not None:
                numbers[name] = number
            elif (stage, name) not in self._warned and len(self._warned) < MAX_WARNINGS:
                self._warned.add((stage, name))
                self.warnings.append(f"metric {name!r} of stage {stage!r} is no plain number and was left out")
        return numbers

    def _visit(self, count: int = 1) -> None:
        self._visits_left -= count
        if self._visits_left < 0:
            raise TaskFileError("refers to the same lists over and over, which is no list of tasks")


def _collect(record: dict[str, Any], metrics: dict[str, list[float]]) -> None:
    for name, value in record.items():
        if name == "custom_metrics":
            for custom_name, number in value.items():
                metrics.setdefault(f"custom.{custom_name}", []).append(float(number))
        elif name != "stage_name":
            metrics.setdefault(name, []).append(float(value))


def _pipelines(root: Any) -> dict[str, Sequence[Any]]:
    if root is None:
        return {}
    if isinstance(root, list):
        return {"": root}
    if isinstance(root, Inert) and root.elements is not None:  # a subclass of list
        return {"": root.elements}
    source = _mapping(_attribute(root, "pipeline_tasks"))  # a WorkflowRunResult, or one as a mapping
    if source is None:
        source = _mapping(root)
    if source is None:
        raise TaskFileError(
            f"holds {_describe(root)} instead of a list of tasks, a mapping of pipelines to such lists, or a "
            "WorkflowRunResult"
        )
    return {_text(name) or "": _tasks_of(name, tasks) for name, tasks in source.items()}


def _tasks_of(name: object, tasks: Any) -> Sequence[Any]:
    if tasks is None:
        return ()
    if isinstance(tasks, list | tuple):
        return tasks
    if isinstance(tasks, Inert) and tasks.elements is not None:
        return tasks.elements
    if _attributes(tasks) is not None:
        return [tasks]
    raise TaskFileError(f"holds {_describe(tasks)} for pipeline {_text(name)!r} instead of a list of tasks")


def _stage_perf(task: Any) -> Sequence[Any]:
    key = "stage_perf" if type(task) is dict else "_stage_perf"
    attributes = _attributes(task)
    if attributes is None or key not in attributes:
        raise TaskFileError(f"holds {_describe(task)} where a task should be")
    stats = attributes[key]
    if stats is None:
        return ()
    if isinstance(stats, list | tuple):
        return stats
    raise TaskFileError(f"holds a task whose statistics are {_describe(stats)} instead of a list")


def _attributes(value: Any) -> dict[Any, Any] | None:
    """The attributes of an object, or the dictionary that a script wrote in its place."""
    if type(value) is dict:
        return value
    state = value.state if isinstance(value, Inert) else None
    if type(state) is tuple and len(state) == 2:
        # Attributes in __dict__ and attributes in __slots__.
        parts = [part for part in state if type(part) is dict]
        state = parts[0] if len(parts) == 1 else {name: part[name] for part in parts for name in part}
    return state if type(state) is dict else None


def _attribute(value: Any, name: str) -> Any:
    attributes = _attributes(value)
    return None if attributes is None else attributes.get(name)


def _mapping(value: Any) -> dict[Any, Any] | None:
    """A dictionary, or what an object of one of its subclasses holds."""
    if type(value) is dict:
        return value
    if not isinstance(value, Inert):
        return None
    if value.mapping is None and value.origin in _DICTIONARIES:
        # An empty one, or a Counter, which is made from a dictionary.
        return value.arguments[0] if len(value.arguments) == 1 and type(value.arguments[0]) is dict else {}
    return value.mapping


def _number(value: Any) -> float | None:
    try:
        if isinstance(value, int | float):
            float(value)  # an integer can be too large for that
            return value
        return float(value) if isinstance(value, str) else _numpy_scalar(value)
    except (ValueError, OverflowError, struct.error):
        return None


def _numpy_scalar(value: Any) -> float | None:
    """A numpy scalar: ``scalar(dtype("f8"), eight bytes)``, with the byte order in the dtype's state."""
    if not isinstance(value, Inert) or value.origin != "scalar":
        return None
    match value.arguments:
        case (Inert(arguments=(str(code), *_), state=state), bytes(content)) if code in _STRUCT_CODES:
            order = ">" if type(state) is tuple and len(state) > 1 and state[1] == ">" else "<"
            number: float = struct.unpack(order + _STRUCT_CODES[code], content)[0]
            return number
    return None


def _text(value: Any) -> str | None:
    """A name as text, cut; None stays None."""
    if value is None:
        return None
    if isinstance(value, int) and value.bit_length() > MAX_NAME_CHARACTERS:  # Python refuses to print the longest
        return _describe(value)
    text = str(value) if isinstance(value, int | float | str) else _describe(value)
    return text[:MAX_NAME_CHARACTERS]


def _describe(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {getattr(value, 'origin', value.__name__)[:MAX_NAME_CHARACTERS]}"
    if isinstance(value, Inert):
        return f"a {value.origin[:MAX_NAME_CHARACTERS]}" if value.origin != Inert.origin else "an object"
    return f"a {type(value).__name__}"


def _sum(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # infinities of either sign, or a sum beyond the floats
        return sum(values)
