# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Supervised processes when something dies or interrupts: harness, supervisor, keeper, Ctrl-C at any step."""

from __future__ import annotations

import contextlib
import dis
import functools
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.processes import client as process_module
from pytest_curator_bench.processes import supervisor as supervisor_module
from pytest_curator_bench.processes.client import SupervisedProcess, Supervisor, SupervisorLostError
from tests.support.process_world import DAEMON, World, harness
from tests.support.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

ROOT = Path(__file__).parents[2]


HARNESS_WITH_JOBS = """
directory = world.directory / "ray"
(directory / "session").mkdir(parents=True)
cluster = world.spawn(
    "/bin/sh", "-c", "echo > cluster; sleep 100", hold=True, remove_on_harness_death=[directory]
)
script = world.python(DAEMON + '''
import sys
def last(*_):
    os.kill(int(sys.argv[1]), 0)
    with open("last.new", "w") as file:
        file.write("cluster still there")
    os.rename("last.new", "last")
signal.signal(signal.SIGTERM, last)
daemon()
while True:
    time.sleep(100)
''', str(cluster.pid))
"""


def run_harness(world: World, code: str) -> subprocess.Popen[bytes]:
    """Start a harness of its own, with two jobs: a held "cluster" and a stubborn script with a daemon."""
    command = harness(world, HARNESS_WITH_JOBS + code)
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **world.environment})


FORK = """
if (pid := os.fork()) == 0:
    time.sleep(1000)
(world.directory / "fork.new").write_text(str(pid))
(world.directory / "fork.new").rename(world.directory / "fork")
"""


@pytest.mark.parametrize("fork", ["", FORK], ids=["alone", "with a fork of it"])
def test_killed_harness_leaves_nothing(world: World, fork: str) -> None:
    """After kill -9 of the harness all jobs end, scripts before held ones; named directories are removed."""
    child = run_harness(world, f"{fork}\nscript.wait()")
    eventually(lambda: all((world.directory / name).exists() for name in ("daemon", "cluster")), "jobs")
    forks = [int(world.await_file("fork"))] if fork else []
    child.kill()
    child.wait()
    assert world.await_file("last") == "cluster still there"
    try:
        eventually(lambda: len(world.left()) == bool(fork), f"end of the jobs: {world.left()}")
        eventually(lambda: not (world.directory / "ray").exists(), "directory to be removed")
    finally:
        for pid in forks:
            os.kill(pid, signal.SIGKILL)


def test_the_end_after_a_killed_harness_is_within_ten_seconds() -> None:
    """That is what users were promised, and what the supervisor's own limits add up to."""
    limits_s = (
        supervisor_module.SCRIPTS_TIMEOUT_S,
        supervisor_module.HELD_TIMEOUT_S,
        supervisor_module.ADOPTED_TIMEOUT_S,
    )
    assert sum(limits_s) < 10


def test_killed_harness_with_a_stopped_supervisor_leaves_nothing(world: World) -> None:
    """The keepers end what it should have ended, and the supervisor itself."""
    program = world.directory / "supervisor.py"
    program.write_text(
        Path(supervisor_module.__file__)
        .read_text()
        .replace("SUPERVISOR_TIMEOUT_S = 15.0", "SUPERVISOR_TIMEOUT_S = 0.5")
    )
    code = f"""
from pytest_curator_bench.processes import client
world.supervisor.close()
client._PROGRAM = Path({str(program)!r})
world = World(world.directory, world.mark)
script = world.python(DAEMON + "daemon()\\ntime.sleep(100)")
world.await_file("daemon")
os.kill(world.supervisor._program.pid, signal.SIGSTOP)
(world.directory / "supervisor.new").write_text(str(world.supervisor._program.pid))
(world.directory / "supervisor.new").rename(world.directory / "supervisor")
script.wait()
"""
    child = subprocess.Popen(harness(world, code), cwd=ROOT)
    supervisor = int(world.await_file("supervisor"))
    child.kill()
    child.wait()
    world.await_nothing_left()
    eventually(lambda: not Path(f"/proc/{supervisor}").exists() or is_zombie(supervisor), "end of the supervisor")


def is_zombie(pid: int) -> bool:
    """Whether a process has ended, and its parent has not yet noticed."""
    return " Z " in Path(f"/proc/{pid}/stat").read_text()


def test_killed_supervisor_leaves_nothing(world: World) -> None:
    """After kill -9 of the supervisor the jobs are ended, and every call says what is wrong, at once."""
    held = world.spawn("/bin/sleep", "100", hold=True, name="cluster")
    before = world.spawn("/bin/true")
    assert before.wait() is not None
    script = world.python(DAEMON + "daemon()\ntime.sleep(100)", name="script")
    world.await_file("daemon")
    os.kill(world.supervisor._program.pid, signal.SIGKILL)
    with pytest.raises(SupervisorLostError, match=r"^The supervision of script was lost: the supervisor has ended\."):
        script.wait()
    with pytest.raises(SupervisorLostError, match=r"^The supervision of cluster was lost"):
        held.wait()
    with pytest.raises(SupervisorLostError, match="entry 9 can't start: its supervisor and its keeper were killed"):
        world.spawn("/bin/true", name="entry 9")
    assert world.supervisor.lost
    assert [line.split()[0] for line in script.end(0.1).ended] == [world.text("daemon")]
    assert held.end(0).unkillable == ()
    assert before.wait() is not None  # what was known stays known
    assert world.left() == []
    with pytest.raises(SupervisorLostError):
        script.wait()


