# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Scripts that fail: ``--pdb`` in a pseudo-terminal, ``curator-bench run-script``, and the dry run's command, pasted."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.cli import main
from tests.support.bench_project import pytest_command
from tests.support.processes import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.bench_project import Project

FAILING = """
import json, os, sys
from pytest_curator_bench.script import Benchmark

bench = Benchmark()
bench.parser.add_argument("--wanted", type=int)

def count(wanted):
    found = 40 + 2
    if found != wanted:
        json.loads(f"found {found}")

with bench:
    bench.metrics["env"] = os.environ["OF_ENTRY"]
    count(bench.args.wanted)
    bench.metrics["found"] = 42000
    sys.exit(3)
"""


@pytest.fixture
def failing(project: Project) -> Project:
    """A project whose script raises in a function, unless it is told otherwise; it exits with 3 then."""
    project.script("count.py", FAILING)
    project.config(
        "entries:\n"
        "  - {name: a, script: ../scripts/count.py, args: --wanted 1, env: {OF_ENTRY: 'a b'}}\n"
        "  - {name: b, script: count.py, args: --wanted=42, env: {OF_ENTRY: 'c'}}\n"
    )
    return project


def at_terminal(project: Project, command: Sequence[str], *dialogue: tuple[str, str]) -> tuple[int, str]:
    """Run a command in a pseudo-terminal; when each text is shown, type what belongs to it. Returns status and output."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(command, cwd=project.path, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.start()
    shown, seen, waiting = "", 0, [*dialogue]
    with contextlib.suppress(OSError):  # the terminal's end
        while chunk := os.read(screen, 65536):
            shown += chunk.decode(errors="replace")
            if waiting and waiting[0][0] in shown[seen:]:
                seen = len(shown)
                os.write(screen, f"{waiting.pop(0)[1]}\n".encode())
    os.close(screen)
    status = process.wait()
    watchdog.cancel()
    assert not waiting, shown
    return status, shown


def test_pdb_opens_in_the_script(failing: Project) -> None:
    """It names the place, runs the script again in its environment, and stops where it raised; then pytest goes on."""
    status, shown = at_terminal(
        failing,
        pytest_command("--pdb", "-k", "a"),
        ("run it again under pdb now", ""),
        ("(Pdb) ", "p 'found', found, os.environ['OF_ENTRY']"),
        ("('found', 42, 'a b')", "q"),
    )
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "scripts/count.py:11, in count" in shown
    assert "curator-bench run-script a --pdb --bench-config benchmarks/config.yaml" in shown
    assert "items.py" not in shown  # no frame of the plugin
    assert failing.result("a")["reason"] == "exit-code"


def test_pdb_without_a_terminal(failing: Project) -> None:
    """It says where and how, and asks nobody."""
    result = failing.run("--pdb", "-k", "a")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["the script failed at *count.py:11, in count", "to debug it at any time: *"])
    result.stdout.no_fnmatch_line("*again under pdb now*")


RUN_SCRIPT = (sys.executable, "-m", "pytest_curator_bench", "run-script", "--bench-config=benchmarks/config.yaml")


def run_script(project: Project, *args: str) -> subprocess.CompletedProcess[str]:
    """``curator-bench run-script``."""
    command = [*RUN_SCRIPT, *args]
    return subprocess.run(command, cwd=project.path, text=True, capture_output=True, input="q\n", check=False)


def test_a_script_by_itself(failing: Project) -> None:
    """The exit status is the script's; its metrics are shown; no session appears."""
    done = run_script(failing, "b")
    assert done.returncode == 3, done.stderr
    assert "env = c\nfound = 42,000\nexit status 3; files: " in done.stderr
    done = run_script(failing, "a", "--pdb")
    assert done.returncode == 1, done.stderr
    assert "count.py(11)count()" in done.stdout
    assert not (failing.path / "results").exists()


def test_a_script_by_itself_ends_with_its_command(failing: Project) -> None:
    """SIGTERM ends both: the script would go on without its lease. Its output ends when it does."""
    failing.script("sleep.py", f"import time; print('begun', flush=True); time.sleep({2 * LIMIT_S})")
    failing.config("entries: [{name: a, script: sleep.py}]")
    with subprocess.Popen([*RUN_SCRIPT, "a"], cwd=failing.path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.communicate(timeout=LIMIT_S)[0] == ""
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("aa", "aa: no enabled entry has this name; did you mean 'a'? Expected one of a, b"),
        ("missing", "nothere.py not found"),
        ("job", "runs as a job on another machine"),
    ],
)
def test_what_cannot_run_by_itself(
    failing: Project, entry: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit status 2."""
    with (failing.path / "benchmarks" / "config.yaml").open("a") as file:
        file.write("  - {name: missing, script: nothere.py}\n")
        file.write("  - {name: job, script: ok.py, ray: {job: 'http://127.0.0.1:1'}}\n")
    assert main(["run-script", entry, "--bench-config", str(failing.path / "benchmarks" / "config.yaml")]) == 2
    assert message in capsys.readouterr().err


def test_the_dry_runs_command_can_be_pasted(failing: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell runs it: it makes its directories, and has the environment; its paths are normalised."""
    (failing.path / "tmp dir").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(failing.path / "tmp dir"))
    listed = failing.run_here("--bench-dry-run").stdout.lines
    commands = [line.removeprefix("  command: ") for line in listed if line.startswith("  command: ")]
    assert ".." not in commands[0]
    done = [subprocess.run(line, shell=True, capture_output=True, text=True, check=False) for line in commands]  # noqa: S602
    assert "JSONDecodeError" in done[0].stderr
    assert done[1].returncode == 3
    assert len(list((failing.path / "tmp dir").glob("curator-bench-*/[ab]/metrics.json"))) == 2
