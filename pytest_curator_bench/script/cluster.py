# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray clusters and NeMo Curator's executors for benchmark scripts."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["EXECUTORS", "make_executor", "ray_cluster"]

#: NeMo Curator's executors, by the names that its own benchmarks use.
EXECUTORS = ("ray_data", "xenna", "ray_actors")

# Streaming, Xenna's default, keeps an actor of every stage alive at once. A pipeline of three stages wanted
# 3.5 CPUs and failed on a cluster of two; in batches the stages run one after the other.
XENNA_STREAMING_MIN_CPUS = 8

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0


@contextmanager
def ray_cluster(
    executor: str | None = None,
    *,
    num_cpus: int | None = None,
    num_gpus: int | None = None,
    object_store_bytes: int | None = None,
) -> Iterator[str]:
    """Give the Ray cluster to work on: the one that ``RAY_ADDRESS`` names, else one of the script's own.

    Under pytest the entry's ``ray`` section decides, and ``RAY_ADDRESS`` is set. A script that runs by itself gets
    a cluster that listens on this machine only and is stopped afterwards; meanwhile ``RAY_ADDRESS`` and the
    cluster's token are in the environment. The script is not connected: executors connect, and so does ``ray.init()``.

    Args:
        executor: what will run on the cluster; ``xenna`` needs a dashboard.
        num_cpus: CPUs of a cluster of the script's own; by default those of the machine.
        num_gpus: GPUs of such a cluster; by default those of the machine.
        object_store_bytes: size of its object store; by default Ray's choice.

    Yields:
        The cluster's address.

    Raises:
        pytest_curator_bench.clusters.local.cluster.ClusterError: the cluster did not come up.
    """
    if address := os.environ.get("RAY_ADDRESS"):
        yield address
        return

    from pytest_curator_bench.clusters.local.cluster import ClusterSpec, LocalCluster
    from pytest_curator_bench.processes.client import Supervisor

    spec = ClusterSpec(
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        object_store_bytes=object_store_bytes,
        dashboard=executor == "xenna",
        enable_object_spilling=False,
    )
    supervisor = Supervisor.start()  # it ends the cluster even if this process is killed
    try:
        with TemporaryDirectory(prefix="ray-log-") as log_dir:
            cluster = LocalCluster.start(
                spec,
                supervisor=supervisor,
                log_file=Path(log_dir, "ray.log"),
                start_timeout_s=START_TIMEOUT_S,
                env=dict(os.environ),
            )
            try:
                with _environment(cluster.script_environment()):
                    yield cluster.address
            finally:
                _disconnect()
                cluster.stop(keep_logs_in=None, stop_timeout_s=STOP_TIMEOUT_S)
    finally:
        supervisor.close()


def make_executor(name: str, config: Mapping[str, Any] | None = None) -> Any:
    """Return an executor of NeMo Curator.

    Xenna runs in its batch mode on clusters with fewer than 8 CPUs, which are too few for streaming, unless the
    configuration names an ``execution_mode``. The function connects to the cluster for a moment to learn its size.

    Args:
        name: one of :data:`EXECUTORS`.
        config: the executor's configuration.

    Raises:
        ValueError: the name is unknown.
        ImportError: NeMo Curator is not installed.
    """
    settings = dict(config or {})
    if name == "ray_data":
        from nemo_curator.backends.ray_data import RayDataExecutor

        return RayDataExecutor(config=settings)
    if name == "ray_actors":
        from nemo_curator.backends.ray_actor_pool import RayActorPoolExecutor

        return RayActorPoolExecutor(config=settings)
    if name == "xenna":
        from nemo_curator.backends.xenna import XennaExecutor

        if "execution_mode" not in settings:
            is_small = _cluster_cpus() < XENNA_STREAMING_MIN_CPUS
            settings["execution_mode"] = "batch" if is_small else "streaming"
        return XennaExecutor(config=settings)
    raise ValueError(f"unknown executor {name!r}; there are {', '.join(EXECUTORS)}")


def _cluster_cpus() -> float:
    import ray

    was_connected = ray.is_initialized()
    if not was_connected:
        ray.init(log_to_driver=False)
    try:
        return float(ray.cluster_resources().get("CPU", 0))
    finally:
        if not was_connected:
            ray.shutdown()


def _disconnect() -> None:
    if "ray" in sys.modules:
        import ray

        ray.shutdown()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    former = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
