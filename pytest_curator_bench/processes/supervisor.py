# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The supervisor program: starts jobs, and makes sure that none of their processes outlives them.

Run as ``python -I -S supervisor.py CONTROL_FD HARNESS_PID [FD...]``; standard library only. Its client is
:mod:`pytest_curator_bench.processes.client`.

::

    harness ──control──▶ supervisor ──fork──▶ keeper ──spawn──▶ main process, own session ──▶ ...
        └────────connection, one per job────────┘

There is one *keeper* per job. It is a child subreaper: any orphan of the job, daemons in sessions of their own
included, becomes its child. So the processes of a job are the descendants of its keeper, and all are gone once
``waitpid`` reports that there is no child. The supervisor is a subreaper too, and inherits a job whose keeper was
killed.

Client and keeper exchange packets of JSON. The client sends the request, in pieces, the last of which ends with a
newline; then ``{"grace": seconds}``, any number of times, to end the job. The keeper sends ``started`` or ``failed``,
then ``exit`` (of the main process) and ``ended`` (all are gone), or ``lost`` if it ends the job by itself.

Each keeper holds one end of a *lifeline*: when the supervisor closes the other end, or dies, the keeper ends its job.
When the harness dies, the supervisor closes the lifelines of scripts, then those of held jobs. A supervisor that does
not is killed by the keepers, and one that leaves a question of the client (a packet without descriptors) unanswered,
by the client. The client kills a keeper that does not report the end of its job in time, and is the last to inherit
what is left (:mod:`pytest_curator_bench.processes.orphans`).

The further descriptors stay open in the supervisor and its keepers, and in nothing that jobs start: a lock on one
of them tells others that not all jobs have ended yet.

Paths, arguments and environment are bytes sent as Latin-1 text, so that no encoding changes them.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
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
REAPED_AT_ONCE = 1000  # so that a job that forks faster than this reaps can't stop everything else
RESCAN_S = 0.02  # between two scans of /proc while ending a job, at first; the end of a child cuts it short
SETTLE_S = 0.1  # orphans of the main process may end by themselves (multiprocessing's helpers do)
KILL_TIMEOUT_S = 10.0  # SIGKILL may take long (device waits, huge memories); after that a process is unkillable
ORPHAN_GRACE_S = 3.0  # between SIGTERM and SIGKILL for scripts whose harness has died
SCRIPTS_TIMEOUT_S = ORPHAN_GRACE_S + 1  # then held jobs are ended, even if a script is not gone yet
HELD_TIMEOUT_S = 3.0  # the same for held jobs, before the supervisor itself kills the rest
SUPERVISOR_TIMEOUT_S = 15.0  # to end a job whose harness has died; then its keeper kills the supervisor
ADOPTED_TIMEOUT_S = 2.0  # to kill the rest of a job whose keeper was killed
LOWEST_MARK = 1 << 61  # microseconds

PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 15, 36  # linux/prctl.h
_prctl = ctypes.CDLL(None).prctl


class Process(NamedTuple):
    """Some fields of ``/proc/PID/stat``."""

    pid: int
    name: str
    state: str
    parent: int
    started: int  # clock ticks since boot; pid and start together name a process for good


def read_process(pid: int | str) -> Process | None:
    """Read a process; None if there is none."""
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
    """Return the client's next packet; empty if it is gone."""
    try:
        return connection.recv(PACKET_BYTES)
    except ConnectionResetError:  # reported once, if the client has left something unread; its packets follow
        return connection.recv(PACKET_BYTES)


def send_message(connection: socket.socket, **message: Any) -> None:
    """Send a message to the client; if it is gone, the work goes on without it."""
    with contextlib.suppress(OSError):
        connection.send(json.dumps(message).encode())


def marked() -> int | None:
    """Mark this process and all that it will start, whatever those do; return the mark, or None where there is none.

    The mark is a limit that limits nothing: more than a thousand years of uninterrupted real-time scheduling.
    """
    mark = LOWEST_MARK + int.from_bytes(os.urandom(7), "big")
    try:
        resource.setrlimit(resource.RLIMIT_RTTIME, (mark, resource.getrlimit(resource.RLIMIT_RTTIME)[1]))
    except (OSError, ValueError):  # a lower limit is set already
        return None
    return mark


