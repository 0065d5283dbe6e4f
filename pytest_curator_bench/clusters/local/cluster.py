# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A Ray cluster on this machine, of our own: started, handed to one script after the other, and stopped."""

from __future__ import annotations

import os
import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.internals import COMPONENTS, DATA_LOGS_DIR, check_ray_version
from pytest_curator_bench.clusters.local.command import (
    ClusterSpec,
    cluster_environment,
    find_ray_command,
    script_environment,
    start_arguments,
)
from pytest_curator_bench.clusters.local.footprint import ClusterFootprint
from pytest_curator_bench.clusters.local.logs import copy_end, keep_logs, log_sizes
from pytest_curator_bench.clusters.local.object_store import (
    ObjectStorePlan,
    plan_object_store,
    shared_memory_free_bytes,
)
from pytest_curator_bench.clusters.proxies import direct_access
from pytest_curator_bench.machine.hardware import available_cpus, read_memory
from pytest_curator_bench.machine.processes import members_below, parent_of, read_stat, read_stats
from pytest_curator_bench.processes.client import SupervisionError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_curator_bench.machine.processes import ProcessStat
    from pytest_curator_bench.processes.client import SupervisedProcess, Supervisor

__all__ = ["ClusterError", "ClusterSpec", "LocalCluster"]

_POLL_INTERVAL_S = 0.02
_CONNECT_TIMEOUT_S = 2.0
_NOTICE_TIMEOUT_S = 10.0


