# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""GPUs through NVML, NVIDIA's management library: which there are, which this process may use, what they do now.

A machine without GPUs is an ordinary machine, and each call to the driver may fail by itself.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

__all__ = [
    "GpuInfo",
    "GpuInventory",
    "GpuProcess",
    "GpuReader",
    "GpuReading",
    "query_gpus",
    "visible_gpus",
    "visible_indexes",
]

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
class GpuInfo:
    """Identity of a GPU; fields that its driver doesn't report are ``None``.

    Attributes:
        index: NVML's number, by PCI bus; not CUDA's.
        name: model.
        uuid: identity.
        memory_total_bytes: size of its memory.
    """

    index: int
    name: str | None
    uuid: str | None
    memory_total_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuInventory:
    """The machine's GPUs, whether this process may use them or not.

    Attributes:
        gpus: by index.
        driver_version: as the driver prints it.
        cuda_driver_version: the newest CUDA that the driver runs, ``13.0`` for instance.
        reason: why there are no GPUs, or why some could not be queried.
    """

    gpus: tuple[GpuInfo, ...] = ()
    driver_version: str | None = None
    cuda_driver_version: str | None = None
    reason: str | None = None


def query_gpus() -> GpuInventory:
    """Query the driver; never raises."""
    try:
        with _nvml_session() as nvml:
            return _inventory(nvml)
    except _NvmlUnavailableError as error:
        return GpuInventory(reason=str(error))


def visible_gpus() -> dict[int | str, int | str]:
    """Return the GPUs that this process may use: those of the machine that ``CUDA_VISIBLE_DEVICES`` shows.

    Read as CUDA reads it: numbers and (beginnings of) UUIDs, up to the first that fits no GPU.

    Returns:
        The name of each GPU in this process (NVML's number of a whole one, ``MIG-...`` for an instance of a divided
        one), by its UUID, since numbers begin at 0 in each container. A GPU without a UUID stands under its number.
    """
    gpus = query_gpus().gpus
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = tuple(gpu.index for gpu in gpus) if visible is None else _visible(visible, gpus)
    uuids: dict[int | str, str | None] = {gpu.index: gpu.uuid for gpu in gpus}
    return {uuids.get(device) or device: device for device in devices}


