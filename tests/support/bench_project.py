# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A benchmark project in pytester's directory: real scripts, real processes, no Ray."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import MARK, kill_marked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Writes the three files with nothing but the standard library; options make it misbehave.
SCRIPT = """
import argparse, json, os, pickle, pathlib, signal, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--benchmark-results-path", type=pathlib.Path, required=True)
parser.add_argument("--metric", type=float, default=1.5)
parser.add_argument("--sleep", type=float, default=0)
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--print", default="hello from the script")
parser.add_argument("--print-environment", action="append", default=[])
parser.add_argument("--skip-file", default="")
parser.add_argument("--ignore-sigterm", action="store_true")
args, rest = parser.parse_known_args()
if args.ignore_sigterm:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(args.print)
for name in args.print_environment:
    print(f"{name}={os.environ.get(name)}")
time.sleep(args.sleep)
out = args.benchmark_results_path
files = {
    "params.json": json.dumps({**json.loads((out / "params.json").read_text()), "rest": rest}).encode(),
    "metrics.json": json.dumps({"rate_per_sec": args.metric, "nested": {"count": 3}}).encode(),
    "tasks.pkl": pickle.dumps([]),
}
for name, data in files.items():
    if name != args.skip_file:
        (out / name).write_bytes(data)
sys.exit(args.exit)
"""

# Notes when it begins and ends, in times of time.monotonic(), which all processes share.
TIMED_SCRIPT = """
import pathlib, sys, time
begun = time.monotonic()
time.sleep(float(sys.argv[1]))
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
for name in ("params.json", "metrics.json"):
    (out / name).write_text("{}")
(out / "tasks.pkl").write_bytes(b"\\x80\\x04].")
(out / "times.txt").write_text(f"{begun} {time.monotonic()}")
"""

# Put before another script: the first that comes stays until somebody waits for what it has, and has said so.
UNTIL_WAITED_FOR = """
import contextlib, json, os, pathlib, sys, time

def waited_for():
    for state in pathlib.Path(os.environ["CURATOR_BENCH_LEASES_DIR"]).rglob("state.json"):
        with contextlib.suppress(OSError, ValueError):
            if json.loads(state.read_text())["waiters"]:
                return True
    return False

results = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1]).parents[1]
with contextlib.suppress(FileExistsError):
    (results / "first").touch(exist_ok=False)
    until = time.monotonic() + 60
    while not waited_for() and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(2)
"""

# Half the time of a small run is what other packages' plugins import (hydra, hypothesis): runs of tests leave them out.
NEEDED_PLUGINS = {"curator_bench", "timeout", "xdist", "xdist.looponfail"}
WITHOUT_OTHER_PLUGINS = " ".join(
    f"-p no:{name}" for name in sorted(entry_points(group="pytest11").names - NEEDED_PLUGINS)
)


def pytest_command(*args: str) -> list[str]:
    """Pytest on ``benchmarks/`` as a command."""
    options = ["benchmarks", "--bench-config", "config.yaml", "-p", "no:cacheprovider"]
    return [sys.executable, "-m", "pytest", *options, *args]


class Project:
    """A directory with ``benchmarks/config.yaml`` and scripts, and pytest runs in it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.scripts = self.path / "benchmarks" / "scripts"
        self.scripts.mkdir(parents=True)
        self.script("ok.py", SCRIPT)

    def script(self, name: str, text: str) -> Path:
        """Write a benchmark script."""
        path = self.scripts / name
        path.write_text(textwrap.dedent(text))
        return path

    def config(self, text: str, name: str = "benchmarks/config.yaml", *, head: bool = True) -> Path:
        """Write a config; ``results_dir: ../results`` stands before it unless ``head`` is false."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(("results_dir: ../results\n" if head else "") + textwrap.dedent(text).lstrip("\n"))
        return path

    def run(self, *args: str, config: str | None = "config.yaml") -> pytest.RunResult:
        """Run pytest on ``benchmarks/`` in a process of its own."""
        named = ("--bench-config", config) if config else ()
        return self.pytester.runpytest_subprocess("benchmarks", *named, "-p", "no:cacheprovider", *args)

    def run_here(self, *args: str, config: str | None = "config.yaml") -> pytest.RunResult:
        """Run pytest on ``benchmarks/`` in this process: quicker, for what is refused, listed or shown.

        No entry may run in it: supervisors, signal handlers and limits belong to a process of their own.
        """
        named = ("--bench-config", config) if config else ()
        return self.pytester.runpytest_inprocess("benchmarks", *named, "-p", "no:cacheprovider", *args)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start pytest in the background, as a terminal would: in a process group of its own."""
        return subprocess.Popen(
            pytest_command(*args),
            cwd=self.path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def session_dir(self) -> Path:
        """The only session's directory."""
        sessions = [path for path in (self.path / "results").iterdir() if (path / "session.json").exists()]
        assert len(sessions) == 1, sessions
        return sessions[0]

    def result(self, entry: str) -> dict[str, Any]:
        """An entry's results.json."""
        data: dict[str, Any] = json.loads((self.session_dir / entry / "results.json").read_text())
        return data

    def sent(self, entry: str) -> dict[str, Any]:
        """What sinks get of an entry's results.json: all but the mark of the run that wrote the file."""
        return {key: value for key, value in self.result(entry).items() if key != "run_id"}

    def warnings(self, entry: str) -> list[str]:
        """The warnings of an entry's result, without those of what else happens on the machine."""
        return [text for text in self.result(entry)["warnings"] if not text.startswith("noise: ")]

    def session(self) -> dict[str, Any]:
        """session.json."""
        data: dict[str, Any] = json.loads((self.session_dir / "session.json").read_text())
        return data


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty benchmark project."""
    # Runs inside this run must not think that they are its xdist workers.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("PYTEST_ADDOPTS", WITHOUT_OTHER_PLUGINS)
    # Nor compile the plugin again each time, where a shell has set this.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    # Nor wait for what other tests, or benchmarks on this machine, have leased.
    monkeypatch.setenv("CURATOR_BENCH_LEASES_DIR", str(pytester.path / "leases"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "cache"))
    return Project(pytester)


@pytest.fixture
def mark(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The mark of all processes that the test starts; whatever still carries it afterwards is ended."""
    value = str(project.path)
    monkeypatch.setenv(MARK, value)
    yield value
    kill_marked(value)


ENTRIES = """
entries:
  - name: first
    script: ok.py
    args: --metric 2.5
  - name: second
    script: ok.py
    marks: [nightly]
  - name: disabled
    enabled: false
    script: ok.py
"""


@pytest.fixture
def two(project: Project) -> Project:
    """A project with two enabled entries and one that is off."""
    project.config(ENTRIES)
    (project.path / "pytest.ini").write_text("[pytest]\nmarkers =\n    nightly: at night\n")
    return project
