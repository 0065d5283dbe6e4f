# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Who owns a session's directory: a process, told apart from others that had or will have its number."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pytest_curator_bench._util.plain import plain_integer
from pytest_curator_bench._util.small_files import read_text
from pytest_curator_bench.machine.processes import read_stat
from pytest_curator_bench.results.json_files import OwnerDict
from pytest_curator_bench.results.type_check import check_types

__all__ = ["OwnerState", "ProcessIdentity"]

# The kernel's own limit, PID_MAX_LIMIT; os.kill() takes other numbers for groups, or not at all.
_HIGHEST_PID = 2**22
OwnerState = Literal["alive", "dead", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A process that another one, later and perhaps elsewhere, can ask after.

    Attributes:
        pid: its number.
        start_ticks: when it started, in clock ticks since boot (field 22 of ``/proc/<pid>/stat``).
        hostname: the kernel's host name.
        boot_id: which boot of which kernel, or ``None`` where that can't be read.
        pid_namespace: the name space that ``pid`` counts in: containers of one host have different ones.
        machine_id: systemd's identity of the installation, or ``None``.
    """

    pid: int
    start_ticks: int | None
    hostname: str
    boot_id: str | None
    pid_namespace: str | None
    machine_id: str | None

    @classmethod
    def current(cls) -> ProcessIdentity:
        """This process."""
        pid = os.getpid()
        stat = read_stat(pid)
        return cls(
            pid=pid,
            start_ticks=stat.start_ticks if stat else None,
            hostname=socket.gethostname(),
            boot_id=_boot_id(),
            pid_namespace=_pid_namespace(),
            machine_id=_machine_id(),
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ProcessIdentity:
        """Read back what :meth:`to_dict` gave; what is missing is not known.

        Raises:
            ValueError: it is something else.
        """
        known = {"hostname": "", **dict.fromkeys(field.name for field in fields(cls) if field.name not in data), **data}
        check_types(known, OwnerDict, "owner")
        if not 0 < known["pid"] <= _HIGHEST_PID:
            raise ValueError(f"owner.pid: found {plain_integer(known['pid'])}, which is no process")
        return cls(**{field.name: known[field.name] for field in fields(cls)})

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    def state(self) -> OwnerState:
        """Whether the process still runs, judged without waiting.

        ``unknown`` where that can't be seen from here: the process belongs to another machine or to another
        container. A zombie is dead: nothing will be written by it.
        """
        if self.boot_id is None or self.boot_id != _boot_id():
            return "dead" if self._machine_rebooted() else "unknown"
        if self.pid_namespace != _pid_namespace():
            return "unknown"
        return self._state_here()

    def describe(self) -> str:
        """For messages: ``process 123 on host``."""
        return f"process {self.pid} on {self.hostname}"

    def _machine_rebooted(self) -> bool:
        """The same installation under the same name, but another boot: all of its processes are gone."""
        return (
            self.boot_id is not None
            and self.machine_id is not None
            and self.machine_id == _machine_id()
            and self.hostname == socket.gethostname()
        )

    def _state_here(self) -> OwnerState:
        stat = read_stat(self.pid)
        if stat is None:
            return _state_by_signal(self.pid)
        return "alive" if stat.living and stat.start_ticks == self.start_ticks else "dead"


def _state_by_signal(pid: int) -> OwnerState:
    """For a process that has no directory in /proc: gone, or another user's where /proc hides those."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "dead"
    except PermissionError:
        pass
    return "unknown"


def _pid_namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _boot_id() -> str | None:
    return read_text("/proc/sys/kernel/random/boot_id") or None


def _machine_id() -> str | None:
    return read_text("/etc/machine-id") or None
