# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Supervised processes: the harness's side of :mod:`pytest_curator_bench.processes.supervisor`.

A job is a main process and everything that it ever starts, daemons included. Its output goes straight to its
log file. When the harness ends, however it ends, so do its jobs.

A supervisor and its processes belong to one thread. A signal handler may raise in that thread at any point, as Ctrl-C
and pytest-timeout do: the interrupted method can be called again. The handler must not call into them itself.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.machine.processes import read_stat
from pytest_curator_bench.processes.orphans import KEEPER_NAME, JobCount, kill_orphans, reap_keepers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import IO

__all__ = [
    "EndReport",
    "ProcessExit",
    "ProcessStartError",
    "SupervisedProcess",
    "SupervisionError",
    "Supervisor",
    "SupervisorLostError",
]

_PROGRAM = Path(__file__).with_name("supervisor.py")
_PACKET_BYTES = 65536
_ANSWER_TIMEOUT_S = 20.0  # to start, or to end after the grace period; a keeper needs 10 s at most
_LONGEST_POLL_S = 3600.0  # poll() counts milliseconds in a C int
_TAKEOVER_TIMEOUT_S = 10.0  # to end the job of a keeper that was killed; the supervisor needs 2 s
_CLOSE_TIMEOUT_S = 15.0  # the supervisor needs 9 s at most

_QUESTION = b"?"  # to the supervisor, which answers it

_jobs = JobCount()


class SupervisionError(RuntimeError):
    """An error between the harness and its supervised processes; the text is one sentence."""


class ProcessStartError(SupervisionError):
    """The process could not be started."""


