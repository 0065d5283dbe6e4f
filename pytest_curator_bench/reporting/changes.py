# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How a comparison reads: one row for each entry that is not as usual, the rest counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import change_text, counted, format_number, format_size, noise_text
from pytest_curator_bench.reporting.sparkline import sparkline
from pytest_curator_bench.results.metrics import EXEC_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_curator_bench.history.baseline import Change
    from pytest_curator_bench.history.comparison import Comparison, EntryComparison

__all__ = [
    "FOLDED",
    "changed_text",
    "counts_text",
    "entry_line",
    "entry_row",
    "value_text",
    "with_unit",
    "words_of",
]

FOLDED = frozenset({"usual", "new", "not run", "better?"})
"""Verdicts on entries that are counted, unless all are asked for."""

SPARKLINE_WIDTH = 20
_MARKS = {"broken": "■", "worse": "▲", "worse?": "△", "differs": "≠", "better": "▼", "better?": "▽", "fixed": "✓"}
# Verdicts that no metric has brought about.
_OF_OUTCOMES = frozenset({"broken", "fixed", "not comparable"})
_WITH_TIMES = {"worse": "slower", "worse?": "slower?", "better": "faster", "better?": "faster?"}


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
    row: dict[str, Any] = {
        "entry": entry.entry,
        "verdict": entry.verdict,
        "status": entry.now.status if entry.now is not None else None,
        **dict.fromkeys(("metric", "unit", "usual", "now", "change", "noise", "sessions")),
        "trend": "",
        "note": _note(entry),
    }
    if metric is not None and change is not None and entry.verdict != "broken":
        row |= {
            **change.to_dict(entry.unit(metric)),
            "verdict": entry.verdict,
            "metric": metric,
            "trend": sparkline([*change.baseline.values[1 - SPARKLINE_WIDTH :], change.now]),
        }
    return row


def entry_line(entry: EntryComparison) -> str:
    """Return what :func:`entry_row` says, as one line."""
    changes = [] if entry.verdict in _OF_OUTCOMES else list(entry.changes.items())[:1]
    parts = [changed_text(entry, metric, change) for metric, change in changes]
    parts += [note] if (note := _note(entry)) else []
    return f"{words_of(entry)}  {entry.entry}: {'; '.join(parts)}".removesuffix(": ")


def changed_text(entry: EntryComparison, metric: str, change: Change) -> str:
    """Return a change as in ``exec_time_s 1,526 s → 1,789 s (+17.2 %, noise ±3.3 %)``."""
    unit = entry.unit(metric)
    values = f"{value_text(change.usual, unit)} → {value_text(change.now, unit)}"
    return f"{metric} {values} ({change_text(change.change)}, noise {noise_text(change.noise)})"


def _note(entry: EntryComparison) -> str:
    note = _what_else(entry)
    owner = entry.now.owner if entry.is_worse and entry.now is not None else None
    return "; ".join(filter(None, (note, owner and f"owner: {owner}")))


def _what_else(entry: EntryComparison) -> str:
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


def with_unit(key: str) -> Callable[[Mapping[str, Any]], str]:
    """Return what shows a row's value under a key, with the unit under ``unit``."""
    return lambda row: value_text(row[key], row["unit"])


def counts_text(comparison: Comparison) -> str:
    """Return how many entries are as usual, better, and could not be compared, as one line."""
    counts = Counter(entry.verdict for entry in comparison.entries)
    figures = sum(len(entry.changes) for entry in comparison.entries)
    parts = [f"{counts['usual']} as usual"]
    parts += [
        f"{counts[verdict]} {verdict}" for verdict in ("better", "new", "not comparable", "not run") if counts[verdict]
    ]
    return " · ".join([*parts, counted(figures, "metric compared", "metrics compared")])
