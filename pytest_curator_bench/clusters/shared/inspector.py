# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What lives on a shared cluster: asked of a process beside it, since the harness itself never imports Ray."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench._util.text import counted, format_size
from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.internals import BOOKKEEPERS
from pytest_curator_bench.clusters.programs import module_command, module_environment
from pytest_curator_bench.processes.client import SupervisionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.processes.client import SupervisedProcess, Supervisor

__all__ = ["Inspector", "Inventory"]

_SOCKET_NAME = "inspector.sock"
_LOG_NAME = "inspector.log"
# Far more than it takes: milliseconds, and a second or two before the first answer, for Ray's import.
ANSWER_LIMIT_S = 30.0
_POLL_INTERVAL_S = 0.1
_RECEIVE_BYTES = 65536
_NAMED_AT_MOST = 5  # of each kind
_COMMAND_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What lives on a cluster.

    Attributes:
        actors: live actors, each with ``id`` (hexadecimal), ``class_name``, ``module``, ``name`` and ``namespace``.
        jobs: running jobs, each with ``id``, ``pid`` of its driver and ``command``.
        placement_groups: those not removed, each with ``id`` and ``name``.
        objects: number of objects in the object store.
        object_bytes: their size, in bytes.
        workers: number of worker processes and drivers.
        orphans: processes, as ``pid name``, that tasks have started and that outlived them.
    """

    actors: tuple[dict[str, str], ...] = ()
    jobs: tuple[dict[str, Any], ...] = ()
    placement_groups: tuple[dict[str, str], ...] = ()
    objects: int = 0
    object_bytes: int = 0
    workers: int = 0
    orphans: tuple[str, ...] = ()

    @property
    def bookkeepers(self) -> list[str]:
        """IDs of the actors that Ray Data leaves behind by design: they can be ended, and blame nobody."""
        return [actor["id"] for actor in self.actors if (actor["module"], actor["class_name"]) in BOOKKEEPERS]

    def left(self) -> list[str]:
        """What an entry that has ended should not have left, one phrase each; empty for a clean cluster."""
        phrases = [f"running {phrase}" for phrase in _some("job", [_job(job) for job in self.jobs])]
        phrases += _some("actor", [_actor(actor) for actor in self.actors])
        phrases += _some("placement group", [group["name"] or group["id"] for group in self.placement_groups])
        if self.objects:
            phrases.append(f"{counted(self.objects, 'object')} of {format_size(self.object_bytes)} in the object store")
        return phrases + _some("process", list(self.orphans))


class Inspector:
    """A process that looks at one cluster for as long as it lives, and answers in milliseconds.

    It belongs to one thread. What goes wrong once goes wrong for good: no answer is ever taken for another's.
    """

    def __init__(self, process: SupervisedProcess, listener: socket.socket, log_file: Path) -> None:
        self._process = process
        self._listener = listener
        self._log_file = log_file
        self._connection: socket.socket | None = None
        self._broken = ""

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        supervisor: Supervisor,
        env: Mapping[str, str],
        cwd: Path,
        command: Sequence[str] | None = None,
    ) -> Inspector:
        """Start the process; that it works is known with its first answer.

        Args:
            directory: the cluster's private directory: its socket and its log go there, and go with it.
            supervisor: what will run and end it.
            env: its environment, that of a script on the cluster.
            cwd: its working directory.
            command: what to run instead of :mod:`.inspector_program`, its socket's path left out.

        Raises:
            ClusterError: it can't be started.
        """
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(directory / _SOCKET_NAME))
            listener.listen()
            process = supervisor.spawn(
                [*(command or module_command("shared.inspector_program")), str(directory / _SOCKET_NAME)],
                env=module_environment(env),
                cwd=cwd,
                log_file=directory / _LOG_NAME,
                name="the inspector of Ray",
                hold=True,
            )
        except BaseException as error:
            listener.close()
            if isinstance(error, OSError | SupervisionError):
                raise ClusterError(f"The Ray cluster inspector could not be started: {error}") from error
            raise
        return cls(process, listener, directory / _LOG_NAME)

    def inventory(self) -> Inventory:
        """Return what lives on the cluster; raises ClusterError if that can't be told."""
        answer = self._ask(do="inventory")
        facts: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in answer.items()
        }
        return Inventory(**facts)

    def end_actors(self, ids: list[str]) -> None:
        """End actors for good; raises ClusterError if that fails."""
        self._ask(do="end_actors", ids=ids)

    def start_workers(self, number: int) -> None:
        """Have so many idle workers started, without waiting for them; raises ClusterError if that fails."""
        self._ask(do="start_workers", number=number)

    def stop(self) -> None:
        """End the process; idempotent."""
        self._broken = self._broken or "it was stopped"
        if self._connection is not None:
            self._connection.close()
        self._listener.close()
        with suppress(SupervisionError):  # the supervisor ends it with everything else
            self._process.end(0)

    def _ask(self, **request: Any) -> Any:
        if not self._broken:
            self._broken = "it was interrupted"
            try:
                reply = json.loads(self._exchange(json.dumps(request).encode() + b"\n"))
            except TimeoutError:
                self._broken = f"it did not answer within {ANSWER_LIMIT_S:g} s"
            except (OSError, ValueError, SupervisionError):
                lines = log_tail(self._log_file, 1)
                self._broken = f"it exited with: {lines[0].strip()}" if lines else "it exited without output"
            else:
                self._broken = ""
                if "error" in reply:
                    raise ClusterError(f"Ray does not tell what lives on it: {reply['error']}")
                return reply["answer"]
        raise ClusterError(f"Lost contact with the Ray cluster inspector: {self._broken}")

    def _exchange(self, request: bytes) -> bytes:
        """The answer's line."""
        deadline = time.monotonic() + ANSWER_LIMIT_S
        if self._connection is None:
            self._connection = self._accept(deadline)
        self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
        self._connection.sendall(request)
        answer = b""
        while not answer.endswith(b"\n"):
            self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
            received = self._connection.recv(_RECEIVE_BYTES)
            if not received:
                raise ConnectionError
            answer += received
        return answer

    def _accept(self, deadline: float) -> socket.socket:
        self._listener.settimeout(_POLL_INTERVAL_S)
        while True:
            try:
                return self._listener.accept()[0]
            except TimeoutError:
                if self._process.wait(0) is not None:
                    raise ConnectionError from None
                if time.monotonic() > deadline:
                    raise


def _some(kind: str, names: list[str]) -> list[str]:
    """The first names, and how many there are more."""
    phrases = [f"{kind} {name}" for name in names[:_NAMED_AT_MOST]]
    if len(names) > _NAMED_AT_MOST:
        phrases.append(f"{len(names) - _NAMED_AT_MOST} more of the kind {kind}")
    return phrases


def _actor(actor: dict[str, str]) -> str:
    named = f" named {actor['name']!r}" if actor["name"] else ""
    return f"{actor['class_name']}{named}"


def _job(job: dict[str, Any]) -> str:
    command = " ".join(str(job["command"]).split())
    shown = command if len(command) <= _COMMAND_CHARACTERS else f"{command[: _COMMAND_CHARACTERS - 1]}…"
    return f"{job['id']} (process {job['pid']}: {shown})"
