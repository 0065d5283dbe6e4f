# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs an entry's script as often as it asks for; several runs are kept each in a directory of its own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
from pytest_curator_bench.clusters.local.cluster import LocalCluster
from pytest_curator_bench.entry.cluster import with_cluster_fate
from pytest_curator_bench.entry.execute import LOG_NAME, run_entry
from pytest_curator_bench.entry.job import job_plan
from pytest_curator_bench.entry.repeats import RunSeries
from pytest_curator_bench.entry.telemetry import EntryTelemetry
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import RESULTS_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.telemetry.monitor import MachineMonitor

__all__ = ["EntryRuns", "Surroundings", "has_several_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the runs of an entry find ready.

    Attributes:
        entry_dir: the entry's directory.
        scratch_dir: its scratch directory.
        lease: what it has of the machine.
        cluster: its Ray cluster, if it has one.
        watch: what watches the machine.
        limit_s: limit of each run, in seconds; None while somebody debugs.
        on_interrupt: called on a first Ctrl-C.
    """

    entry_dir: Path
    scratch_dir: Path
    lease: Lease
    cluster: LocalCluster | ExistingCluster | None
    watch: MachineMonitor
    limit_s: float | None
    on_interrupt: Callable[[], None]


def has_several_runs(entry: Entry) -> bool:
    """Whether the entry's runs have directories of their own."""
    return entry.repeat > 1 or entry.warmup > 0


class EntryRuns:
    """The runs of one entry, warm-ups first, until there are enough or one fails."""

    def __init__(self, context: BenchContext, entry: Entry, nodeid: str) -> None:
        self._context = context
        self._entry = entry
        self._nodeid = nodeid
        self._series = RunSeries(
            repeat=entry.repeat,
            warmup=entry.warmup,
            until=entry.repeat_until_ci,
            judged=[requirement.metric for requirement in entry.requirements],
            # What must be one value says nothing of how much the others vary.
            watched=[requirement.metric for requirement in entry.requirements if requirement.exact_value is None],
        )

    @property
    def measured(self) -> list[EntryResult]:
        """The results of the measured runs that succeeded, for the requirements."""
        return self._series.measured

    def go_on(self, where: Surroundings, *, one: bool = False) -> EntryResult | None:
        """Run what is due, and give the entry's result.

        Args:
            where: what the runs find ready; may be another one each time.
            one: stop after the next measured run, so that other entries get their turn.

        Returns:
            None if more runs are to come.

        Raises:
            SessionError: a run's directory can't be made or its result can't be written.
        """
        if not has_several_runs(self._entry):
            return self._series.add(self._run(where.entry_dir, where.scratch_dir, where)).result
        while not self._series.is_over():
            run = self._series.add(self._run_apart(self._series.next_name, where))
            if one and run.measured:
                break
        return self._series.combined(entry_dir=str(where.entry_dir)) if self._series.is_over() else None

    def _run_apart(self, name: str, where: Surroundings) -> EntryResult:
        """One of several runs: its own directory, and a scratch directory with nothing in it."""
        run_dir = where.entry_dir / name
        scratch_dir = where.scratch_dir / name
        warning = None
        try:
            run_dir.mkdir()
            if self._entry.delete_scratch and self._series.runs:
                warning = self._context.store.remove_scratch(self._entry.name)
                self._context.store.prepare_scratch(self._entry.name)
            scratch_dir.mkdir()
            self._show_log(where.entry_dir / LOG_NAME, name)
            result = self._run(run_dir, scratch_dir, where)
            if warning:
                result.warnings.append(warning)
            write_json(run_dir / RESULTS_NAME, self._context.masker.mask_data(result.to_dict()))
        except OSError as error:
            raise SessionError.unwritable(run_dir, "results_dir", error) from error
        return result

    def _run(self, entry_dir: Path, scratch_dir: Path, where: Surroundings) -> EntryResult:
        context, cluster = self._context, where.cluster
        plan = context.plan(
            self._entry, entry_dir, scratch_dir, where.lease, cluster, nodeid=self._nodeid, limit_s=where.limit_s
        )
        local = cluster if isinstance(cluster, LocalCluster) else None
        if isinstance(cluster, ExistingCluster) and cluster.is_job:
            plan = job_plan(context, self._entry, plan, cluster)
        telemetry = EntryTelemetry(
            where.watch,
            entry_dir,
            interval_s=context.bench_config.telemetry_interval_s,
            cluster=local,
            environment=plan.environment,
        )
        result = run_entry(plan, context.supervisor, where.on_interrupt, telemetry.running)
        result = telemetry.completed(result)
        return with_cluster_fate(context, result, cluster) if cluster is not None else result

    @staticmethod
    def _show_log(link: Path, name: str) -> None:
        """Have the entry's log be that of the run that goes on: the live view follows it."""
        with contextlib.suppress(OSError):  # a file system without links only lacks the convenience
            link.unlink(missing_ok=True)
            link.symlink_to(f"{name}/{LOG_NAME}")
