# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, SIGKILL and what scripts leave behind: nothing stays, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.bench_project import pytest_command
from tests.support.processes import LIMIT_S, eventually, marked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bench_project import Project

DAEMON = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN) if "stubborn" in sys.argv else None
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(300)
    os._exit(0)
os.wait()
print("daemon is out", flush=True)
"""


def log_of(project: Project, entry: str) -> Path | None:
    """The entry's log, once it holds something."""
    logs = [path for path in project.path.glob(f"results/*/{entry}/stdouterr.log") if path.stat().st_size]
    return logs[0] if logs else None


def is_watched(project: Project, entry: str) -> bool:
    """Whether pytest has got round to waiting for the entry's script."""
    return any(table.stat().st_size for table in project.path.glob(f"results/*/{entry}/telemetry.csv"))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_the_entry_cleanly_and_finishes_the_session(
    project: Project, mark: str, signum: signal.Signals
) -> None:
    """The running entry gets SIGTERM, its result says interrupted, the next does not run, the session is closed.

    Ctrl-C goes to all processes of the terminal, SIGTERM to pytest alone.
    """
    project.script(
        "polite.py",
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *a: (os.write(1, b'cleaned up\\n'), sys.exit(0)))\n"
        "print('up', flush=True)\ntime.sleep(300)\n",
    )
    project.config("entries: [{name: a, script: polite.py}, {name: b, script: polite.py}]\n")
    process = project.start()
    eventually(lambda: log_of(project, "a") and is_watched(project, "a"))
    os.killpg(process.pid, signum) if signum == signal.SIGINT else process.send_signal(signum)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert project.result("a")["status"] == "interrupted"
    assert "cleaned up" in (project.session_dir / "a" / "stdouterr.log").read_text()
    assert not (project.session_dir / "b").exists()
    assert project.session()["status"] == "interrupted"
    assert project.session()["counts"] == {"interrupted": 1}
    assert "interrupted" in output
    eventually(lambda: not marked(mark))


def test_two_interrupts_stop_at_once(project: Project, mark: str) -> None:
    """A stubborn script does not keep the user waiting for its grace period."""
    project.script(
        "stubborn.py",
        "import os, signal, time\nsignal.signal(signal.SIGTERM, lambda *a: os.write(1, b'ignored\\n'))\n"
        "os.write(1, b'up\\n')\nwhile True: time.sleep(300)\n",
    )
    project.config("cleanup_timeout_s: 200\nentries: [{name: a, script: stubborn.py}]\n")
    process = project.start()
    eventually(lambda: log_of(project, "a") and is_watched(project, "a"))
    os.killpg(process.pid, signal.SIGINT)
    eventually(lambda: "ignored" in (log_of(project, "a") or project.path / "none").read_text())
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert project.result("a")["status"] == "interrupted"
    eventually(lambda: not marked(mark))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_under_xdist(project: Project, mark: str, signum: signal.Signals) -> None:
    """Both workers' scripts are ended and both entries marked."""
    project.script("sleepy.py", "import time\nprint('up', flush=True)\ntime.sleep(300)\n")
    project.config(
        "cleanup_timeout_s: 1\nentries:\n"
        "  - {name: a, script: sleepy.py, exclusive: false}\n  - {name: b, script: sleepy.py, exclusive: false}\n"
    )
    process = project.start("-n", "2")
    eventually(lambda: log_of(project, "a") and log_of(project, "b"))
    os.killpg(process.pid, signum) if signum == signal.SIGINT else process.send_signal(signum)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert [project.result(name)["status"] for name in "ab"] == ["interrupted", "interrupted"]
    eventually(lambda: not marked(mark))


def test_kill_of_pytest_leaves_no_process_and_keeps_results(project: Project, mark: str) -> None:
    """After kill -9 in mid-entry nothing runs on, and what had finished is readable."""
    project.script("daemon.py", DAEMON + "time.sleep(300)\n")
    project.config("entries: [{name: done, script: ok.py}, {name: running, script: daemon.py, args: stubborn}]\n")
    process = project.start()
    eventually(lambda: log_of(project, "running"))
    assert len(marked(mark)) >= 3
    process.kill()
    process.wait()
    eventually(lambda: not marked(mark))
    assert project.result("done")["status"] == "passed"
    assert not (project.session_dir / "running" / "results.json").exists()
    project.run("--bench-session", project.session_dir.name, "-k", "done").assert_outcomes(passed=1, deselected=1)
    assert project.result("running")["status"] == "interrupted"


def test_kill_of_a_controller_whose_workers_ignore_ctrl_c(project: Project, mark: str) -> None:
    """As in the background of a shell script: the workers are ended as others are, by an interrupt, and write results.

    Without it execnet would end them by force, ten seconds later and without a result.
    """
    project.script("sleepy.py", "import time\nprint('up', flush=True)\ntime.sleep(300)\n")
    project.config(
        "cleanup_timeout_s: 1\nentries:\n"
        "  - {name: a, script: sleepy.py, exclusive: false}\n  - {name: b, script: sleepy.py, exclusive: false}\n"
    )
    process = subprocess.Popen(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *pytest_command("-n", "2")],
        cwd=project.path,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    eventually(lambda: log_of(project, "a") and log_of(project, "b"))
    os.killpg(process.pid, signal.SIGINT)  # which they go on to ignore
    process.kill()
    process.wait()
    eventually(lambda: not marked(mark))
    assert [project.result(name)["status"] for name in "ab"] == ["interrupted", "interrupted"]


def test_daemon_that_holds_stdout(project: Project, mark: str) -> None:
    """A script that ends at once and leaves a daemon passes at once; the daemon is ended and told."""
    project.script("leaver.py", DAEMON + (project.scripts / "ok.py").read_text())
    project.config("entries: [{name: a, script: leaver.py, timeout_s: 60}, {name: b, script: ok.py}]\n")
    project.run().assert_outcomes(passed=2)
    result = project.result("a")
    assert result["status"] == "passed"
    assert result["exec_time_s"] < 30
    assert "left processes running" in result["warnings"][0]
    eventually(lambda: not marked(mark))


def test_worst_script(project: Project, mark: str) -> None:
    """SIGTERM ignored, a daemon forked, stdout flooded with bytes that are no UTF-8: ended, all of it kept."""
    project.script(
        "worst.py",
        DAEMON
        + "told = os.open('written', os.O_WRONLY | os.O_CREAT)\nchunk = bytes(range(256)) * 4096\nwritten = 0\nend = time.monotonic() + 300\n"
        "while time.monotonic() < end:\n    if written < 200 << 20:\n        written += os.write(1, chunk)\n"
        "        os.pwrite(told, b'%12d' % written, 0)\n    else:\n        time.sleep(0.1)\n",
    )
    project.config(
        "cleanup_timeout_s: 1\nentries:\n  - {name: a, script: worst.py, args: stubborn, timeout_s: 8}\n  - {name: b, script: ok.py}\n"
    )
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    assert project.result("a")["status"] == "timeout"
    written = int((project.path / "written").read_text())
    assert (project.session_dir / "a" / "stdouterr.log").stat().st_size >= written > 1 << 20
    eventually(lambda: not marked(mark))
