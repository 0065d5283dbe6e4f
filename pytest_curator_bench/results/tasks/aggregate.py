# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From the inert content of a ``tasks.pkl`` to statistics: three shapes in, one aggregation out.

The numbers equal those of ``nemo_curator.tasks.utils.TaskPerfUtils.aggregate_task_metrics(tasks,
prefix="task")`` to the last bit: sums are added up in the order in which numpy adds.
"""

from __future__ import annotations

import math
import operator
import struct
from functools import reduce

from pytest_curator_bench.results.tasks.inert_machine import InertObject, Reference

TYPE_CHECKING = False  # as in inert_machine
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["TaskFileError", "summarize"]

PREFIX = "task"
MIN_VISITS = 10_000
TASK_VISITS = 4  # the record of a task takes up as much memory as those of several numbers
MAX_WARNINGS = 20
MAX_NAME_CHARACTERS = 100
MAX_MERGED_ATTRIBUTES = 100
# What nemo_curator's StagePerfStats has by default: a plain record may leave these out.
NUMBERS_OF_STATS = ("process_time", "actor_idle_time", "input_data_size_mb", "num_items_processed")
# numpy's name of a scalar's type to struct's, for scalars that stages recorded as metrics
_STRUCT_CODES = {"f2": "e", "f4": "f", "f8": "d", "b1": "?"}
_STRUCT_CODES |= {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
_DICTIONARIES = {"Counter", "OrderedDict", "defaultdict"}


class TaskFileError(Exception):
    """No statistics can be had from it; the message goes on where a sentence has named the file."""


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
    for pipeline, tasks in _pipelines(root).items():
        prefix = f"{PREFIX}_{pipeline}" if pipeline else PREFIX
        for stage, metrics in reader.read_pipeline(pipeline, tasks).items():
            for metric, values in metrics.items():
                key = f"{prefix}_{stage}_{metric}"
                total = _sum(values)
                mean = total / len(values)
                aggregate[f"{key}_sum"] = total
                aggregate[f"{key}_mean"] = mean
                deviations = [(value - mean) * (value - mean) for value in values]
                aggregate[f"{key}_std"] = math.sqrt(_sum(deviations) / len(values))
    return {"aggregate": aggregate, "tasks": reader.records, "warnings": reader.warnings}


class _Stats:
    """One statistics object: what the aggregate needs of it, and its record."""

    __slots__ = ("custom", "numbers", "record", "stage")

    def __init__(self, stage: str, numbers: dict[str, float], custom: dict[str, float]) -> None:
        self.stage = stage
        self.numbers = numbers
        self.custom = custom
        self.record = {"stage_name": stage, **numbers, "custom_metrics": custom}


class _Reader:
    """Walks over tasks and collects records and warnings."""

    def __init__(self, max_visits: int) -> None:
        self.records: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._visits_left = max_visits
        self._warned: set[tuple[str, str]] = set()
        self._read: dict[int, _Stats] = {}

    def read_pipeline(self, pipeline: str, tasks: Sequence[Any]) -> dict[str, dict[str, list[float]]]:
        """The values of each metric of each stage, one per statistics object, in order."""
        stages: dict[str, dict[str, list[float]]] = {}
        seen: set[int] = set()
        for task in tasks:
            self._visit(TASK_VISITS)
            records: list[dict[str, Any]] = []
            for source in _stage_perf(task):
                self._visit()
                stats = self._stats(source)
                records.append(stats.record)
                if id(source) in seen:
                    continue
                seen.add(id(source))
                metrics = stages.setdefault(stats.stage, {})
                for name, value in stats.numbers.items():
                    metrics.setdefault(name, []).append(float(value))
                for name, value in stats.custom.items():
                    metrics.setdefault(f"custom.{name}", []).append(float(value))
            self.records.append(
                ({"pipeline": pipeline} if pipeline else {})
                | {
                    "task_id": _text(_attribute(task, "task_id")),
                    "dataset_name": _text(_attribute(task, "dataset_name")),
                    "stage_perf": records,
                }
            )
        return stages

    def _stats(self, source: Any) -> _Stats:
        """Read a statistics object, only once: a batch that fans out gives the same one to many tasks."""
        stats = self._read.get(id(source))
        if stats is not None:
            return stats
        attributes = _attributes(source)
        if attributes is None or "stage_name" not in attributes:
            raise TaskFileError(f"holds {_describe(source)} where the statistics of a stage should be")
        custom_metrics = _mapping(attributes.get("custom_metrics")) or {}
        self._visit(len(attributes) + len(custom_metrics))
        stage = str(_text(attributes["stage_name"]))
        numbers: dict[str, float] = dict.fromkeys(NUMBERS_OF_STATS, 0) if type(source) is dict else {}
        for name, value in attributes.items():
            if name not in {"stage_name", "custom_metrics"}:
                self._keep_number(numbers, stage, name, value)
        custom: dict[str, float] = {}
        for name, value in custom_metrics.items():
            self._keep_number(custom, stage, name, value)
        stats = self._read[id(source)] = _Stats(stage, numbers, custom)
        return stats

    def _keep_number(self, numbers: dict[str, float], stage: str, name: str, value: Any) -> None:
        number = _number(value)
        if number is not None:
            numbers[name] = number
            return
        numbers.pop(name, None)
        if (stage, name) not in self._warned and len(self._warned) < MAX_WARNINGS:
            self._warned.add((stage, name))
            self.warnings.append(f"metric {name!r} of stage {stage!r} is no plain number and was left out")

    def _visit(self, count: int = 1) -> None:
        self._visits_left -= count
        if self._visits_left < 0:
            raise TaskFileError("refers to the same lists over and over, which is no list of tasks")


def _pipelines(root: Any) -> dict[str, Sequence[Any]]:
    if root is None:
        return {}
    if isinstance(root, list):
        return {"": root}
    if isinstance(root, InertObject) and root.elements is not None:  # a subclass of list
        return {"": root.elements}
    source = _mapping(_attribute(root, "pipeline_tasks"))  # a WorkflowRunResult, or one as a mapping
    if source is None:
        source = _mapping(root)
    if source is None:
        raise TaskFileError(
            f"holds {_describe(root)} instead of a list of tasks, a mapping of pipelines to such lists, or a "
            "WorkflowRunResult"
        )
    return {name: _tasks_of(name, tasks) for name, tasks in source.items()}


def _tasks_of(name: str, tasks: Any) -> Sequence[Any]:
    if tasks is None:
        return ()
    if isinstance(tasks, list | tuple):
        return tasks
    if isinstance(tasks, InertObject) and tasks.elements is not None:
        return tasks.elements
    if _attributes(tasks) is not None:
        return [tasks]
    raise TaskFileError(f"holds {_describe(tasks)} for pipeline {name!r} instead of a list of tasks")


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


def _attributes(value: Any) -> dict[str, Any] | None:
    """The attributes of an object, or the dictionary that a script wrote in its place."""
    if type(value) is dict:
        return value
    if type(value) is not InertObject:
        return None
    state = value.state
    if type(state) is tuple and len(state) == 2:
        # Attributes in __dict__ and attributes in __slots__.
        parts = [part for part in state if type(part) is dict]
        if len(parts) != 1 and sum(map(len, parts)) > MAX_MERGED_ATTRIBUTES:
            return None  # honest ones are few; merging many for many objects would take long
        state = parts[0] if len(parts) == 1 else {name: part[name] for part in parts for name in part}
    return state if type(state) is dict else None


def _attribute(value: Any, name: str) -> Any:
    attributes = _attributes(value)
    return None if attributes is None else attributes.get(name)


def _mapping(value: Any) -> dict[str, Any] | None:
    """A dictionary, or what an object of one of its subclasses holds."""
    if type(value) is dict:
        return value
    if type(value) is not InertObject:
        return None
    if value.mapping is None and type(value.origin) is Reference and value.origin.name in _DICTIONARIES:
        # An empty one, or a Counter, which is made from a dictionary.
        match value.arguments:
            case (dict() as initial,):
                return initial
        return {}
    return value.mapping


def _number(value: Any) -> float | None:
    try:
        if isinstance(value, int | float):
            float(value)  # an integer can be too large for that
            return value
        if isinstance(value, str):
            return float(value)
        return _numpy_scalar(value)
    except (ValueError, OverflowError, struct.error):
        return None


def _numpy_scalar(value: Any) -> float | None:
    """A numpy scalar: ``scalar(dtype("f8"), eight bytes)``, with the byte order in the dtype's state."""
    if type(value) is not InertObject or type(value.origin) is not Reference or value.origin.name != "scalar":
        return None
    match value.arguments:
        case (InertObject(arguments=(str(code), *_), state=state), bytes(content)) if code in _STRUCT_CODES:
            order = ">" if type(state) is tuple and len(state) > 1 and state[1] == ">" else "<"
            number: float = struct.unpack(order + _STRUCT_CODES[code], content)[0]
            return number
    return None


