# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What an interrupted run says: what has ended is kept, and nothing interrupted is green."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.bench_project import SCRIPT, pytest_command
from tests.support.processes import LIMIT_S, eventually, marked

if TYPE_CHECKING:
    from tests.support.bench_project import Project

# Ends well and leaves a process that says when it is ended, and does not mind.
LEAVER = (
    SCRIPT.replace("sys.exit(args.exit)", "")
    + """
import subprocess
child = '''
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: open("asked", "w").close())
os.close(os.open("ready", os.O_CREAT))
while True: time.sleep(300)
'''
subprocess.Popen([sys.executable, "-c", child])
while not os.path.exists("ready"):
    time.sleep(0.01)
"""
)
# Interrupts pytest in one of its hooks, after the result of an entry was logged.
IN_HOOK = """
import os, signal

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

def pytest_runtest_logreport(report):
    if report.when == "teardown":
        interrupt()

def {hook}:
    interrupt()
    interrupt()
"""
# Every wait of this run's fixtures is over when the worker dies.
DIES_IN_TEARDOWN = """
import os, signal
import pytest

@pytest.fixture(autouse=True)
def dies(request):
    yield
    if request.node.name == "first":
        os.kill(os.getpid(), signal.SIGKILL)
"""
RECEIVER = """
import json, pathlib
from pytest_curator_bench.sinks import Sink

class Receiver(Sink):
    def process_result(self, result):
        with pathlib.Path("received").open("a") as file:
            file.write(json.dumps([result["name"], result["status"], result["script_metrics"]]) + "\\n")
"""


@pytest.mark.parametrize(
    ("workers", "signals"),
    [
        ((), [signal.SIGINT]),
        ((), [signal.SIGTERM, signal.SIGINT, signal.SIGINT]),
        (("-n", "1"), [signal.SIGTERM, signal.SIGINT, signal.SIGINT]),
    ],
    ids=["one, alone", "three, alone", "three, a worker"],
)
def test_an_interrupt_after_the_scripts_end_keeps_its_result(
    project: Project, mark: str, workers: tuple[str, ...], signals: list[signal.Signals]
) -> None:
    """While what the script has left is ended: its result is whole, however often somebody interrupts."""
    project.script("leaver.py", LEAVER)
    project.config("entries: [{name: a, script: leaver.py}, {name: b, script: ok.py}]\n")
    process = project.start(*workers)
    eventually((project.path / "asked").exists, "the end of the script")
    for signum in signals:
        os.killpg(process.pid, signum)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    result = project.result("a")
    assert (result["status"], result["script_metrics"]["rate_per_sec"]) == ("passed", 1.5)
    session = project.session()
    assert (session["status"], session["exit_status"]) == ("interrupted", 2)
    assert "passed" in session["counts"]
    assert "Traceback" not in output
    eventually(lambda: not marked(mark))


@pytest.mark.parametrize(
    "hook",
    [
        "pytest_keyboard_interrupt()",
        "pytest_sessionfinish()",
    ],
)
def test_interrupts_while_pytest_ends(two: Project, hook: str) -> None:
    """A late one changes neither the exit status nor what the session says, and shows no traceback."""
    (two.path / "conftest.py").write_text(IN_HOOK.format(hook=hook))
    result = two.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    session = two.session()
    assert (session["status"], session["exit_status"], session["counts"]) == ("interrupted", 2, {"passed": 1})
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    result.stdout.fnmatch_lines(["first *passed*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_two_interrupts_at_once(project: Project, mark: str, workers: tuple[str, ...]) -> None:
    """Nothing is green, no session stays open, and the entry says what has become of it."""
    project.script("sleepy.py", "import time\nprint('up', flush=True)\ntime.sleep(300)\n")
    project.config("entries: [{name: a, script: sleepy.py}, {name: b, script: sleepy.py}]\n")
    process = project.start(*workers)
    eventually(lambda: any(log.stat().st_size for log in project.path.glob("results/*/*/stdouterr.log")))
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    session = project.session()
    assert (session["status"], session["exit_status"]) == ("interrupted", 2)
    assert set(session["counts"]) == {"interrupted"}
    assert "Traceback" not in output
    eventually(lambda: not marked(mark))


def test_a_terminal_that_closes(project: Project, mark: str) -> None:
    """SIGHUP ends the entry as Ctrl-C does, and closes the session, though there is nowhere to say so."""
    project.script("sleepy.py", "import time\nprint('up', flush=True)\ntime.sleep(300)\n")
    project.config("entries: [{name: done, script: ok.py}, {name: a, script: sleepy.py}]\n")
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        ["env", "--default-signal=HUP", "setsid", "--ctty", "--wait", *pytest_command()],  # nohup ignores it
        cwd=project.path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    eventually(lambda: any(log.stat().st_size for log in project.path.glob("results/*/a/stdouterr.log")))
    os.close(screen)
    assert process.wait(LIMIT_S) != 0
    eventually(lambda: not marked(mark))
    assert project.session()["status"] == "interrupted"
    assert project.session()["counts"] == {"interrupted": 1, "passed": 1}


def test_a_worker_that_dies_in_teardown(two: Project) -> None:
    """The result that it had written stays, in the session and for sinks, with a warning."""
    (two.path / "conftest.py").write_text(DIES_IN_TEARDOWN)
    (two.path / "benchmarks" / "receiver.py").write_text(RECEIVER)
    two.config(
        "sinks: [{name: received, class: 'receiver:Receiver'}]\n"
        "entries: [{name: first, script: ok.py}, {name: second, script: ok.py}]\n"
    )
    result = two.run("-n", "1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    data = two.result("first")
    assert (data["status"], data["script_metrics"]["rate_per_sec"]) == ("passed", 1.5)
    assert any("died after its script had ended" in warning for warning in data["warnings"])
    assert two.session()["counts"] == {"passed": 2}
    received = (two.path / "received").read_text()
    assert '["first", "passed", {"rate_per_sec": 1.5' in received


def test_an_entry_that_is_only_begun(two: Project) -> None:
    """It ends as interrupted, and so does the run."""
    (two.path / "conftest.py").write_text(
        "import pytest\n\n@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtest_protocol(item):\n"
        "    if item.name == 'second':\n        item.ihook.pytest_runtest_setup(item=item)\n        return True\n"
    )
    result = two.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert two.session()["counts"] == {"interrupted": 1, "passed": 1}
    assert two.session()["status"] == "interrupted"
