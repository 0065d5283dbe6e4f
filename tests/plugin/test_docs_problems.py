# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The common problems of docs/debugging.md, brought about: what the page shows is what is shown."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.bench_project import UNTIL_WAITED_FOR
from tests.support.processes import LIMIT_S, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.bench_project import Project

PAGE = (Path(__file__).parents[2] / "docs" / "debugging.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"^### (.*?)\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))

OOM_IN_RAY = """
import ray
raise ray.exceptions.OutOfMemoryError("Task was killed due to the node running low on memory.")
"""
OOM_ON_GPU = """
class OutOfMemoryError(RuntimeError):
    __module__ = "torch"
raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB")
"""
LEFT_BEHIND = """
import subprocess, runpy, sys
subprocess.Popen(["sleep", "100"], start_new_session=True)
runpy.run_path(__file__.replace("mine", "ok"), run_name="__main__")
"""


def entry(
    keys: str = "", before: str = "results_dir: ../results", *, refused: bool = False
) -> Callable[[Project], str]:
    """A scenario: one entry with these keys."""
    return script(None, keys, before, refused=refused)


def script(
    text: str | None, keys: str = "", before: str = "results_dir: ../results", *, refused: bool = False
) -> Callable[[Project], str]:
    """A scenario: one entry with this script, in place of the one that works; nothing runs if it is refused."""

    def run(project: Project) -> str:
        name = "ok.py" if text is None else "mine.py"
        if text is not None:
            project.script(name, text)
        given = "" if "script:" in keys else f", script: {name}"
        project.config(f"{before}\nentries: [{{name: a{given}{', ' if keys else ''}{keys}}}]", head=False)
        return told(project.run_here() if refused else project.run("-rs"))

    return run


def told(result: pytest.RunResult) -> str:
    """All that was printed."""
    return result.stdout.str() + result.stderr.str()


def config_not_found(project: Project) -> str:
    """A misspelt name."""
    project.config("entries: [{name: a, script: ok.py}]")
    return told(project.run_here(config="confg.yaml"))


def config_elsewhere(project: Project) -> str:
    """The rootdir is not the project's, whose scripts are not looked for."""
    (project.path / "pytest.ini").touch()
    elsewhere = project.path.with_name(f"{project.path.name}-elsewhere")
    config = project.config("entries: [{name: a, script: ok.py}]", str(elsewhere / "my.yaml"))
    runpytest = project.pytester.runpytest_subprocess
    runpytest(f"--bench-config={config}").assert_outcomes(passed=1)
    runpytest("benchmarks", "--bench-config", str(config)).assert_outcomes(passed=1)
    return told(runpytest("--bench-config", str(config)))


def waiting(project: Project) -> str:
    """Two entries that name nothing, on two workers."""
    project.script("waited.py", UNTIL_WAITED_FOR + (project.scripts / "ok.py").read_text())
    project.config("entries: [{name: a, script: waited.py}, {name: b, script: waited.py}]")
    text = told(project.run("-n", "2"))
    return text.replace("b: waiting", "a: waiting").replace("leased by a,", "leased by b,")  # either may be first


def noisy(project: Project) -> str:
    """Another process computes."""
    project.config("entries: [{name: a, script: ok.py}]")
    code = "print('up', flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        watchdog = threading.Timer(LIMIT_S, other.kill)
        watchdog.start()
        assert other.stdout is not None
        other.stdout.readline()
        for _ in range(5):  # a look of 0.2 s in which the machine itself stood still finds nothing
            text = told(project.run())
            if "Other processes keep" in text:
                break
        watchdog.cancel()
        other.kill()
    return text


def killed(project: Project) -> str:
    """Pytest is killed while an entry runs, and its session opened again."""
    project.config("entries: [{name: a, script: ok.py, args: --sleep 60}, {name: b, script: ok.py}]")
    run = project.start("--bench-session", "s")
    eventually((project.path / "results/s/a/stdouterr.log").exists, "the entry's log")
    run.kill()
    run.communicate(timeout=LIMIT_S)
    project.run("--bench-session", "s", "--bench-entry", "b").assert_outcomes(passed=1)
    return (project.path / "results/s/a/results.json").read_text()


SINK = "results_dir: ../results\nsinks: [{name: webhook, url: 'http://127.0.0.1:9/', secret: '12345678'}]"
DATASET = "results_dir: ../results\ndatasets: [{name: d, formats: [{type: t, path: ../data}]}]"
SCENARIOS: dict[str, Callable[[Project], str]] = {
    "A module is not found": script("import my_helpers"),
    "Results can't be written": entry(before="results_dir: ../benchmarks/config.yaml/results", refused=True),
    "An entry takes too long": entry("args: --sleep 60, timeout_s: 1"),
    "Out of memory: the kernel": script("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    "Out of memory: in Python": script("bytearray(1 << 60)"),
    "Out of memory: in Ray": script(OOM_IN_RAY),
    "Out of memory: on the GPU": script(OOM_ON_GPU),
    "A key is misspelt": entry("timout_s: 3", refused=True),
    "An environment variable is not defined": entry(before="results_dir: ${NOWHERE}/x", refused=True),
    "A configuration is not found": config_not_found,
    "A script is not found": entry("script: nothere.py", refused=True),
    "Scripts or marks of the project are unknown with a configuration elsewhere": config_elsewhere,
    "A dataset is not there": entry("args: '{dataset:d,t}'", DATASET, refused=True),
    "An entry is skipped for want of GPUs": entry("ray: {num_gpus: 8}"),
    "The object store does not fit": entry("ray: {}, object_store_size: 5000000000000"),
    "One of the three files is missing": entry("args: --skip-file tasks.pkl"),
    "A requirement is not met": entry("requirements: [{metric: rate_per_sec, min_value: 2}]"),
    "A number is not to be trusted: others use the machine": noisy,
    "A script leaves processes behind": script(LEFT_BEHIND),
    "An entry waits": waiting,
    "A sink is down": entry(before=SINK),
    "A run was killed": killed,
}


def pattern_of(line: str) -> str:
    """A regular expression for a line of the page; an ellipsis stands for anything."""
    return ".*".join(re.escape(part) for part in line.split("…"))


def missing(lines: Sequence[str], text: str) -> list[str]:
    """The lines of the page that nothing in the text looks like."""
    return [line for line in lines if not re.search(pattern_of(line), text)]


def test_every_problem_is_brought_about() -> None:
    """None of the page without a scenario, and none the other way round; each has what is shown first."""
    headings = re.findall(r"^### (.*)$", PAGE, re.MULTILINE)
    assert headings == list(SCENARIOS) == list(SHOWN)


@pytest.mark.parametrize("problem", SCENARIOS)
def test_what_is_shown(project: Project, problem: str) -> None:
    """Every line that the page shows."""
    text = SCENARIOS[problem](project)
    assert missing(SHOWN[problem].splitlines(), text) == [], text