def test_script_kills_its_keeper(world: World) -> None:
    """A script that kills the process that watches over it is ended with all its daemons; others go on."""
    neighbour = world.spawn("/bin/sleep", "100")
    script = world.python(DAEMON + "daemon()\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(100)", name="killer")
    with pytest.raises(SupervisorLostError, match="killer was lost: the process that watched over it was killed"):
        script.wait()
    report = script.end(1)
    assert len(report.ended) == 2
    assert len(world.left()) == 1
    assert neighbour.wait(0) is None
    assert neighbour.end(1).ended == ()
    done = world.spawn("/bin/true").wait()
    assert done is not None
    assert done.returncode == 0


TRACE = """
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(16, os.getppid(), None, None) == 0, os.strerror(ctypes.get_errno())
"""
# How a script may silence who watches over it; it leaves a daemon, and goes on itself.
SILENCED = {
    "keeper stopped": "os.kill(keeper, signal.SIGSTOP)",
    "keeper traced": TRACE,
    "keeper and supervisor stopped": "os.kill(supervisor, signal.SIGSTOP)\nos.kill(keeper, signal.SIGSTOP)",
    "keeper traced and supervisor stopped": f"os.kill(supervisor, signal.SIGSTOP)\n{TRACE}",
    "keeper and supervisor killed": (  # one after the other, but neither sees the other's end
        "os.kill(supervisor, signal.SIGSTOP)\nos.kill(keeper, signal.SIGKILL)\nos.kill(supervisor, signal.SIGKILL)"
    ),
    "keeper stopped and supervisor killed": "os.kill(keeper, signal.SIGSTOP)\nos.kill(supervisor, signal.SIGKILL)",
    "supervisor stopped and keeper killed": "os.kill(supervisor, signal.SIGSTOP)\nos.kill(keeper, signal.SIGKILL)",
}
SILENCING = """
daemon()
nameless = subprocess.Popen(["/usr/bin/env", "-i", "/bin/sleep", "100"], start_new_session=True)
keeper = os.getppid()
with open(f"/proc/{keeper}/stat") as file:
    supervisor = int(file.read().rpartition(")")[2].split()[1])
with open("pids.new", "w") as file:
    file.write(f"{keeper} {nameless.pid}")
{silence}
os.rename("pids.new", "pids")
time.sleep(100)
"""


def started_daemon() -> int:
    """Start a daemon as fixtures of users do, in a session of its own, and return its process ID."""
    return int(subprocess.check_output(["/bin/sh", "-c", "setsid sleep 100 >/dev/null 2>&1 & echo $!"]))


@pytest.mark.parametrize("silenced", SILENCED)
def test_who_does_not_answer_is_killed_before_the_job_counts_as_ended(
    world: World, monkeypatch: pytest.MonkeyPatch, silenced: str
) -> None:
    """Whatever a script does to keeper and supervisor: when end() returns, nothing of it runs beside the next entry.

    What the harness itself has started meanwhile is not taken for a part of it.
    """
    monkeypatch.setattr(process_module, "_ANSWER_TIMEOUT_S", 1.0)
    monkeypatch.setattr(process_module, "_TAKEOVER_TIMEOUT_S", 1.0)
    own = [subprocess.Popen(["/bin/sleep", "100"], start_new_session=True)]
    script = world.python(
        f"import subprocess\n{DAEMON}{SILENCING.replace('{silence}', SILENCED[silenced])}", name="script"
    )
    own.append(subprocess.Popen(["/bin/sleep", "100"]))
    try:
        world.await_file("pids")
        own.append(subprocess.Popen(["/bin/sleep", "100"], start_new_session=True))
        a_users_daemon = started_daemon()
        pids = world.text("pids").split()
        with contextlib.suppress(SupervisorLostError):
            script.end(0)
        assert world.left() == []
        assert not Path(f"/proc/{pids[1]}").exists()
        with pytest.raises(SupervisorLostError, match="The supervision of script was lost"):
            script.wait()
        assert [process.poll() for process in own] == [None, None, None]
        os.kill(a_users_daemon, signal.SIGKILL)
    finally:
        for process in own:
            process.kill()
            process.wait()
    if world.supervisor.lost:
        world.supervisor.close()
        world.supervisor = Supervisor.start()
    assert not Path(f"/proc/{pids[0]}").exists()
    done = world.spawn("/bin/true").wait()
    assert done is not None
    assert done.returncode == 0


