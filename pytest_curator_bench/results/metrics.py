# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A run's figures by the names that requirements and people use for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import format_number
from pytest_curator_bench.results.outputs import flat_scalars
from pytest_curator_bench.results.statistics import is_number

if TYPE_CHECKING:
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["EXEC_TIME", "MISSING", "additional_metrics", "find_metric", "metric_lines", "metric_names"]

MISSING = object()
EXEC_TIME = "exec_time_s"
RESOURCES = "resources"
MAX_NAMES = 2000


def find_metric(result: EntryResult | Mapping[str, Any], name: str) -> object:
    """Return a metric of a result, or of its dictionary: the script's, its tasks', ``exec_time_s``, ``resources.NAME``.

    Dots lead into nested mappings; a key that has the dots itself takes precedence. MISSING where there is none.
    """
    known = result.get if isinstance(result, Mapping) else partial(getattr, result)
    for key in ("script_metrics", "task_metrics"):
        source = known(key)
        if isinstance(source, Mapping) and (value := _find(source, name)) is not MISSING:
            return value
    own = {key: value for key in (EXEC_TIME, RESOURCES) if (value := known(key)) is not None}
    return _find(own, name)


def additional_metrics(settings: object) -> list[str]:
    """Return the metrics that an entry's settings for a sink ask for (``additional_metrics``), whatever they hold."""
    wanted = settings.get("additional_metrics") if isinstance(settings, Mapping) else None
    if isinstance(wanted, str):
        return [wanted]
    return [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []


def metric_names(run: EntryResult) -> list[str]:
    """Return the names that a requirement could have given, at most 2,000."""
    own = flat_scalars(run.script_metrics)
    resources = flat_scalars({RESOURCES: run.resources})
    return list(dict.fromkeys([*own, *run.task_metrics, EXEC_TIME, *resources]))[:MAX_NAMES]


def metric_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Return a script's metrics for people, one ``NAME = VALUE`` each."""
    values = flat_scalars(metrics)
    return [f"{name} = {format_number(value) if is_number(value) else value}" for name, value in values.items()]


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