def _text(value: Any) -> str | None:
    if isinstance(value, int | float):
        return str(value)
    return value if value is None or isinstance(value, str) else _describe(value)


def _describe(value: Any) -> str:
    if type(value) is Reference:
        return f"the class {value.name[:MAX_NAME_CHARACTERS]}"
    if type(value) is InertObject:
        return f"a {value.origin.name[:MAX_NAME_CHARACTERS]}" if type(value.origin) is Reference else "an object"
    return f"a {type(value).__name__}"


def _sum(values: list[float]) -> float:
    return _sum_between(values, 0, len(values))


def _sum_between(values: list[float], begin: int, end: int) -> float:
    """Add in numpy's order: in eight running sums, and by halves where there are more than 128 values.

    This is pairwise summation (Higham, "The accuracy of floating point summation", 1993) with the block sizes
    of numpy's ``add.reduce``. Any other order differs in the last bits, and a standard deviation near zero
    consists of nothing else.
    """
    count = end - begin
    if count > 128:
        middle = begin + count // 2 // 8 * 8
        return _sum_between(values, begin, middle) + _sum_between(values, middle, end)
    if count < 8:
        return reduce(operator.add, values[begin:end], 0.0)
    rest = end - count % 8
    # Not sum(): it compensates rounding errors from Python 3.12 on.
    a, b, c, d, e, f, g, h = (reduce(operator.add, values[begin + i : rest : 8]) for i in range(8))
    return reduce(operator.add, values[rest:end], ((a + b) + (c + d)) + ((e + f) + (g + h)))
