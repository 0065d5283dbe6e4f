# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""GPUs and their driver, through NVML; a machine without them is an ordinary machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench.machine.nvml import NvmlUnavailableError, ask, nvml_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["GpuInfo", "GpuInventory", "query_gpus", "visible_gpus", "visible_indexes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuInfo:
    """One GPU; what its driver doesn't say is ``None``.

    Attributes:
        index: NVML's number of it, by PCI bus; not CUDA's.
        name: its model.
        uuid: its identity.
        memory_total_bytes: its memory.
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
        reason: why there are no GPUs, or why not all of them could be asked.
    """

    gpus: tuple[GpuInfo, ...] = ()
    driver_version: str | None = None
    cuda_driver_version: str | None = None
    reason: str | None = None


def query_gpus() -> GpuInventory:
    """Ask the driver; never raises."""
    try:
        with nvml_session() as nvml:
            return _inventory(nvml)
    except NvmlUnavailableError as error:
        return GpuInventory(reason=str(error))


def visible_gpus() -> dict[int | str, int | str]:
    """The GPUs that this process may use: the machine's, as far as ``CUDA_VISIBLE_DEVICES`` shows them.

    Read as CUDA reads it: numbers and (beginnings of) UUIDs, up to the first that fits no GPU.

    Returns:
        What they are called here (whole GPUs by NVML's number, instances of divided ones ``MIG-...``), by what they
        are on this machine: by UUID, since numbers begin at 0 in each container. One whose UUID the driver does not
        tell is known by its number.
    """
    gpus = query_gpus().gpus
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = tuple(gpu.index for gpu in gpus) if visible is None else _visible(visible, gpus)
    uuids: dict[int | str, str | None] = {gpu.index: gpu.uuid for gpu in gpus}
    return {uuids.get(device) or device: device for device in devices}


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
        raise NvmlUnavailableError(f"the NVIDIA driver doesn't count its GPUs: {error}") from error
    gpus, problems = [], []
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:
            problems.append(f"GPU {index}: {error}")
            continue
        memory = ask(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
        gpus.append(
            GpuInfo(
                index=index,
                name=ask(nvml, nvml.nvmlDeviceGetName, handle),
                uuid=ask(nvml, nvml.nvmlDeviceGetUUID, handle),
                memory_total_bytes=memory.total if memory is not None else None,
            )
        )
    cuda = ask(nvml, nvml.nvmlSystemGetCudaDriverVersion_v2)
    return GpuInventory(
        gpus=tuple(gpus),
        driver_version=ask(nvml, nvml.nvmlSystemGetDriverVersion),
        cuda_driver_version=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        reason="; ".join(problems) or (None if count else "the NVIDIA driver has no GPU"),
    )


def visible_indexes(visible: str | None, gpus: Sequence[GpuInfo]) -> frozenset[int]:
    """NVML's numbers of the GPUs that ``CUDA_VISIBLE_DEVICES`` with this value shows; all if it has none.

    CUDA's numbers are taken for NVML's, which they are with ``CUDA_DEVICE_ORDER=PCI_BUS_ID`` or GPUs of one kind.
    Which GPU an instance belongs to is not known here: where one is named, all count.
    """
    shown = None if visible is None else _visible(visible, gpus)
    if shown is None or any(isinstance(device, str) for device in shown):
        return frozenset(gpu.index for gpu in gpus)
    return frozenset(device for device in shown if isinstance(device, int))
