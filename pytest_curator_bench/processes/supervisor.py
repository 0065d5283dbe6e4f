# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The supervisor program: starts jobs, and sees to it that none of their processes outlives them.

Run as ``python -I -S supervisor.py CONTROL_FD HARNESS_PID [FD...]``; standard library only. Its client is
:mod:`pytest_curator_bench.processes.client`.

::

    harness ──control──▶ supervisor ──fork──▶ keeper ──spawn──▶ main process, own session ──▶ ...
        └────────connection, one per job────────┘

There is one *keeper* per job. It is a child subreaper: whatever the job leaves behind, daemons in sessions of
their own included, becomes its child. So the processes of a job are the descendants of its keeper, and
``waitpid`` saying that there is no child proves that all are gone. The supervisor is a subreaper too, and
inherits a job whose keeper was killed.

The client talks to the keeper itself, in packets of JSON: first the request, in pieces, the last of which
ends with a newline; then ``{"grace": seconds}``, as often as it likes, to end the job. The keeper says
``started`` or ``failed``, then ``exit`` (of the main process) and ``ended`` (all are gone), or ``lost`` if it
ends the job unasked. Each keeper holds one end of a *lifeline*: when the supervisor closes the other end, or
dies, the keeper ends its job. When the harness dies, the supervisor closes the lifelines of scripts, then
those of held jobs.

The further descriptors stay open in the supervisor and its keepers, and in nothing that jobs start: a lock on one
of them tells others that not all jobs have ended yet.

Paths, arguments and environment travel as bytes in the guise of Latin-1 text: no encoding changes them.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any, NamedTuple

PACKET_BYTES = 65536  # longest packet; requests go in pieces, everything else is far shorter
NAMED_AT_MOST = 50  # processes listed in a report
REAPED_AT_ONCE = 1000  # so that one who forks faster than this reaps can't keep it from everything else
RESCAN_S = 0.02  # between two looks at /proc while ending a job, at first; the end of a child cuts it short
SETTLE_S = 0.1  # what the main process left behind may go by itself (multiprocessing's helpers do)
KILL_LIMIT_S = 10.0  # SIGKILL may take long (device waits, huge memories); after that a process is unkillable
ORPHAN_GRACE_S = 3.0  # between SIGTERM and SIGKILL for scripts whose harness has died
SCRIPTS_LIMIT_S = ORPHAN_GRACE_S + 1  # then held jobs are ended, even if a script is not gone yet
HELD_LIMIT_S = 3.0  # the same for held jobs, before the supervisor itself kills whatever is left
ADOPTED_LIMIT_S = 2.0  # for killing what is left of a job whose keeper was killed

PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 15, 36  # linux/prctl.h
_prctl = ctypes.CDLL(None).prctl


class Process(NamedTuple):
    """What matters here of ``/proc/PID/stat``."""

    pid: int
    name: str
    state: str
    parent: int
    started: int  # clock ticks since boot; pid and start together name a process for good


def read_process(pid: int | str) -> Process | None:
    """The process, or None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is slow to import
            line = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    # The name may hold anything, brackets and spaces too: only the last bracket ends it.
    name, _, rest = line.partition("(")[2].rpartition(")")
    fields = rest.split()
    return Process(int(pid), name, fields[0], int(fields[1]), int(fields[19]))


def receive(connection: socket.socket) -> bytes:
    """The client's next packet; empty if it is gone."""
    try:
        return connection.recv(PACKET_BYTES)
    except ConnectionResetError:  # said once, if the client has left something unread; its packets follow
        return connection.recv(PACKET_BYTES)


def send_message(connection: socket.socket, **message: Any) -> None:
    """Tell the client; nobody listening is no error, since the work goes on without a harness."""
    with contextlib.suppress(OSError):
        connection.send(json.dumps(message).encode())