class SupervisorLostError(SupervisionError):
    """The supervisor, or a job's keeper, is gone: how the main process ended is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessExit:
    """How a job's main process ended.

    Attributes:
        returncode: its exit status; ``None`` if a signal ended it.
        signal: the name of that signal, such as ``SIGKILL``.
        duration_s: from its start to its end, in seconds, by the monotonic clock of its keeper.
        started_at: UTC.
        finished_at: ``duration_s`` after ``started_at``, whatever happens to the system's clock meanwhile.
    """

    returncode: int | None
    signal: str | None
    duration_s: float
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReport:
    """What it took to end a job.

    Attributes:
        ended: ``"pid name"`` of each process, other than the main one, that had to be sent a signal (of the
            first 50; the last item then says how many more).
        unkillable: the same for processes still there ten seconds after SIGKILL.
        cpu_time_s: user and system time of all processes of the job, in seconds.
        max_rss_bytes: the largest resident set that any one of them had.
    """

    ended: tuple[str, ...]
    unkillable: tuple[str, ...]
    cpu_time_s: float
    max_rss_bytes: int


class KeeperConnection:
    """The connection to a job's keeper.

    Attributes:
        messages: everything that the keeper has sent so far.
        closed: whether no further messages can come.
        is_over: whether all processes of the job are gone, as far as can be known.
    """

    def __init__(
        self,
        connection: socket.socket,
        program: subprocess.Popen[bytes],
        supervisor_stderr: IO[bytes],
    ) -> None:
        self._socket = connection
        self._program = program
        self._supervisor_stderr = supervisor_stderr
        self._is_silent = False
        self.messages: dict[str, Any] = {}
        self.closed = False
        self.is_over = False
        _jobs.add()

    def send(self, message: bytes) -> None:
        """Send a message; a keeper that is gone is no error here, because its last messages can still be read."""
        with contextlib.suppress(OSError):
            for begin in range(0, len(message), _PACKET_BYTES):
                self._socket.send(message[begin : begin + _PACKET_BYTES])

    def wait_for(self, *keys: str, timeout_s: float | None = None) -> bool:
        """Wait until a message has one of ``keys`` or the connection is closed; false if the time is up before."""
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while not self.closed and self.messages.keys().isdisjoint(keys):
            left_s = deadline - time.monotonic()
            poller = select.poll()
            poller.register(self._socket, select.POLLIN)
            if not poller.poll(math.ceil(1000 * min(max(left_s, 0), _LONGEST_POLL_S))):
                if left_s <= _LONGEST_POLL_S:
                    return False
                continue
            # An exception between taking a packet off the socket and storing its message would lose it: so store first,
            # then take. Storing a message twice does no harm. A reset is reported once, if the keeper left something
            # unread when it ended; its packets are still there.
            with contextlib.suppress(ConnectionResetError):
                packet = self._socket.recv(_PACKET_BYTES, socket.MSG_PEEK)
                if not packet:
                    self.close("its supervisor and its keeper were killed")
                    break
                self.messages.update(json.loads(packet))
                self._socket.recv(_PACKET_BYTES)
        return True

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until all processes of the job are gone: none may run on when its lease is released.

        A keeper that does not report the end in time is killed, and the supervisor ends its job. A supervisor that does
        not report it either is killed, too, and this process ends the job.
        """
        if not self.wait_for("ended", timeout_s=timeout_s):
            self._is_silent = True
            self._kill_keeper()
            if not self.wait_for("ended", timeout_s=_TAKEOVER_TIMEOUT_S):
                self._program.kill()
                self.wait_for("ended", timeout_s=_TAKEOVER_TIMEOUT_S)
        if not self.is_over and "ended" not in self.messages and (started := self.messages.get("started")):
            kill_orphans(started["pid"], started["mark"], watchers=(started["keeper"], self._program.pid))
        self.set_over()

    def _kill_keeper(self) -> None:
        pid = self.messages["started"]["keeper"]
        keeper = read_stat(pid)
        if keeper is not None and keeper.name == KEEPER_NAME:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def set_over(self) -> None:
        """Note that nothing of the job is to be inherited any more."""
        if not self.is_over:
            self.is_over = True
            _jobs.remove()

    def close(self, reason: str) -> None:
        """Close the connection; ``reason`` tells why missing messages never come."""
        self.messages.setdefault("lost", reason)
        self.closed = True
        self._socket.close()

    def abandon(self) -> None:
        """Close the connection, and have all processes killed."""
        self.send(b'{"grace": 0}')
        self.close("its start failed")
        self.set_over()

    def why_lost(self) -> str:
        """Return the end of a sentence, and the supervisor's traceback if it failed."""
        traceback = b""
        if not self._supervisor_stderr.closed:
            traceback = os.pread(self._supervisor_stderr.fileno(), _PACKET_BYTES, 0)
        reason = "its keeper did not answer" if self._is_silent else self.messages.get("lost")
        return f"{reason}.\n{traceback.decode(errors='replace')}".rstrip()


