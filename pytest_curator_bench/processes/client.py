# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Supervised processes: the harness's side of :mod:`pytest_curator_bench.processes.supervisor`.

A job is a main process and everything that it ever starts, daemons included. Its output goes straight to its
log file. When the harness ends, however it ends, so do its jobs.

A supervisor and its processes belong to one thread. A signal handler may raise in that thread at any point,
as Ctrl-C and pytest-timeout do: what it interrupted can be called again. It must not call into them itself.
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
_ANSWER_LIMIT_S = 20.0  # to start, or to end beyond the grace period, for which a keeper needs 10 s at most
_LONGEST_POLL_S = 3600.0  # poll() counts milliseconds in a C int
_CLOSE_LIMIT_S = 15.0  # the supervisor needs 9 s at most


class SupervisionError(RuntimeError):
    """What goes wrong between the harness and its supervised processes; the text is one sentence."""


class ProcessStartError(SupervisionError):
    """The process could not be started."""


class SupervisorLostError(SupervisionError):
    """The supervisor, or what kept watch over a job, is gone: how the main process ended is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessExit:
    """How a job's main process ended.

    Attributes:
        returncode: its exit status; ``None`` if a signal ended it.
        signal: the name of that signal, such as ``SIGKILL``.
        duration_s: from its start to its end, in seconds, by the monotonic clock of the process beside it.
        started_at: UTC.
        finished_at: ``duration_s`` after ``started_at``, so that a clock set meanwhile changes nothing.
    """

    returncode: int | None
    signal: str | None
    duration_s: float
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReport:
    """What ending a job took.

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


class _Line:
    """The line to a job's keeper."""

    def __init__(self, connection: socket.socket, complaints: IO[bytes]) -> None:
        self._connection = connection
        self._complaints = complaints
        self.heard: dict[str, Any] = {}
        self.closed = False

    def say(self, message: bytes) -> None:
        """Send something; a keeper that is gone is no error here, what it said last is still to be heard."""
        with contextlib.suppress(OSError):
            for begin in range(0, len(message), _PACKET_BYTES):
                self._connection.send(message[begin : begin + _PACKET_BYTES])

    def listen(self, *keys: str, timeout_s: float | None = None) -> bool:
        """Wait until one of ``keys`` has been heard or the line is closed; false if the time is up before."""
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while not self.closed and self.heard.keys().isdisjoint(keys):
            left_s = deadline - time.monotonic()
            poller = select.poll()
            poller.register(self._connection, select.POLLIN)
            if not poller.poll(math.ceil(1000 * min(max(left_s, 0), _LONGEST_POLL_S))):
                if left_s <= _LONGEST_POLL_S:
                    return False
                continue
            # An exception between taking a packet and keeping what it says would lose it: so keep first, then
            # take. To hear a packet twice does no harm. A reset is said once, if the keeper left something
            # unread when it ended; its packets are still there.
            with contextlib.suppress(ConnectionResetError):
                packet = self._connection.recv(_PACKET_BYTES, socket.MSG_PEEK)
                if not packet:
                    self.close("its supervisor and its keeper were killed")
                    break
                self.heard.update(json.loads(packet))
                self._connection.recv(_PACKET_BYTES)
        return True

    def close(self, reason: str) -> None:
        """Hear no more; ``reason`` says why what was not heard never will be."""
        self.heard.setdefault("lost", reason)
        self.closed = True
        self._connection.close()

    def abandon(self) -> None:
        """Hear no more, and let no process remain."""
        self.say(b'{"grace": 0}')
        self.close("its start failed")

    def why_lost(self) -> str:
        """The rest of a sentence, and the supervisor's traceback if it failed."""
        complaints = b""
        if not self._complaints.closed:
            complaints = os.pread(self._complaints.fileno(), _PACKET_BYTES, 0)
        reason = self.heard.get("lost", "its keeper does not answer")
        return f"{reason}.\n{complaints.decode(errors='replace')}".rstrip()


class SupervisedProcess:
    """A job: a main process and everything that it starts; made by :meth:`Supervisor.spawn`.

    Call :meth:`end` for every one, also after its main process has ended by itself.

    Attributes:
        name: what errors call it.
        pid: process ID of the main process, which is the ID of its group and its session too.
        keeper_pid: process ID of the keeper, below which all processes of the job are until :meth:`end`.
        started_at: UTC.
    """

    def __init__(self, name: str, line: _Line) -> None:
        self.name = name
        self.pid: int = line.heard["started"]["pid"]
        self.keeper_pid: int = line.heard["started"]["keeper"]
        self.started_at = datetime.fromtimestamp(line.heard["started"]["at"], UTC)
        self._line = line

    def wait(self, timeout_s: float | None = None) -> ProcessExit | None:
        """Wait for the exit of the main process itself, whoever may still hold its output open.

        Returns:
            The exit, or ``None`` if ``timeout_s`` seconds pass before.

        Raises:
            SupervisorLostError: how the main process ended is unknown.
        """
        if not self._line.listen("exit", "lost", timeout_s=timeout_s):
            return None
        if not (heard := self._line.heard.get("exit")):
            raise self._lost_error()
        signaled = os.WIFSIGNALED(heard["status"])
        return ProcessExit(
            returncode=None if signaled else os.WEXITSTATUS(heard["status"]),
            signal=_signal_name(os.WTERMSIG(heard["status"])) if signaled else None,
            duration_s=heard["duration_s"],
            started_at=self.started_at,
            finished_at=self.started_at + timedelta(seconds=heard["duration_s"]),
        )

    def end(self, grace_s: float) -> EndReport:
        """End every process of the job: SIGTERM, after ``grace_s`` seconds SIGKILL; return when all are gone.

        Calling it again, after an interruption for example, can shorten the grace period, never prolong it.
        What the main process left behind when it exited has a tenth of a second to go by itself.

        Raises:
            SupervisorLostError: nobody is left to tell whether all are gone.
        """
        grace_s = max(grace_s, 0)
        self._line.say(json.dumps({"grace": grace_s}).encode())
        self._line.listen("ended", timeout_s=grace_s + _ANSWER_LIMIT_S)
        if not (heard := self._line.heard.get("ended")):
            raise self._lost_error()
        self._line.close("its main process could not be ended")
        return EndReport(
            ended=tuple(heard["ended"]),
            unkillable=tuple(heard["unkillable"]),
            cpu_time_s=heard["cpu_time_s"],
            max_rss_bytes=heard["max_rss_bytes"],
        )

    def _lost_error(self) -> SupervisorLostError:
        return SupervisorLostError(f"The supervision of {self.name} was lost: {self._line.why_lost()}")


