# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The machine's capacity: physical cores, GPUs and object store bytes that this process may use."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.small_files import read_text
from pytest_curator_bench.machine.gpus import visible_gpus
from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR, available_cpus, read_memory, read_space
from pytest_curator_bench.resources.errors import LeaseError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = ["SIMULATED_VARIABLE", "Capacity", "Core", "Gpu", "pick_cores", "read_capacity"]

SIMULATED_VARIABLE = "CURATOR_BENCH_SIMULATED_MACHINE"

# Ray leaves the rest of /dev/shm to others; and with less than this in it, stores lie on disk, in the page cache.
_SHARED_MEMORY_SHARE = 0.95
_SMALLEST_USEFUL_STORE_BYTES = 256 * 1024**2

Gpu = int | str
"""The UUID of a GPU, or of an instance of a divided one; a number where there is no UUID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """A physical core.

    Attributes:
        number: its lowest CPU, whether this process may use that one or not, so that all processes agree on it.
        node: its NUMA node.
        cpus: its CPUs (hardware threads) that this process may use.
    """

    number: int
    node: int
    cpus: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Everything that one process may lease.

    Attributes:
        cores: by number.
        gpus: in the order in which they are allocated; the same in each container.
        devices: their names in this process's ``CUDA_VISIBLE_DEVICES``, where these differ.
        memory_bytes: memory of the machine, or the limit of its control groups.
        shared_memory_bytes: size of /dev/shm.
        simulated: described by :data:`SIMULATED_VARIABLE` instead of detected; affinity is never set.
    """

    cores: tuple[Core, ...]
    gpus: tuple[Gpu, ...]
    memory_bytes: int
    shared_memory_bytes: int
    simulated: bool = False
    devices: Mapping[Gpu, int | str] = field(default_factory=dict, compare=False)

    @property
    def cpus(self) -> tuple[int, ...]:
        """The CPUs, in ascending order."""
        return tuple(sorted(cpu for core in self.cores for cpu in core.cpus))

    @property
    def object_store_bytes(self) -> int:
        """Room for the object stores of all clusters together."""
        shared = int(self.shared_memory_bytes * _SHARED_MEMORY_SHARE)
        return min(shared, self.memory_bytes) if shared >= _SMALLEST_USEFUL_STORE_BYTES else self.memory_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for :meth:`from_dict`, without ``devices``, whose names differ between processes."""
        return {
            "cores": [[core.number, core.node, *core.cpus] for core in self.cores],
            "gpus": list(self.gpus),
            "memory_bytes": self.memory_bytes,
            "shared_memory_bytes": self.shared_memory_bytes,
            "simulated": self.simulated,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Capacity:
        """Read back what :meth:`to_dict` returned; raises KeyError, TypeError or ValueError for anything else."""
        cores = ((number, node, tuple(cpus)) for number, node, *cpus in data["cores"])
        return cls(
            cores=tuple(Core(number=number, node=node, cpus=cpus) for number, node, cpus in cores),
            gpus=tuple(data["gpus"]),
            memory_bytes=data["memory_bytes"],
            shared_memory_bytes=data["shared_memory_bytes"],
            simulated=data["simulated"],
        )


def read_capacity(environ: Mapping[str, str], root: Path = Path("/")) -> Capacity:
    """Return what this process may lease: its affinity set, the GPUs that it sees, /dev/shm.

    Where a control group grants less CPU time than the set has CPUs, the rest of the set is left out.

    Args:
        environ: the environment; :data:`SIMULATED_VARIABLE` in it describes another machine to use instead.
        root: where /proc and /sys are, for tests.

    Raises:
        LeaseError: the description of the simulated machine is invalid.
    """
    if simulated := environ.get(SIMULATED_VARIABLE):
        return _simulated(simulated)
    cores = _read_cores(root / "sys/devices/system", os.sched_getaffinity(0))
    allowed = available_cpus(root)
    if allowed < sum(len(core.cpus) for core in cores):
        cores = pick_cores(cores, allowed)
    space = read_space(SHARED_MEMORY_DIR)
    gpus = visible_gpus()
    return Capacity(
        cores=cores,
        gpus=tuple(gpus),
        devices=gpus,
        memory_bytes=read_memory(root).effective_bytes,
        shared_memory_bytes=space.total_bytes if space else 0,
    )


def pick_cores(free: Iterable[Core], count: int) -> tuple[Core, ...]:
    """Return cores with exactly ``count`` CPUs in all, of one NUMA node where they fit.

    The last core may have only some of its CPUs. Nodes are filled so that large gaps stay whole: the fullest node
    that has room, else those with most room first.
    """
    nodes: dict[int, list[Core]] = {}
    for core in free:
        nodes.setdefault(core.node, []).append(core)
    room = {node: sum(len(core.cpus) for core in cores) for node, cores in nodes.items()}
    fitting = [node for node in nodes if room[node] >= count]
    order = (
        [min(fitting, key=lambda node: (room[node], node))]
        if fitting
        else sorted(nodes, key=lambda node: (-room[node], node))
    )
    picked: list[Core] = []
    for node in order:
        picked += _from_node(nodes[node], count - sum(len(core.cpus) for core in picked))
    return tuple(sorted(picked, key=lambda core: core.number))


def _from_node(cores: Collection[Core], count: int) -> list[Core]:
    """Return up to ``count`` CPUs of a node: whole cores as long as they fit, then the narrowest for the rest."""
    left = sorted(cores, key=lambda core: (-len(core.cpus), core.number))
    picked = []
    for core in list(left):
        if len(core.cpus) <= count:
            picked.append(core)
            left.remove(core)
            count -= len(core.cpus)
    if count > 0 and left:
        narrowest = min(left, key=lambda core: (len(core.cpus), core.number))
        picked.append(Core(number=narrowest.number, node=narrowest.node, cpus=narrowest.cpus[:count]))
    return picked


def _read_cores(directory: Path, cpus: Iterable[int]) -> tuple[Core, ...]:
    """Return the cores of the given CPUs; a CPU whose core is unknown is one of its own, on node 0."""
    nodes = {
        cpu: int(path.parent.name.removeprefix("node"))
        for path in directory.glob("node/node[0-9]*/cpulist")
        for cpu in _cpu_list(path)
    }
    threads: dict[int, list[int]] = {}
    for cpu in sorted(cpus):
        topology = directory / f"cpu/cpu{cpu}/topology"
        siblings = _cpu_list(topology / "core_cpus_list") or _cpu_list(topology / "thread_siblings_list") or [cpu]
        threads.setdefault(min(siblings), []).append(cpu)
    return tuple(
        Core(number=number, node=nodes.get(members[0], 0), cpus=tuple(members))
        for number, members in sorted(threads.items())
    )


def _cpu_list(path: Path) -> list[int]:
    """Return the numbers in one of the kernel's lists, such as ``0-3,8``; empty where it can't be read."""
    parts = [part.partition("-") for part in read_text(path).split(",") if part]
    return [cpu for low, _, high in parts for cpu in range(int(low), int(high or low) + 1)]


def _simulated(text: str) -> Capacity:
    numbers: dict[str, int] = {}
    for part in text.split(","):
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in {"cpus", "gpus", "memory"} or key in numbers or not (value.isascii() and value.isdigit()):
            raise _simulated_error(text, part)
        numbers[key] = int(value)
    if not 1 <= numbers.get("cpus", 0) <= 4096 or numbers.get("gpus", 0) > 1024:
        raise _simulated_error(text, text)
    memory = numbers.get("memory") or read_memory().effective_bytes
    return Capacity(
        cores=tuple(Core(number=cpu, node=0, cpus=(cpu,)) for cpu in range(numbers["cpus"])),
        gpus=tuple(range(numbers.get("gpus", 0))),
        memory_bytes=memory,
        shared_memory_bytes=memory // 2,  # as large as Linux makes it
        simulated=True,
    )


def _simulated_error(text: str, part: str) -> LeaseError:
    return LeaseError(
        f"{SIMULATED_VARIABLE}={text}: found {part.strip()!r}, expected cpus=NUMBER (1 to 4096) and, if wanted, "
        "gpus=NUMBER (to 1024) and memory=BYTES, separated by commas, as in cpus=16,gpus=8,memory=64000000000"
    )
