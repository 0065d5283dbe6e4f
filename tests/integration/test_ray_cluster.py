# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Real Ray clusters: what scripts see of them, that they don't disturb each other, and that nothing stays."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local import ClusterSpec, LocalCluster
from pytest_curator_bench.clusters.local.footprint import held_segments, segment_names
from pytest_curator_bench.machine.processes import descendants, members_below, parent_of, read_stats
from pytest_curator_bench.processes.client import Supervisor
from tests.support.processes import LIMIT_S, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytest.importorskip("ray", reason="needs Ray")

STORE_BYTES = 123_000_000

LOOK_AROUND = """
import json, ray
ray.init(log_to_driver=False)
answer = ray.get(ray.remote(lambda: 6 * 7).remote())
print("ANSWER", json.dumps({"answer": answer, "resources": ray.cluster_resources()}))
"""

# What a badly behaved script leaves on its cluster: an actor that outlives it, with a grandchild in a session
# of its own whose parent is gone, and with shared memory that only its owner would remove.
LEAVE_THINGS_BEHIND = """
import json, os, ray
ray.init(namespace="left")

@ray.remote(num_cpus=0)
class Leaker:
    def leak(self):
        from multiprocessing import resource_tracker, shared_memory
        import subprocess, sys
        self.segment = shared_memory.SharedMemory(create=True, size=4096)
        daemon = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(1000)"
        parent = "import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
        command = [sys.executable, "-c", parent, daemon]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        return {"actor": os.getpid(), "daemon": int(child.stdout.readline()), "segment": self.segment.name}

leaker = Leaker.options(name="leaker", lifetime="detached").remote()
print("ANSWER", json.dumps(ray.get(leaker.leak.remote())))
"""

PIPELINE = """
import json, sys
from dataclasses import dataclass
from nemo_curator.pipeline import Pipeline
from nemo_curator.stages.base import ProcessingStage
from nemo_curator.stages.resources import Resources
from nemo_curator.tasks import Task

@dataclass
class Note(Task[str]):
    num_items = 1
    def validate(self): return True

class Where(ProcessingStage[Task, Note]):
    name, resources = "where", Resources(cpus=0.5)
    def inputs(self): return [], []
    def outputs(self): return [], []
    def process(self, task):
        import ray
        return Note(dataset_name="d", data=ray.get_runtime_context().gcs_address)

if sys.argv[1] == "ray_data":
    from nemo_curator.backends.ray_data import RayDataExecutor as Executor
elif sys.argv[1] == "ray_actors":
    from nemo_curator.backends.ray_actor_pool import RayActorPoolExecutor as Executor
else:
    from nemo_curator.backends.xenna import XennaExecutor as Executor
from nemo_curator.core.client import RayClient
RayClient().start()
tasks = Pipeline(name="where", stages=[Where()]).run(Executor())
print("ANSWER", json.dumps({"address": tasks[0].data}))
"""

HARNESS = """
import json, os, sys, time
from pathlib import Path
from pytest_curator_bench.processes.client import Supervisor
from pytest_curator_bench.clusters.local import ClusterSpec, LocalCluster
from pytest_curator_bench.machine.processes import descendants, parent_of
directory = Path(sys.argv[1])
supervisor = Supervisor.start()
cluster = LocalCluster.start(
    ClusterSpec(num_cpus=1, object_store_bytes=123_000_000), supervisor=supervisor,
    log_file=directory / "ray.log", start_timeout_s=120, env=dict(os.environ),
)
script = supervisor.spawn(
    [sys.executable, "-c", "import ray, time; ray.init(); print('IN', flush=True); time.sleep(1000)"],
    env={**os.environ, **cluster.script_environment()}, cwd=directory,
    log_file=directory / "script.log", name="script",
)
while "IN" not in (directory / "script.log").read_text():
    time.sleep(0.05)
pids = [script.pid, *descendants(parent_of(cluster.pid))]
print(json.dumps({"pids": pids, "temp_dir": str(cluster.temp_dir.parent)}), flush=True)
time.sleep(1000)
"""


@dataclass
class Scripts:
    """Runs scripts under supervision, each with a log of its own."""

    supervisor: Supervisor
    directory: Path

    def run(self, script: str, *arguments: str, env: Mapping[str, str]) -> tuple[int | None, str]:
        """Exit status and output of a script that gets these variables in addition."""
        log_file = self.directory / f"script-{len(list(self.directory.iterdir()))}.log"
        process = self.supervisor.spawn(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, **env},
            cwd=self.directory,
            log_file=log_file,
            name="script",
        )
        ended = process.wait(LIMIT_S)
        process.end(0)
        return (None if ended is None else ended.returncode), log_file.read_text("utf-8", "replace")

    def ask(self, script: str, *arguments: str, env: Mapping[str, str]) -> dict[str, object]:
        """What a script that succeeds answers."""
        status, output = self.run(script, *arguments, env=env)
        assert status == 0, output
        answers = [line.removeprefix("ANSWER ") for line in output.splitlines() if line.startswith("ANSWER ")]
        answer: dict[str, object] = json.loads(answers[0])
        return answer

    def start_cluster(self, spec: ClusterSpec) -> LocalCluster:
        """A cluster whose log lies beside the scripts'."""
        log_file = self.directory / f"ray-{len(list(self.directory.iterdir()))}.log"
        return LocalCluster.start(
            spec,
            supervisor=self.supervisor,
            log_file=log_file,
            start_timeout_s=LIMIT_S,
            env=dict(os.environ),
        )


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    """A supervisor and a directory for the whole module."""
    supervisor = Supervisor.start()
    yield Scripts(supervisor, tmp_path_factory.mktemp("scripts"))
    supervisor.close()


