# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a metric means: whether lower or higher is better, its unit, whether it is shown and judged.

A metric's name decides, unless the section ``metrics`` of the configuration says otherwise. A result holds the rules of
that section that concern its own metrics, so that old sessions keep the meaning that they had.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from pytest_curator_bench.results.metrics import EXEC_TIME, metric_names
from pytest_curator_bench.results.outputs import flat_scalars
from pytest_curator_bench.results.statistics import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["Direction", "Meaning", "headline_metrics", "meaning", "meaning_of", "rules_for"]

Direction = Literal["lower", "higher", "exact", "info"]

# The last part of a name, its direction, and its unit; the first that fits decides.
_BY_NAME: tuple[tuple[str, Direction, str | None], ...] = (
    (r"(?:.*_)?(?:throughput|rate|speed)_per_s(?:ec)?", "higher", "1/s"),
    (r"(?:.*_)?(?P<what>[^_]+)_per_s(?:ec)?", "higher", "{what}/s"),
    (r"throughput.*", "higher", None),
    (r"num_.*", "exact", None),
    (r".*_(?:s|seconds)", "lower", "s"),
    (r".*_ms", "lower", "ms"),
    (r".*_bytes", "lower", "bytes"),
    (r".*_mb", "lower", "MB"),
    (r".*_(?:percent|pct)", "info", "%"),
)
_TIMES = frozenset({"s", "ms"})
# Recorded and plotted, and judged only on demand: more judged metrics are more false alarms.
_MANY = ("task_", "resources.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a metric means.

    Attributes:
        direction: whether ``lower`` or ``higher`` is better; ``exact``: any change is a difference; ``info``: neither.
        unit: its unit; ``bytes`` are shown in kB, MB or GB.
        headline: whether summaries show it.
        judged: whether a change of it may be called better or worse.
    """

    direction: Direction = "info"
    unit: str | None = None
    headline: bool = False
    judged: bool = False


def meaning(name: str, rules: Iterable[Mapping[str, Any]] = (), *, required: bool = False) -> Meaning:
    """Return what a metric means.

    Args:
        name: the metric's name.
        rules: the configuration's section ``metrics``, or ``metric_rules`` of a result.
        required: whether a requirement names the metric.
    """
    direction, unit = _by_name(name)
    is_result = (direction == "lower" and unit in _TIMES) or direction == "higher"
    known: dict[str, Any] = {
        "direction": direction,
        "unit": unit,
        "headline": required,
        "judge": required or (is_result and not name.startswith(_MANY)),
    }
    # A rule for one name overrides those for many, wherever it stands.
    for rule in sorted((rule for rule in rules if _concerns(rule, name)), key=lambda rule: rule["name"] == name):
        known |= rule
    return Meaning(direction=known["direction"], unit=known["unit"], headline=known["headline"], judged=known["judge"])


def meaning_of(result: EntryResult, name: str) -> Meaning:
    """Return what a metric of a result means."""
    required = any(verdict["metric"] == name for verdict in result.requirements)
    return meaning(name, result.metric_rules, required=required)


def headline_metrics(result: EntryResult) -> list[str]:
    """Return the metrics that summaries show beside the time: in the order of requirements, rules, script.

    Those that requirements name or rules call ``headline``; where there are none, the script's throughputs.
    """
    required = [str(verdict["metric"]) for verdict in result.requirements]
    ruled = metric_names(result) if result.metric_rules else []
    names = [name for name in dict.fromkeys((*required, *ruled)) if meaning_of(result, name).headline]
    if rest := [name for name in names if name != EXEC_TIME]:
        return rest
    own = flat_scalars(result.script_metrics)
    rates = [name for name, value in own.items() if is_number(value) and _by_name(name)[0] == "higher"]
    return [name for name in rates if meaning(name, result.metric_rules, required=True).headline]


def rules_for(result: EntryResult, rules: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rules that concern a metric of the result: what is recorded with it."""
    names = metric_names(result) if rules else []
    return [rule for rule in rules if any(_concerns(rule, name) for name in names)]


def _concerns(rule: Mapping[str, Any], name: str) -> bool:
    return bool(rule["name"] == name) or fnmatchcase(name, str(rule["name"]))


def _by_name(name: str) -> tuple[Direction, str | None]:
    last = name.rpartition(".")[2]
    for pattern, direction, unit in _BY_NAME:
        if match := re.fullmatch(pattern, last):
            return direction, unit and unit.format(**match.groupdict())
    return "info", None
