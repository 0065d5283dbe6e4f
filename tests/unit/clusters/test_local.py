# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A cluster's start and stop around a stand-in for Ray's command line: quick, with every way to fail."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local.cluster import LocalCluster
from pytest_curator_bench.clusters.local.command import ClusterSpec
from pytest_curator_bench.processes.client import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPEC = ClusterSpec(num_cpus=1, object_store_bytes=80 * 1024**2)
# Finds its temporary directory among its arguments and makes it, as Ray would.
FIND_TEMP_DIR = 'for word; do case "$word" in --temp-dir=*) mkdir "${dir:=${word#*=}}";; esac; done\n'
READY = FIND_TEMP_DIR + 'printf %s "$STUB_ADDRESS" > "$dir/ray_current_cluster"\n'


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    """One supervisor for all tests here."""
    started = Supervisor.start()
    yield started
    started.close()


@pytest.fixture
def ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script where Ray's command line is looked for."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))

    def put(script: str) -> None:
        file = tmp_path / "bin" / "ray"
        file.parent.mkdir()
        file.write_text(f"#!/bin/sh\n{script}")
        file.chmod(0o755)

    return put


@pytest.fixture
def start(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., LocalCluster]]:
    """Starts a cluster with its log in the test's directory; no temporary directory may be left then."""
    temp_dir = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(temp_dir))

    def started(spec: ClusterSpec = SPEC, **changes: Any) -> LocalCluster:
        options: dict[str, Any] = {"start_timeout_s": 60, "env": dict(os.environ)} | changes
        return LocalCluster.start(spec, supervisor=supervisor, log_file=tmp_path / "ray.log", **options)

    yield started
    temp_dir.rmdir()


def test_a_ray_that_exits_at_once_is_quoted(ray: Callable[[str], None], start: Callable[..., LocalCluster]) -> None:
    """The error is one sentence with Ray's own reason, its detail the last lines."""
    ray("echo first line; echo 'ValueError: no such thing' >&2; exit 3\n")
    with pytest.raises(ClusterError) as caught:
        start()
    assert caught.value.sentence == ("Ray ended instead of starting (exit status 3): ValueError: no such thing")
    assert caught.value.detail == "first line\nValueError: no such thing"


def test_a_ray_that_is_killed_without_output(ray: Callable[[str], None], start: Callable[..., LocalCluster]) -> None:
    """A signal is named, and silence is called silence."""
    ray("kill -9 $$\n")
    with pytest.raises(ClusterError, match=r"^Ray ended instead of starting \(SIGKILL\) without output$"):
        start()


def test_the_start_limit_is_kept(
    ray: Callable[[str], None], start: Callable[..., LocalCluster], tmp_path: Path
) -> None:
    """A start that takes too long is ended with all its processes, and its last line is told."""
    ray(f"sleep 1000 & echo $! > {tmp_path}/child; echo still thinking; trap '' TERM; sleep 1000\n")
    with pytest.raises(
        ClusterError, match=r"did not start within 4 s \(startup_timeout_s\); its last line: still thinking"
    ):
        start(start_timeout_s=4)
    child = int((tmp_path / "child").read_text())
    assert not Path(f"/proc/{child}").exists()