class SupervisedProcess:
    """A job: a main process and everything that it starts; made by :meth:`Supervisor.spawn`.

    Call :meth:`end` for every one, also after its main process has ended by itself.

    Attributes:
        name: what errors call it.
        pid: process ID of the main process, which is the ID of its group and its session too.
        keeper_pid: process ID of the keeper, below which all processes of the job are until :meth:`end`.
        started_at: UTC.
    """

    def __init__(self, name: str, connection: KeeperConnection) -> None:
        self.name = name
        self.pid: int = connection.messages["started"]["pid"]
        self.keeper_pid: int = connection.messages["started"]["keeper"]
        self.started_at = datetime.fromtimestamp(connection.messages["started"]["at"], UTC)
        self._connection = connection

    def wait(self, timeout_s: float | None = None) -> ProcessExit | None:
        """Wait for the exit of the main process itself, whoever may still hold its output open.

        Returns:
            The exit, or ``None`` if ``timeout_s`` seconds pass before.

        Raises:
            SupervisorLostError: how the main process ended is unknown.
        """
        if not self._connection.wait_for("exit", "lost", timeout_s=timeout_s):
            return None
        if not (message := self._connection.messages.get("exit")):
            raise self._lost_error()
        signaled = os.WIFSIGNALED(message["status"])
        return ProcessExit(
            returncode=None if signaled else os.WEXITSTATUS(message["status"]),
            signal=_signal_name(os.WTERMSIG(message["status"])) if signaled else None,
            duration_s=message["duration_s"],
            started_at=self.started_at,
            finished_at=self.started_at + timedelta(seconds=message["duration_s"]),
        )

    def end(self, grace_s: float) -> EndReport:
        """End every process of the job: SIGTERM, after ``grace_s`` seconds SIGKILL; return when all are gone.

        Calling it again, after an interruption for example, can shorten the grace period, never prolong it.
        Processes that the main one left behind when it exited have a tenth of a second to end by themselves.

        Raises:
            SupervisorLostError: neither keeper nor supervisor was left to report; all that could be found was killed.
        """
        grace_s = max(grace_s, 0)
        self._connection.send(json.dumps({"grace": grace_s}).encode())
        self._connection.wait_for_end(grace_s + _ANSWER_TIMEOUT_S)
        if not (message := self._connection.messages.get("ended")):
            raise self._lost_error()
        self._connection.close("its main process could not be ended")
        return EndReport(
            ended=tuple(message["ended"]),
            unkillable=tuple(message["unkillable"]),
            cpu_time_s=message["cpu_time_s"],
            max_rss_bytes=message["max_rss_bytes"],
        )

    def _lost_error(self) -> SupervisorLostError:
        return SupervisorLostError(f"The supervision of {self.name} was lost: {self._connection.why_lost()}")


