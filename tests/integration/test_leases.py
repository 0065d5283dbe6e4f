# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Leases between whole pytest runs: nothing is held twice, whoever is killed."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from perf.leases import MACHINE, overlaps, read_results, shapes, start_run, write_project
from pytest_curator_bench.resources.capacity import read_capacity
from pytest_curator_bench.resources.registry import LeaseRegistry, ResourceRequest
from pytest_curator_bench.resources.state_file import DIRECTORY_VARIABLE
from tests.support.bench_project import WITHOUT_OTHER_PLUGINS

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 300.0
ALL = ResourceRequest(cpus=None, gpus=None, alone=True)


@pytest.fixture(autouse=True)
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runs load no plugins that they don't need."""
    monkeypatch.setenv("PYTEST_ADDOPTS", WITHOUT_OTHER_PLUGINS)


def registry(root: Path) -> LeaseRegistry:
    """Take part in what the runs share."""
    environ = {**MACHINE, DIRECTORY_VARIABLE: str(root / "leases")}
    return LeaseRegistry(read_capacity(environ), environ)


def violations(root: Path) -> str:
    """What the scripts say that they saw in use when they came."""
    path = root / "violations"
    return path.read_text() if path.exists() else ""


def test_two_runs_of_two_workers_share_a_machine(tmp_path: Path) -> None:
    """40 entries of mixed shapes: all pass, and neither their records nor the scripts know of anything held twice."""
    entries = shapes(40, seed=2, scale=0.15)
    runs = [start_run(file) for file in write_project(tmp_path, entries)]
    for run in runs:
        output, _ = run.communicate(timeout=LIMIT_S)
        assert run.returncode == 0, output
    results = read_results(tmp_path)
    assert [result["status"] for result in results] == ["passed"] * 40
    assert overlaps(results) == []
    assert violations(tmp_path) == ""
    for result in results:
        shape, lease = entries[int(result["name"][1:])], result["resources"]["lease"]
        assert (len(lease["gpus"]), len(lease["cpus"])) == ((8, 16) if shape.alone else (shape.gpus, shape.cpus))
        assert result["script_metrics"]["gpus"] == ",".join(map(str, lease["gpus"]))
        assert lease["granted_at"] <= result["started_at"] <= result["finished_at"] <= lease["released_at"]
    assert any(result["resources"]["lease"]["waited_s"] > 0 for result in results)
    assert not list((tmp_path / "leases" / "simulated").glob("owner-*"))


def victims(controller: psutil.Process, kind: str) -> list[psutil.Process]:
    """Its two xdist workers, or their supervisors; none unless both are there and have one.

    A supervisor comes with a worker's first entry: xdist itself does not survive the death of one that is still
    collecting, nor of both before it has noticed the first (execnet: "cannot send (already closed?)").
    """
    try:
        workers = [worker for worker in controller.children() if worker.status() != psutil.STATUS_ZOMBIE]
        supervisors = [child for worker in workers for child in worker.children() if is_supervisor(child)]
    except psutil.Error:
        return []
    if len(workers) != 2 or {child.ppid() for child in supervisors} != {worker.pid for worker in workers}:
        return []
    return supervisors if kind == "supervisor" else workers


def is_supervisor(process: psutil.Process) -> bool:
    """Whether a process is the supervisor itself, and none of its keepers, which are forks of it."""
    parent = process.parent()
    is_program = any(word.endswith("supervisor.py") for word in process.cmdline())
    return is_program and parent is not None and parent.name() != process.name()


def test_killing_any_holder_loses_no_lease(tmp_path: Path) -> None:
    """Workers, supervisors and a controller are killed at random, with scripts that don't end by themselves.

    No GPU is ever given to two, and in the end all of the machine is free again.
    """
    rng = random.Random(1)  # noqa: S311 - nobody is to be kept from guessing
    files = write_project(tmp_path, shapes(24, seed=1, scale=0.2), "--daemon")
    runs = [start_run(file) for file in files]
    controllers = [psutil.Process(run.pid) for run in runs]
    killed: list[str] = []
    deadline = time.monotonic() + LIMIT_S
    while len(killed) < 5 and any(run.poll() is None for run in runs):
        assert time.monotonic() < deadline
        time.sleep(rng.uniform(0.5, 2))
        kind = rng.choice(["worker", "worker", "supervisor"])
        if found := [process for controller in controllers for process in victims(controller, kind)]:
            with contextlib.suppress(psutil.Error):
                rng.choice(found).kill()
                killed.append(kind)
    runs[1].kill()  # in mid-run, or when it has just ended: its workers end with it
    outputs = [run.communicate(timeout=LIMIT_S)[0] for run in runs]
    with contextlib.closing(registry(tmp_path)) as share:
        assert len(share.acquire(ALL, "the rest").gpus) == 8
    while owners := list((tmp_path / "leases" / "simulated").glob("owner-*")):
        # A supervisor that holds nothing may live on for a moment; whoever comes next clears up after the dead.
        assert time.monotonic() < deadline, owners
        time.sleep(0.1)
        registry(tmp_path).close()
    assert killed, outputs
    assert violations(tmp_path) == "", outputs
    results = read_results(tmp_path)
    assert overlaps(results) == [], outputs
    own = [result for result in results if result["entry_dir"].startswith(str(tmp_path / "results0"))]
    assert len(own) == 12, outputs[0]
    assert sum(result["status"] == "passed" for result in own) >= 12 - len(killed), outputs[0]
