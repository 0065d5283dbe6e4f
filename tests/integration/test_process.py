# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Supervised processes, with real ones: how they start, what they see, how they exit."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_curator_bench.processes.client import (
    ProcessStartError,
    SupervisionError,
    Supervisor,
    SupervisorLostError,
)
from tests.support.processes import eventually

if TYPE_CHECKING:
    from tests.support.process_world import World


@pytest.mark.parametrize("status", [0, 1, 3, 255])
def test_exit_status(world: World, status: int) -> None:
    """The exit status is the main process's own, and wait() can be asked again."""
    process = world.spawn("/bin/sh", "-c", f"exit {status}")
    done = process.wait()
    assert done is not None
    assert (done.returncode, done.signal) == (status, None)
    assert process.wait(0) == done
    assert process.end(1).ended == ()
    assert process.wait() == done


def test_times(world: World) -> None:
    """Start and end are UTC and as far apart as the duration says, which is as long as it had to wait."""
    before = datetime.now(UTC)
    process = world.spawn("/bin/sh", "-c", "until [ -e go ]; do sleep 0.01; done")
    assert process.wait(0) is None
    time.sleep(0.3)
    (world.directory / "go").touch()
    done = process.wait()
    after = datetime.now(UTC)
    assert done is not None
    assert before <= done.started_at <= done.finished_at <= after
    assert done.started_at == process.started_at
    assert done.finished_at - done.started_at == timedelta(seconds=done.duration_s)
    assert done.duration_s >= 0.3


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV"), (signal.SIGTERM, "SIGTERM"), (40, "SIG40")],
)
def test_death_by_signal(world: World, number: int, name: str) -> None:
    """A signal that ends the main process is named; there is no exit status then."""
    done = world.spawn("/bin/sh", "-c", f"kill -{int(number)} $$").wait()
    assert done is not None
    assert (done.returncode, done.signal) == (None, name)


def test_what_can_not_start(world: World) -> None:
    """What can't be started is an error that says why, never an exit status; the supervisor goes on."""
    plain = world.directory / "plain"
    plain.write_text("no program\n")
    odd = world.directory / "odd"
    odd.write_text("#!/nowhere/interpreter\n")
    binary = world.directory / "binary"
    binary.write_bytes(b"\x7fNOTELF")
    for file in (odd, binary):
        file.chmod(0o755)
    cases = {
        (): "has no command",
        ("nowhere-to-be-found",): "no program 'nowhere-to-be-found' on its PATH",
        ("/nowhere/program",): "No such file or directory",
        (str(world.directory),): "Permission denied",
        (str(plain),): "Permission denied",
        (str(odd),): "interpreter that its first line names is missing",
        (str(binary),): "Exec format error",
        ("/bin/true", "a\0b"): "null byte",
        ("/bin/true", *["x" * 100_000] * 30): "Argument list too long",
    }
    for argv, reason in cases.items():
        with pytest.raises(ProcessStartError, match=rf"(?s)^thing .*{reason}"):
            world.spawn(*argv, name="thing")
    with pytest.raises(ProcessStartError, match=r"working directory /nowhere can't be entered: No such"):
        world.spawn("/bin/true", cwd=Path("/nowhere"))
    with pytest.raises(ProcessStartError, match=r"log file .*missing/log can't be written: No such"):
        world.spawn("/bin/true", log="missing/log")
    with pytest.raises(ProcessStartError, match=r"environment variable name"):
        world.spawn("/bin/true", env={"a=b": "c"})
    done = world.spawn("true").wait()
    assert done is not None
    assert done.returncode == 0


def test_supervisor_can_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that can't be run is a clear error."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SupervisionError, match=r"supervisor could not be started.*/nowhere/python"):
        Supervisor.start()


def test_environment_and_arguments_exactly(world: World) -> None:
    """Environment and arguments arrive byte for byte, whatever the bytes, and nothing beside them."""
    odd = os.fsdecode(b"\xff\xfe caf\xc3\xa9")
    env = {"ODD": odd, "EMPTY": "", "LONG": "x" * 100_000, "LONGER": "y" * 100_000}
    process = world.spawn("/bin/cat", "/proc/self/environ", "/proc/self/cmdline", odd, env=env)
    process.wait()
    expected = {**world.environment, **env}
    lines = (world.directory / "log").read_bytes().split(b"\0")
    assert sorted(lines[: len(expected)]) == sorted(os.fsencode(f"{key}={value}") for key, value in expected.items())
    command = ["/bin/cat", "/proc/self/environ", "/proc/self/cmdline", odd]
    assert lines[len(expected) : len(expected) + 4] == [os.fsencode(word) for word in command]


def test_fresh_process_state(world: World) -> None:
    """A job has its own session, default signals, none blocked, empty input and nobody else's descriptors."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGCHLD])
    ignored = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    pipe = os.pipe()
    os.set_inheritable(pipe[0], True)
    try:
        supervisor = Supervisor.start()
    finally:
        signal.signal(signal.SIGUSR1, ignored)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2, signal.SIGCHLD])
        for fd in pipe:
            os.close(fd)
    code = """grep -E 'Sig(Blk|Ign)' /proc/self/status