@pytest.fixture(scope="module")
def cluster(scripts: Scripts) -> Iterator[LocalCluster]:
    """A cluster that all tests here share."""
    started = scripts.start_cluster(
        ClusterSpec(num_cpus=3, num_gpus=0, object_store_bytes=STORE_BYTES, enable_object_spilling=True)
    )
    yield started
    started.stop(keep_logs_in=None, stop_timeout_s=10)


@dataclass
class Stopped:
    """A cluster that was left in disorder and then stopped."""

    cluster: LocalCluster
    left_behind: dict[str, object]
    pids: frozenset[int]
    addresses: list[tuple[str, int]]
    alive_before: frozenset[int]
    segments: frozenset[str]
    logs: Path


def await_listening(cluster: LocalCluster) -> list[tuple[str, int]]:
    """Where a cluster listens; some of its components begin late."""
    eventually(lambda: len(listening(members(cluster))) >= 8)
    return listening(members(cluster))


@pytest.fixture(scope="module")
def stopped(scripts: Scripts, cluster: LocalCluster) -> Stopped:
    """A second cluster, started while the first one runs, and stopped after a script misused it."""
    assert cluster.alive()
    second = scripts.start_cluster(ClusterSpec(num_cpus=1, object_store_bytes=STORE_BYTES))
    left_behind = scripts.ask(LEAVE_THINGS_BEHIND, env=second.script_environment())
    pids = members(second)
    addresses = await_listening(second)
    alive_before = living(pids)
    segments = held_segments(keeper_of(second), besides=frozenset())
    logs = scripts.directory / "kept"
    second.stop(keep_logs_in=logs, stop_timeout_s=10)
    return Stopped(second, left_behind, pids, addresses, alive_before, segments, logs)


def keeper_of(cluster: LocalCluster) -> int:
    """The supervisor's process from which all of the cluster's descend."""
    keeper = parent_of(cluster.pid)
    assert keeper is not None
    return keeper


def members(cluster: LocalCluster) -> frozenset[int]:
    """Every process of the cluster, whatever its session and parent."""
    return descendants(keeper_of(cluster))


def living(pids: frozenset[int]) -> frozenset[int]:
    """Those processes that still exist."""
    return frozenset(pid for pid in pids if Path(f"/proc/{pid}").exists())


def listening(pids: frozenset[int]) -> list[tuple[str, int]]:
    """Addresses and TCP ports on which these processes listen."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(str(descriptor.readlink()))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                host, port = fields[1].split(":")
                words = [struct.pack("=I", int(host[i : i + 8], 16)) for i in range(0, len(host), 8)]
                family = socket.AF_INET if table == "tcp" else socket.AF_INET6
                found.append((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


def test_a_script_sees_what_was_declared(scripts: Scripts, cluster: LocalCluster) -> None:
    """ray.init() without arguments connects, and finds the CPUs and the object store asked for."""
    answer = scripts.ask(LOOK_AROUND, env=cluster.script_environment())
    assert answer["answer"] == 42
    resources = answer["resources"]
    assert isinstance(resources, dict)
    assert resources["CPU"] == 3
    assert resources["object_store_memory"] == STORE_BYTES
    assert "GPU" not in resources


def test_other_users_cannot_read_its_files(cluster: LocalCluster) -> None:
    """Ray opens its own directory to everybody; the one around it keeps them out."""
    assert cluster.temp_dir.parent.stat().st_mode & 0o777 == 0o700
    assert cluster.temp_dir.parent.name.startswith("pcb-ray-")


def test_the_cluster_listens_on_loopback_alone(cluster: LocalCluster) -> None:
    """Nobody on the network can so much as connect, metrics included."""
    addresses = await_listening(cluster)
    assert {host for host, _ in addresses} <= {"127.0.0.1", "::ffff:127.0.0.1"}


@pytest.mark.parametrize(
    "pretence", [{"RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_TOKEN": "", "RAY_AUTH_MODE": "disabled"}]
)
def test_no_connection_without_the_token(scripts: Scripts, cluster: LocalCluster, pretence: dict[str, str]) -> None:
    """A wrong token, or none, is refused by Ray."""
    # Ray tries twenty times by default, a second apart.
    env = cluster.script_environment() | {"RAY_NUM_REDIS_GET_RETRIES": "1"} | pretence
    status, output = scripts.run(LOOK_AROUND, env=env)
    assert status == 1
    assert "InvalidAuthToken" in output


@pytest.mark.parametrize("executor", ["ray_data", "ray_actors"])
def test_nemo_curator_runs_on_it(scripts: Scripts, cluster: LocalCluster, executor: str) -> None:
    """Executors, and RayClient too, use our cluster instead of starting one."""
    pytest.importorskip("nemo_curator", reason="needs NeMo Curator")
    assert scripts.ask(PIPELINE, executor, env=cluster.script_environment()) == {"address": cluster.address}


def test_xenna_runs_on_a_cluster_with_dashboard(scripts: Scripts) -> None:
    """Xenna's default mode, which reads the dashboard and wants more CPUs than a small machine has."""
    pytest.importorskip("nemo_curator", reason="needs NeMo Curator")
    cluster = scripts.start_cluster(ClusterSpec(num_cpus=6, object_store_bytes=STORE_BYTES, dashboard=True))
    try:
        assert cluster.dashboard_url is not None
        answer = scripts.ask(PIPELINE, "xenna", env=cluster.script_environment())
        assert answer == {"address": cluster.address}
    finally:
        cluster.stop(keep_logs_in=None, stop_timeout_s=10)


