# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is watched around and during an entry: the machine before it, its processes meanwhile, the GPUs after it."""

from __future__ import annotations

import contextlib
import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.machine.gpus import visible_indexes
from pytest_curator_bench.telemetry.gpu_owners import memory_warnings
from pytest_curator_bench.telemetry.quiet import QuietCheck

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.machine.gpus import GpuInfo, GpuReader, GpuReading
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.telemetry.instruments import Instrument
    from pytest_curator_bench.telemetry.sampler import Sampler

__all__ = ["EntryTelemetry", "MachineMonitor", "machine_monitor"]

TELEMETRY_NAME = "telemetry.csv"
GPU_NAME = "gpustats.csv"
LOOKS_IF_REQUIRED = 3

_WATCH = pytest.StashKey["MachineMonitor"]()


class MachineMonitor:
    """Watches the machine between entries; one for each pytest process."""

    def __init__(self) -> None:
        self._quiet = QuietCheck()
        self._driver_hangs = False

    @property
    def gpus(self) -> GpuReader | None:
        """The machine's GPUs; ``None`` where it has none that answer."""
        return None if self._driver_hangs else self._gpu_reader

    @cached_property
    def _gpu_reader(self) -> GpuReader | None:
        """NVML stays open: to initialise it can take seconds."""
        from pytest_curator_bench.machine.gpus import GpuReader

        return GpuReader.open()

    @cached_property
    def gpu_infos(self) -> tuple[GpuInfo, ...]:
        """Identities of the GPUs."""
        from pytest_curator_bench.machine.gpus import query_gpus

        return query_gpus().gpus if self.gpus is not None else ()

    def noise(self, lease: Lease, *, must_be_quiet: bool) -> tuple[str, ...]:
        """What would disturb an entry that starts now on this lease, one sentence each."""
        looks = LOOKS_IF_REQUIRED if must_be_quiet else 1
        return self._quiet.noise(self._leased_gpus(lease), cpus=lease.affinity, looks=looks)

    def gpu_memory_warnings(self, entry: Entry, lease: Lease, when: str) -> list[str]:
        """One sentence for each leased GPU with more memory in use than the entry tolerates."""
        threshold = entry.gpu_mem_use_warning_threshold
        return [] if threshold is None else list(memory_warnings(self._leased_gpus(lease), threshold, when))

    def _leased_gpus(self, lease: Lease) -> list[GpuReading]:
        """Those of others are none of the entry's business; of a divided GPU all instances count."""
        if self.gpus is None or not lease.gpus:
            return []
        divided = any(isinstance(gpu, str) for gpu in lease.gpus)
        return [reading for reading in self.gpus.read() if divided or reading.index in lease.gpus]

    def give_gpus_up(self) -> None:
        """Ask the driver nothing more: a call to it has not come back."""
        self._driver_hangs = True

    def close(self) -> None:
        """Let go of the GPUs, if they were ever asked for, and have always answered."""
        reader = self.__dict__.get("_gpu_reader")
        if reader is not None and not self._driver_hangs:
            reader.close()


def machine_monitor(config: pytest.Config) -> MachineMonitor:
    """The watch of this pytest process, made when first asked for."""
    if _WATCH not in config.stash:
        config.stash[_WATCH] = MachineMonitor()
        config.add_cleanup(config.stash[_WATCH].close)
    return config.stash[_WATCH]


class EntryTelemetry:
    """The samples of one entry, from its script's start to its end. Whatever fails here changes no outcome."""

    def __init__(
        self,
        watch: MachineMonitor,
        entry_dir: Path,
        *,
        interval_s: float,
        cluster: LocalCluster | None,
        environment: Mapping[str, str],
    ) -> None:
        """Prepare it.

        Args:
            watch: of this process.
            entry_dir: where the files go.
            interval_s: seconds between two samples; 0 for none at all.
            cluster: the entry's cluster, whose processes belong to it.
            environment: the script's, for which GPUs it may use.
        """
        self._watch = watch
        self._entry_dir = entry_dir
        self._interval_s = interval_s
        self._cluster = cluster
        # Worked out before the script runs: the driver may hang when that has begun.
        self._gpus = visible_indexes(environment.get("CUDA_VISIBLE_DEVICES"), watch.gpu_infos) if interval_s else ()
        self._sampler: Sampler | None = None
        self._figures: dict[str, object] = {}
        self._problems: list[str] = []

    @contextlib.contextmanager
    def running(self, keeper_pid: int) -> Iterator[None]:
        """Take samples while the body runs.

        Args:
            keeper_pid: the process below which all processes of the script are.
        """
        with contextlib.ExitStack() as stack:
            if self._interval_s > 0:
                try:
                    self._sampler = self._make_sampler(keeper_pid)
                except Exception as error:  # a full disk, a strange /proc: the entry runs all the same
                    self._problems.append(f"Telemetry could not be started: {type(error).__name__}: {error}")
                else:
                    stack.enter_context(self._sampler.running())
            yield

    def completed(self, result: EntryResult) -> EntryResult:
        """The result with the figures, and the problems as warnings."""
        if self._sampler is not None:
            self._figures |= self._sampler.figures()
            self._problems += self._sampler.problems
            if self._sampler.hangs:
                self._watch.give_gpus_up()
        return dataclasses.replace(
            result,
            resources={**result.resources, **self._figures},
            warnings=[*result.warnings, *self._problems],
        )

    def _make_sampler(self, keeper_pid: int) -> Sampler:
        from pytest_curator_bench.machine.processes import parent_of
        from pytest_curator_bench.telemetry.machine import Machine
        from pytest_curator_bench.telemetry.process_tree import ObjectStore, ProcessTree
        from pytest_curator_bench.telemetry.sampler import Clock, Sampler, Table

        cluster_keeper = parent_of(self._cluster.pid) if self._cluster is not None else None
        tree = ProcessTree(keeper_pid, cluster_keeper)
        machine = Machine(own_cpu_time_s=lambda: tree.cpu_time_s)
        instruments: list[Instrument] = [Clock(), tree, ObjectStore(cluster_keeper), machine]
        tables = [Table(self._entry_dir / TELEMETRY_NAME, instruments)]
        if self._watch.gpus is not None:
            from pytest_curator_bench.telemetry.gpus import Gpus

            tables.append(Table(self._entry_dir / GPU_NAME, [Gpus(self._watch.gpus, self._gpus)]))
        return Sampler(tables, interval_s=self._interval_s)
