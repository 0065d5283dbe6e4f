# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The inspector program: looks at one cluster for the harness, which itself never loads Ray.

Run as ``python -P inspector_program.py SOCKET`` with the variables of a script on that cluster; its client is
:mod:`pytest_curator_bench.clusters.shared.inspector`. It connects to the harness's socket and answers one line of
JSON with another:

- ``{"do": "inventory"}``: ``{"answer": …}`` with what
  :class:`~pytest_curator_bench.clusters.shared.inventory.Inventory` is made from;
- ``{"do": "end_actors", "ids": […]}`` and ``{"do": "start_workers", "number": …}``: ``{"answer": null}``;
- whatever fails: ``{"error": "…"}``.

It asks the control service (GCS) and the raylet as Ray's own command line does, over their RPCs. It is no driver:
that would itself be a job, with a worker's place in the cluster. The messages' fields are those of Ray 2.60
(``ray/protobuf/gcs.proto``, ``gcs_service.proto`` and ``node_manager.proto``).
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

_RPC_LIMIT_S = 10.0
_LIVE_ACTOR_STATES = ("DEPENDENCIES_UNREADY", "PENDING_CREATION", "ALIVE", "RESTARTING")


class Cluster:
    """The cluster of this process's environment; its methods are what the harness can ask for."""

    def __init__(self) -> None:
        from ray._private.grpc_utils import init_grpc_channel
        from ray._private.state import GcsClientOptions, GlobalStateAccessor
        from ray.core.generated import gcs_service_pb2_grpc, node_manager_pb2_grpc

        address = os.environ["RAY_ADDRESS"]
        options = GcsClientOptions.create(address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False)
        self._state = GlobalStateAccessor(options)
        if not self._state.connect():
            raise ConnectionError(f"no control service answers at {address}")
        self._actors = gcs_service_pb2_grpc.ActorInfoGcsServiceStub(init_grpc_channel(address))
        node = next(node for node in self._state.get_node_table() if node["Alive"])
        raylet_address = f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
        self._raylet = node_manager_pb2_grpc.NodeManagerServiceStub(init_grpc_channel(raylet_address))

    def inventory(self) -> dict[str, Any]:
        """What lives on the cluster."""
        from ray.core.generated import node_manager_pb2

        # The raylet first: it answers only once all of its workers have.
        request = node_manager_pb2.GetNodeStatsRequest(include_memory_info=False)
        stats = self._raylet.GetNodeStats(request, timeout=_RPC_LIMIT_S)
        return {
            "actors": self._live_actors(),
            "jobs": self._running_jobs(),
            "placement_groups": self._placement_groups(),
            "objects": stats.store_stats.num_local_objects,
            "object_bytes": stats.store_stats.object_store_bytes_used,
            "workers": stats.num_workers,
        }

    def _live_actors(self) -> list[dict[str, str]]:
        from ray.core.generated import gcs_pb2

        # One query for each state: the dead, of which there may be thousands, stay where they are.
        tables = [self._state.get_actor_table(None, state) for state in _LIVE_ACTOR_STATES]
        return [
            {
                "id": actor.actor_id.hex(),
                "class_name": actor.class_name,
                "module": actor.function_descriptor.python_function_descriptor.module_name,
                "name": actor.name,
                "namespace": actor.ray_namespace,
            }
            for actor in (gcs_pb2.ActorTableData.FromString(row) for table in tables for row in table)
        ]

    def _running_jobs(self) -> list[dict[str, Any]]:
        from ray.core.generated import gcs_pb2

        table = self._state.get_job_table(skip_submission_job_info_field=True, skip_is_running_tasks_field=True)
        jobs = (gcs_pb2.JobTableData.FromString(row) for row in table)
        return [
            {"id": job.job_id.hex(), "pid": job.driver_pid, "command": job.entrypoint}
            for job in jobs
            if not job.is_dead
        ]

    def _placement_groups(self) -> list[dict[str, str]]:
        from ray.core.generated import gcs_pb2

        removed = gcs_pb2.PlacementGroupTableData.REMOVED
        groups = (gcs_pb2.PlacementGroupTableData.FromString(row) for row in self._state.get_placement_group_table())
        return [
            {"id": group.placement_group_id.hex(), "name": group.name} for group in groups if group.state != removed
        ]

    def end_actors(self, ids: list[str]) -> None:
        """End actors for good, as ``ray.kill()`` does."""
        from ray.core.generated import gcs_service_pb2

        for actor_id in ids:
            request = gcs_service_pb2.KillActorViaGcsRequest(
                actor_id=bytes.fromhex(actor_id), force_kill=True, no_restart=True
            )
            self._actors.KillActorViaGcs(request, timeout=_RPC_LIMIT_S)

    def start_workers(self, number: int) -> None:
        """Start idle worker processes, and don't wait for them."""
        from ray.core.generated import common_pb2, node_manager_pb2

        request = node_manager_pb2.PrestartWorkersRequest(
            language=common_pb2.PYTHON, num_workers=number, keep_alive_duration_secs=60
        )
        self._raylet.PrestartWorkers(request, timeout=_RPC_LIMIT_S)


def answer(cluster: Cluster, line: str) -> dict[str, Any]:
    """What to say to one request."""
    request = json.loads(line)
    action = request.pop("do")
    try:
        return {"answer": getattr(cluster, action)(**request)}
    except Exception as error:  # whatever Ray raises, the harness has to hear of it
        return {"error": f"{type(error).__name__}: {error}"}


def main(socket_path: str) -> None:
    """Serve until the harness closes the connection."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(socket_path)
    cluster = Cluster()
    with connection.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            stream.write(json.dumps(answer(cluster, line)) + "\n")
            stream.flush()


if __name__ == "__main__":
    main(sys.argv[1])
