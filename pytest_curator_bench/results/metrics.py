# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A run's figures by the names that requirements and people use for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_curator_bench.results.outputs import flat_scalars

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["EXEC_TIME", "MISSING", "find_in", "find_metric", "metric_names"]

MISSING = object()
EXEC_TIME = "exec_time_s"
RESOURCES = "resources"
MAX_NAMES = 2000


def find_metric(run: EntryResult, name: str) -> object:
    """The value of a metric: the script's, then of its tasks, ``exec_time_s``, ``resources.NAME``; else MISSING.

    Dots lead into nested mappings; a key that has the dots itself goes before.
    """
    sources: list[Mapping[str, Any]] = [run.script_metrics, run.task_metrics]
    sources += [{EXEC_TIME: run.exec_time_s}] if run.exec_time_s is not None else []
    sources += [{RESOURCES: run.resources}]
    return find_in(sources, name)


def find_in(sources: Iterable[Mapping[str, Any]], name: str) -> object:
    """The first value of that name in any of the mappings, else MISSING; names as for :func:`find_metric`."""
    return next((value for source in sources if (value := _find(source, name)) is not MISSING), MISSING)


def metric_names(run: EntryResult) -> list[str]:
    """The names that a requirement could have given, at most 2,000."""
    own = flat_scalars(run.script_metrics)
    resources = flat_scalars({RESOURCES: run.resources})
    return list(dict.fromkeys([*own, *run.task_metrics, EXEC_TIME, *resources]))[:MAX_NAMES]


def _find(mapping: Mapping[str, Any], name: str) -> object:
    if name in mapping:
        return mapping[name]
    dot = name.find(".")
    while dot >= 0:
        below = mapping.get(name[:dot])
        if isinstance(below, dict) and (value := _find(below, name[dot + 1 :])) is not MISSING:
            return value
        dot = name.find(".", dot + 1)
    return MISSING
