# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ending supervised processes, with real ones: whatever a script does, nothing of it is left."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from pytest_curator_bench.processes import client as process_module
from pytest_curator_bench.processes import supervisor as supervisor_module
from pytest_curator_bench.processes.client import (
    Supervisor,
    SupervisorLostError,
)
from tests.support.process_world import DAEMON, World


def test_stubborn_script_is_ended(world: World) -> None:
    """A script that ignores SIGTERM, forks a daemon and floods its output is ended; its data isn't ours."""
    code = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
daemon()
for _ in range(64):
    os.write(1, b"x" * 1_000_000)
open("flooded", "w").close()
while True:
    time.sleep(100)
"""
    memory = psutil.Process().memory_info().rss
    process = world.python(DAEMON + code)
    world.await_file("flooded")
    report = process.end(0.3)
    assert world.left() == []
    assert report.unkillable == ()
    assert [line.split()[0] for line in report.ended] == [world.text("daemon")]
    done = process.wait()
    assert done is not None
    assert done.signal == "SIGKILL"
    assert (world.directory / "log").stat().st_size == 64_000_000
    assert psutil.Process().memory_info().rss - memory < 16_000_000
    after = world.spawn("/bin/true").wait()
    assert after is not None
    assert after.returncode == 0


def test_daemon_delays_nothing(world: World) -> None:
    """A script's exit counts at once, though a daemon of it holds its output; end() tells of the daemon."""
    process = world.python(DAEMON + "daemon()\nos._exit(7)")
    done = process.wait()
    assert done is not None
    assert done.returncode == 7
    assert len(world.left()) == 1
    report = process.end(0.3)
    assert world.left() == []
    assert report.ended == (f"{world.text('daemon')} {Path(sys.executable).name[:15]}",)


def test_sigterm_leaves_time_to_clean_up(world: World) -> None:
    """Within the grace period a script may clean up, by new processes too; SIGTERM reaches stopped ones."""
    code = """
import signal, subprocess, sys, time
def tidy(*_):
    time.sleep(0.05)
    subprocess.run(["/bin/sh", "-c", "sleep 0.3; echo tidied"], check=True)
    sys.exit(9)
signal.signal(signal.SIGTERM, tidy)
stopped = subprocess.Popen(["/bin/sh", "-c", "kill -STOP $$; exit 3"])
open("ready", "w").close()
print("stopped", stopped.wait(), flush=True)
time.sleep(100)
"""
    process = world.python(code)
    world.await_file("ready")
    report = process.end(100)
    done = process.wait()
    assert done is not None
    assert done.returncode == 9
    assert world.text().endswith("tidied\n")
    assert [line.split()[1] for line in report.ended] == ["sh"]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("while True:\n  if os.fork(): os.wait()\n  else: os._exit(0)", id="children"),
        pytest.param("while True:\n  if os.fork(): os._exit(0)", id="chain"),
        pytest.param("while True:\n  if os.fork(): os._exit(0)\n  os.setsid()", id="daemons"),
    ],
)
def test_fork_storm(world: World, code: str) -> None:
    """Processes that go on forking, deaf to SIGTERM, each with a session of its own, are all ended."""
    process = world.python(f"import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen('on', 'w')\n{code}")
    world.await_file("on")
    report = process.end(0.2)
    assert world.left() == []
    assert report.unkillable == ()
    assert len(report.ended) <= 51


def test_misleading_name(world: World) -> None:
    """A process is found though its name looks like fields of /proc/PID/stat; none can send control codes."""
    named = "(echo ') R 1 1' > /proc/self/comm; sleep 100 & echo $! > pid; wait) &"
    process = world.spawn("/bin/sh", "-c", f"{named} until grep -qsx sleep /proc/$(cat pid)/comm; do :; done")
    process.wait()
    report = process.end(0.2)
    assert world.left() == []
    assert sorted(line.split(maxsplit=1)[1] for line in report.ended) == [") R 1 1\\n", "sleep"]


def alter_supervisor(world: World, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]) -> None:
    """Give the world a supervisor whose program text is changed."""
    text = Path(supervisor_module.__file__).read_text()
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (world.directory / "supervisor.py").write_text(text)
    monkeypatch.setattr(process_module, "_PROGRAM", world.directory / "supervisor.py")
    world.supervisor.close()
    world.supervisor = Supervisor.start()


def test_leftovers_that_go_by_themselves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends shortly after the main process, as helpers do, is not called ended; shortly is 10 s here."""
    alter_supervisor(world, monkeypatch, {"SETTLE_S = 0.1": "SETTLE_S = 10"})
    process = world.spawn("/bin/sh", "-c", "sleep 0.2 & exit 0")
    process.wait()
    assert process.end(20).ended == ()


def test_unkillable_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SIGKILL does not end is named after a bounded time; without a main process's end there is no exit.

    A process in a device wait can't be had in a test: here the supervisor can't signal those called "sleep".
    """
    kill = "os.kill(process.pid, signum)"
    changes = {"KILL_TIMEOUT_S = 10.0": "KILL_TIMEOUT_S = 0.3", kill: f'process.name != "sleep" and {kill}'}
    alter_supervisor(world, monkeypatch, changes)
    process = world.spawn("/bin/sleep", "100")
    try:
        assert process.end(0).unkillable == (f"{process.pid} sleep",)
        with pytest.raises(SupervisorLostError, match="main process could not be ended"):
            process.wait()
    finally:
        os.kill(process.pid, signal.SIGKILL)
