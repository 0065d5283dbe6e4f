# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What ``-v`` adds to the summary: CPUs, memory and GPUs that entries used, and the stages of their tasks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_curator_bench.reporting.figures import number_column
from pytest_curator_bench.results.statistics import is_finite_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_curator_bench.reporting.figures import Column
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["resource_columns", "stage_columns"]

_CPUS_BUSY = ("cpu_percent_mean",)
# Label, unit, figures of `resources` of which the first that is there counts; per cent of one CPU become CPUs.
_RESOURCES = (
    ("CPU time", "s", ("tree_cpu_time_s", "cpu_time_s")),
    ("CPUs busy", "", _CPUS_BUSY),
    ("memory peak", "bytes", ("rss_anonymous_bytes_peak", "max_rss_bytes")),
    ("object store", "bytes", ("object_store_bytes_peak",)),
    ("read", "bytes", ("read_bytes",)),
    ("written", "bytes", ("write_bytes",)),
    ("GPU mean", "%", ("gpu_utilization_percent_mean",)),
    ("GPU memory", "bytes", ("gpu_memory_bytes_peak",)),
)
_STAGE = re.compile(r"task_(?P<stage>.+)_process_time_sum", re.DOTALL)
_STAGE_FIGURES = (
    ("work", "s", "process_time_sum"),
    ("idle", "s", "actor_idle_time_sum"),
    ("items", "", "num_items_processed_sum"),
    ("input", "MB", "input_data_size_mb_sum"),
)


def resource_columns(results: Sequence[EntryResult]) -> list[Column]:
    """Return a column for each resource that an entry used, with a cell for each result."""

    def first(result: EntryResult, keys: Sequence[str]) -> float | None:
        found = (value for key in keys if is_finite_number(value := result.resources.get(key)))
        value = next(found, None)
        return value / 100 if value is not None and keys == _CPUS_BUSY else value

    return _filled((label, unit, [first(result, keys) for result in results]) for label, unit, keys in _RESOURCES)


def stage_columns(result: EntryResult) -> tuple[list[str], list[Column]]:
    """Return the stages of an entry's tasks, those with the most work first, and a column for each of their sums."""
    known = result.task_metrics
    works = {match["stage"]: known[name] for name in known if (match := _STAGE.fullmatch(name))}
    stages = sorted((stage for stage, work in works.items() if is_finite_number(work)), key=lambda s: -works[s])
    return stages, _filled(
        (label, unit, [known.get(f"task_{stage}_{figure}") for stage in stages])
        for label, unit, figure in _STAGE_FIGURES
    )


def _filled(columns: Iterable[tuple[str, str, Sequence[object]]]) -> list[Column]:
    """Return the columns in which something other than 0 stands."""
    return [number_column(*column) for column in columns if any(is_finite_number(v) and v for v in column[2])]