class Reaper:
    """The common part of keeper and supervisor: inherit orphans, wake up for them, and kill."""

    def __init__(self, name: bytes) -> None:
        _prctl(PR_SET_NAME, name, 0, 0, 0)
        if _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError("this system has no child subreapers")
        self.sources: set[int] = set()
        self.excluded: dict[int, JobHandle] = {}  # children that, with their descendants, must not be ended
        self.signalled: dict[tuple[int, int], Process] = {}  # by pid and start
        self.wakeup_fd, self.wakeup_write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self.wakeup_write_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def sleep(self, timeout_s: float | None) -> set[int]:
        """Sleep until a source is readable, a child ends or the time is up; return the readable sources."""
        poller = select.poll()
        for fd in (self.wakeup_fd, *self.sources):
            poller.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poller.poll(None if timeout_s is None else max(timeout_s, 0) * 1000)}
        if self.wakeup_fd in ready:
            os.read(self.wakeup_fd, 65536)
        return ready

    def reap(self) -> bool:
        """Collect children that have ended; return true if no child is left at all."""
        with contextlib.suppress(ChildProcessError):
            for _ in range(REAPED_AT_ONCE):
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return False
                self.collected(pid, status)
            with contextlib.suppress(BlockingIOError):
                os.write(self.wakeup_write_fd, b"-")  # there may be more
            return False
        return True

    def collected(self, pid: int, status: int) -> None:
        """Handle the end of a child."""
        raise NotImplementedError

    def descendants(self) -> list[Process]:
        """Return the processes below this one, parents first."""
        children: dict[int, list[Process]] = {}
        for pid in os.listdir("/proc"):  # noqa: PTH208 - pathlib is slow to import
            if pid.isdigit() and (process := read_process(pid)):
                children.setdefault(process.parent, []).append(process)
        found: list[Process] = []
        parents = [os.getpid()]
        while parents:
            below = [process for process in children.get(parents.pop(), ()) if process.pid not in self.excluded]
            found += below
            parents += [process.pid for process in below]
        return found

    def send(self, process: Process, *signums: signal.Signals) -> None:
        """Send signals to a process, unless its process ID belongs to another one now."""
        current = read_process(process.pid)
        if current and current.started == process.started:
            if current.state not in "ZX":
                self.signalled[process.pid, process.started] = process
            with contextlib.suppress(ProcessLookupError, PermissionError):
                for signum in signums:
                    os.kill(process.pid, signum)

    def kill_all(self, timeout_s: float) -> list[Process]:
        """SIGKILL all descendants until none is left; return those that remain when the time is up."""
        deadline = time.monotonic() + timeout_s
        # Beside excluded children only a scan can tell that the others are gone. A process that changes its parent
        # during a scan can hide from it, but not from the next one too.
        empty_scans = 0
        while not self.reap() and not (self.excluded and empty_scans == 2):
            alive = self.descendants()
            empty_scans = 0 if alive else empty_scans + 1
            for process in alive:
                self.send(process, signal.SIGKILL)
            if time.monotonic() > deadline:
                return alive
            self.sleep(RESCAN_S)
        return []

    def report(self, connection: socket.socket, unkillable: list[Process], **more: str) -> None:
        """Tell the client what it took to end a job."""
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
    """Starts one job, supervises its processes, and ends them on request."""

    def __init__(self, connection: socket.socket, lifeline: socket.socket, *, hold: bool) -> None:
        super().__init__(b"bench-keeper")
        self.connection = connection
        self.lifeline = lifeline
        self.hold = hold
        self.sources = {connection.fileno(), lifeline.fileno()}
        self.main: int | None = None
        self.begun = 0.0
        self.lost = False
        self.supervisor = os.getppid()
        self.supervisor_deadline = math.inf

    def run(self) -> None:
        """Serve from the request to the end of the job."""
        request = b""
        while not request.endswith(b"\n"):
            if not (packet := receive(self.connection)):
                return
            request += packet
        if self.spawn(json.loads(request)):
            while (grace_s := self.wait_for_end(None)) is None:
                self.reap()
            self.end(grace_s)

    def spawn(self, request: dict[str, Any]) -> bool:
        """Start the main process; if that fails, tell the client why and return false."""
        program, log, cwd, *argv = (text.encode("latin-1") for text in request["words"])
        env = {name.encode("latin-1"): value.encode("latin-1") for name, value in request["env"].items()}
        step = "log"
        try:
            mark = marked()
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
        send_message(self.connection, started={"pid": self.main, "keeper": os.getpid(), "at": started_at, "mark": mark})
        os.sched_setaffinity(0, own_cpus)
        os.close(log_fd)
        os.chdir("/")
        return True

    def collected(self, pid: int, status: int) -> None:
        """Tell the client at once if the main process has ended."""
        if pid == self.main:
            duration_s = time.monotonic() - self.begun
            self.main = None
            if not self.lost:  # else this keeper has ended it
                send_message(self.connection, exit={"status": status, "duration_s": duration_s})

    def wait_for_end(self, timeout_s: float | None) -> float | None:
        """Sleep as :meth:`sleep` does; return the grace period in seconds if the job has to end, else None."""
        left_s = min(self.supervisor_deadline - time.monotonic(), math.inf if timeout_s is None else timeout_s)
        ready = self.sleep(None if left_s == math.inf else left_s)
        if time.monotonic() >= self.supervisor_deadline:
            self.supervisor_deadline = math.inf
            if os.getppid() == self.supervisor:
                os.kill(self.supervisor, signal.SIGKILL)  # it is stopped: its end ends the lifeline
        if self.lifeline.fileno() in ready:
            self.sources.discard(self.lifeline.fileno())
            self.lost = True
            send_message(self.connection, lost="the supervisor has ended")
            return 0.0 if self.hold else ORPHAN_GRACE_S
        if self.connection.fileno() in ready:
            if packet := receive(self.connection):
                return float(json.loads(packet)["grace"])
            self.sources.discard(self.connection.fileno())  # the client is gone: the lifeline decides
            self.supervisor_deadline = time.monotonic() + SUPERVISOR_TIMEOUT_S
        return None

    def end(self, grace_s: float) -> None:
        """Send SIGTERM to all processes of the job, SIGKILL after the grace period; report when they are gone."""
        main = self.main
        begun = time.monotonic()
        begun_ticks = int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
        deadline = begun + grace_s
        pause_s = RESCAN_S
        while not self.reap() and (now := time.monotonic()) < deadline:
            if main or now >= begun + SETTLE_S:
                self.terminate(begun_ticks)
                pause_s = min(pause_s * 1.5, 0.5)
            if (sooner_s := self.wait_for_end(min(pause_s, deadline - now))) is not None:
                deadline = min(deadline, time.monotonic() + sooner_s)
        unkillable = self.kill_all(KILL_TIMEOUT_S)
        self.signalled = {key: process for key, process in self.signalled.items() if process.pid != main}
        self.report(self.connection, unkillable)

    def terminate(self, begun_ticks: int) -> None:
        """Send SIGTERM, once, to each process that existed when ending began, and to all orphans."""
        for process in self.descendants():
            # A later process is left to its parent, which may need it to clean up; unless the parent is gone.
            due = process.started <= begun_ticks or process.parent == os.getpid()
            if due and (process.pid, process.started) not in self.signalled:
                self.send(process, signal.SIGTERM, signal.SIGCONT)


