# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``ray.scope: session`` through pytest, on real Ray: clusters are reused, and replaced when they are not clean."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE
from tests.support.processes import LIMIT_S, MARK, eventually, marked

if TYPE_CHECKING:
    from tests.support.bench_project import Project

pytestmark = pytest.mark.curator

# Connects, looks which named actors there are, does what its first argument says, and hands in what it found.
SCRIPT = """
import json, os, pathlib, pickle, subprocess, sys, time
import ray
ray.init(log_to_driver=False)
print("token", os.environ["RAY_AUTH_TOKEN"], flush=True)
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
metrics = {"actors_found": len(ray.util.list_named_actors(all_namespaces=True))}

@ray.remote(num_cpus=0)
class Leaker:
    def hold(self):
        self.held = ray.put(bytes(2_000_000))
    def start(self):
        job = "import ray, time; ray.init(log_to_driver=False); print('in', flush=True); time.sleep(1000)"
        parent = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
        env = {name: value for name, value in os.environ.items() if name not in {"RAY_JOB_ID", "RAY_RAYLET_PID"}}
        env["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
        command = [sys.executable, "-c", parent, job]
        started = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, start_new_session=True)
        return started.stdout.readline().decode().strip()

def group(**options):
    ray.get(ray.util.placement_group([{"CPU": 0.01}], **options).ready())

if sys.argv[1] == "data":
    import ray.data
    metrics["rows"] = ray.data.range(100, override_num_blocks=2).map_batches(lambda batch: batch).count()
    metrics["actors_left"] = len(ray.util.list_named_actors(all_namespaces=True))
elif sys.argv[1] == "own":  # all of this goes with its driver, however that ends
    leaker = Leaker.options(name="owned").remote()
    ray.get(leaker.hold.remote())
    held = [ray.put(bytes(2_000_000)) for _ in range(3)]
    group()
    os._exit(5)
elif sys.argv[1] == "leak":
    ray.get(Leaker.options(name="holder", lifetime="detached").remote().hold.remote())
    group(name="forgotten", lifetime="detached")
elif sys.argv[1] == "start":
    leaker = Leaker.remote()
    assert ray.get(leaker.start.remote()) == "in"
elif sys.argv[1] == "die":
    import psutil
    port, mark = int(os.environ["RAY_ADDRESS"].rpartition(":")[2]), os.environ["MARK"]
    for process in psutil.process_iter(["name", "environ"]):
        if process.info["name"] == "gcs_server" and (process.info["environ"] or {}).get("MARK") == mark:
            if port in [connection.laddr.port for connection in process.net_connections("tcp")]:
                ray_start = process.parent()
                process.kill()
                ray_start.wait(60)
    sys.exit(1)
elif sys.argv[1] == "sleep":
    print("asleep", flush=True)
    time.sleep(300)
metrics["cpus"] = ray.cluster_resources()["CPU"]
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps(metrics))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
""".replace('"MARK"', f'"{MARK}"')


def configure(project: Project, **entries: tuple[str, int]) -> None:
    """Entries on shared clusters, each with what its script does and its cluster's CPUs."""
    project.script("script.py", SCRIPT)
    lines = [
        f"  - {{name: {name}, script: script.py, args: {does}, ray: {{num_cpus: {cpus}}}}}\n"
        for name, (does, cpus) in entries.items()
    ]
    project.config("object_store_size: 150000000\nray: {scope: session}\nentries:\n" + "".join(lines))


def clusters(project: Project, *entries: str) -> list[tuple[str, bool]]:
    """Which cluster each entry's result names, and whether it was reused."""
    facts: list[dict[str, Any]] = [project.result(entry)["resources"]["ray"] for entry in entries]
    return [(fact["shared_name"], fact["reused"]) for fact in facts]