class Supervisor:
    """Starts processes and sees to it that they end: one for the harness process, in a process of its own."""

    def __init__(self, program: subprocess.Popen[bytes], control: socket.socket, complaints: IO[bytes]) -> None:
        self._program = program
        self._control = control
        self._complaints = complaints
        self._lines: list[_Line] = []
        self._owner = os.getpid()

    @classmethod
    def start(cls, keep_open: Sequence[int] = ()) -> Supervisor:
        """Start the supervisor.

        Args:
            keep_open: descriptors of which it holds copies until it and all of its jobs have ended.

        Raises:
            SupervisionError: that is not possible.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        complaints = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - read when a supervisor has failed
        with theirs:
            command = [sys.executable, "-I", "-S", str(_PROGRAM), str(theirs.fileno()), str(os.getpid())]
            command += map(str, keep_open)
            try:
                program = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno(), *keep_open],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=complaints,
                    start_new_session=True,  # Ctrl-C is for the harness alone
                    cwd="/",
                )
            except OSError as error:
                ours.close()
                complaints.close()
                raise SupervisionError(f"The process supervisor could not be started: {error}.") from error
        return cls(program, ours, complaints)

    @property
    def lost(self) -> bool:
        """Whether the supervisor's process is gone: then a new supervisor is needed."""
        try:
            return self._control.recv(_PACKET_BYTES, socket.MSG_DONTWAIT) == b""  # it never says anything
        except BlockingIOError:
            return False
        except OSError:
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
            hold: when the harness dies, keep the job until those without ``hold`` are gone, then SIGKILL it:
                for what scripts depend on. The others get SIGTERM, and SIGKILL three seconds later.
            remove_on_harness_death: directories that the supervisor removes, if they still exist, when it has
                ended all jobs, be it that the harness has died or that it is closed.
            cpus: the CPUs that the job may run on; by default those of this process.

        Raises:
            ProcessStartError: the program, the working directory, the log file or a CPU is at fault.
            SupervisorLostError: the supervisor is gone.
        """
        program = _find_program(argv, env, name)
        words = [program, str(log_file.absolute()), str(cwd.absolute()), *argv]
        environment = {_text(key): _text(value) for key, value in env.items()}
        affinity = None if cpus is None else sorted(cpus)
        asked = {"words": [_text(word) for word in words], "env": environment, "cpus": affinity}
        request = json.dumps(asked).encode() + b"\n"
        remove = [_text(directory.absolute()) for directory in remove_on_harness_death]
        order = json.dumps({"hold": hold, "remove": remove}).encode()

        self._lines = [line for line in self._lines if not line.closed]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line = _Line(ours, self._complaints)
        try:
            self._lines.append(line)
            with theirs, contextlib.suppress(OSError):  # the supervisor is gone: then the line says so
                socket.send_fds(self._control, [order], [theirs.fileno()])
            line.say(request)
            line.listen("started", "failed", "lost", timeout_s=_ANSWER_LIMIT_S)
            if "started" in line.heard:
                return SupervisedProcess(name, line)
        except BaseException:
            line.abandon()
            raise
        line.abandon()
        if "failed" not in line.heard:
            raise SupervisorLostError(f"{name} can't start: {line.why_lost()}")
        step, reason = line.heard["failed"]["step"], line.heard["failed"]["reason"]
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
            self._program.wait(_CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
        self._control.close()
        self._complaints.close()
        for line in self._lines:
            line.close("the supervisor has been closed")


def _find_program(argv: Sequence[str], env: Mapping[str, str], name: str) -> str:
    """The program's path; the same look-up as a shell does."""
    if not argv or not argv[0]:
        raise ProcessStartError(f"{name} has no command.")
    if "/" in argv[0]:
        return argv[0]
    if program := shutil.which(argv[0], path=env.get("PATH", os.defpath)):
        return program
    raise ProcessStartError(f"{name} can't start: there is no program {argv[0]!r} on its PATH.")


def _text(value: str | Path) -> str:
    """The bytes that stand for ``value`` in system calls, as Latin-1 text: JSON carries any of them so."""
    return os.fsencode(value).decode("latin-1")


def _signal_name(number: int) -> str:
    """The signal's name; real-time signals have mostly numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
