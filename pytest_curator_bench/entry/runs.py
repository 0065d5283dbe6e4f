# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The runs of one entry's script, one or several; several are kept each in a directory of its own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.entry.plan import plan_entry
from pytest_curator_bench.entry.repeats import RunSeries
from pytest_curator_bench.entry.resources import leased_status
from pytest_curator_bench.entry.script_process import run_script
from pytest_curator_bench.entry.telemetry import EntryTelemetry
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import LOG_NAME, RESULTS_NAME
from pytest_curator_bench.session.status import publish_status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_curator_bench.clusters.existing import ExistingCluster
    from pytest_curator_bench.clusters.local import LocalCluster
    from pytest_curator_bench.clusters.provider import ClusterProvider
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.plan import EntryPlan
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["EntryRuns", "RunInputs", "has_several_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """What the runs of an entry use.

    Attributes:
        entry_dir: the entry's directory.
        scratch_dir: its scratch directory.
        lease: its lease.
        cluster: its Ray cluster, if it has one.
        provider: what provides that.
        timeout_s: limit of each run, in seconds; ``None`` while somebody debugs.
    """

    entry_dir: Path
    scratch_dir: Path
    lease: Lease
    cluster: LocalCluster | ExistingCluster | None
    provider: ClusterProvider | None
    timeout_s: float | None


def has_several_runs(entry: Entry) -> bool:
    """Return whether the entry's runs have directories of their own."""
    return entry.repeat > 1 or entry.warmup > 0


class EntryRuns:
    """The runs of one entry, warm-ups first, until there are enough or one fails."""

    def __init__(self, entry: Entry, services: Services, nodeid: str) -> None:
        self._entry = entry
        self._services = services
        self._nodeid = nodeid
        self._series = RunSeries(
            repeat=entry.repeat,
            warmup=entry.warmup,
            until=entry.repeat_until_ci,
            judged=[requirement.metric for requirement in entry.requirements],
            # A metric with an exact bound is to be one value: it says nothing about how much the others vary.
            watched=[requirement.metric for requirement in entry.requirements if requirement.exact_value is None],
        )

    @property
    def measured(self) -> list[EntryResult]:
        """The results of the measured runs that succeeded, for the requirements."""
        return self._series.measured

    @property
    def has_begun(self) -> bool:
        """Whether a run has ended."""
        return bool(self._series.runs)

    def run_next(self, inputs: RunInputs, *, one: bool = False) -> EntryResult | None:
        """Run what is due and return the entry's result; ``None`` if more runs follow.

        Args:
            inputs: what the runs use; may differ each time.
            one: stop after the next measured run, so that other entries get their turn.

        Raises:
            SessionError: a run's directory can't be made, or its result can't be written.
        """
        if not has_several_runs(self._entry):
            return self._series.add(self._run(inputs.entry_dir, inputs.scratch_dir, inputs)).result
        interrupts = self._services.interrupts
        while not self._series.is_over():
            if interrupts.is_noted and self.has_begun:
                return self.cut_short(inputs.entry_dir, "keyboard", "Interrupted from the keyboard.")
            run = self._series.add(self._run_apart(self._series.next_name, inputs))
            if one and run.measured and not interrupts.is_noted:
                break
        return self._series.combined(entry_dir=str(inputs.entry_dir)) if self._series.is_over() else None

    def cut_short(self, entry_dir: Path, reason: str, error: str) -> EntryResult:
        """Return the entry's result where no further run follows the one that was the last."""
        if not has_several_runs(self._entry):
            return self._series.runs[-1].result
        return self._series.cut_short(entry_dir=str(entry_dir), reason=reason, error=error)

    def _run_apart(self, name: str, inputs: RunInputs) -> EntryResult:
        """Run one of several: in its own directory, with an empty scratch directory."""
        store = self._services.session
        run_dir = inputs.entry_dir / name
        scratch_dir = inputs.scratch_dir / name
        warning = None
        with _unwritable_run(run_dir):
            run_dir.mkdir()
            if self._entry.delete_scratch and self.has_begun:
                warning = store.scratch.remove(self._entry.name)
                store.scratch.prepare(self._entry.name)
            scratch_dir.mkdir()
        self._link_log(inputs.entry_dir / LOG_NAME, name)
        result = self._run(run_dir, scratch_dir, inputs)
        if warning:
            result = result.with_warnings(warning)
        with _unwritable_run(run_dir):
            write_json(run_dir / RESULTS_NAME, self._services.masker.mask_data(result.to_dict()))
        return result

    def plan(self, entry_dir: Path, scratch_dir: Path, inputs: RunInputs) -> EntryPlan:
        """Plan a run whose files go into ``entry_dir``."""
        services = self._services
        return plan_entry(
            self._entry,
            services.bench_config,
            session_name=services.session.session_name,
            nodeid=self._nodeid,
            entry_dir=entry_dir,
            scratch_dir=scratch_dir,
            working_dir=services.working_dir,
            lease=inputs.lease,
            cluster=inputs.cluster,
            timeout_s=inputs.timeout_s,
            datasets=services.dataset_records,
            mask=services.masker.mask_data,
        )

    def _run(self, entry_dir: Path, scratch_dir: Path, inputs: RunInputs) -> EntryResult:
        services, cluster = self._services, inputs.cluster
        services.session.entries.link_logs(entry_dir)
        plan = self.plan(entry_dir, scratch_dir, inputs)
        local = None
        if cluster is not None:
            from pytest_curator_bench.clusters.local import LocalCluster

            if isinstance(cluster, LocalCluster):
                local = cluster
            elif cluster.is_job:
                from pytest_curator_bench.entry.cluster import job_plan

                plan = job_plan(self._entry, services.bench_config, plan, cluster)
        telemetry = EntryTelemetry(
            services.monitor,
            entry_dir,
            interval_s=services.bench_config.telemetry_interval_s,
            cluster=local,
            environment=plan.environment,
        )
        with publish_status(inputs.entry_dir) as report:
            run = entry_dir.name if entry_dir != inputs.entry_dir else ""
            report(leased_status("running", inputs.lease, run=run))
            result = run_script(plan, services.supervisor, services.interrupts, telemetry.running)
        result = telemetry.completed(result)
        return inputs.provider.outcome(result) if inputs.provider is not None else result

    @staticmethod
    def _link_log(link: Path, name: str) -> None:
        """Make the entry's log that of the current run: the live view follows it."""
        with contextlib.suppress(OSError):  # a file system without links lacks only the convenience
            link.unlink(missing_ok=True)
            link.symlink_to(f"{name}/{LOG_NAME}")


@contextlib.contextmanager
def _unwritable_run(run_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SessionError.unwritable(run_dir, "results_dir", error) from error