def test_stopped_supervisor_is_replaced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found out by a question before the next entry, and its jobs end with it."""
    monkeypatch.setattr(process_module, "_ANSWER_TIMEOUT_S", 1.0)
    held = world.spawn("/bin/sleep", "100", hold=True, name="cluster")
    assert not world.supervisor.lost
    os.kill(world.supervisor._program.pid, signal.SIGSTOP)
    with pytest.raises(SupervisorLostError, match="entry 1 can't start: its supervisor did not answer, and was killed"):
        world.spawn("/bin/true")
    assert world.supervisor.lost
    world.supervisor.close()
    assert world.left() == []
    with pytest.raises(SupervisorLostError, match="The supervision of cluster was lost"):
        held.wait()


def test_failed_keeper_tells_why(world: World) -> None:
    """A failure inside the supervisor reaches the developer with its traceback."""
    process = world.spawn("/bin/sleep", "100")
    process._connection.send(b'{"nonsense": 1}')
    with pytest.raises(SupervisorLostError, match=r"(?s)was killed\.\nTraceback.*KeyError: 'grace'"):
        process.wait()
    assert process.end(0).ended != ()


def test_terminal_interrupt_is_for_the_harness_alone(world: World) -> None:
    """What a terminal sends to the harness's group reaches neither jobs nor supervisor; the harness decides."""
    code = """
def interrupted(*_):
    raise KeyboardInterrupt
for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(signum, interrupted)
job = world.spawn("/bin/sleep", "100")
for number in range(4):
    try:
        (world.directory / f"waiting{number}").touch()
        job.wait()
    except KeyboardInterrupt:
        pass
assert job.wait(0.1) is None
job.end(5)
assert job.wait().signal == "SIGTERM"
world.supervisor.close()
"""
    child = subprocess.Popen(harness(world, code), cwd=ROOT, start_new_session=True)
    for number, signum in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)):
        world.await_file(f"waiting{number}")
        os.killpg(child.pid, signum)
    assert child.wait() == 0


def test_interrupts_while_waiting_and_ending(world: World) -> None:
    """Ctrl-C in wait(), and again in end(), which can be repeated with less patience."""
    process = world.python(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('on', 'w'); time.sleep(100)"
    )
    world.await_file("on")

    def interrupted(call: Callable[[], object]) -> None:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        call()

    for call in (process.wait, lambda: process.end(100)):
        with pytest.raises(KeyboardInterrupt):
            interrupted(call)
    assert process.end(0).ended == ()
    done = process.wait()
    assert done is not None
    assert done.signal == "SIGKILL"


class Interrupt(BaseException):
    """What a signal handler raises in these tests."""


def interrupt_at(step: int, call: Callable[[], object]) -> bool:
    """Make a call, with an Interrupt before the ``step``-th bytecode of process.py; whether it got there."""
    steps = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        if frame.f_code.co_filename != process_module.__file__:
            return None
        frame.f_trace_opcodes = True
        # Python looks for signals after calls, when it loops, when a function starts; never before a return.
        if event == "opcode" and not dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN"):
            steps += 1
            if steps == step:
                raise Interrupt
        return trace

    previous = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # Python 3.12 needs it before, too
    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.settrace(previous)
    return False


@pytest.mark.parametrize("early", [True, False], ids=["already there", "still to come"])
@pytest.mark.parametrize("method", ["wait", "end"])
def test_interrupt_at_every_step_of_wait_and_end(world: World, method: str, *, early: bool) -> None:
    """Wherever an exception strikes in wait() or end(), the same call works when repeated."""
    step, interrupted = 0, True
    while interrupted:
        step += 1
        process = world.spawn("/bin/true")
        if early:
            select.select([process._connection._socket], [], [])
        call = functools.partial(process.wait) if method == "wait" else functools.partial(process.end, 60)
        interrupted = interrupt_at(step, call)
        call()
        done = process.wait()
        assert done is not None
        if method == "wait" or early:
            assert done.returncode == 0
        else:  # the end may overtake the program
            assert done.returncode == 0 or done.signal == "SIGTERM"
        assert process.end(1).ended == ()
    assert step > 50


# A socket that was never kept is closed by the garbage collector, with a warning.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupt_at_every_step_of_spawn(world: World) -> None:
    """Wherever an exception strikes in spawn(), no job remains, and the supervisor goes on."""
    spawned: list[SupervisedProcess] = []
    step = 0
    while not spawned:
        step += 1
        interrupt_at(step, lambda: spawned.append(world.spawn("/bin/sleep", "100")))
    assert step > 100
    assert spawned[0].end(0).ended == ()
    world.await_nothing_left()


def test_interrupt_at_every_step_of_close(tmp_path: Path) -> None:
    """Wherever an exception strikes in close(), closing again leaves nothing."""
    step, interrupted = 0, True
    while interrupted:
        step += 1
        world = World(tmp_path)
        process = world.spawn("/bin/sleep", "100")
        interrupted = interrupt_at(step, world.supervisor.close)
        world.supervisor.close()
        assert world.left() == []
        with pytest.raises(SupervisorLostError):
            process.wait()
    assert step > 20
