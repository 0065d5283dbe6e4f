# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The harness's side of :mod:`pytest_curator_bench.clusters.shared.inspector_program`."""

from __future__ import annotations

import json
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.shared.inventory import Inventory
from pytest_curator_bench.processes.client import SupervisionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_curator_bench.processes.client import SupervisedProcess, Supervisor

__all__ = ["Inspector"]

_PROGRAM = Path(__file__).with_name("inspector_program.py")
_SOCKET_NAME = "inspector.sock"
_LOG_NAME = "inspector.log"
# Far more than it takes: milliseconds, and a second or two before the first answer, for Ray's import.
ANSWER_LIMIT_S = 30.0
_POLL_INTERVAL_S = 0.1
_RECEIVE_BYTES = 65536


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
        cls, directory: Path, *, supervisor: Supervisor, env: Mapping[str, str], cwd: Path, program: Path = _PROGRAM
    ) -> Inspector:
        """Start the process; that it works is known with its first answer.

        Args:
            directory: the cluster's private directory: its socket and its log go there, and go with it.
            supervisor: what will run and end it.
            env: its environment, that of a script on the cluster.
            cwd: its working directory.
            program: what it runs.

        Raises:
            ClusterError: it can't be started.
        """
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(directory / _SOCKET_NAME))
            listener.listen()
            process = supervisor.spawn(
                # Without the program's own directory on the path: its modules' names are Ray's modules' names.
                [sys.executable, "-P", str(program), str(directory / _SOCKET_NAME)],
                env=env,
                cwd=cwd,
                log_file=directory / _LOG_NAME,
                name="the inspector of Ray",
                hold=True,
            )
        except BaseException as error:
            listener.close()
            if isinstance(error, OSError | SupervisionError):
                raise ClusterError(f"What watches over a shared Ray cluster could not be started: {error}") from error
            raise
        return cls(process, listener, directory / _LOG_NAME)

    def look(self) -> Inventory:
        """What lives on the cluster; raises ClusterError if that can't be told."""
        answer = self._ask(do="look")
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
                self._broken = f"it ended: {self._last_line() or 'without a word'}"
            else:
                self._broken = ""
                if "error" in reply:
                    raise ClusterError(f"Ray does not tell what lives on it: {reply['error']}")
                return reply["answer"]
        raise ClusterError(f"What watches over the Ray cluster is lost: {self._broken}")

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

    def _last_line(self) -> str:
        with suppress(OSError):
            lines = self._log_file.read_text("utf-8", "replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""
