# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Where an entry's Ray cluster comes from, what it means for the entry's result, and where it goes afterwards.

One provider serves one entry: it acquires a cluster, completes the result of each run on it, and releases it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_curator_bench.clusters.internals import FOREIGN_CLUSTER_VARIABLES
from pytest_curator_bench.clusters.programs import module_command
from pytest_curator_bench.session.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_curator_bench.clusters.existing import ExistingCluster
    from pytest_curator_bench.clusters.local import ClusterSpec, LocalCluster
    from pytest_curator_bench.clusters.shared import ClusterPool, SharedCluster
    from pytest_curator_bench.clusters.shared.inspector import Inspector
    from pytest_curator_bench.config.schema_models import RaySettings
    from pytest_curator_bench.processes.client import Supervisor
    from pytest_curator_bench.resources.allocation import ResourceRequest
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["ClusterProvider", "ClusterStart", "ExistingProvider", "FreshProvider", "SharedProvider"]

STOP_TIMEOUT_S = 30.0
LOG_NAME = "ray.log"
LOGS_DIR = "ray"


class ClusterProvider(Protocol):
    """Acquires, judges and releases the cluster of one entry."""

    def acquire(self) -> LocalCluster | ExistingCluster:
        """Return the cluster, ready for the script.

        Raises:
            ClusterError: it does not come up, or will not do; with Ray's own reason.
        """
        ...

    def outcome(self, result: EntryResult) -> EntryResult:
        """Return a run's result with facts of the cluster; a script is not to blame if its cluster died."""
        ...

    def release(self, *, passed: bool) -> Sequence[str]:
        """Stop the cluster or give it back, once the script has ended.

        Args:
            passed: whether the entry passed; all of Ray's logs are kept if not, else those of Ray Data.

        Returns:
            Warnings for the entry's result.

        Raises:
            ClusterError: something of the cluster is left.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStart:
    """How a cluster is started for an entry.

    Attributes:
        spec: what is asked of it.
        supervisor: what will run and end its processes.
        environment: what it inherits, with what shows it the leased GPUs.
        working_dir: its working directory.
        cpus: the CPUs to set as affinity; ``None`` where nothing is to be set.
        timeout_s: limit for the start, in seconds.
    """

    spec: ClusterSpec
    supervisor: Supervisor
    environment: Mapping[str, str]
    working_dir: Path
    cpus: Collection[int] | None
    timeout_s: float

    def start(self, log_file: Path) -> LocalCluster:
        """Start it; raises ClusterError."""
        from pytest_curator_bench.clusters.local import LocalCluster

        return LocalCluster.start(
            self.spec,
            supervisor=self.supervisor,
            log_file=log_file,
            start_timeout_s=self.timeout_s,
            env=self.environment,
            cwd=self.working_dir,
            cpus=self.cpus,
        )

    def start_inspected(self, log_file: Path) -> tuple[LocalCluster, Inspector]:
        """Start it with an inspector beside it; raises ClusterError."""
        from pytest_curator_bench.clusters.shared.inspector import Inspector

        cluster = self.start(log_file)
        inherited = {key: value for key, value in self.environment.items() if key not in FOREIGN_CLUSTER_VARIABLES}
        try:
            inspector = Inspector.start(
                cluster.private_dir,
                supervisor=self.supervisor,
                env={**inherited, **cluster.script_environment()},
                cwd=self.working_dir,
                command=module_command("shared.inspector_program", interpreter=self.spec.interpreter),
            )
        except BaseException:
            cluster.stop(keep_logs_in=None, stop_timeout_s=0)
            raise
        return cluster, inspector


@dataclass(slots=True, kw_only=True)
class FreshProvider:
    """A cluster of the entry's own (``ray.scope: entry``).

    Attributes:
        start: how it is started.
        entry_dir: the entry's directory, for its logs.
        keep_logs: whether the logs of Ray's components are kept even if the entry passes.
    """

    start: ClusterStart
    entry_dir: Path
    keep_logs: bool
    _cluster: LocalCluster = field(init=False)

    def acquire(self) -> LocalCluster:
        """Start the cluster."""
        self._cluster = self.start.start(self.entry_dir / LOG_NAME)
        return self._cluster

    def outcome(self, result: EntryResult) -> EntryResult:
        """Return the result with facts of the cluster, and as an error if that died under the script."""
        return _with_local_cluster(result, self._cluster, None)

    def release(self, *, passed: bool) -> Sequence[str]:
        """Stop the cluster."""
        reported = len(self._cluster.warnings)
        self._cluster.stop(
            keep_logs_in=self.entry_dir / LOGS_DIR,
            stop_timeout_s=STOP_TIMEOUT_S,
            data_logs_only=passed and not self.keep_logs,
        )
        return self._cluster.warnings[reported:]


@dataclass(slots=True, kw_only=True)
class SharedProvider:
    """A cluster that the entries of this process share (``ray.scope: session``).

    Attributes:
        pool: the shared clusters.
        start: how one is started.
        entry: the entry's name.
        request: what the entry's lease was granted for.
        lease: the entry's lease, lent by the pool where that had one.
        entry_dir: the entry's directory, for a copy of the logs.
        run_dir: the directory of this pytest run, for the output of ``ray start``.
        keep_logs: whether the logs are copied even if the entry passes.
    """

    pool: ClusterPool
    start: ClusterStart
    entry: str
    request: ResourceRequest
    lease: Lease
    entry_dir: Path
    run_dir: Path
    keep_logs: bool
    _shared: SharedCluster = field(init=False)
    _data_log_begins: Mapping[Path, int] = field(init=False)

    def acquire(self) -> LocalCluster:
        """Take the cluster of these settings from the pool, which starts it if need be."""
        self._shared = self.pool.take(self.start.spec, self.entry, self._start, request=self.request, lease=self.lease)
        self._data_log_begins = self._shared.cluster.data_log_sizes()
        return self._shared.cluster

    def outcome(self, result: EntryResult) -> EntryResult:
        """Return the result with facts of the cluster, and as an error if that died under the script."""
        return _with_local_cluster(result, self._shared.cluster, self._shared)

    def release(self, *, passed: bool) -> Sequence[str]:
        """Look at what the entry left on the cluster, and give it back to the pool."""
        findings = self.pool.examine(self._shared)
        if self.keep_logs or not passed or findings.lost:
            warning = self._shared.cluster.copy_logs(
                self.entry_dir / LOGS_DIR, log_file=self.entry_dir / LOG_NAME, limit_s=STOP_TIMEOUT_S
            )
        else:
            warning = self._shared.cluster.copy_data_logs(
                self.entry_dir / LOGS_DIR, begins=self._data_log_begins, limit_s=STOP_TIMEOUT_S
            )
        return [*([warning] if warning else []), *self.pool.give_back(self._shared, findings)]

    def _start(self, name: str) -> tuple[LocalCluster, Inspector]:
        logs_dir = self.run_dir / LOGS_DIR
        try:
            logs_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SessionError.unwritable(logs_dir, "results_dir", error) from error
        return self.start.start_inspected(logs_dir / f"{name}.log")


@dataclass(slots=True, kw_only=True)
class ExistingProvider:
    """A cluster that is already running (``ray.address``, ``ray.job``), and is left alone.

    Attributes:
        settings: the entry's ``ray`` section.
    """

    settings: RaySettings
    _cluster: ExistingCluster = field(init=False)

    def acquire(self) -> ExistingCluster:
        """Probe the cluster."""
        from pytest_curator_bench.clusters.existing.probe import find_cluster

        self._cluster = find_cluster(self.settings)
        return self._cluster

    def outcome(self, result: EntryResult) -> EntryResult:
        """Return the result with facts of cluster and job, and as an error if the cluster lost nodes meanwhile."""
        from pytest_curator_bench.clusters.existing.probe import describe_loss, is_reachable
        from pytest_curator_bench.clusters.jobs.order import with_job_report

        result = dataclasses.replace(
            result,
            warnings=[*result.warnings, *self._cluster.warnings],
            resources={**result.resources, "ray": self._cluster.facts.record()},
        )
        if self._cluster.is_job:
            result = with_job_report(result)
        if result.status not in {"passed", "failed", "timeout", "error"}:
            return result
        if result.status == "passed" and is_reachable(self._cluster):  # a node less is what Ray itself makes up for
            return result
        loss = describe_loss(self._cluster, Path(result.stdouterr_file))
        return result if loss is None else _blame_ray(result, loss)

    def release(self, *, passed: bool) -> Sequence[str]:
        """Do nothing: the cluster is not ours."""
        del passed
        return ()


def _with_local_cluster(result: EntryResult, cluster: LocalCluster, shared: SharedCluster | None) -> EntryResult:
    facts = {
        "scope": "entry" if shared is None else "session",
        "num_cpus": cluster.num_cpus,
        "num_gpus": cluster.spec.num_gpus,
        "object_store_bytes": cluster.object_store_bytes,
        "start_time_s": cluster.start_time_s,
        "reused": shared is not None and len(shared.entries) > 1,
        "shared_name": None if shared is None else shared.name,
    }
    notes = () if shared is None else shared.notes
    result = dataclasses.replace(
        result,
        resources={**result.resources, "ray": facts},
        warnings=[*result.warnings, *cluster.warnings, *notes],
    )
    if result.status not in {"passed", "failed", "timeout"} or cluster.alive():
        return result
    sentence, detail = cluster.failure_summary()
    error = f"The Ray cluster died while the script ran: {sentence}\n{detail}".strip()
    return result.with_outcome("error", "ray", error)


def _blame_ray(result: EntryResult, sentence: str) -> EntryResult:
    error = f"{sentence}\n{result.error or ''}".strip()
    return result.with_outcome("error", "ray", error)
