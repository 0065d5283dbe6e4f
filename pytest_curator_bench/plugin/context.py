# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What controller, items and fixtures of one pytest process share: config, session, supervisor."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.atomic import display_path
from pytest_curator_bench._util.container import to_host_path
from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.clusters.existing.cluster import token_secrets
from pytest_curator_bench.clusters.local.command import FOREIGN_CLUSTER_VARIABLES
from pytest_curator_bench.clusters.shared.leases import SharedLeases
from pytest_curator_bench.clusters.shared.pool import ClusterPool
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.config.viewer import viewer_url
from pytest_curator_bench.entry.execute import LOG_NAME, EntryPlan, build_command
from pytest_curator_bench.entry.resources import request_for, shortage_for
from pytest_curator_bench.processes.client import Supervisor
from pytest_curator_bench.resources.capacity import read_capacity
from pytest_curator_bench.resources.registry import LeaseRegistry
from pytest_curator_bench.results.record import EntryResult, Status
from pytest_curator_bench.session.store import SessionStore
from pytest_curator_bench.telemetry.monitor import MachineMonitor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.config.model import BenchConfig, Entry, ResolvedCommand, ScriptRun
    from pytest_curator_bench.plugin.options import BenchOptions
    from pytest_curator_bench.resources.capacity import Capacity
    from pytest_curator_bench.resources.registry import Lease, ResourceRequest

__all__ = ["CONTEXT", "WORKER_KEY", "BenchContext", "context_of", "display_path", "find_script"]

WORKER_KEY = "curator_bench_session"
CONTEXT = pytest.StashKey["BenchContext"]()


