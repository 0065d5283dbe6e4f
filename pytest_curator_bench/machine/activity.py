# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How busy the machine is: CPU time, load and memory, whoever uses them; see proc(5)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["CpuTimes", "read_cpu_times", "read_load"]

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTimes:
    """CPU time since boot, in seconds, over some CPUs together.

    Attributes:
        busy_s: time in which they ran something.
        stolen_s: time in which they would have, but the hypervisor ran somebody else.
        cpus: how many CPUs that is.
    """

    busy_s: float
    stolen_s: float
    cpus: int

    def __sub__(self, earlier: CpuTimes) -> CpuTimes:
        """What came since; a CPU that was switched off meanwhile makes nothing negative."""
        return CpuTimes(
            busy_s=max(self.busy_s - earlier.busy_s, 0.0),
            stolen_s=max(self.stolen_s - earlier.stolen_s, 0.0),
            cpus=self.cpus,
        )


def read_cpu_times(root: Path = Path("/"), *, cpus: Collection[int] | None = None) -> CpuTimes:
    """CPU time of the machine, or of ``cpus`` alone; in whole clock ticks, mostly 0.01 s.

    Args:
        root: where /proc is, for tests.
        cpus: the kernel's numbers of the CPUs that count; ``None`` for all.

    Raises:
        OSError: /proc/stat can't be read.
    """
    busy = stolen = number = 0
    for line in (root / "proc/stat").read_text().splitlines():
        name, *words = line.split()
        cpu = name.removeprefix("cpu")
        if cpu == name or not cpu.isdigit() or (cpus is not None and int(cpu) not in cpus):
            continue
        # user nice system idle iowait irq softirq steal; guests are in user and nice already.
        ticks = [*map(int, words[:8]), *[0] * 8][:8]
        busy += ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]
        stolen += ticks[7]
        number += 1
    return CpuTimes(busy_s=busy * _TICK_S, stolen_s=stolen * _TICK_S, cpus=number)


def read_load(root: Path = Path("/")) -> float:
    """Load average over one minute: tasks that run, want to run, or wait for a disk.

    Raises:
        OSError: /proc/loadavg can't be read.
    """
    return float((root / "proc/loadavg").read_text().split()[0])