class Reaper:
    """What keepers and the supervisor have in common: they inherit orphans, wake up for them, and kill."""

    def __init__(self, name: bytes) -> None:
        _prctl(PR_SET_NAME, name, 0, 0, 0)
        if _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError("this system has no child subreapers")
        self.sources: set[int] = set()
        self.spared: dict[int, Job] = {}  # children that are not to be ended, nor what is below them
        self.signalled: dict[tuple[int, int], Process] = {}  # by pid and start
        self.bell, self.bell_rope = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self.bell_rope, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def sleep(self, timeout_s: float | None) -> set[int]:
        """Sleep until a source is readable, a child ends or the time is up; which sources are readable."""
        poller = select.poll()
        for fd in (self.bell, *self.sources):
            poller.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poller.poll(None if timeout_s is None else max(timeout_s, 0) * 1000)}
        if self.bell in ready:
            os.read(self.bell, 65536)
        return ready

    def reap(self) -> bool:
        """Collect children that have ended; true if there is no child left at all."""
        with contextlib.suppress(ChildProcessError):
            for _ in range(REAPED_AT_ONCE):
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return False
                self.collected(pid, status)
            with contextlib.suppress(BlockingIOError):
                os.write(self.bell_rope, b"-")  # there may be more
            return False
        return True

    def collected(self, pid: int, status: int) -> None:
        """Called for each child that has ended."""
        raise NotImplementedError

    def descendants(self) -> list[Process]:
        """The processes below this one, parents first."""
        children: dict[int, list[Process]] = {}
        for pid in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow to import
            if pid.isdigit() and (process := read_process(pid)):
                children.setdefault(process.parent, []).append(process)
        found: list[Process] = []
        parents = [os.getpid()]
        while parents:
            below = [process for process in children.get(parents.pop(), ()) if process.pid not in self.spared]
            found += below
            parents += [process.pid for process in below]
        return found

    def send(self, process: Process, *signums: signal.Signals) -> None:
        """Send signals to a process, if it still is the one that was found under its number."""
        current = read_process(process.pid)
        if current and current.started == process.started:
            if current.state not in "ZX":
                self.signalled[process.pid, process.started] = process
            with contextlib.suppress(ProcessLookupError, PermissionError):
                for signum in signums:
                    os.kill(process.pid, signum)

    def kill_all(self, limit_s: float) -> list[Process]:
        """SIGKILL all descendants until none is left; those that won't go within the limit."""
        give_up = time.monotonic() + limit_s
        # Beside spared children only looking tells the end. A process that changes its parent during a look
        # can hide from it, but not from the next one too.
        blank_looks = 0
        while not self.reap() and not (self.spared and blank_looks == 2):
            alive = self.descendants()
            blank_looks = 0 if alive else blank_looks + 1
            for process in alive:
                self.send(process, signal.SIGKILL)
            if time.monotonic() > give_up:
                return alive
            self.sleep(RESCAN_S)
        return []

    def report(self, connection: socket.socket, unkillable: list[Process], **more: str) -> None:
        """Tell the client what ending a job took."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        message: dict[str, Any] = {
            "cpu_time_s": usage.ru_utime + usage.ru_stime,
            "max_rss_bytes": usage.ru_maxrss * 1024,
        }
        for key, processes in (("ended", list(self.signalled.values())), ("unkillable", unkillable)):
            # repr() escapes what a name may hold to play tricks on a terminal.
            named = [f"{process.pid} {repr(process.name)[1:-1]}" for process in processes]
            named[NAMED_AT_MOST:] = [f"{len(named) - NAMED_AT_MOST} more"] if named[NAMED_AT_MOST:] else []
            message[key] = named
        send_message(connection, **more, ended=message)


class Keeper(Reaper):
    """Starts one job, watches over its processes, ends them when told to."""

    def __init__(self, connection: socket.socket, lifeline: socket.socket, *, hold: bool) -> None:
        super().__init__(b"bench-keeper")
        self.connection = connection
        self.lifeline = lifeline
        self.hold = hold
        self.sources = {connection.fileno(), lifeline.fileno()}
        self.main: int | None = None
        self.begun = 0.0
        self.lost = False

    def run(self) -> None:
        """The keeper's whole life."""
        request = b""
        while not request.endswith(b"\n"):
            if not (packet := receive(self.connection)):
                return
            request += packet
        if self.spawn(json.loads(request)):
            while (grace_s := self.listen(None)) is None:
                self.reap()
            self.end(grace_s)

    def spawn(self, request: dict[str, Any]) -> bool:
        """Start the main process; false, and the client is told why, if that fails."""
        program, log, cwd, *argv = (text.encode("latin-1") for text in request["words"])
        env = {name.encode("latin-1"): value.encode("latin-1") for name, value in request["env"].items()}
        step = "log"
        try:
            log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            step = "directory"
            os.chdir(cwd)
            step = "affinity"
            own_cpus = os.sched_getaffinity(0)
            if request["cpus"] is not None:  # inherited by the main process, and by all that it starts
                os.sched_setaffinity(0, request["cpus"])
            step = "program"
            started_at, self.begun = time.time(), time.monotonic()
            stdin = (os.POSIX_SPAWN_OPEN, 0, b"/dev/null", os.O_RDONLY, 0)
            output = [(os.POSIX_SPAWN_DUP2, log_fd, fd) for fd in (1, 2)]
            self.main = os.posix_spawn(
                program,
                argv,
                env,
                file_actions=[stdin, *output],
                setsid=True,
                setsigdef=signal.valid_signals(),
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            send_message(self.connection, failed={"step": step, "reason": reason})
            return False
        send_message(self.connection, started={"pid": self.main, "keeper": os.getpid(), "at": started_at})
        os.sched_setaffinity(0, own_cpus)
        os.close(log_fd)
        os.chdir("/")
        return True

    def collected(self, pid: int, status: int) -> None:
        """Tell the client at once if it is the main process that has ended."""
        if pid == self.main:
            duration_s = time.monotonic() - self.begun
            self.main = None
            if not self.lost:  # else it is our doing, not the job's
                send_message(self.connection, exit={"status": status, "duration_s": duration_s})

    def listen(self, timeout_s: float | None) -> float | None:
        """Sleep as :meth:`sleep` does; the grace period in seconds if the job has to end, else None."""
        ready = self.sleep(timeout_s)
        if self.lifeline.fileno() in ready:
            self.sources.discard(self.lifeline.fileno())
            self.lost = True
            send_message(self.connection, lost="the supervisor has ended")
            return 0.0 if self.hold else ORPHAN_GRACE_S
        if self.connection.fileno() in ready:
            if packet := receive(self.connection):
                return float(json.loads(packet)["grace"])
            self.sources.discard(self.connection.fileno())  # no client any more: the lifeline decides
        return None

    def end(self, grace_s: float) -> None:
        """SIGTERM to all processes of the job, SIGKILL after the grace period; report when they are gone."""
        main = self.main
        asked = time.monotonic()
        asked_ticks = int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
        deadline = asked + grace_s
        pause_s = RESCAN_S
        while not self.reap() and (now := time.monotonic()) < deadline:
            if main or now >= asked + SETTLE_S:
                self.terminate(asked_ticks)
                pause_s = min(pause_s * 1.5, 0.5)
            if (sooner_s := self.listen(min(pause_s, deadline - now))) is not None:
                deadline = min(deadline, time.monotonic() + sooner_s)
        unkillable = self.kill_all(KILL_LIMIT_S)
        self.signalled = {key: process for key, process in self.signalled.items() if process.pid != main}
        self.report(self.connection, unkillable)

    def terminate(self, asked_ticks: int) -> None:
        """SIGTERM, once, to every process that was there when the end was asked for, and to all orphans."""
        for process in self.descendants():
            # What came later is left to its parent, which may need it to clean up; unless the parent is gone.
            due = process.started <= asked_ticks or process.parent == os.getpid()
            if due and (process.pid, process.started) not in self.signalled:
                self.send(process, signal.SIGTERM, signal.SIGCONT)


class Job(NamedTuple):
    """What the supervisor keeps of a job; its connection lives on here if the keeper is killed."""

    connection: socket.socket
    lifeline: socket.socket
    hold: bool

    def close(self) -> None:
        """Let go of the job."""
        self.connection.close()
        self.lifeline.close()


class Supervisor(Reaper):
    """Forks the keepers; cleans up after a keeper, or the harness, that was killed."""

    def __init__(self, control: socket.socket) -> None:
        super().__init__(b"bench-supervise")
        self.control = control
        self.sources = {control.fileno()}
        self.jobs: dict[int, Job] = {}  # by the keeper's pid
        self.spared = self.jobs
        self.orphaned: list[Job] = []
        self.directories: list[bytes] = []

    def run(self, harness_pid: int) -> None:
        """Serve until the harness closes its connection or dies, then end and remove whatever is left."""
        harness = -1
        with contextlib.suppress(OSError):  # the connection tells its end too, unless a fork holds that open
            harness = os.pidfd_open(harness_pid)
            self.sources.add(harness)
        ready: set[int] = set()
        while harness not in ready and (self.control.fileno() not in ready or self.begin_job()):
            ready = self.sleep(None)
            self.look_after_keepers()
        self.sources.clear()
        self.end_jobs(SCRIPTS_LIMIT_S, hold=False)
        self.end_jobs(HELD_LIMIT_S, hold=True)
        self.spared = {}
        self.kill_all(ADOPTED_LIMIT_S)
        for directory in self.directories:
            import shutil  # as slow to import as all else together, and seldom needed

            shutil.rmtree(directory, ignore_errors=True)

    def begin_job(self) -> bool:
        """Fork a keeper for the job that the client announces; false if there is no client any more."""
        try:
            packet, fds, _, _ = socket.recv_fds(self.control, PACKET_BYTES, 1)
        except ConnectionError:
            return False
        if not packet:
            return False
        order = json.loads(packet)
        self.directories += [name.encode("latin-1") for name in order["remove"]]
        os.set_inheritable(fds[0], False)
        lifeline, keepers_end = socket.socketpair()
        job = Job(socket.socket(fileno=fds[0]), lifeline, order["hold"])
        with keepers_end:
            try:
                pid = os.fork()
            except OSError as error:
                send_message(job.connection, failed={"step": "keeper", "reason": error.strerror})
                job.close()
            else:
                if pid == 0:
                    self.become_keeper(job, keepers_end)
                    os._exit(0)  # after a failure the supervisor sees another status, and takes over
                self.jobs[pid] = job
        return True

    def become_keeper(self, job: Job, lifeline: socket.socket) -> None:
        """Keep a job, in the forked process."""
        self.control.close()
        job.lifeline.close()
        for other in self.jobs.values():
            other.close()
        Keeper(job.connection, lifeline, hold=job.hold).run()

    def collected(self, pid: int, status: int) -> None:
        """Forget a keeper that has ended; one that was killed can't have ended its job."""
        if job := self.jobs.pop(pid, None):
            if status == 0:
                job.close()
            else:
                self.orphaned.append(job)

    def look_after_keepers(self) -> None:
        """See which keepers have ended, and kill what killed ones have left behind."""
        self.reap()
        while self.orphaned:
            job = self.orphaned.pop()
            self.signalled.clear()
            unkillable = self.kill_all(ADOPTED_LIMIT_S)
            self.report(job.connection, unkillable, lost="the process that watched over it was killed")
            job.close()

    def end_jobs(self, limit_s: float, *, hold: bool) -> None:
        """Have the keepers end their jobs, and wait for them, though not for ever."""
        deadline = time.monotonic() + limit_s
        for job in self.jobs.values():
            if job.hold == hold:
                job.lifeline.close()
        while any(job.hold == hold for job in self.jobs.values()) and (now := time.monotonic()) < deadline:
            self.sleep(deadline - now)
            self.look_after_keepers()


def main() -> None:
    """Set up the process, then serve until the harness is gone."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # what they mean is up to the harness
        signal.signal(signum, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whatever the harness had blocked
    control = socket.socket(fileno=int(sys.argv[1]))
    for fd in (control.fileno(), *map(int, sys.argv[3:])):
        os.set_inheritable(fd, False)
    Supervisor(control).run(int(sys.argv[2]))


if __name__ == "__main__":
    main()