class LocalCluster:
    """A running cluster, of which nothing is left after :meth:`stop`.

    Attributes:
        spec: what was asked of it.
        address: ``127.0.0.1:PORT``, where the cluster's control service (GCS) listens.
        token: secret without which nobody can connect.
        private_dir: a directory that its user alone may enter, and that is removed with the cluster.
        temp_dir: Ray's temporary directory in it, with its logs and sockets.
        pid: process ID of ``ray start``.
        num_cpus: CPUs that the cluster was told it has.
        object_store_bytes: size of its object store.
        dashboard_url: where the dashboard answers; ``None`` without one.
        start_time_s: seconds that the start took.
        warnings: sentences for the entry's result, as about a slow object store or logs kept only in part.
    """

    def __init__(
        self,
        *,
        spec: ClusterSpec,
        process: SupervisedProcess,
        files: ClusterFootprint,
        token: str,
        num_cpus: int,
        object_store: ObjectStorePlan,
    ) -> None:
        self._process = process
        self._files = files
        self._keeper = parent_of(process.pid)
        self._stopped = False
        self._components: tuple[ProcessStat, ...] = ()
        self._past_proxies: dict[str, str] = {}
        self.spec = spec
        self.pid = process.pid
        self.token = token
        self.num_cpus = num_cpus
        self.object_store_bytes = object_store.size_bytes
        self.warnings = object_store.warnings
        ray_version = spec.interpreter.ray_version if spec.interpreter is not None else None
        if (untried := check_ray_version(ray_version)) is not None:
            self.warnings += (untried,)
        self.private_dir = files.private_dir
        self.temp_dir = files.temp_dir
        self.address = ""
        self.dashboard_url: str | None = None
        self.start_time_s = 0.0

    @classmethod
    def start(
        cls,
        spec: ClusterSpec,
        *,
        supervisor: Supervisor,
        log_file: Path,
        start_timeout_s: float,
        env: Mapping[str, str],
        cwd: Path | None = None,
        cpus: Collection[int] | None = None,
    ) -> LocalCluster:
        """Start a cluster and wait until it can be used.

        Args:
            spec: what is asked of it.
            supervisor: what will run and end its processes.
            log_file: where the output of ``ray start`` goes.
            start_timeout_s: limit on the start, in seconds.
            env: the environment to inherit; what ties it to other clusters is left out.
            cwd: working directory of the cluster, and so of the script's tasks; by default the current one.
            cpus: the CPUs that its processes may run on; by default those of this process.

        Raises:
            ClusterError: if Ray is missing, refuses to start, ends, or takes too long. Nothing is left then.
        """
        began = time.monotonic()
        past_proxies = direct_access("127.0.0.1", env)
        environment = {**env, **past_proxies}
        object_store = plan_object_store(
            spec.object_store_bytes,
            memory=read_memory().effective_bytes,
            shared_memory_free=shared_memory_free_bytes(),
            environment=environment,
        )
        num_cpus = available_cpus() if spec.num_cpus is None else spec.num_cpus
        token = secrets.token_hex(32)
        command = find_ray_command(spec.interpreter)
        files = ClusterFootprint(log_file)
        # The dashboard leaves files of multiprocessing behind when it is killed: here they go with the rest.
        environment.setdefault("TMPDIR", str(files.private_dir))
        try:
            process = supervisor.spawn(
                command
                + start_arguments(
                    spec,
                    num_cpus=num_cpus,
                    object_store_bytes=object_store.size_bytes,
                    client_server_port=files.port.number,
                    temp_dir=files.temp_dir,
                ),
                env=cluster_environment(
                    environment, token=token, dashboard=spec.dashboard, interpreter=spec.interpreter
                ),
                cwd=cwd or Path.cwd(),
                log_file=log_file,
                name="ray",
                hold=True,
                remove_on_harness_death=[files.private_dir],
                cpus=cpus,
            )
        except BaseException as error:
            files.remove()
            if isinstance(error, SupervisionError):
                raise ClusterError(f"Ray could not be started: {error}") from error
            raise
        cluster = cls(
            spec=spec, process=process, files=files, token=token, num_cpus=num_cpus, object_store=object_store
        )
        try:
            cluster._wait_until_ready(began + start_timeout_s, start_timeout_s)
        except BaseException:
            cluster.stop(keep_logs_in=None, stop_timeout_s=0)
            raise
        cluster.start_time_s = time.monotonic() - began
        cluster._past_proxies = past_proxies
        below = members_below(read_stats(), [cluster.pid])
        cluster._components = tuple(process for process in below if process.name in COMPONENTS)
        return cluster

    def script_environment(self) -> dict[str, str]:
        """Variables to add to a script's environment so that it, and nobody else, runs on this cluster.

        Ray's ``ray.init()`` and, through it, every executor of NeMo Curator follow ``RAY_ADDRESS``; NeMo
        Curator's ``RayClient`` starts no cluster where it is set.
        """
        own = script_environment(address=self.address, token=self.token, dashboard_url=self.dashboard_url)
        return {**own, **self._past_proxies}

    def alive(self) -> bool:
        """Whether all of its parts run and its control service takes connections."""
        if self._stopped:
            return False
        host, _, port = self.address.rpartition(":")
        try:
            # Where a part has ended, Ray gets the time to say which.
            if self._process.wait(_NOTICE_TIMEOUT_S if self._lacks_component() else 0) is not None:
                return False
            if self._lacks_component():
                return False
            socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
        except (OSError, SupervisionError):
            return False
        return True

    def _lacks_component(self) -> bool:
        found = (read_stat(component.pid) for component in self._components)
        alive = {(stat.pid, stat.start_ticks) for stat in found if stat is not None and stat.living}
        return any((component.pid, component.start_ticks) not in alive for component in self._components)

    def failure_summary(self) -> tuple[str, str]:
        """Return the line of Ray's output that says why the cluster died, if it did, and its last lines.

        Call it before :meth:`stop`, which removes the logs of Ray's components.
        """
        return self._files.failure_summary()

    def orphans(self) -> tuple[str, ...]:
        """Processes, as ``pid name``, that tasks have started and that outlived them: their keeper inherits them."""
        if self._keeper is None or self._keeper in {1, os.getpid()}:
            return ()
        return tuple(
            f"{process.pid} {process.name}"
            for process in read_stats().values()
            if process.parent == self._keeper and process.living and process.pid != self.pid
        )

    def data_log_sizes(self) -> dict[Path, int]:
        """Return how large the logs of Ray Data are now, in bytes."""
        return log_sizes(self._files.logs_dir / DATA_LOGS_DIR)

    def copy_data_logs(self, logs_dir: Path, *, begins: Mapping[Path, int] | None = None, limit_s: float) -> str | None:
        """Copy the logs of Ray Data alone, to where :meth:`copy_logs` copies them; as there.

        Args:
            logs_dir: directory for the logs of Ray's components.
            begins: what :meth:`data_log_sizes` returned before the entry began.
            limit_s: after so many seconds no further log is copied.
        """
        source, deadline = self._files.logs_dir / DATA_LOGS_DIR, time.monotonic() + limit_s
        whole = keep_logs(source, logs_dir / DATA_LOGS_DIR, deadline=deadline, begins=begins)
        return None if whole else f"Ray Data's log was kept only in part in {logs_dir}."

    def copy_logs(self, logs_dir: Path, *, log_file: Path | None = None, limit_s: float) -> str | None:
        """Copy Ray's logs, of a running cluster too.

        Args:
            logs_dir: directory for the logs of Ray's components.
            log_file: where to copy the output of ``ray start``; ``None`` if it need not be copied.
            limit_s: after so many seconds no further log is copied.

        Returns:
            A sentence for the result if not all of them could be kept.
        """
        whole = keep_logs(self._files.logs_dir, logs_dir, deadline=time.monotonic() + limit_s)
        if log_file is not None:
            try:
                copy_end(self._files.log_file, log_file, self._files.log_file.stat().st_size)
            except OSError:
                whole = False
        return None if whole else f"Ray's logs were kept only in part in {logs_dir}."

    def stop(self, *, keep_logs_in: Path | None, stop_timeout_s: float, data_logs_only: bool = False) -> None:
        """End every process of the cluster and remove its files; to be called when its driver has ended.

        Ray is not asked to shut down, which would take seconds and save nothing: all its processes are
        killed, and waited for. Idempotent; an interrupted call can be repeated.

        Args:
            keep_logs_in: directory to copy Ray's logs to; ``None`` to drop them.
            stop_timeout_s: after so many seconds no further log is copied; the end of the processes is always
                waited for.
            data_logs_only: keep only the logs of Ray Data.

        Raises:
            ClusterError: if a process or a file could not be removed.
        """
        if self._stopped:
            return
        deadline = time.monotonic() + stop_timeout_s
        problem = self._end()
        if keep_logs_in is not None:
            copy = self.copy_data_logs if data_logs_only else self.copy_logs
            warning = copy(keep_logs_in, limit_s=deadline - time.monotonic())
            self.warnings += (warning,) if warning else ()
        left = self._files.remove()
        self._stopped = True
        if problem is None and left:
            problem = f"Ray's directory {self._files.private_dir} could not be removed ({left}): remove it by hand."
        if problem is not None:
            raise ClusterError(problem)

    def _end(self) -> str | None:
        """End all processes and remove what they leave in /dev/shm; a sentence if that may have failed."""
        self._files.note_segments(self._keeper)
        try:
            unkillable = self._process.end(0).unkillable
        except SupervisionError as error:
            return f"Whether all of Ray's processes are gone is unknown: {error}"
        finally:
            self._files.remove_segments()
        return f"Ray left processes that cannot be killed: {', '.join(unkillable)}." if unkillable else None

    def _wait_until_ready(self, deadline: float, limit_s: float) -> None:
        """Wait for the address, in a file that ``ray start`` writes in the end, and for the dashboard's.

        The latter stands in its output, which it writes before that file, and which gets into its log after it.

        Raises:
            ClusterError: if Ray ends first, or the deadline passes.
        """
        while True:
            try:
                ended = self._process.wait(_POLL_INTERVAL_S)
            except SupervisionError as error:
                raise ClusterError(f"Ray could not be started: {error}") from error
            if ended is not None:
                line, detail = self.failure_summary()
                how = f"exit status {ended.returncode}" if ended.signal is None else ended.signal
                said = f": {line}" if line else " without output"
                raise ClusterError(f"Ray ended instead of starting ({how}){said}", detail)
            self.address = self._files.address()
            if self.spec.dashboard:
                self.dashboard_url = self._files.dashboard_url()
            if self.address and (self.dashboard_url or not self.spec.dashboard):
                return
            if time.monotonic() > deadline:
                line, detail = self.failure_summary()
                said = f"; its last line: {line}" if line else " and printed nothing"
                raise ClusterError(f"Ray did not start within {limit_s:g} s (startup_timeout_s){said}", detail)
