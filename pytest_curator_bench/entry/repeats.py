# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Several runs of one entry: when they are enough, and the one result that they make together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.config.schema_models import LEAST_RUNS
from pytest_curator_bench.results.limits import MAX_RUN_VALUES, MAX_STATISTICS
from pytest_curator_bench.results.metrics import EXEC_TIME, find_metric
from pytest_curator_bench.results.outputs import flat_scalars
from pytest_curator_bench.results.statistics import RunStatistics, is_finite_number, is_number, median, statistics_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["Run", "RunSeries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of an entry.

    Attributes:
        name: ``warmup-1``, ``run-2`` and so on; the name of its directory.
        measured: whether it counts; warm-ups don't.
        result: what became of it.
    """

    name: str
    measured: bool
    result: EntryResult


class RunSeries:
    """The runs of one entry so far, and what they come to.

    Args:
        repeat: number of measured runs, at most.
        warmup: number of runs before them that don't count.
        until: relative width of the confidence interval at which fewer are enough; None: never.
        judged: names of the metrics that requirements judge.
        watched: those of them whose interval must be narrow; where none of them is a number, the time.

    Attributes:
        runs: those that have ended, in order.
    """

    def __init__(
        self, *, repeat: int, warmup: int, until: float | None, judged: Iterable[str] = (), watched: Iterable[str] = ()
    ) -> None:
        self._repeat = repeat
        self._warmup = warmup
        self._until = until
        self._judged = tuple(judged)
        self._watched = tuple(watched)
        self.runs: list[Run] = []

    @property
    def measured(self) -> list[EntryResult]:
        """The results of the measured runs that succeeded."""
        return [run.result for run in self.runs if run.measured and run.result.success]

    @property
    def next_name(self) -> str:
        """What the next run is called."""
        done = len(self.runs)
        return f"warmup-{done + 1}" if done < self._warmup else f"run-{done - self._warmup + 1}"

    def add(self, result: EntryResult) -> Run:
        """Take in the result of the next run."""
        run = Run(name=self.next_name, measured=len(self.runs) >= self._warmup, result=result)
        self.runs.append(run)
        return run

    def is_over(self) -> bool:
        """Whether no further run is needed: one has failed, or there are enough."""
        if self.runs and not self.runs[-1].result.success:
            return True
        done = len(self.measured)
        if done >= self._repeat:
            return True
        if self._until is None or done < LEAST_RUNS or not _is_checked(done):
            return False
        watched = self._statistics(self._watched) or self._statistics([EXEC_TIME])
        return all(statistics.relative_width < self._until for statistics in watched.values())

    def combined(self, *, entry_dir: str) -> EntryResult:
        """The entry's result: medians of the measured runs, or the failure of the one that failed.

        Numbers become medians (nested ones, too); what has no median is the last run's, with a warning where
        the runs differ.
        """
        last = self.runs[-1].result
        warnings = self._warnings()
        most = MAX_RUN_VALUES // len(self.runs)
        names = _first(self._names(), min(most, MAX_STATISTICS), "there are statistics of", warnings)
        shared: dict[str, Any] = {
            "entry_dir": entry_dir,
            "started_at": self.runs[0].result.started_at,
            "runs": self._records(most, warnings),
            "statistics": {name: known.to_dict() for name, known in self._statistics(names).items()},
            "warnings": warnings,
        }
        if not last.success:
            return dataclasses.replace(last, error=f"{self._place_of_last()}: {last.error}", **shared)
        measured = self.measured
        times_s = [run.exec_time_s for run in measured if run.exec_time_s is not None]
        differing: list[str] = []
        metrics = _medians([run.script_metrics for run in measured], differing)
        if differing:
            some = ", ".join(differing[:10]) + (" and others" if len(differing) > 10 else "")
            warnings.append(f"metrics without a median that differ between runs (the last one's): {some}")
        return dataclasses.replace(
            last,
            script_metrics=metrics,
            task_metrics=_medians([run.task_metrics for run in measured], []),
            resources=_medians([run.resources for run in measured], []),
            exec_time_s=median(times_s) if times_s else None,
            **shared,
        )

    def cut_short(self, *, entry_dir: str, reason: str, error: str) -> EntryResult:
        """The entry's result where no further run follows, though there are not enough."""
        result = self.combined(entry_dir=entry_dir)
        if not result.success:
            return result
        return result.with_outcome("interrupted", reason, f"{self._place_of_last()} was the last: {error}")

    def _place_of_last(self) -> str:
        number = len(self.runs)
        if number <= self._warmup:
            return f"Warm-up {number} of {self._warmup}"
        return f"Run {number - self._warmup} of {self._repeat}"

    def _warnings(self) -> list[str]:
        """Those of all runs, each once, with the runs that had it."""
        found: dict[str, list[str]] = {}
        for run in self.runs:
            for warning in run.result.warnings:
                found.setdefault(warning, []).append(run.name)
        return [f"{', '.join(names)}: {warning}" for warning, names in found.items()]

    def _names(self) -> list[str]:
        """Those of all metrics that may have statistics, the most important ones first."""
        measured = self.measured
        own = flat_scalars(measured[-1].script_metrics) if measured else {}
        numbers = [name for name, value in own.items() if is_number(value)]
        return list(dict.fromkeys([EXEC_TIME, *self._judged, *numbers]))

    def _records(self, most: int, warnings: list[str]) -> list[dict[str, Any]]:
        """One record for each run, with at most so many metrics."""
        flat = [flat_scalars(run.result.script_metrics) for run in self.runs]
        longest = max(flat, key=len)
        names = [*(name for name in self._judged if name in longest), *longest]
        kept = set(_first(list(dict.fromkeys(names)), most, f"the records of {len(self.runs):,d} runs hold", warnings))
        if len(kept) < len(longest):
            flat = [{name: value for name, value in metrics.items() if name in kept} for metrics in flat]
        return [_compact(run, metrics) for run, metrics in zip(self.runs, flat, strict=True)]

    def _statistics(self, names: Iterable[str]) -> dict[str, RunStatistics]:
        """Statistics of each metric that is a finite number in every measured run."""
        measured = self.measured
        if not measured:
            return {}
        values = {name: [find_metric(run, name) for run in measured] for name in names}
        figures = {name: [value for value in found if is_finite_number(value)] for name, found in values.items()}
        return {name: statistics_of(found) for name, found in figures.items() if len(found) == len(measured)}


def _is_checked(done: int) -> bool:
    """Whether to look at the interval after so many runs: each time at first, then at every tenth of them."""
    return done <= 20 or done % (done // 10) == 0


def _first(names: list[str], most: int, where: str, warnings: list[str]) -> list[str]:
    """As many of the names as there is room for, and a warning if these are not all."""
    if len(names) > most:
        warnings.append(f"{where} {most:,d} of {len(names):,d} metrics; each run's own results.json has them all")
    return names[:most]


def _compact(run: Run, metrics: Mapping[str, Any]) -> dict[str, Any]:
    result = run.result
    return {
        "run": run.name,
        "measured": run.measured,
        "status": result.status,
        "reason": result.reason,
        "exec_time_s": result.exec_time_s,
        "started_at": result.started_at,
        "metrics": metrics,
    }


def _medians(mappings: Sequence[Mapping[str, Any]], differing: list[str], prefix: str = "") -> dict[str, Any]:
    """One mapping of several alike; the dotted names of what differs without a median go to ``differing``."""
    merged: dict[str, Any] = {}
    for key in dict.fromkeys(key for mapping in mappings for key in mapping):
        values = [mapping[key] for mapping in mappings if key in mapping]
        first = values[0]
        if all(isinstance(value, dict) for value in values):
            merged[key] = _medians(values, differing, f"{prefix}{key}.")
            continue
        complete = len(values) == len(mappings)
        if complete and all(map(is_finite_number, values)):
            merged[key] = median(values)
            continue
        merged[key] = values[-1]
        if not complete or not all(type(value) is type(first) and value == first for value in values):
            differing.append(f"{prefix}{key}")
    return merged
