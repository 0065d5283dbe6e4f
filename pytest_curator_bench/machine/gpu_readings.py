# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What GPUs are doing right now, through NVML: use, memory, heat, power, clocks, processes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.machine.nvml import NvmlUnavailableError, ask, nvml_session

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["GpuProcess", "GpuReader", "GpuReading"]

# Bits of nvmlClocksEventReasons (nvml.h; the older names say "throttle"). Idle is no reason to worry, and is left out.
_THROTTLE_REASONS = {
    0x002: "applications_clocks_setting",
    0x004: "software_power_cap",
    0x008: "hardware_slowdown",
    0x010: "sync_boost",
    0x020: "software_thermal_slowdown",
    0x040: "hardware_thermal_slowdown",
    0x080: "hardware_power_brake_slowdown",
    0x100: "display_clock_setting",
    0x200: "board_limit",
    0x400: "reliability",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """A process that holds a context on a GPU.

    Attributes:
        pid: process ID, as the driver knows it: in a container without the host's process IDs, nobody here.
        used_bytes: its memory on the GPU; ``None`` where the driver doesn't say.
    """

    pid: int
    used_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """One GPU at one moment; what its driver doesn't say is ``None``.

    Attributes:
        index: NVML's number of it, by PCI bus; not CUDA's.
        utilization_percent: share of the driver's last sampling period in which a kernel ran.
        memory_bandwidth_percent: share of it in which its memory was read or written.
        memory_used_bytes: memory in use, whoever uses it.
        memory_total_bytes: its memory.
        temperature_c: of the chip, degrees Celsius.
        power_w: watts.
        power_limit_w: the limit in force, likewise.
        fan_percent: fan speed; server cards have none.
        sm_clock_mhz: clock of the multiprocessors.
        memory_clock_mhz: clock of its memory.
        throttle_reasons: why its clocks are lower than they could be; idling not counted.
        processes: who is on it, by process ID.
    """

    index: int
    utilization_percent: int | None
    memory_bandwidth_percent: int | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_c: int | None
    power_w: float | None
    power_limit_w: float | None
    fan_percent: int | None
    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    throttle_reasons: tuple[str, ...] | None
    processes: tuple[GpuProcess, ...] | None


class GpuReader:
    """All GPUs of the machine, whatever ``CUDA_VISIBLE_DEVICES`` says; NVML stays open until :meth:`close`."""

    def __init__(self, nvml: ModuleType, handles: dict[int, Any], closing: contextlib.ExitStack) -> None:
        self._nvml = nvml
        self._handles = handles
        self._closing = closing

    @classmethod
    def open(cls) -> GpuReader | None:
        """Open NVML; ``None`` on a machine without GPUs that answer. Never raises."""
        closing = contextlib.ExitStack()
        try:
            nvml = closing.enter_context(nvml_session())
        except NvmlUnavailableError:
            return None
        count = ask(nvml, nvml.nvmlDeviceGetCount) or 0
        found = {index: ask(nvml, nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count)}
        handles = {index: handle for index, handle in found.items() if handle is not None}
        if handles:
            return cls(nvml, handles, closing)
        closing.close()
        return None

    def read(self) -> tuple[GpuReading, ...]:
        """Read all GPUs, by index; never raises."""
        return tuple(self._reading(index, handle) for index, handle in self._handles.items())

    def close(self) -> None:
        """Let go of the driver."""
        self._closing.close()

    def _reading(self, index: int, handle: Any) -> GpuReading:
        nvml = self._nvml
        use = ask(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
        return GpuReading(
            index=index,
            utilization_percent=use.gpu if use is not None else None,
            memory_bandwidth_percent=use.memory if use is not None else None,
            memory_used_bytes=memory.used if memory is not None else None,
            memory_total_bytes=memory.total if memory is not None else None,
            temperature_c=ask(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            power_w=_watts(ask(nvml, nvml.nvmlDeviceGetPowerUsage, handle)),
            power_limit_w=_watts(ask(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, handle)),
            fan_percent=ask(nvml, nvml.nvmlDeviceGetFanSpeed, handle),
            sm_clock_mhz=ask(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM),
            memory_clock_mhz=ask(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM),
            throttle_reasons=self._throttle_reasons(handle),
            processes=self._processes(handle),
        )

    def _throttle_reasons(self, handle: Any) -> tuple[str, ...] | None:
        nvml = self._nvml
        bits = ask(nvml, nvml.nvmlDeviceGetCurrentClocksEventReasons, handle)
        if bits is None:  # drivers before 535 know the older name alone
            bits = ask(nvml, nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
        return None if bits is None else tuple(name for bit, name in _THROTTLE_REASONS.items() if bits & bit)

    def _processes(self, handle: Any) -> tuple[GpuProcess, ...] | None:
        nvml = self._nvml
        lists = [
            ask(nvml, function, handle)
            for function in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses)
        ]
        if lists == [None, None]:
            return None
        used: dict[int, int | None] = {}  # a process may compute and draw: both lists then say the same memory
        for process in (process for found in lists for process in found or ()):
            used[process.pid] = used.get(process.pid) or process.usedGpuMemory
        return tuple(GpuProcess(pid=pid, used_bytes=used[pid]) for pid in sorted(used))


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000