def test_no_process_stays(stopped: Stopped) -> None:
    """Not even an orphaned child, in a session of its own, of a detached actor."""
    left_behind = {stopped.left_behind["actor"], stopped.left_behind["daemon"]}
    assert left_behind <= stopped.alive_before
    assert living(stopped.pids) == frozenset()
    assert not stopped.cluster.alive()


def test_no_port_stays(stopped: Stopped) -> None:
    """Nothing takes connections any more on any port that the cluster listened on."""
    for _, port in stopped.addresses:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_no_file_stays(stopped: Stopped) -> None:
    """The temporary directory, with its sockets, and an actor's shared memory are gone."""
    assert not stopped.cluster.temp_dir.parent.exists()
    assert stopped.left_behind["segment"] in stopped.segments
    assert not stopped.segments & segment_names()


def test_logs_are_kept_without_the_token(stopped: Stopped) -> None:
    """Ray's logs are there, tell that spilling is off as asked for, and nowhere hold the secret."""
    assert "Object spilling is disabled" in (stopped.logs / "raylet.out").read_text()
    logs = [file for file in stopped.logs.rglob("*") if file.is_file()]
    assert len(logs) > 10
    assert not [file for file in logs if stopped.cluster.token.encode() in file.read_bytes()]


def test_the_other_cluster_goes_on(scripts: Scripts, cluster: LocalCluster, stopped: Stopped) -> None:
    """Stopping one of two clusters leaves the other one working, with another address and token."""
    assert stopped.cluster.address != cluster.address
    assert stopped.cluster.token != cluster.token
    assert cluster.alive()
    assert scripts.ask(LOOK_AROUND, env=cluster.script_environment())["answer"] == 42
    raylet_log = cluster.temp_dir / "session_latest" / "logs" / "raylet.out"
    assert "Object spilling is disabled" not in raylet_log.read_text()


def test_a_cluster_that_dies_says_why(scripts: Scripts) -> None:
    """With its control service killed, a cluster is not alive, and its last words name what ended."""
    cluster = scripts.start_cluster(ClusterSpec(num_cpus=1, object_store_bytes=STORE_BYTES))
    try:
        (gcs,) = [stat for stat in members_below(read_stats(), [keeper_of(cluster)]) if stat.name == "gcs_server"]
        os.kill(gcs.pid, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{cluster.pid}").exists())
        assert not cluster.alive()
        assert cluster.failure_summary()[0].startswith("gcs_server [exit code=-9]")
    finally:
        cluster.stop(keep_logs_in=None, stop_timeout_s=10)
    assert not cluster.temp_dir.parent.exists()


def test_what_ray_refuses_is_told_in_its_own_words(scripts: Scripts) -> None:
    """A start that Ray itself gives up is an error with its reason, and leaves nothing."""
    with pytest.raises(ClusterError, match="Resource quantities must be nonnegative"):
        scripts.start_cluster(ClusterSpec(num_cpus=-1, object_store_bytes=STORE_BYTES))


def test_a_killed_harness_takes_script_and_cluster_with_it(tmp_path: Path) -> None:
    """After SIGKILL of the harness, no process and no temporary directory is left."""
    with subprocess.Popen([sys.executable, "-c", HARNESS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        told = json.loads(harness.stdout.readline())
        pids = frozenset(told["pids"])
        assert len(living(pids)) > 8  # some helper may have ended meanwhile
        harness.kill()
    eventually(lambda: not living(pids) and not Path(told["temp_dir"]).exists())
