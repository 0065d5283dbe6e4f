# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The state of the machine between entries: what would disturb the next one, and the driver of the GPUs."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_curator_bench.machine.gpus import GpuReader, query_gpus
from pytest_curator_bench.telemetry.gpus import memory_record, memory_warnings
from pytest_curator_bench.telemetry.idle import IdleCheck

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.machine.gpus import GpuInfo, GpuReading
    from pytest_curator_bench.resources.registry import Lease

__all__ = ["MachineMonitor"]

CHECKS_IF_REQUIRED = 3
# Each look takes up to 0.6 s: it must not become noise itself.
LOOK_AGAIN_S = 3.0


class MachineMonitor:
    """Checks the machine before and after entries; one for each process. Call :meth:`close` at its end."""

    def __init__(self, idle_check: IdleCheck | None = None) -> None:
        self._idle_check = idle_check or IdleCheck()
        self._driver_hangs = False
        self._waited_s = 0.0

    @property
    def gpus(self) -> GpuReader | None:
        """The machine's GPUs; ``None`` if it has none or their driver doesn't answer."""
        return None if self._driver_hangs else self._gpu_reader

    @cached_property
    def _gpu_reader(self) -> GpuReader | None:
        """NVML stays open, because opening it can take seconds."""
        return GpuReader.open()

    @cached_property
    def gpu_infos(self) -> tuple[GpuInfo, ...]:
        """Identities of the GPUs."""
        return query_gpus().gpus if self.gpus is not None else ()

    def disturbances(self, lease: Lease, *, must_be_quiet: bool) -> tuple[str, ...]:
        """Return what would disturb an entry that starts now on this lease, one sentence each."""
        checks = CHECKS_IF_REQUIRED if must_be_quiet else 1
        return self._idle_check.disturbances(self._leased_gpus(lease), cpus=lease.affinity, consecutive_checks=checks)

    def await_quiet(self, lease: Lease, limit_s: float, on_wait: Callable[[tuple[str, ...]], None]) -> tuple[str, ...]:
        """Wait until the machine is quiet, and return what still disturbs.

        Settings that make CPUs slow are not waited for: they stay.

        Args:
            lease: of the entry that starts then.
            limit_s: how long all calls together may wait.
            on_wait: called with what disturbs, after each look.
        """
        while True:
            begun = time.monotonic()
            noise = self.disturbances(lease, must_be_quiet=True)
            if set(noise) <= set(self._idle_check.slow_settings()) or self._waited_s >= limit_s:
                return noise
            on_wait(noise)
            time.sleep(min(LOOK_AGAIN_S, limit_s - self._waited_s))
            self._waited_s += time.monotonic() - begun

    def gpu_memory_warnings(self, entry: Entry, lease: Lease, when: str) -> list[str]:
        """Return one sentence for each leased GPU with more memory in use than the entry tolerates."""
        return list(memory_warnings(self._leased_gpus(lease), entry.gpu_mem_use_warning_threshold, when))

    def gpu_stats(self) -> dict[str, dict[str, object]]:
        """Return the memory of all GPUs in MiB and the processes on them, by number, as NeMo Curator's runner does."""
        readings = self.gpus.read() if self.gpus is not None else ()
        return {str(reading.index): memory_record(reading) for reading in readings}

    def _leased_gpus(self, lease: Lease) -> list[GpuReading]:
        """Read the leased GPUs, or all of them if an instance of a divided one is leased."""
        if self.gpus is None or not lease.gpus:
            return []
        divided = any(isinstance(gpu, str) for gpu in lease.gpus)
        return [reading for reading in self.gpus.read() if divided or reading.index in lease.gpus]

    def stop_using_gpus(self) -> None:
        """Make no further call to the driver: one of them hangs."""
        self._driver_hangs = True

    def close(self) -> None:
        """Close NVML if it was opened and has not hung."""
        reader = self.__dict__.get("_gpu_reader")
        if reader is not None and not self._driver_hangs:
            reader.close()
