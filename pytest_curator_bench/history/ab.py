# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries that ran under several interpreters (``--bench-ab``): pairs of runs, and what these come to.

Results say all that is needed, so that a comparison can be made again at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import counted
from pytest_curator_bench.history.paired import PairedRatio, geometric_mean, paired_ratio
from pytest_curator_bench.results.meanings import Meaning, meaning_of
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.outputs import flat_scalars
from pytest_curator_bench.results.statistics import is_finite_number, median

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["ABComparison", "EntryPairs", "MetricPairs", "compare_interpreters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPairs:
    """One metric of an entry under two interpreters.

    Attributes:
        meaning: what the metric means.
        first: median of the paired runs under the first interpreter.
        second: the same of the other one.
        paired: the ratio of the pairs, the second to the first.
    """

    meaning: Meaning
    first: float
    second: float
    paired: PairedRatio


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPairs:
    """One entry under two interpreters.

    Attributes:
        entry: its name without that of an interpreter.
        pairs: number of pairs.
        metrics: its judged metrics by name, the time first.
        notes: sentences about pairs that are missing.
    """

    entry: str
    pairs: int
    metrics: Mapping[str, MetricPairs]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ABComparison:
    """The entries under one interpreter, compared with the first one.

    Attributes:
        first: name of the first interpreter.
        second: name of the other one.
        is_null: whether both are the same Python, so that only noise makes them differ.
        entries: the entries.
    """

    first: str
    second: str
    is_null: bool
    entries: Sequence[EntryPairs]

    @property
    def times(self) -> list[float]:
        """The ratios of the entries' times."""
        return [entry.metrics[EXEC_TIME].paired.ratio for entry in self.entries if EXEC_TIME in entry.metrics]

    @property
    def mean_time_ratio(self) -> float | None:
        """Geometric mean of the ratios of the entries' times; ``None`` where there is none."""
        return geometric_mean(self.times)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run that may become half of a pair."""

    started_at: str
    metrics: Mapping[str, Any]


def compare_interpreters(results: Iterable[EntryResult]) -> list[ABComparison]:
    """Compare each interpreter with the first one, in all entries that ran under several.

    Args:
        results: of one session; those of other entries are ignored.
    """
    entries: dict[str, dict[str, EntryResult]] = {}
    interpreters: dict[str, Mapping[str, Any]] = {}
    known = [(result, result.interpreter) for result in results if result.interpreter is not None]
    for result, interpreter in sorted(known, key=lambda pair: pair[1]["position"]):
        entries.setdefault(interpreter["entry"], {})[interpreter["name"]] = result
        interpreters.setdefault(interpreter["name"], interpreter)
    if not interpreters:
        return []
    first, *others = interpreters.values()
    order = dict.fromkeys(interpreter["entry"] for _, interpreter in known)
    return [
        ABComparison(
            first=first["name"],
            second=second["name"],
            is_null=first["python"] == second["python"],
            entries=[_entry_pairs(name, entries[name], first["name"], second["name"]) for name in order],
        )
        for second in others
    ]


def _entry_pairs(entry: str, results: Mapping[str, EntryResult], first: str, second: str) -> EntryPairs:
    missing = [name for name in (first, second) if name not in results]
    if missing:
        return EntryPairs(entry=entry, pairs=0, metrics={}, notes=[f"no result under {' and '.join(missing)}"])
    sides = results[first], results[second]
    runs = [list(_runs(result)) for result in sides]
    pairs = _pairs(*runs)
    metrics = {}
    for name in dict.fromkeys((EXEC_TIME, *(key for pair in pairs for key in pair[1].metrics))):
        what = meaning_of(sides[1], name)
        found = [(one.metrics.get(name), two.metrics.get(name)) for one, two in pairs]
        values = [(one, two) for one, two in found if is_finite_number(one) and is_finite_number(two)]
        ratio = paired_ratio([one for one, _ in values], [two for _, two in values], what.direction)
        if what.judged and ratio is not None:
            metrics[name] = MetricPairs(
                meaning=what,
                first=median([one for one, _ in values]),
                second=median([two for _, two in values]),
                paired=ratio,
            )
    notes = []
    most = max(len(_measured(result)) for result in sides)
    if len(pairs) < most:
        notes.append(f"{most - len(pairs)} of {counted(most, 'pair')} left out: {'; '.join(_causes(sides))}")
    if len(pairs) == 1:
        notes.append("one pair has no interval: set repeat to 5 or more")
    return EntryPairs(entry=entry, pairs=len(pairs), metrics=metrics, notes=notes)


def _measured(result: EntryResult) -> list[Mapping[str, Any]]:
    """Return the measured runs, as ``runs`` holds them; the only one of an entry that has one."""
    if result.runs:
        return [run for run in result.runs if run["measured"]]
    # A run whose figures miss a requirement is a run nevertheless.
    status = "passed" if result.reason == "requirements" else result.status
    metrics = flat_scalars(result.script_metrics)
    times = {"started_at": result.started_at, "exec_time_s": result.exec_time_s}
    return [{"run": "", "status": status, "reason": result.reason, "metrics": metrics, **times}]


def _runs(result: EntryResult) -> Iterator[_Run]:
    for run in _measured(result):
        if run["status"] == "passed" and run["started_at"]:
            yield _Run(run["started_at"], {EXEC_TIME: run["exec_time_s"], **run["metrics"]})


def _pairs(first: Sequence[_Run], second: Sequence[_Run]) -> list[tuple[_Run, _Run]]:
    """Return the runs of both sides that followed one another: what is far apart in time is no pair."""
    runs = sorted([(run, 0) for run in first] + [(run, 1) for run in second], key=lambda pair: pair[0].started_at)
    pairs: list[tuple[_Run, _Run]] = []
    waiting: tuple[_Run, int] | None = None
    for run, side in runs:
        if waiting is None or waiting[1] == side:
            waiting = run, side
        else:
            pairs.append((run, waiting[0]) if side == 0 else (waiting[0], run))
            waiting = None
    return pairs


def _causes(sides: Iterable[EntryResult]) -> Iterator[str]:
    """Yield why runs of the sides have no partner."""
    for result in sides:
        failed = [run for run in _measured(result) if run["status"] != "passed"]
        if not failed and result.status != "passed" and result.reason != "requirements":
            failed = [{"run": "", "status": result.status, "reason": result.reason}]  # between two runs
        for run in failed:
            reason = f" ({run['reason']})" if run["reason"] not in {None, run["status"]} else ""
            yield " ".join(filter(None, (f"{result.name}:", run["run"], run["status"]))) + reason
        if result.attempts:
            yield f"{result.name}: attempt {len(result.attempts)} began anew"
