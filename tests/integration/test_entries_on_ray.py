# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries with a Ray cluster, through pytest: they run on it, are told when it dies, and leave nothing of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.machine.hardware import available_cpus
from tests.support.processes import LIMIT_S, MARK, eventually, marked

if TYPE_CHECKING:
    from tests.support.bench_project import Project

pytestmark = pytest.mark.curator

RAY_SCRIPT = """
import json, os, pathlib, pickle, sys, time
import ray
ray.init(log_to_driver=False)
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
print("token", os.environ["RAY_AUTH_TOKEN"], flush=True)
if "sleep" in sys.argv:
    print("asleep", flush=True)
    time.sleep(300)
resources = ray.cluster_resources()
affinity = ray.get(ray.remote(lambda: sorted(os.sched_getaffinity(0))).remote())
(out / "params.json").write_text(json.dumps({"address": os.environ["RAY_ADDRESS"], "affinity": affinity}))
(out / "metrics.json").write_text(json.dumps({"cpus": resources["CPU"], "store": resources["object_store_memory"]}))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
if "die" in sys.argv:
    import psutil
    ray.shutdown()
    raylets = [p for p in psutil.process_iter(["name"]) if p.info["name"] == "raylet"]
    (raylet,) = [p for p in raylets if p.environ().get("MARK") == os.environ["MARK"]]
    raylet.kill()
sys.exit(5 if "fail" in sys.argv else 0)
""".replace('"MARK"', f'"{MARK}"')


@pytest.fixture
def mark(project: Project, mark: str) -> str:
    """The mark of the test's processes, and a script that uses Ray."""
    project.script("ray_script.py", RAY_SCRIPT)
    return mark


def test_clusters_of_entries(project: Project, mark: str) -> None:
    """Each gets its own, as large as it asks for; logs stay where an entry failed; afterwards nothing is left."""
    segments = set(Path("/dev/shm").iterdir())
    project.config(
        "object_store_size: 150000000\nentries:\n"
        "  - {name: good, script: ray_script.py, ray: {}}\n"
        "  - {name: bad, script: ray_script.py, args: fail, ray: {num_cpus: 1, num_gpus: 0, object_store_memory: 120000000}}\n"
    )
    result = project.run("--junitxml=results/junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    good, bad = project.result("good"), project.result("bad")
    assert good["script_metrics"] == {"cpus": available_cpus(), "store": 150_000_000}
    assert bad["script_metrics"] == {"cpus": 1, "store": 120_000_000}
    leases = [result["resources"]["lease"] for result in (good, bad)]
    assert [len(lease["cpus"]) for lease in leases] == [available_cpus(), 1]
    assert bad["script_params"]["affinity"] == leases[1]["cpus"]  # of a task, not only of the script
    assert bad["finished_at"] <= leases[1]["released_at"]
    assert good["script_params"]["address"] != bad["script_params"]["address"]
    assert not (project.session_dir / "good" / "ray").exists()
    assert (project.session_dir / "bad" / "ray").is_dir()
    log = (project.session_dir / "good" / "stdouterr.log").read_text()
    token = re.search(r"token (\w{32,})", log)
    assert token is not None
    others = [path for path in project.session_dir.rglob("*") if path.is_file() and path.name != "stdouterr.log"]
    assert not [path for path in others if token[1] in path.read_text(errors="replace")]
    assert not marked(mark)
    eventually(lambda: not set(Path("/dev/shm").iterdir()) - segments)  # other tests have some for a while


def test_a_cluster_that_dies(project: Project, mark: str) -> None:
    """The entry is an error although its script exits 0, and its text holds Ray's own reason; the next one runs."""
    project.config(
        "object_store_size: 150000000\nentries:\n  - {name: dying, script: ray_script.py, args: die, ray: {num_cpus: 1}}\n"
        "  - {name: after, script: ok.py}\n"
    )
    project.run().assert_outcomes(passed=1, failed=1)
    dying = project.result("dying")
    assert (dying["status"], dying["reason"]) == ("error", "ray")
    assert dying["error"].startswith("The Ray cluster died while the script ran: raylet [exit code=-9")
    assert dying["returncode"] == 0
    assert not marked(mark)


def test_kill_of_pytest_ends_the_cluster(project: Project, mark: str) -> None:
    """After kill -9 of pytest in mid-entry no process of entry or cluster is left, nor Ray's directory."""
    project.config(
        "object_store_size: 150000000\nentries: [{name: a, script: ray_script.py, args: sleep, ray: {num_cpus: 1}}]\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "benchmarks", "--bench-config", "config.yaml", "-q"],
        cwd=project.path,
        env={**os.environ, "TMPDIR": "/tmp"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    log = "results/*/a/stdouterr.log"
    eventually(lambda: any("asleep" in path.read_text() for path in project.path.glob(log)))
    heads = [words for words in marked(mark).values() if "--head" in words]
    temp_dirs = [Path(arg.partition("=")[2]).parent for head in heads for arg in head if arg.startswith("--temp-dir=")]
    assert len(temp_dirs) == 1
    assert temp_dirs[0].is_dir()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(LIMIT_S)
    eventually(lambda: not marked(mark))
    eventually(lambda: not temp_dirs[0].exists())
