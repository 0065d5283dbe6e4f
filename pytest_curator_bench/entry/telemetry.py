# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Telemetry of one entry: its processes, the machine and the GPUs while its script runs."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from pytest_curator_bench.machine.gpus import visible_indexes
from pytest_curator_bench.session.names import GPU_STATS_NAME, TELEMETRY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.telemetry.monitor import MachineMonitor
    from pytest_curator_bench.telemetry.sampler import Sampler, Table
    from pytest_curator_bench.telemetry.sources import Source

__all__ = ["EntryTelemetry"]


class EntryTelemetry:
    """The samples of one entry, from its script's start to its end. No failure here changes the entry's outcome."""

    def __init__(
        self,
        monitor: MachineMonitor,
        entry_dir: Path,
        *,
        interval_s: float,
        cluster: LocalCluster | None,
        environment: Mapping[str, str],
    ) -> None:
        """Prepare it, and create its files, before the script can.

        Args:
            monitor: of this process.
            entry_dir: directory for the files.
            interval_s: seconds between two samples; 0 for none at all.
            cluster: the entry's cluster, whose processes count as the entry's.
            environment: the script's environment, which decides the GPUs that it may use.
        """
        self._monitor = monitor
        self._interval_s = interval_s
        self._cluster = cluster
        # Before the script runs: the driver may hang once that has begun.
        self._gpus = visible_indexes(environment.get("CUDA_VISIBLE_DEVICES"), monitor.gpu_infos) if interval_s else ()
        self._sampler: Sampler | None = None
        self._summary: dict[str, object] = {}
        self._problems: list[str] = []
        self._tables: list[Table] = []
        if interval_s > 0:
            with self._starting():
                from pytest_curator_bench.telemetry.sampler import Table

                for name in (TELEMETRY_NAME, *([GPU_STATS_NAME] if monitor.gpus is not None else [])):
                    self._tables.append(Table(entry_dir / name))

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a full disk, a strange /proc: the entry runs all the same
            self._problems.append(f"Telemetry could not be started: {type(error).__name__}: {error}")

    @contextlib.contextmanager
    def running(self, keeper_pid: int) -> Iterator[None]:
        """Take samples while the body runs.

        Args:
            keeper_pid: the process that is the ancestor of all processes of the script.
        """
        with contextlib.ExitStack() as stack:
            if self._tables and not self._problems:
                with self._starting():
                    self._sampler = self._make_sampler(keeper_pid)
                if self._sampler is not None:
                    stack.enter_context(self._sampler.running())
            yield

    def completed(self, result: EntryResult) -> EntryResult:
        """Return the result with the telemetry's summary, and its problems as warnings."""
        for table in self._tables if self._sampler is None else ():
            table.discard()
        if self._sampler is not None:
            self._summary |= self._sampler.summary()
            self._problems += self._sampler.problems
            if self._sampler.hangs:
                self._monitor.stop_using_gpus()
        return dataclasses.replace(
            result,
            resources={**result.resources, **self._summary},
            warnings=[*result.warnings, *self._problems],
        )

    def _make_sampler(self, keeper_pid: int) -> Sampler:
        from pytest_curator_bench.machine.processes import parent_of
        from pytest_curator_bench.telemetry.machine import MachineActivity
        from pytest_curator_bench.telemetry.process_tree import ObjectStore, ProcessTree
        from pytest_curator_bench.telemetry.sampler import Clock, Sampler

        cluster_keeper = parent_of(self._cluster.pid) if self._cluster is not None else None
        tree = ProcessTree(keeper_pid, cluster_keeper)
        machine = MachineActivity(own_cpu_time_s=lambda: tree.cpu_time_s)
        sources: list[Source] = [Clock(), tree, ObjectStore(cluster_keeper), machine]
        self._tables[0].begin(sources)
        if self._monitor.gpus is not None:
            from pytest_curator_bench.telemetry.gpus import Gpus

            self._tables[1].begin([Gpus(self._monitor.gpus, self._gpus)])
        return Sampler(self._tables, interval_s=self._interval_s)
