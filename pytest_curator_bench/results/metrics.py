# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A run's figures by the names that requirements and people use for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.results.outputs import flat_scalars

if TYPE_CHECKING:
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["EXEC_TIME", "MISSING", "find_metric", "metric_names"]

MISSING = object()
EXEC_TIME = "exec_time_s"
RESOURCES = "resources"
MAX_NAMES = 2000


def find_metric(result: EntryResult | Mapping[str, Any], name: str) -> object:
    """Return a metric of a result, or of its dictionary: the script's, its tasks', ``exec_time_s``, ``resources.NAME``.

    Dots lead into nested mappings; a key that has the dots itself takes precedence. MISSING where there is none.
    """
    keys = ("script_metrics", "task_metrics", EXEC_TIME, RESOURCES)
    known = {key: result.get(key) if isinstance(result, Mapping) else getattr(result, key) for key in keys}
    own = {key: known[key] for key in (EXEC_TIME, RESOURCES) if known[key] is not None}
    for source in (known["script_metrics"], known["task_metrics"], own):
        if isinstance(source, Mapping) and (value := _find(source, name)) is not MISSING:
            return value
    return MISSING


def metric_names(run: EntryResult) -> list[str]:
    """Return the names that a requirement could have given, at most 2,000."""
    own = flat_scalars(run.script_metrics)
    resources = flat_scalars({RESOURCES: run.resources})
    return list(dict.fromkeys([*own, *run.task_metrics, EXEC_TIME, *resources]))[:MAX_NAMES]


def _find(mapping: Mapping[str, Any], name: str) -> object:
    if name in mapping:
        return mapping[name]
    dot = name.find(".")
    while dot >= 0:
        below = mapping.get(name[:dot])
        if isinstance(below, Mapping) and (value := _find(below, name[dot + 1 :])) is not MISSING:
            return value
        dot = name.find(".", dot + 1)
    return MISSING