def visible_indexes(visible: str | None, gpus: Sequence[GpuInfo]) -> frozenset[int]:
    """Return NVML's numbers of the GPUs that ``CUDA_VISIBLE_DEVICES`` with this value shows; all if it is not set.

    CUDA's numbers are taken for NVML's, which they are with ``CUDA_DEVICE_ORDER=PCI_BUS_ID`` or GPUs of one kind.
    If the value names an instance of a divided GPU, all GPUs count: which one it belongs to is not known here.
    """
    shown = None if visible is None else _visible(visible, gpus)
    if shown is None or any(isinstance(device, str) for device in shown):
        return frozenset(gpu.index for gpu in gpus)
    return frozenset(device for device in shown if isinstance(device, int))


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """A process that holds a context on a GPU.

    Attributes:
        pid: process ID as the driver knows it; in a container that is the host's, and names no process in it.
        used_bytes: its memory on the GPU; ``None`` where the driver doesn't report it.
    """

    pid: int
    used_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """One GPU at one moment; fields that its driver doesn't report are ``None``.

    Attributes:
        index: NVML's number, by PCI bus; not CUDA's.
        utilization_percent: share of the driver's last sampling period in which a kernel ran.
        memory_bandwidth_percent: share of it in which its memory was read or written.
        memory_used_bytes: memory in use by all processes.
        memory_total_bytes: size of its memory.
        temperature_c: of the chip, degrees Celsius.
        power_w: watts.
        power_limit_w: the limit in force, likewise.
        fan_percent: fan speed; server cards have none.
        sm_clock_mhz: clock of the multiprocessors.
        memory_clock_mhz: clock of its memory.
        throttle_reasons: why its clocks are lower than they could be, except for idling.
        processes: processes on it, by process ID.
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
            nvml = closing.enter_context(_nvml_session())
        except _NvmlUnavailableError:
            return None
        count = _ask(nvml, nvml.nvmlDeviceGetCount) or 0
        found = {index: _ask(nvml, nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count)}
        handles = {index: handle for index, handle in found.items() if handle is not None}
        if handles:
            return cls(nvml, handles, closing)
        closing.close()
        return None

    def read(self) -> tuple[GpuReading, ...]:
        """Read all GPUs, by index; never raises."""
        return tuple(self._reading(index, handle) for index, handle in self._handles.items())

    def close(self) -> None:
        """Close NVML."""
        self._closing.close()

    def _reading(self, index: int, handle: Any) -> GpuReading:
        nvml = self._nvml
        use = _ask(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = _ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
        return GpuReading(
            index=index,
            utilization_percent=use.gpu if use is not None else None,
            memory_bandwidth_percent=use.memory if use is not None else None,
            memory_used_bytes=memory.used if memory is not None else None,
            memory_total_bytes=memory.total if memory is not None else None,
            temperature_c=_ask(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            power_w=_watts(_ask(nvml, nvml.nvmlDeviceGetPowerUsage, handle)),
            power_limit_w=_watts(_ask(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, handle)),
            fan_percent=_ask(nvml, nvml.nvmlDeviceGetFanSpeed, handle),
            sm_clock_mhz=_ask(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM),
            memory_clock_mhz=_ask(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM),
            throttle_reasons=self._throttle_reasons(handle),
            processes=self._processes(handle),
        )

    def _throttle_reasons(self, handle: Any) -> tuple[str, ...] | None:
        nvml = self._nvml
        bits = _ask(nvml, nvml.nvmlDeviceGetCurrentClocksEventReasons, handle)
        if bits is None:  # drivers before 535 know the older name alone
            bits = _ask(nvml, nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
        return None if bits is None else tuple(name for bit, name in _THROTTLE_REASONS.items() if bits & bit)

    def _processes(self, handle: Any) -> tuple[GpuProcess, ...] | None:
        nvml = self._nvml
        lists = [
            _ask(nvml, function, handle)
            for function in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses)
        ]
        if lists == [None, None]:
            return None
        used: dict[int, int | None] = {}  # a process may compute and draw: both lists then have the same memory
        for process in (process for found in lists for process in found or ()):
            used[process.pid] = used.get(process.pid) or process.usedGpuMemory
        return tuple(GpuProcess(pid=pid, used_bytes=used[pid]) for pid in sorted(used))


def _visible(visible: str, gpus: Sequence[GpuInfo]) -> tuple[int | str, ...]:
    seen: list[int | str] = []
    for word in visible.split(","):
        device = _device(word.strip(), gpus)
        if device is None:
            break
        if device in seen:
            return ()  # CUDA refuses a list that names a device twice
        seen.append(device)
    return tuple(seen)


def _device(word: str, gpus: Sequence[GpuInfo]) -> str | int | None:
    if word.isascii() and word.isdigit():
        return int(word) if int(word) < len(gpus) else None
    if word.startswith("MIG-") and gpus:
        return word
    fitting = [gpu.index for gpu in gpus if word.startswith("GPU-") and (gpu.uuid or "").startswith(word)]
    return fitting[0] if len(fitting) == 1 else None


def _inventory(nvml: ModuleType) -> GpuInventory:
    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        raise _NvmlUnavailableError(f"the NVIDIA driver doesn't count its GPUs: {error}") from error
    gpus, problems = [], []
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:
            problems.append(f"GPU {index}: {error}")
            continue
        memory = _ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
        gpus.append(
            GpuInfo(
                index=index,
                name=_ask(nvml, nvml.nvmlDeviceGetName, handle),
                uuid=_ask(nvml, nvml.nvmlDeviceGetUUID, handle),
                memory_total_bytes=memory.total if memory is not None else None,
            )
        )
    cuda = _ask(nvml, nvml.nvmlSystemGetCudaDriverVersion_v2)
    return GpuInventory(
        gpus=tuple(gpus),
        driver_version=_ask(nvml, nvml.nvmlSystemGetDriverVersion),
        cuda_driver_version=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        reason="; ".join(problems) or (None if count else "the NVIDIA driver has no GPU"),
    )


class _NvmlUnavailableError(Exception):
    """NVML can't be used; the message says why."""


@contextlib.contextmanager
def _nvml_session() -> Iterator[ModuleType]:
    """Initialise NVML; sessions may nest.

    Raises:
        _NvmlUnavailableError: there is no driver, or it does not answer.
    """
    try:
        import pynvml
    except ImportError as error:
        raise _NvmlUnavailableError(f"nvidia-ml-py can't be imported: {error}") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise _NvmlUnavailableError(f"no NVIDIA driver that answers: {error}") from error
    try:
        yield pynvml
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _ask(nvml: ModuleType, function: Callable[..., Any], *arguments: object) -> Any:
    """Return the function's result, or ``None``: not supported, no permission, GPU lost, name in no encoding."""
    with contextlib.suppress(nvml.NVMLError, UnicodeDecodeError):
        return function(*arguments)
    return None


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000