def test_a_cluster_is_shared_until_something_is_left_on_it(project: Project, mark: str) -> None:
    """Equal shapes share one; what an entry leaves is named in its own result, and the next gets a clean cluster."""
    segments = set(Path("/dev/shm").iterdir())
    configure(project, data=("data", 2), owner=("own", 2), leaver=("leak", 2), starter=("start", 2))
    project.run().assert_outcomes(passed=3, failed=1)
    assert clusters(project, "data", "owner", "leaver", "starter") == [
        ("main-1", False),
        ("main-1", True),
        ("main-1", True),
        ("main-2", False),
    ]
    # Ray Data's bookkeeping actors are gone before the next entry comes, and nobody is blamed for them.
    assert project.result("data")["script_metrics"]["actors_left"] > 0
    assert project.result("leaver")["script_metrics"] == {"actors_found": 0, "cpus": 2}
    assert project.warnings("data") == project.warnings("owner") == []
    [warning] = project.warnings("leaver")
    for left in ("actor Leaker named 'holder'", "placement group forgotten", "1 object of 2 MB in the object store"):
        assert left in warning
    [warning] = project.warnings("starter")
    assert "running job 0" in warning
    assert "; process " in warning
    # Ray's logs: of clusters in the run's own directory, and a copy where the entry did not pass.
    run_dir = next((project.session_dir / "runs").iterdir())
    assert {path.name for path in (run_dir / "ray").iterdir()} == {"main-1.log", "main-2.log"}
    assert (project.session_dir / "owner" / "ray" / "raylet.out").is_file()
    assert "Ray runtime started" in (project.session_dir / "owner" / "ray.log").read_text()
    assert not (project.session_dir / "data" / "ray.log").exists()
    tokens = {
        line.split()[1]
        for log in project.session_dir.glob("*/stdouterr.log")
        for line in log.read_text().splitlines()
        if line.startswith("token ")
    }
    assert len(tokens) == 2
    others = [path for path in project.session_dir.rglob("*") if path.is_file() and path.name != "stdouterr.log"]
    assert not [path for path in others if any(token in path.read_text(errors="replace") for token in tokens)]
    assert not marked(mark)
    eventually(lambda: not set(Path("/dev/shm").iterdir()) - segments)  # other tests have some for a while


def test_a_shared_cluster_that_dies(project: Project, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry fails with Ray's own reason, the next gets a new one; another shape keeps its own all along."""
    monkeypatch.setenv(SIMULATED_VARIABLE, "cpus=8,gpus=0")  # on a small machine one would have to make room
    configure(project, other=("nothing", 3), dying=("die", 1), after=("nothing", 1), more=("nothing", 3))
    project.run().assert_outcomes(passed=3, failed=1)
    dying = project.result("dying")
    assert (dying["status"], dying["reason"]) == ("error", "ray")
    assert dying["error"].startswith("The Ray cluster died while the script ran: gcs_server [exit code=-9")
    assert any("The shared Ray cluster main-2 was lost" in text for text in project.warnings("dying"))
    assert clusters(project, "other", "dying", "after", "more") == [
        ("main-1", False),
        ("main-2", False),
        ("main-3", False),
        ("main-1", True),
    ]
    assert project.result("more")["script_metrics"] == {"actors_found": 0, "cpus": 3}
    assert [project.warnings(name) for name in ("other", "after", "more")] == [[], [], []]
    assert not marked(mark)


def test_each_worker_has_its_own_and_a_killed_pytest_leaves_none(project: Project, mark: str) -> None:
    """With ``-n 2`` two clusters run side by side; after kill -9 of pytest nothing is left of either."""
    configure(project, first=("sleep", 1), second=("sleep", 1))
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "benchmarks", "--bench-config", "config.yaml", "-q", "-n", "2"],
        cwd=project.path,
        env={**os.environ, "TMPDIR": "/tmp"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    asleep = "results/*/*/stdouterr.log"
    eventually(lambda: sum("asleep" in path.read_text() for path in project.path.glob(asleep)) == 2)
    logs = {path.name for path in project.path.glob("results/*/runs/*/ray/*.log")}
    assert logs == {"gw0-1.log", "gw1-1.log"}
    sockets = [arg for words in marked(mark).values() for arg in words if arg.endswith("/inspector.sock")]
    assert len(set(sockets)) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.wait(LIMIT_S)
    eventually(lambda: not marked(mark))
    eventually(lambda: not [path for path in sockets if Path(path).parent.exists()])
