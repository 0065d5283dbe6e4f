# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Metrics as people read them: found by name, rounded, compared with earlier ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from pytest_curator_bench._util.text import format_number, format_percent, format_ratio
from pytest_curator_bench.results.metrics import MISSING, find_in
from pytest_curator_bench.sinks.slack.text import escape, fit

__all__ = ["find_metric", "is_number", "metric_texts", "show"]


def metric_texts(result: Mapping[str, Any], names: Sequence[str], previous: Mapping[str, float]) -> list[str]:
    """``name = value`` for each metric that is there, and how it has changed; escaped."""
    texts = []
    for name in names:
        value = find_metric(result, name)
        if value is not None:
            texts.append(f"{escape(fit(name, 100))} = {escape(show(value))}{_change(value, previous.get(name))}")
    return texts


def _change(value: object, before: object) -> str:
    if not is_number(value) or not is_number(before) or not before:
        return ""
    try:
        change = 100.0 * (value - before) / abs(before)
    except OverflowError:
        return ""
    if not math.isfinite(change):
        return ""
    if value > 2 * before > 0:
        return f" ▲ {format_ratio(value / before)}"
    return f" ▲ +{format_percent(change)}" if change > 0 else f" ▼ {format_percent(change)}" if change < 0 else " ="


def find_metric(result: Mapping[str, Any], name: str) -> Any:
    """A metric's value: the script's, then of its tasks, ``exec_time_s``, ``resources.NAME``; ``None`` if missing.

    Dots lead into nested mappings; a key that has the dots itself goes before.
    """
    own = {"exec_time_s": result.get("exec_time_s"), "resources": result.get("resources")}
    sources = (result.get("script_metrics"), result.get("task_metrics"), own)
    value = find_in((source for source in sources if isinstance(source, Mapping)), name)
    return None if value is MISSING or isinstance(value, Mapping) else value


def show(value: object) -> str:
    """``value`` on one short line, not escaped."""
    return format_number(value) if is_number(value) else fit(str(value), 100)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether ``value`` is a figure; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