class JobHandle(NamedTuple):
    """The supervisor's descriptors for a job; the connection stays open here if the keeper is killed."""

    connection: socket.socket
    lifeline: socket.socket
    hold: bool

    def close(self) -> None:
        """Close the descriptors."""
        self.connection.close()
        self.lifeline.close()


class SupervisorProgram(Reaper):
    """Forks the keepers; cleans up after a keeper, or the harness, that was killed."""

    def __init__(self, control: socket.socket) -> None:
        super().__init__(b"bench-supervise")
        self.control = control
        self.sources = {control.fileno()}
        self.jobs: dict[int, JobHandle] = {}  # by the keeper's pid
        self.excluded = self.jobs
        self.orphaned: list[JobHandle] = []
        self.directories: list[bytes] = []

    def run(self, harness_pid: int) -> None:
        """Serve until the harness closes its connection or dies, then end all jobs and remove directories."""
        harness = -1
        with contextlib.suppress(OSError):  # its end closes the connection too, unless a fork holds that open
            harness = os.pidfd_open(harness_pid)
            self.sources.add(harness)
        ready: set[int] = set()
        while harness not in ready and (self.control.fileno() not in ready or self.begin_job()):
            ready = self.sleep(None)
            self.look_after_keepers()
        self.sources.clear()
        self.end_jobs(SCRIPTS_TIMEOUT_S, hold=False)
        self.end_jobs(HELD_TIMEOUT_S, hold=True)
        self.excluded = {}
        self.kill_all(ADOPTED_TIMEOUT_S)
        if self.directories:
            import runpy  # as slow to import as all else together, and seldom needed

            trees = runpy.run_path(os.path.join(os.path.dirname(__file__), "..", "_util", "trees.py"))  # noqa: PTH118, PTH120
            for directory in self.directories:
                trees["remove_tree"](os.fsdecode(directory))

    def begin_job(self) -> bool:
        """Fork a keeper for the job that the client announces; return false if the client is gone."""
        try:
            packet, fds, _, _ = socket.recv_fds(self.control, PACKET_BYTES, 1)
        except ConnectionError:
            return False
        if not packet:
            return False
        if not fds:  # a question whether the supervisor answers
            send_message(self.control, here=True)
            return True
        order = json.loads(packet)
        self.directories += [name.encode("latin-1") for name in order["remove"]]
        os.set_inheritable(fds[0], False)
        lifeline, keepers_end = socket.socketpair()
        job = JobHandle(socket.socket(fileno=fds[0]), lifeline, order["hold"])
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

    def become_keeper(self, job: JobHandle, lifeline: socket.socket) -> None:
        """Serve as a job's keeper, in the forked process."""
        self.control.close()
        job.lifeline.close()
        for other in self.jobs.values():
            other.close()
        Keeper(job.connection, lifeline, hold=job.hold).run()

    def collected(self, pid: int, status: int) -> None:
        """Close the job of a keeper that has ended; if it was killed, the job is still to be ended."""
        if job := self.jobs.pop(pid, None):
            if status == 0:
                job.close()
            else:
                self.orphaned.append(job)

    def look_after_keepers(self) -> None:
        """Collect keepers that have ended, and kill the processes of those that were killed."""
        self.reap()
        while self.orphaned:
            job = self.orphaned.pop()
            self.signalled.clear()
            unkillable = self.kill_all(ADOPTED_TIMEOUT_S)
            self.report(job.connection, unkillable, lost="the process that watched over it was killed")
            job.close()

    def end_jobs(self, timeout_s: float, *, hold: bool) -> None:
        """Have the keepers end their jobs, and wait for them until the time is up."""
        deadline = time.monotonic() + timeout_s
        for job in self.jobs.values():
            if job.hold == hold:
                job.lifeline.close()
        while any(job.hold == hold for job in self.jobs.values()) and (now := time.monotonic()) < deadline:
            self.sleep(deadline - now)
            self.look_after_keepers()


def main() -> None:
    """Set up the process, then serve until the harness is gone."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the harness decides what they mean
        signal.signal(signum, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the harness may have blocked some
    control = socket.socket(fileno=int(sys.argv[1]))
    for fd in (control.fileno(), *map(int, sys.argv[3:])):
        os.set_inheritable(fd, False)
    SupervisorProgram(control).run(int(sys.argv[2]))


if __name__ == "__main__":
    main()
