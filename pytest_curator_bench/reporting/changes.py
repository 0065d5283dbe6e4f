# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How a comparison reads: one row for each entry that is not as usual, the rest counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import counted, format_number, format_ratio, format_size
from pytest_curator_bench.reporting.sparkline import sparkline
from pytest_curator_bench.results.metrics import EXEC_TIME

if TYPE_CHECKING:
    from pytest_curator_bench.history.comparison import Comparison, EntryComparison

__all__ = ["change_text", "counts_text", "entry_row", "noise_text", "value_text", "words_of"]

SPARKLINE_WIDTH = 20
_MARKS = {"broken": "■", "worse": "▲", "worse?": "△", "differs": "≠", "better": "▼", "better?": "▽", "fixed": "✓"}
_WITH_TIMES = {"worse": "slower", "worse?": "slower?", "better": "faster", "better?": "faster?"}
_RATIO_FROM = 2.0


def words_of(entry: EntryComparison) -> str:
    """Return an entry's verdict with its mark, such as ``▲ slower``: changes of times have words of their own."""
    mark = _MARKS.get(entry.verdict, "·")
    if entry.verdict == "broken" and entry.now is not None:
        return f"{mark} {entry.now.status}"
    metric = next(iter(entry.changes), None)
    words = _WITH_TIMES.get(entry.verdict, entry.verdict) if metric == EXEC_TIME else entry.verdict
    return f"{mark} {words}"


def entry_row(entry: EntryComparison) -> dict[str, Any]:
    """Return what is printed of an entry: its gravest change, and how many of its metrics agree.

    Returns:
        ``verdict``, ``entry``, ``metric``, ``usual``, ``now``, ``change`` and ``noise`` (fractions; ``None`` where
        unknown), ``sessions``, ``trend`` and ``note``.
    """
    metric, change = next(iter(entry.changes.items()), (None, None))
    record = entry.now or entry.then
    row: dict[str, Any] = {
        "entry": entry.entry,
        "verdict": entry.verdict,
        "status": entry.now.status if entry.now is not None else None,
        **dict.fromkeys(("metric", "unit", "usual", "now", "change", "noise", "sessions")),
        "trend": "",
        "note": _note(entry),
    }
    if metric is not None and change is not None and record is not None and entry.verdict != "broken":
        row |= {
            "metric": metric,
            "unit": record.meaning(metric).unit,
            "usual": change.usual,
            "now": change.now,
            "change": change.change,
            "noise": change.noise,
            "sessions": len(change.baseline.values),
            "trend": sparkline([*change.baseline.values[1 - SPARKLINE_WIDTH :], change.now]),
        }
    return row


def _note(entry: EntryComparison) -> str:
    if entry.verdict == "broken" and entry.now is not None:
        error = entry.now.error or entry.now.status
        if entry.then is None:
            return error
        return f"{'passed before' if entry.failing == 1 else f'{entry.failing} times in a row'}: {error}"
    if entry.verdict == "not comparable":
        return "; ".join(entry.differences)
    if entry.verdict == "fixed" and entry.then is not None:
        return f"was {entry.then.status}"
    others = list(entry.changes.items())[1:]
    verdicts = {entry.verdict, entry.verdict.rstrip("?")}
    agreeing = [f"{metric} {change_text(change.change)}" for metric, change in others if change.verdict in verdicts]
    return (
        f"{counted(len(agreeing), 'more metric agrees', 'more metrics agree')}: {', '.join(agreeing)}"
        if agreeing
        else ""
    )


def value_text(value: float | None, unit: str | None) -> str:
    """Return a value with its unit; a dash for none."""
    if value is None:
        return "-"
    if unit == "bytes":
        return format_size(value)
    return f"{format_number(value)} {unit}" if unit else format_number(value)


def change_text(change: float | None) -> str:
    """Return a relative change as in ``+17.2 %``; from twice as much on as in ``2.5×``."""
    if change is None:
        return "-"
    return format_ratio(change + 1) if change >= _RATIO_FROM - 1 else f"{100 * change:+.1f} %"


def noise_text(noise: float | None) -> str:
    """Return the half-width of the usual band as in ``±3.3 %``."""
    return "unknown" if noise is None else f"±{100 * noise:.1f} %"


def counts_text(comparison: Comparison) -> str:
    """Return how many entries are as usual, better, and could not be compared, as one line."""
    counts = Counter(entry.verdict for entry in comparison.entries)
    figures = sum(len(entry.changes) for entry in comparison.entries)
    parts = [f"{counts['usual']} as usual"]
    parts += [
        f"{counts[verdict]} {verdict}" for verdict in ("better", "new", "not comparable", "not run") if counts[verdict]
    ]
    return " · ".join([*parts, counted(figures, "metric compared", "metrics compared")])