ls -l /proc/self/fd
pwd
cat
echo $$
cut -d' ' -f6 /proc/$$/stat"""
    world.supervisor.close()
    world.supervisor = supervisor
    neighbour = world.spawn("/bin/sleep", "100")
    process = world.spawn("/bin/sh", "-c", code)
    done = process.wait()
    neighbour.end(0)
    assert done is not None
    lines = world.text().splitlines()
    blocked, ignored_there = (int(line.split()[1], 16) for line in lines[:2])
    assert blocked == 0
    assert ignored_there & ~(3 << 31) == 0  # glibc's posix_spawn ignores its internal signals 32 and 33
    targets = [line.split(" -> ")[1] for line in lines if " -> " in line]
    log = str(world.directory / "log")
    assert targets[:3] == ["/dev/null", log, log]
    assert len(targets) == 4  # the fourth is the directory that ls reads
    assert targets[3].startswith("/proc/")
    assert lines[-3:] == [str(world.directory), str(process.pid), str(process.pid)]


def test_log_is_whole_and_in_order(world: World) -> None:
    """Both outputs go to one file in the order of writing, after what is there, whatever the bytes."""
    (world.directory / "log").write_bytes(b"before\n")
    code = """
import gc
import os
for number in range(1000):
    os.write(1 + number % 2, b"%d \\xff\\xfe\\n" % number)
"""
    world.python(code).wait()
    assert (world.directory / "log").read_bytes() == b"before\n" + b"".join(
        b"%d \xff\xfe\n" % number for number in range(1000)
    )


def test_usage(world: World) -> None:
    """CPU time and the largest resident set are those of all processes of the job."""
    code = """
import os, time
if os.fork() == 0:
    x = bytearray(60_000_000)
    while time.process_time() < 0.3:
        pass
    os._exit(0)
os.wait()
"""
    process = world.python(code)
    process.wait()
    report = process.end(1)
    assert report.cpu_time_s >= 0.3
    assert report.max_rss_bytes >= 60_000_000


def test_jobs_side_by_side(world: World) -> None:
    """Jobs don't disturb one another, in whatever order they end."""
    held = world.spawn("/bin/sleep", "100", hold=True)
    jobs = [
        world.python(f"import time; print({i}); time.sleep({0.3 - i / 20}); raise SystemExit({i})", log=f"log{i}")
        for i in range(6)
    ]
    for i in (3, 0, 5, 1, 4, 2):
        done = jobs[i].wait()
        assert done is not None
        assert done.returncode == i
        assert jobs[i].end(1).ended == ()
        assert world.text(f"log{i}") == f"{i}\n"
    assert held.wait(0) is None
    held.end(0)
    done = held.wait()
    assert done is not None
    assert done.signal == "SIGKILL"


def test_close(world: World) -> None:
    """Closing ends what still runs, can be repeated, and is the end: what comes after is a clear error."""
    process = world.spawn("/bin/sleep", "100", name="sleeper")
    directory = world.directory / "ray"
    (directory / "session").mkdir(parents=True)
    held = world.spawn("/bin/sleep", "100", hold=True, remove_on_harness_death=[directory])
    if (fork := os.fork()) == 0:  # a fork of the harness has no say, though it has all descriptors
        world.supervisor.close()
        (world.directory / "closed by fork").touch()
        signal.pause()
    try:
        world.await_file("closed by fork")
        assert process.wait(0.1) is None
        assert not world.supervisor.lost
        for _ in range(2):
            world.supervisor.close()
        assert world.supervisor._program.returncode == 0
    finally:
        os.kill(fork, signal.SIGKILL)
        os.waitpid(fork, 0)
    assert world.left() == []
    assert world.supervisor.lost
    assert not directory.exists()
    for call in (process.wait, lambda: held.end(0), lambda: world.spawn("/bin/true")):
        with pytest.raises(SupervisorLostError):
            call()


def test_cpus(world: World) -> None:
    """A job, with all that it starts, runs on the CPUs that it was given, the next one on all; wrong ones are named."""
    own = os.sched_getaffinity(0)
    code = "import os, subprocess\nsubprocess.run(['grep', 'Cpus_allowed_list', '/proc/self/status'])"
    seen = []
    for number, cpus in enumerate(([min(own)], None)):
        process = world.python(code, log=f"log{number}", cpus=cpus)
        process.wait()
        process.end(1)
        seen.append(world.text(f"log{number}").split()[-1])
    assert seen[0] == str(min(own))
    assert (seen[1] == seen[0]) == (len(own) == 1)
    with pytest.raises(ProcessStartError, match=r"entry 2 can't start: it can't be put on the CPUs \[99999\]"):
        world.spawn("/bin/true", cpus=[99999])


def test_no_descriptors_pile_up(world: World) -> None:
    """Ended jobs leave no open file in the harness or the supervisor."""
    counts: list[int] = []
    supervisor = psutil.Process(world.supervisor._program.pid)
    for _ in range(2):
        for _ in range(5):
            process = world.spawn("/bin/true")
            process.wait()
            process.end(1)
        eventually(lambda: not supervisor.children(), "keepers to be gone")
        gc.collect()  # or it would close what others have left, at some time or other
        if not counts:
            counts = [psutil.Process().num_fds(), supervisor.num_fds()]
    eventually(lambda: [psutil.Process().num_fds(), supervisor.num_fds()] == counts, f"as few as before: {counts}")
