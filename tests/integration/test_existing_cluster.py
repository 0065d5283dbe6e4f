# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries on a real two-node cluster that this plugin did not start, through ``ray.address`` and ``ray.job``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.data_prep.prepare_offline_data import prepare
from pytest_curator_bench.clusters.existing.probe import probe
from tests.support.processes import LIMIT_S, marked
from tests.support.two_node_cluster import MARK as CLUSTER_MARK
from tests.support.two_node_cluster import TwoNodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.bench_project import Project

pytestmark = pytest.mark.curator
SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "scripts"

# Measured by the plugin's own helper, which the cluster has from the job's package alone; stops cleanly on SIGTERM.
SLOW_SCRIPT = """
import os, subprocess, time
from pytest_curator_bench.script import Benchmark
bench = Benchmark("slow")
with bench:
    bench.metrics["begun"] = True
    subprocess.Popen(["sleep", "300"], start_new_session=True)
    print("results there:", bench.results_path, flush=True)
    time.sleep(300)
"""

# An actor that only the second node can hold.
ACTOR_SCRIPT = """
import ray, time
from pytest_curator_bench.script import Benchmark
bench = Benchmark("actor")
with bench:
    ray.init(log_to_driver=False)
    @ray.remote(resources={"second": 1}, num_cpus=0)
    class Actor:
        def work(self, seconds):
            time.sleep(seconds)
    actor = Actor.remote()
    ray.get(actor.work.remote(0))
    print("on the second node", flush=True)
    ray.get(actor.work.remote(200))
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    """The cluster, one for all tests here: its start is what costs."""
    with TwoNodes() as cluster:
        yield cluster


@pytest.fixture
def existing(nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch) -> TwoNodes:
    """The cluster with both nodes, and the user's environment set for it."""
    nodes.complete()
    for name, value in nodes.environment.items():
        monkeypatch.setenv(name, value)
    return nodes


def alive(cluster: TwoNodes) -> list[str]:
    """Addresses of the cluster's living nodes."""
    facts = probe(cluster.address, is_job=False, environment=os.environ)
    return sorted(node.address for node in facts.nodes if node.alive)


def start(project: Project) -> subprocess.Popen[str]:
    """Pytest on the project, in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "benchmarks", "--bench-config", "config.yaml", "-p", "no:cacheprovider"],
        cwd=project.path,
        stdout=subprocess.PIPE,
        text=True,
    )


def await_text(project: Project, entry: str, text: str, pytest_run: subprocess.Popen[str]) -> None:
    """Wait until the entry's log holds a text."""
    deadline = time.monotonic() + LIMIT_S
    while not any(text in log.read_text() for log in project.path.glob(f"results/*/{entry}/stdouterr.log")):
        assert time.monotonic() < deadline, "the entry did not begin in time"
        assert pytest_run.poll() is None, pytest_run.communicate(timeout=LIMIT_S)[0]
        time.sleep(0.2)


def test_a_pipeline_through_address_and_job(
    project: Project, existing: TwoNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same real pipeline both ways; results are here, the cluster is left alive, the token is in no file."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody answers: loopback goes past it
    data = tmp_path / "data"
    documents = prepare(data, documents=200, warc_files=1, pages_per_warc=2).counts["documents"]
    arguments = f"--input-path {data}/documents --manifest {data}/manifest.json --output-path {{scratch_dir}}/kept"
    script = f"{{script: {SCRIPTS}/score_filter_benchmark.py, args: '{arguments}', "
    project.script("slow.py", SLOW_SCRIPT)
    project.config(
        "cleanup_timeout_s: 60\n"
        "entries:\n"
        f"  - {script} name: by_address, ray: {{address: auto, num_cpus: 3}}}}\n"
        f"  - {script} name: by_job, ray: {{job: '{existing.url}/', num_cpus: 3}}}}\n"
        f"  - {{name: too_large, script: ok.py, ray: {{job: '{existing.url}', num_cpus: 64}}}}\n"
        f"  - {{name: too_slow, script: slow.py, timeout_s: 60, ray: {{job: '{existing.url}'}}}}\n"
    )
    os.environ["RAY_ADDRESS"] = existing.address  # what auto finds
    try:
        outcome = project.run()
    finally:
        del os.environ["RAY_ADDRESS"]
    outcome.assert_outcomes(passed=2, errors=1, failed=1)
    by_address, by_job = project.result("by_address"), project.result("by_job")
    for result, address in ((by_address, existing.address), (by_job, existing.url)):
        assert result["status"] == "passed"
        assert result["script_metrics"]["num_documents_processed"] == documents
        assert json.loads((Path(result["entry_dir"]) / "tasks.json").read_text())["tasks"]
        ray = result["resources"]["ray"]
        assert ray["address"] == address
        assert sorted(node["address"] for node in ray["nodes"]) == ["127.0.0.1", "127.0.0.2"]
        assert ray["resources"]["CPU"] == 3
        assert result["exec_time_s"] >= result["script_metrics"]["time_taken_s"]
    assert by_job["command"][:2] == ["python", "score_filter_benchmark.py"]
    results_there = Path(by_job["command"][-1])
    assert not results_there.is_relative_to(project.path)
    assert not results_there.parent.exists()
    too_large = project.result("too_large")
    assert (too_large["status"], too_large["reason"]) == ("error", "ray")
    assert f".ray.job: needs 64 CPUs, the cluster at {existing.url} has 3" in too_large["error"]
    too_slow = project.result("too_slow")
    assert too_slow["status"] == "timeout"
    assert too_slow["script_metrics"] == {"begun": True}
    log = (project.session_dir / "too_slow" / "stdouterr.log").read_text()
    directory = re.search(r"results there: (\S+)", log)
    assert directory is not None
    assert not Path(directory[1]).exists()
    assert "curator-bench" not in log.replace(directory[1], "").partition("results there")[2]
    assert 0 < too_slow["exec_time_s"] < 60 + 60
    assert not [words for words in marked(existing.mark, CLUSTER_MARK).values() if "300" in words]
    assert alive(existing) == ["127.0.0.1", "127.0.0.2"]
    assert not [
        path for path in project.path.rglob("*") if path.is_file() and existing.token.encode() in path.read_bytes()
    ]


@pytest.mark.parametrize("kind", ["address", "job"])
def test_a_node_that_dies(project: Project, existing: TwoNodes, kind: str) -> None:
    """Its entry is an error that names the node; the session goes on."""
    project.script("actor.py", ACTOR_SCRIPT)
    place = f"address: '{existing.address}'" if kind == "address" else f"job: '{existing.url}'"
    project.config(
        f"entries:\n  - {{name: dying, script: actor.py, ray: {{{place}}}}}\n  - {{name: after, script: ok.py}}\n"
    )
    run = start(project)
    await_text(project, "dying", "on the second node", run)
    existing.kill_second()
    output = run.communicate(timeout=LIMIT_S)[0]
    assert run.returncode == 1, output
    dying = project.result("dying")
    assert (dying["status"], dying["reason"]) == ("error", "ray")
    assert re.match(r"A node of the cluster at \S+ died while the script ran: 127\.0\.0\.2 ", dying["error"])
    assert project.result("after")["status"] == "passed"
    assert alive(existing) == ["127.0.0.1"]
