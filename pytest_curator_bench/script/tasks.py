# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The task statistics of a benchmark script, and the pickle that they travel in.

``tasks.pkl`` holds what ``nemo_curator.tasks.utils.TaskPerfUtils`` reads: a list of NeMo Curator's tasks, or
a mapping of pipeline names to such lists. A script that measured only blocks of its own needs no NeMo
Curator: its list holds dictionaries with ``task_id`` and ``stage_perf``, which this project reads as well.
"""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["StageRecord", "TaskList", "pickle_tasks"]

# Payloads up to this size say what a task was about (file names); more of it is data.
MAX_KEPT_STRINGS = 1000
MAX_KEPT_CHARACTERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """The statistics of one block; names and units are those of NeMo Curator's ``StagePerfStats``.

    Attributes:
        stage_name: the block's name.
        process_time: in seconds.
        actor_idle_time: in seconds; a block never waits.
        input_data_size_mb: in units of 2**20 bytes.
        num_items_processed: a count.
        custom_metrics: further numbers.
    """

    stage_name: str
    process_time: float
    actor_idle_time: float = 0.0
    input_data_size_mb: float = 0.0
    num_items_processed: int = 0
    custom_metrics: dict[str, float] = field(default_factory=dict)


class TaskList:
    """Blocks and pipelines' tasks, in the order in which they came."""

    def __init__(self) -> None:
        self.records: list[StageRecord] = []
        self.pipelines: dict[str, list[Any]] = {}

    def add_record(self, record: StageRecord) -> None:
        """Add a block."""
        self.records.append(record)

    def add_tasks(self, tasks: object, name: str = "") -> None:
        """Add a pipeline's tasks; see :meth:`pytest_curator_bench.script.Benchmark.add_tasks`."""
        for pipeline, members in _by_pipeline(tasks, name).items():
            for task in members:
                if not hasattr(task, "_stage_perf"):
                    raise TypeError(f"{type(task).__name__} is no task of NeMo Curator: it has no _stage_perf")
            self.pipelines.setdefault(pipeline, []).extend(map(_without_payload, members))


def pickle_tasks(tasks: TaskList) -> bytes:
    """Return the content of ``tasks.pkl``."""
    blocks = [
        {"task_id": f"block_{number}", "stage_perf": [asdict(record)]} for number, record in enumerate(tasks.records)
    ]
    if not tasks.pipelines:
        return pickle.dumps(blocks)
    if blocks:
        # Blocks stand in the pipeline without a name, where they are called the same as without pipelines.
        unnamed = tasks.pipelines.get("", [])
        pipelines = {**tasks.pipelines, "": [*unnamed, *map(_as_task, blocks)]}
    else:
        pipelines = tasks.pipelines
    # One pickle of everything: a statistics object that tasks share must stay one object to be counted once.
    return pickle.dumps(pipelines[""] if set(pipelines) == {""} else pipelines)


def _by_pipeline(tasks: object, name: str) -> dict[str, list[Any]]:
    if tasks is None:
        return {name: []}
    # A WorkflowRunResult, known by its attribute so that NeMo Curator need not be imported.
    pipelines = getattr(tasks, "pipeline_tasks", tasks)
    if isinstance(pipelines, Mapping):
        return {str(pipeline): list(members or ()) for pipeline, members in pipelines.items()}
    if isinstance(pipelines, Iterable) and not isinstance(pipelines, str | bytes):
        return {name: list(pipelines)}
    raise TypeError(f"tasks must be a list, a mapping or a workflow's result, not {type(tasks).__name__}")


def _without_payload(task: Any) -> Any:
    light = copy.copy(task)
    if not _is_small(getattr(light, "data", None)):
        light.data = None
    metadata = getattr(light, "_metadata", None)
    if isinstance(metadata, Mapping):
        kept = {key: value for key, value in metadata.items() if _is_small(value)}
        light._metadata = kept  # noqa: SLF001 - NeMo Curator has no public way to it
    return light


def _is_small(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= MAX_KEPT_STRINGS and all(isinstance(item, str) for item in value)
    if isinstance(value, str):
        return len(value) <= MAX_KEPT_CHARACTERS
    return value is None or isinstance(value, bool | int | float)


def _as_task(block: dict[str, Any]) -> Any:
    """The block as a task, so that NeMo Curator's own tools read a pickle that has both."""
    if "nemo_curator" not in sys.modules:
        return block
    from nemo_curator.tasks import EmptyTask
    from nemo_curator.utils.performance_utils import StagePerfStats

    task = EmptyTask(_stage_perf=[StagePerfStats(**perf) for perf in block["stage_perf"]])
    task.task_id = block["task_id"]
    return task
