# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""CPU, memory and I/O of an entry's processes: the script, all that it starts, and its Ray cluster."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench.machine.processes import TreeUsage, members_below, read_stats, read_tree_usage
from pytest_curator_bench.telemetry.sources import Gauge, RateClock, percent_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_curator_bench.telemetry.sources import SampleTime

__all__ = ["ObjectStore", "ProcessTree"]


class ProcessTree:
    """CPU, memory and I/O of the processes below the keepers of script and cluster.

    A keeper is the parent of a job's main process (see :mod:`pytest_curator_bench.processes.supervisor`), and all
    processes of the job stay below it, daemons included. Earlier use by the cluster does not count.
    """

    name = "the process tree"
    columns = (
        "cpu_percent",
        "rss_bytes",
        "rss_anonymous_bytes",
        "swap_bytes",
        "read_bytes",
        "write_bytes",
        "process_count",
    )

    def __init__(self, script_keeper: int, cluster_keeper: int | None = None) -> None:
        self._keepers = [script_keeper, *([] if cluster_keeper is None else [cluster_keeper])]
        self._before = TreeUsage() if cluster_keeper is None else read_tree_usage([cluster_keeper])
        self._elapsed_s = 0.0
        self._rate_clock = RateClock()
        self._rate_cpu_s: float | None = None
        self._cpu_time_s = 0.0
        self._read_bytes = 0
        self._write_bytes = 0
        self._peak_percent: float | None = None
        self._gauges = {name: Gauge() for name in ("rss_bytes", "rss_anonymous_bytes", "swap_bytes", "process_count")}

    @property
    def cpu_time_s(self) -> float:
        """CPU time of all these processes so far, in seconds."""
        return self._cpu_time_s

    def read(self, sample_time: SampleTime) -> Sequence[Mapping[str, object]]:
        """Return one row."""
        with self._rate_clock:
            usage = read_tree_usage(self._keepers)
        # A process that ends between two reads of one pass may be counted twice, or be missed, once.
        self._cpu_time_s = max(usage.cpu_time_s - self._before.cpu_time_s, self._cpu_time_s)
        self._read_bytes = max(usage.read_bytes - self._before.read_bytes, self._read_bytes)
        self._write_bytes = max(usage.write_bytes - self._before.write_bytes, self._write_bytes)
        self._elapsed_s = sample_time.elapsed_s
        percent = None
        if self._rate_cpu_s is not None:
            percent = percent_of(self._cpu_time_s - self._rate_cpu_s, self._rate_clock.duration_s)
        if percent is not None:
            self._peak_percent = max(percent, self._peak_percent or 0.0)
        if percent is not None or self._rate_cpu_s is None:
            self._rate_clock.restart()
            self._rate_cpu_s = self._cpu_time_s
        gauges = {
            "rss_bytes": usage.rss_bytes,
            "rss_anonymous_bytes": usage.rss_anonymous_bytes,
            "swap_bytes": usage.swap_bytes,
            "process_count": usage.count,
        }
        for name, value in gauges.items():
            self._gauges[name].add(value, sample_time)
        transfer = {"read_bytes": self._read_bytes, "write_bytes": self._write_bytes}
        return [{"cpu_percent": percent, **gauges, **transfer}]

    def summary(self) -> dict[str, object]:
        """Return totals, means and peaks."""
        summary: dict[str, object] = {"tree_cpu_time_s": round(self._cpu_time_s, 2)}
        mean = percent_of(self._cpu_time_s, self._elapsed_s)
        if mean is not None and self._peak_percent is not None:
            summary |= {"cpu_percent_mean": mean, "cpu_percent_peak": max(self._peak_percent, mean)}
        for name, gauge in self._gauges.items():
            summary |= gauge.summary(name)
        return {**summary, "read_bytes": self._read_bytes, "write_bytes": self._write_bytes}


class ObjectStore:
    """Size of the cluster's object store, without asking Ray.

    Ray's store is one file in /dev/shm (on disk where that is too small), unlinked as soon as it is mapped. It grows
    as objects are written; space of deleted objects is used again but never freed. So this is the most that has been
    in it at a time, rounded up by fragmentation. The raylet holds the file open.
    """

    name = "Ray's object store"
    columns = ("object_store_bytes",)

    def __init__(self, cluster_keeper: int | None) -> None:
        self._keeper = cluster_keeper
        self._files: list[Path] = []
        self._gauge = Gauge()

    def read(self, sample_time: SampleTime) -> Sequence[Mapping[str, object]]:
        """Return one row; none without a cluster, or before its raylet has its store."""
        if self._keeper is None:
            return []
        sizes = _sizes(self._files)
        if not sizes:
            self._files = _store_files(self._keeper)
            sizes = _sizes(self._files)
        if not sizes:
            return []
        used_bytes = sum(sizes)
        self._gauge.add(used_bytes, sample_time)
        return [{"object_store_bytes": used_bytes}]

    def summary(self) -> dict[str, object]:
        """Return mean and peak."""
        return self._gauge.summary("object_store_bytes")


def _store_files(keeper: int) -> list[Path]:
    """Return the stores' descriptors, below /proc, in the raylets under ``keeper``."""
    found = []
    for stat in members_below(read_stats(), [keeper]):
        if stat.name == "raylet":
            for descriptor in os.scandir(f"/proc/{stat.pid}/fd"):
                with suppress(OSError):  # closed meanwhile
                    target = Path(descriptor.path).readlink().name
                    if target.startswith("plasma") and target.endswith(" (deleted)"):
                        found.append(Path(descriptor.path))
    return found


def _sizes(files: Sequence[Path]) -> list[int]:
    """Return the sizes of the files that still exist, in bytes."""
    sizes = []
    for file in files:
        with suppress(OSError):
            sizes.append(file.stat().st_blocks * 512)
    return sizes