class Supervisor:
    """Starts processes and makes sure that they end; there is one for each harness process."""

    def __init__(self, program: subprocess.Popen[bytes], control: socket.socket, stderr: IO[bytes]) -> None:
        self._program = program
        self._control = control
        self._stderr = stderr
        self._connections: list[KeeperConnection] = []
        self._owner = os.getpid()

    @classmethod
    def start(cls, keep_open: Sequence[int] = ()) -> Supervisor:
        """Start the supervisor.

        Args:
            keep_open: descriptors that it holds copies of until it and all of its jobs have ended.

        Raises:
            SupervisionError: it can't be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stderr = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - read when the supervisor has failed
        with theirs:
            command = [sys.executable, "-I", "-S", str(_PROGRAM), str(theirs.fileno()), str(os.getpid())]
            command += map(str, keep_open)
            try:
                program = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno(), *keep_open],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    start_new_session=True,  # Ctrl-C is for the harness alone
                    cwd="/",
                )
            except OSError as error:
                ours.close()
                stderr.close()
                raise SupervisionError(f"The process supervisor could not be started: {error}.") from error
        return cls(program, ours, stderr)

    @property
    def lost(self) -> bool:
        """Whether the supervisor's process is gone, or does not answer and was killed: a new one is needed."""
        try:
            with contextlib.suppress(BlockingIOError):  # an answer to a question that was interrupted
                self._control.recv(_PACKET_BYTES, socket.MSG_DONTWAIT)
            self._control.send(_QUESTION)
            poller = select.poll()
            poller.register(self._control, select.POLLIN)
            if poller.poll(1000 * _ANSWER_TIMEOUT_S) and self._control.recv(_PACKET_BYTES):
                return False
        except OSError:
            pass
        self._program.kill()
        return True

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log_file: Path,
        name: str,
        hold: bool = False,
        remove_on_harness_death: Sequence[Path] = (),
        cpus: Collection[int] | None = None,
    ) -> SupervisedProcess:
        """Start a job, without a shell, in a session of its own.

        Its standard input is empty; its standard output and error are one descriptor of the log file, in
        append mode. It inherits no other descriptor, and no signal that is ignored or blocked.

        Args:
            argv: the command; its first word is looked up on the ``PATH`` of ``env`` unless it has a slash.
            env: the environment, exactly.
            cwd: the working directory.
            log_file: made if missing; its directory must exist.
            name: what errors call the job.
            hold: when the harness dies, keep the job until those without ``hold`` are gone, then SIGKILL it; meant
                for services that scripts depend on. The others get SIGTERM, and SIGKILL three seconds later.
            remove_on_harness_death: directories that the supervisor removes, if they still exist, when it has
                ended all jobs, because the harness has died or :meth:`close` was called.
            cpus: the CPUs that the job may run on; by default those of this process.

        Raises:
            ProcessStartError: the program, working directory, log file or CPUs can't be used.
            SupervisorLostError: the supervisor is gone.
        """
        program = _find_program(argv, env, name)
        words = [program, str(log_file.absolute()), str(cwd.absolute()), *argv]
        environment = {_text(key): _text(value) for key, value in env.items()}
        affinity = None if cpus is None else sorted(cpus)
        options = {"words": [_text(word) for word in words], "env": environment, "cpus": affinity}
        request = json.dumps(options).encode() + b"\n"
        remove = [_text(directory.absolute()) for directory in remove_on_harness_death]
        order = json.dumps({"hold": hold, "remove": remove}).encode()

        self._connections = [connection for connection in self._connections if not connection.is_over]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection = KeeperConnection(ours, self._program, self._stderr)
        try:
            self._connections.append(connection)
            with theirs, contextlib.suppress(OSError):  # the supervisor is gone: the connection tells
                socket.send_fds(self._control, [order], [theirs.fileno()])
            connection.send(request)
            if not connection.wait_for("started", "failed", "lost", timeout_s=_ANSWER_TIMEOUT_S):
                self._program.kill()
                connection.messages["lost"] = "its supervisor did not answer, and was killed"
            if "started" in connection.messages:
                return SupervisedProcess(name, connection)
        except BaseException:
            connection.abandon()
            raise
        connection.abandon()
        if "failed" not in connection.messages:
            raise SupervisorLostError(f"{name} can't start: {connection.why_lost()}")
        failure = connection.messages["failed"]
        step, reason = failure["step"], failure["reason"]
        if step == "program" and (cwd / program).exists() and reason == os.strerror(errno.ENOENT):
            reason = "the interpreter that its first line names is missing"
        subject = {
            "log": f"its log file {log_file} can't be written",
            "affinity": f"it can't be put on the CPUs {affinity}",
            "directory": f"its working directory {cwd} can't be entered",
            "program": f"{program} can't be run",
            "keeper": "the system gives it no process",
        }[step]
        raise ProcessStartError(f"{name} can't start: {subject}: {reason}.")

    def close(self) -> None:
        """End everything still running, then the supervisor; scripts have three seconds after SIGTERM."""
        if self._owner != os.getpid():  # a fork of the harness must not end its parent's jobs
            return
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # unlike close(), whatever copies forks may hold
        try:
            self._program.wait(_CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
        for connection in self._connections:
            if self._program.returncode and not connection.is_over:  # its keeper ends the job, without the supervisor
                connection.wait_for_end(_CLOSE_TIMEOUT_S)
            connection.close("the supervisor has been closed")
            connection.set_over()
        reap_keepers()
        self._control.close()
        self._stderr.close()


def _find_program(argv: Sequence[str], env: Mapping[str, str], name: str) -> str:
    """Return the program's path, looked up as a shell does."""
    if not argv or not argv[0]:
        raise ProcessStartError(f"{name} has no command.")
    if "/" in argv[0]:
        return argv[0]
    if program := shutil.which(argv[0], path=env.get("PATH", os.defpath)):
        return program
    raise ProcessStartError(f"{name} can't start: there is no program {argv[0]!r} on its PATH.")


def _text(value: str | Path) -> str:
    """Return the bytes of ``value`` in system calls as Latin-1 text, which JSON can hold whatever they are."""
    return os.fsencode(value).decode("latin-1")


def _signal_name(number: int) -> str:
    """Return the signal's name; most real-time signals have only a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
