# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A real Ray cluster of two nodes on this machine, with a token, in a process of its own.

Run as a program it is that process: it says in one line where the cluster is, then does what it is told on its
standard input (``kill`` and ``add`` the second node), and ends the cluster at the end of that.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

STORE_BYTES = 100_000_000
START_LIMIT_S = 240.0
MARK = "CURATOR_BENCH_TEST_CLUSTER"


class TwoNodes:
    """The cluster, as a context manager.

    Attributes:
        address: ``127.0.0.1:PORT`` of its control service.
        url: its dashboard.
        environment: variables that whoever uses the cluster needs, the token among them.
        token: the token.
    """

    def __init__(self) -> None:
        self.token = secrets.token_hex(32)
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else 127.0.0.1 is replaced by the machine's address
        }
        # Short: Ray's sockets have long names.
        self._directory = tempfile.TemporaryDirectory(prefix="two-", dir="/tmp", ignore_cleanup_errors=True)
        self.mark = self._directory.name
        own = {
            "TMPDIR": self._directory.name,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": "",  # what jobs need comes in their packages
            "AUTOSCALER_METRIC_PORT": "0",
            "DASHBOARD_METRIC_PORT": "0",
            # A dead node is noticed within 2 s instead of 15.
            "RAY_health_check_initial_delay_ms": "500",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_failure_threshold": "3",
            MARK: self.mark,
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._directory.name],
            env={**os.environ, **self.environment, **own},
            cwd=self._directory.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        told = json.loads(self._answer())
        self.address: str = told["address"]
        self.url: str = told["url"]
        self.has_both = True

    def kill_second(self) -> None:
        """Kill every process of the second node."""
        self._tell("kill")
        self.has_both = False

    def complete(self) -> None:
        """Make a second node where it was killed."""
        if not self.has_both:
            self._tell("add")
            self.has_both = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        finally:
            self._process.kill()
            self._process.wait(START_LIMIT_S)
            self._directory.cleanup()

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        assert self._answer() == word

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("> "):
                return line.removeprefix("> ").strip()
        raise AssertionError(f"the cluster's process ended with {self._process.wait(START_LIMIT_S)}")


def main(directory: str) -> None:
    """The cluster's own process; ``directory`` is its TMPDIR, too."""
    from ray.cluster_utils import Cluster

    names = ("metrics_export_port", "dashboard_agent_listen_port", "min_worker_port", "max_worker_port")
    ports: dict[str, Any] = dict.fromkeys(names, 0)
    common = {**ports, "wait": False, "object_store_memory": STORE_BYTES, "num_gpus": 0}
    Path(directory, "ray").mkdir()  # Ray notes the address there before it makes it
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            **common,
            "num_cpus": 2,
            "node_ip_address": "127.0.0.1",
            "include_dashboard": True,
            "dashboard_host": "127.0.0.1",
            "dashboard_port": 0,
        },
    )
    second_args = {**common, "num_cpus": 1, "node_ip_address": "127.0.0.2", "resources": {"second": 1}}
    second = cluster.add_node(**second_args)
    cluster.wait_for_nodes(START_LIMIT_S)
    _say(json.dumps({"address": cluster.address, "url": f"http://{cluster.head_node.address_info['webui_url']}"}))
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(second, allow_graceful=False)
        else:
            second = cluster.add_node(**second_args)
            cluster.wait_for_nodes(START_LIMIT_S)
        _say(line.strip())
    cluster.shutdown()


def _say(text: str) -> None:
    sys.stdout.write(f"> {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
