# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A real MLflow server on loopback, that can be killed and started again on the same port."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pytest

from pytest_curator_bench.clusters.local.footprint import claim_port
from tests.support.processes import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator


# It is imported above, for all tests: pytester takes modules out again that are new when its test is over.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


class Server:
    """``mlflow server`` in a directory: an SQLite store, and artifacts that go through the server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._claim = claim_port()  # held while it is down, too
        self.port = self._claim.number
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = (self.directory / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)),
                    *("--workers", "1", "--backend-store-uri", f"sqlite:///{self.directory}/server.db"),
                    *("--artifacts-destination", str(self.directory / "artifacts")),
                ],
                cwd=self.directory,
                env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + LIMIT_S
        while not self._answers():
            assert self._process.poll() is None, (self.directory / "server.log").read_text()
            assert time.monotonic() < until, (self.directory / "server.log").read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """End it at once, its workers too."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(LIMIT_S)
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._claim.release()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as response:  # noqa: S310  # our own server
                return bool(response.status == 200)
        except OSError:
            return False


class Runs:
    """What a server or store holds, by MLflow's own client."""

    def __init__(self, uri: str, experiment: str = "pytest-curator-bench") -> None:
        self.client: Any = mlflow.MlflowClient(tracking_uri=uri)
        found = self.client.get_experiment_by_name(experiment)
        self.runs: list[Any] = list(self.client.search_runs([found.experiment_id])) if found else []

    @property
    def sessions(self) -> list[Any]:
        """The runs that have no parent."""
        return [run for run in self.runs if "mlflow.parentRunId" not in run.data.tags]

    def results(self, session: Any) -> dict[str, Any]:
        """The runs below one, by name; no two have the same."""
        below = [run for run in self.runs if run.data.tags.get("mlflow.parentRunId") == session.info.run_id]
        by_name = {run.info.run_name: run for run in below}
        assert len(by_name) == len(below)
        return by_name

    def artifacts(self, run: Any, directory: str | None = None) -> set[str]:
        """Paths of all artifacts of a run."""
        found: set[str] = set()
        for item in self.client.list_artifacts(run.info.run_id, directory):
            found |= self.artifacts(run, item.path) if item.is_dir else {item.path}
        return found

    def text(self, run: Any, path: str, directory: Path) -> str:
        """The content of an artifact."""
        return Path(self.client.download_artifacts(run.info.run_id, path, str(directory))).read_text()

    def history(self, run: Any, key: str) -> list[tuple[int, float, int]]:
        """Step, value and time in milliseconds of each point of a metric, in order."""
        points = self.client.get_metric_history(run.info.run_id, key)
        return sorted((point.step, point.value, point.timestamp) for point in points)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for a module's tests."""
    server = Server(tmp_path_factory.mktemp("mlflow"))
    try:
        server.start()
        yield server
    finally:
        server.close()