def test_an_interrupted_start_leaves_nothing(
    ray: Callable[[str], None], start: Callable[..., LocalCluster], tmp_path: Path
) -> None:
    """An exception raised by a signal, as pytest-timeout and Ctrl-C do, passes through and cleans up."""
    ray(f"echo $$ > {tmp_path}/pid; sleep 0.3; kill -INT {os.getpid()}; sleep 1000\n")
    with pytest.raises(KeyboardInterrupt):
        start()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_missing_ray_is_one_sentence(start: Callable[..., LocalCluster], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started, nothing is left."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr("pytest_curator_bench.clusters.local.command._package_dir", lambda interpreter: None)
    with pytest.raises(ClusterError, match="Ray is not installed for /nowhere/python"):
        start()


def test_a_ray_that_cannot_be_run_is_one_sentence(
    ray: Callable[[str], None], start: Callable[..., LocalCluster], tmp_path: Path
) -> None:
    """A broken installation, here without its interpreter, is told as such."""
    ray("")
    (tmp_path / "bin" / "ray").write_text("#!/no/such/interpreter\n")
    with pytest.raises(ClusterError, match="Ray could not be started: ray can't start"):
        start()


def test_an_impossible_object_store_starts_nothing(supervisor: Supervisor, tmp_path: Path) -> None:
    """It is refused before any process or file exists."""
    spec = ClusterSpec(num_cpus=1, object_store_bytes=10**15)
    with pytest.raises(ClusterError, match="more than the"):
        LocalCluster.start(spec, supervisor=supervisor, log_file=tmp_path / "ray.log", start_timeout_s=5, env={})
    assert not (tmp_path / "ray.log").exists()


def test_a_dashboard_is_waited_for(
    ray: Callable[[str], None], start: Callable[..., LocalCluster], tmp_path: Path
) -> None:
    """Ray tells where it is after the cluster's address is known; what an earlier cluster has told is not taken."""
    said = "echo \"  RAY_API_SERVER_ADDRESS='http://127.0.0.1:{port}' ray job submit\"\n"
    (tmp_path / "ray.log").write_text("  RAY_API_SERVER_ADDRESS='http://127.0.0.1:1' ray job submit\n")
    ray(f"{READY}sleep 0.5\n{said.format(port=2)}exec sleep 1000\n")
    cluster = start(dataclasses.replace(SPEC, dashboard=True), env={**os.environ, "STUB_ADDRESS": "127.0.0.1:9"})
    assert cluster.dashboard_url == "http://127.0.0.1:2"
    cluster.stop(keep_logs_in=None, stop_timeout_s=1)


def test_alive_until_head_or_control_service_is_gone(
    ray: Callable[[str], None], start: Callable[..., LocalCluster]
) -> None:
    """Alive means: the head process runs, and something answers at the address."""
    ray(READY + "exec sleep 1000\n")
    with socket.create_server(("127.0.0.1", 0)) as service:
        address = f"127.0.0.1:{service.getsockname()[1]}"
        cluster = start(env={**os.environ, "STUB_ADDRESS": address})
        assert cluster.address == address
        assert cluster.alive()
        os.kill(cluster.pid, signal.SIGKILL)
        while Path(f"/proc/{cluster.pid}").exists():
            time.sleep(0.01)
        assert not cluster.alive()
    cluster.stop(keep_logs_in=None, stop_timeout_s=1)


def test_a_silent_control_service_is_not_alive(
    ray: Callable[[str], None], start: Callable[..., LocalCluster], closed_port: int
) -> None:
    """A head process whose service refuses connections is no living cluster."""
    ray(READY + "exec sleep 1000\n")
    cluster = start(env={**os.environ, "STUB_ADDRESS": f"127.0.0.1:{closed_port}"})
    assert not cluster.alive()
    cluster.stop(keep_logs_in=None, stop_timeout_s=1)


def test_stop_is_idempotent_and_keeps_logs_in_time(
    ray: Callable[[str], None], start: Callable[..., LocalCluster], tmp_path: Path
) -> None:
    """Logs are copied once; a stop without time for them says so; a second stop does nothing."""
    ray(READY + 'mkdir -p "$dir/session_latest/logs"; echo said > "$dir/session_latest/logs/raylet.out"; sleep 9\n')
    in_time, too_late = (start(env={**os.environ, "STUB_ADDRESS": "127.0.0.1:9"}) for _ in range(2))
    logs = [cluster.temp_dir / "session_latest" / "logs" / "raylet.out" for cluster in (in_time, too_late)]
    while not all(log.exists() and log.stat().st_size for log in logs):
        time.sleep(0.01)
    in_time.stop(keep_logs_in=tmp_path / "kept", stop_timeout_s=30)
    in_time.stop(keep_logs_in=tmp_path / "again", stop_timeout_s=30)
    too_late.stop(keep_logs_in=tmp_path / "late", stop_timeout_s=-1)
    assert (tmp_path / "kept" / "raylet.out").read_text() == "said\n"
    assert in_time.warnings == ()
    assert not (tmp_path / "again").exists()
    assert "kept only in part" in too_late.warnings[0]
