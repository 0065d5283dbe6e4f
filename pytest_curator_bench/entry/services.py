# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the entries of one process share: session, supervisor, leases, clusters, monitor, and their end."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.container import display_path
from pytest_curator_bench._util.interrupts import Interrupts
from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.processes.client import Supervisor
from pytest_curator_bench.resources.capacity import read_capacity
from pytest_curator_bench.resources.registry import LeaseRegistry
from pytest_curator_bench.results.record import HARMLESS
from pytest_curator_bench.session.store import SessionStore
from pytest_curator_bench.telemetry.monitor import MachineMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_curator_bench.clusters.shared import ClusterPool
    from pytest_curator_bench.config.model import BenchConfig
    from pytest_curator_bench.entry.execute import EntryExecution
    from pytest_curator_bench.resources.capacity import Capacity
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["Policy", "Services"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a run treats entries that can't run as they should.

    Attributes:
        require_resources: an entry with a shortage of resources fails; otherwise it is skipped.
        require_quiet: an entry fails on a machine that is not quiet; otherwise its result gets a warning.
        wait_quiet_s: how long the entries of a process may wait for a quiet machine, all together, in seconds.
        skip_setup: data setups count as passed.
        known_misses_count: an unmet requirement fails its entry although it is marked (pytest's ``--runxfail``).
        strict_known_misses: a requirement that is met although it is marked fails its entry (``xfail_strict``).
    """

    require_resources: bool = False
    require_quiet: bool = False
    wait_quiet_s: float = 0.0
    skip_setup: bool = False
    known_misses_count: bool = False
    strict_known_misses: bool = False


class Services:
    """The shared services of one process; each is started when it is first used.

    Attributes:
        bench_config: the merged, resolved config.
        policy: how entries that can't run as they should are treated.
        working_dir: where scripts run.
        masker: hides secrets in whatever leaves this process.
        interrupts: what Ctrl-C does in this process.
        store: the open session; ``None`` before it is opened.
        executions: the entries that have begun and are not closed.
        results: of the entries that :func:`~pytest_curator_bench.entry.execute.run_entry` has run.
    """

    def __init__(
        self,
        bench_config: BenchConfig,
        *,
        working_dir: Path,
        policy: Policy | None = None,
        process_name: str = "main",
    ) -> None:
        """Prepare the services; nothing is started and nothing is created.

        Args:
            bench_config: the merged, resolved config.
            working_dir: where scripts run.
            policy: how entries that can't run as they should are treated.
            process_name: tells the shared clusters of this process from those of others in the same session.
        """
        self.bench_config = bench_config
        self.policy = policy or Policy()
        self.working_dir = working_dir
        ray_token = {token} if (token := os.environ.get("RAY_AUTH_TOKEN")) else set()
        self.masker = Masker(bench_config.secrets | ray_token)
        self.interrupts = Interrupts()
        self.store: SessionStore | None = None
        self.results: list[EntryResult] = []
        self.executions: set[EntryExecution] = set()
        self._process_name = process_name
        self._supervisor: Supervisor | None = None
        self._leases: LeaseRegistry | None = None

    @classmethod
    @contextlib.contextmanager
    def opened(
        cls, bench_config: BenchConfig, *, session_name: str | None = None, policy: Policy | None = None
    ) -> Iterator[Services]:
        """Open a new session for entries that run without pytest; close it and end everything afterwards.

        Args:
            bench_config: the merged, resolved config.
            session_name: start of the session's name, before the time stamp.
            policy: how entries that can't run as they should are treated.

        Raises:
            SessionError: the session's directory can't be made.
        """
        services = cls(bench_config, working_dir=Path.cwd(), policy=policy)
        store = services.open_session(prefix=session_name)
        exit_status = 2  # pytest's for an interrupt
        with services.interrupts.taken():
            try:
                yield services
                exit_status = 0 if all(result.status in HARMLESS for result in services.results) else 1
            except Exception:
                exit_status = 3  # pytest's for an internal error
                raise
            finally:
                with services.interrupts.noting():
                    services.close()
                    store.begin([result.name for result in services.results])
                    store.finish(services.results, exit_status=exit_status)

    def open_session(self, *, prefix: str | None = None, exact: str | None = None) -> SessionStore:
        """Make the session's directory, or join it; raises SessionError."""
        self.store = SessionStore.create(
            self.bench_config.results_dir,
            self.bench_config.artifacts_dir,
            prefix=prefix,
            exact=exact,
            masker=self.masker,
            compat=self.bench_config.compat,
        )
        return self.store

    @property
    def session(self) -> SessionStore:
        """The open session."""
        if self.store is None:
            raise RuntimeError("no benchmark session is open")
        return self.store

    @property
    def supervisor(self) -> Supervisor:
        """The process that starts and ends scripts and clusters; started anew when it is lost.

        It shares the lock on what this process has leased: if this process is killed, the lock is released only
        when the supervisor has ended what used it.
        """
        if self._supervisor is not None and self._supervisor.lost:
            self._supervisor.close()
            self._supervisor = None
        if self._supervisor is None:
            self._supervisor = Supervisor.start(keep_open=[self.leases.lock_fd])
        return self._supervisor

    @cached_property
    def capacity(self) -> Capacity:
        """What this machine has and this process may lease; raises LeaseError for a bad simulated machine."""
        return read_capacity(os.environ)

    @property
    def leases(self) -> LeaseRegistry:
        """This process's leases; raises LeaseError where they can't be kept."""
        if self._leases is None:
            self._leases = LeaseRegistry(self.capacity, os.environ)
        return self._leases

    @cached_property
    def cluster_pool(self) -> ClusterPool:
        """The Ray clusters that entries share, with their leases."""
        from pytest_curator_bench.clusters.shared import ClusterPool

        return ClusterPool(self._process_name)

    @property
    def has_idle_cluster(self) -> bool:
        """Whether there is a shared cluster that no entry uses."""
        return "cluster_pool" in self.__dict__ and self.cluster_pool.has_idle

    @cached_property
    def monitor(self) -> MachineMonitor:
        """What watches the machine between entries."""
        return MachineMonitor()

    @cached_property
    def dataset_records(self) -> list[dict[str, Any]]:
        """What the controller recorded about the datasets before any entry ran."""
        return self.session.read_datasets()

    def display(self, path: Path | str) -> str:
        """Return the path as people on the host call it, relative to the working directory if it lies below that."""
        return display_path(path, self.working_dir, self.bench_config.mounts)

    def close(self) -> list[str]:
        """Close all entries, end shared clusters and the supervisor with all that it runs, and release every lease.

        Returns:
            Sentences if something is left.
        """
        problems: list[str] = []
        with contextlib.ExitStack() as stack:  # in reverse order, whatever fails
            if "monitor" in self.__dict__:
                stack.callback(self.monitor.close)
            if self._leases is not None:
                stack.callback(self._leases.close)
            stack.callback(self._close_executions, processes_have_ended=True)
            if self._supervisor is not None:
                stack.callback(self._supervisor.close)
            self._close_executions()
            if "cluster_pool" in self.__dict__:
                problems = self.cluster_pool.close()
        self._supervisor = self._leases = None
        return problems

    def _close_executions(self, *, processes_have_ended: bool = False) -> None:
        for execution in [*self.executions]:
            execution.cut_short()
            execution.close(processes_have_ended=processes_have_ended)