class BenchContext:
    """Shared state of one pytest process, controller or worker.

    Attributes:
        options: what the command line asked for.
        bench_config: the merged, resolved config.
        masker: hides secrets in whatever leaves this process.
        entry_files: the config files that define enabled entries.
        script_dirs: directories of scripts, which hold no tests.
        working_dir: where scripts run: where pytest was called.
        cluster_pool: the Ray clusters that this process's entries share.
    """

    def __init__(self, config: pytest.Config, options: BenchOptions, bench_config: BenchConfig) -> None:
        self.options = options
        self.bench_config = bench_config
        self.masker = Masker(bench_config.secrets | token_secrets(os.environ))
        self.working_dir = config.invocation_params.dir
        self._root_dir = config.rootpath
        self.entry_files = tuple(dict.fromkeys(entry.file for entry in bench_config.entries))
        self.script_dirs = frozenset(
            file.parent / name for file in bench_config.files for name in ("scripts", "data_prep")
        )
        self._entries = {entry.name: entry for entry in bench_config.entries}
        self.shared_leases = SharedLeases()
        worker: dict[str, str] = getattr(config, "workerinput", {})
        self.cluster_pool = ClusterPool(worker.get("workerid", "main"), self.shared_leases.give_back)
        self._store: SessionStore | None = None
        self._supervisor: Supervisor | None = None
        self._leases: LeaseRegistry | None = None
        if hasattr(config, "workerinput"):
            self.store = SessionStore.from_worker(config.workerinput[WORKER_KEY], self.masker)

    @property
    def store(self) -> SessionStore:
        """The session's directory; raises pytest.UsageError before the session is open."""
        if self._store is None:
            raise pytest.UsageError("no benchmark session is open: no benchmark entry was selected to run")
        return self._store

    @store.setter
    def store(self, store: SessionStore) -> None:
        self._store = store

    @property
    def is_open(self) -> bool:
        """Whether the session has a directory yet."""
        return self._store is not None

    @property
    def supervisor(self) -> Supervisor:
        """The process that starts and ends scripts and clusters; started when first asked for, or when it is lost.

        It shares in the lock on what this process has leased: should this process be killed, that is free only
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

    @cached_property
    def monitor(self) -> MachineMonitor:
        """This process's monitor of the machine."""
        return MachineMonitor()

    @property
    def leases(self) -> LeaseRegistry:
        """This process's leases; raises LeaseError where they can't be kept."""
        if self._leases is None:
            self._leases = LeaseRegistry(self.capacity, os.environ)
        return self._leases

    def entry(self, name: str) -> Entry:
        """The enabled entry of this name; raises KeyError for others."""
        return self._entries[name]

    def has_entry(self, name: str) -> bool:
        """Whether an enabled entry has this name."""
        return name in self._entries

    def entries_of(self, file: Path) -> Sequence[Entry]:
        """The enabled entries that ``file`` is the first to define, in its order."""
        return [entry for entry in self.bench_config.entries if entry.file == file]

    def nodeid_of(self, file: Path) -> str:
        """The config file's part of node IDs: its path from the rootdir, or the whole one outside of that.

        Pytest would call an outside file by no name at all, so that its entries' IDs would say nothing.
        """
        return (file.relative_to(self._root_dir) if file.is_relative_to(self._root_dir) else file).as_posix()

    def lacking_resources(self, entry: Entry) -> str | None:
        """One sentence about what the entry asks for and the machine has not."""
        return shortage_for(entry, self.capacity)

    def need(self, entry: Entry) -> ResourceRequest:
        """What the entry leases."""
        return request_for(entry, self.capacity)

    def plan(
        self,
        entry: Entry,
        entry_dir: Path,
        scratch_dir: Path,
        lease: Lease,
        cluster: LocalCluster | ExistingCluster | None,
        *,
        nodeid: str,
        limit_s: float | None,
    ) -> EntryPlan:
        """Everything that running the entry's script needs."""
        resolved = self.resolved(entry, entry_dir, scratch_dir)
        return EntryPlan(
            name=entry.name,
            session_name=self.store.session_name,
            nodeid=nodeid,
            entry_dir=entry_dir,
            command=build_command(find_script(resolved), resolved.args, entry_dir),
            environment=self.script_environment({**lease.environment(), **resolved.env}, cluster),
            working_dir=self.working_dir,
            timeout_s=limit_s,
            configured_timeout_s=entry.timeout_s,
            grace_s=self.bench_config.cleanup_timeout_s,
            params=self.params_of(entry),
            marks=[mark.name for mark in entry.marks],
            sink_data=entry.sink_data,
            cpus=lease.affinity,
            datasets=self._dataset_records_of(entry),
        )

    def _dataset_records_of(self, entry: Entry) -> list[dict[str, Any]]:
        used = {(use.name, use.format) for use in entry.datasets_used}
        return [record for record in self._dataset_records if (record["name"], record["format"]) in used]

    @cached_property
    def _dataset_records(self) -> list[dict[str, Any]]:
        return self.store.read_datasets()

    def resolved(self, entry: ScriptRun, entry_dir: Path, scratch_dir: Path) -> ResolvedCommand:
        """The script, arguments and variables of an entry, or a data set-up, with the placeholders put in."""
        return self.bench_config.command_values(entry, session_entry_dir=entry_dir, scratch_dir=scratch_dir)

    def script_environment(self, own: dict[str, str], cluster: LocalCluster | ExistingCluster | None) -> dict[str, str]:
        """The script's environment: ours less what is secret or pytest's, the cluster's, the entry's own."""
        hidden = self.bench_config.secret_variables | (FOREIGN_CLUSTER_VARIABLES if cluster else frozenset())
        inherited = {
            key: value for key, value in os.environ.items() if key not in hidden and not key.startswith("PYTEST_")
        }
        # A killed script's last words would otherwise be lost in its buffer, and the live view would lag.
        inherited.setdefault("PYTHONUNBUFFERED", "1")
        return {**inherited, **(cluster.script_environment() if cluster else {}), **own}

    def params_of(self, entry: Entry) -> dict[str, Any]:
        """What is laid out in ``params.json`` before the script starts."""
        ray = entry.ray.model_dump(exclude_none=True) if entry.ray is not None else None
        matrix = {"matrix": dict(entry.matrix)} if entry.matrix else {}
        return {"entry": entry.name, "timeout_s": entry.timeout_s, "ray": ray, **matrix}

    def blank_result(self, entry: Entry, nodeid: str, status: Status, reason: str, error: str | None) -> EntryResult:
        """A result for an entry whose script never ran, or was lost."""
        entry_dir = self.store.entry_dir(entry.name)
        return EntryResult(
            name=entry.name,
            session_name=self.store.session_name,
            status=status,
            reason=reason,
            nodeid=nodeid,
            entry_dir=str(entry_dir),
            stdouterr_file=str(entry_dir / LOG_NAME),
            timeout_s=entry.timeout_s,
            error=error,
            marks=[mark.name for mark in entry.marks],
            sink_data=dict(entry.sink_data),
        )

    def viewer_url(self) -> str | None:
        """Where the open session can be looked at; what the command line says goes before the config."""
        options, bench = self.options, self.bench_config
        url, template = options.viewer_url, options.viewer_url_template
        if not url and not template:
            url, template = bench.viewer_url, bench.viewer_url_template
        return viewer_url(template, self.store.session_dir, bench.mounts) if template else url

    def display(self, path: Path) -> str:
        """The path, relative to where pytest was called if it lies below that."""
        return display_path(path, self.working_dir)

    def to_host_path(self, path: Path | str) -> Path:
        """What the host calls the path: where people look for it, if this is a container."""
        return to_host_path(Path(path), self.bench_config.mounts)

    def close(self) -> list[str]:
        """End shared clusters, the supervisor and all that it still runs, then give back what that was leased for.

        Returns:
            Sentences if something is left.
        """
        if "monitor" in self.__dict__:
            self.monitor.close()
        problems = self.cluster_pool.close()
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None
        if self._leases is not None:
            self._leases.close()
            self._leases = None
        return problems


def context_of(config: pytest.Config) -> BenchContext:
    """The running benchmark context; fails the asking test clearly where the run has none."""
    context = config.stash.get(CONTEXT, None)
    if context is None:
        pytest.fail("this run has no benchmark config: give --bench-config", pytrace=False)
    return context
