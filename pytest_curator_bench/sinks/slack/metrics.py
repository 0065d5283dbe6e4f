# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Metrics as people read them: found by name, rounded, compared with earlier ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_curator_bench._util.text import format_number, format_percent, format_ratio
from pytest_curator_bench.results.metrics import MISSING, find_metric
from pytest_curator_bench.results.statistics import is_number
from pytest_curator_bench.sinks.slack.text import escape, fit

__all__ = ["metric_texts", "show"]


def metric_texts(result: Mapping[str, Any], names: Sequence[str], previous: Mapping[str, float]) -> list[str]:
    """``name = value`` for each metric that is there, and how it has changed; escaped."""
    texts = []
    for name in names:
        value = find_metric(result, name)
        if value is not MISSING and value is not None and not isinstance(value, Mapping):
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


def show(value: object) -> str:
    """``value`` on one short line, not escaped."""
    return format_number(value) if is_number(value) else fit(str(value), 100)
