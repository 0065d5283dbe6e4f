# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever this package knows of Ray beyond its documented API: private names, wording of logs, limits, files.

All of it was read in, and tried with, the Ray of ``TRIED_RAY``; ``tests/unit/clusters/test_internals.py`` looks for
each name in the Ray that is installed. The harness imports this module and never Ray: what imports Ray here is called
by programs in processes of their own.
"""

from __future__ import annotations

import importlib
import re
from typing import Any, NamedTuple

__all__ = ["ClusterState", "MissingNameError", "PrivateName", "check_ray_version", "kernel_chosen_ports"]

TRIED_RAY = "2.60"


class MissingNameError(Exception):
    """Ray lacks a private name; one sentence."""


def check_ray_version(version: str | None = None) -> str | None:
    """Return a sentence if a Ray is newer than the one tried; by default the installed one, without importing it."""
    version = version or _installed_version()
    if version is None or _minor(version) <= _minor(TRIED_RAY):
        return None
    return (
        f"Ray {version} is newer than {TRIED_RAY}, the last one that this plugin was tried with: it relies on Ray's "
        f"internals, so install Ray {TRIED_RAY} if a cluster misbehaves."
    )


def kernel_chosen_ports(version: str | None = None) -> tuple[str, ...]:
    """Return the ports that ``ray start`` can be told to bind as 0, for the kernel's choice.

    Ray before 2.60 refuses that for one of them (seen in 2.50), and finds a free port by itself without the option.

    Args:
        version: Ray's; by default that of the installed one.
    """
    version = version or _installed_version()
    if version is not None and _minor(version) < (2, 60):
        return tuple(name for name in _PORTS if name != "runtime-env-agent-port")
    return _PORTS


_PORTS = (
    "port",
    "dashboard-port",
    "metrics-export-port",
    "dashboard-agent-listen-port",
    "dashboard-agent-grpc-port",
    "node-manager-port",
    "object-manager-port",
    "runtime-env-agent-port",
    "min-worker-port",
    "max-worker-port",
)


def _installed_version() -> str | None:
    """Version of the installed Ray; ``None`` without one, which is reported where Ray's command is looked for."""
    import importlib.metadata

    try:
        return importlib.metadata.version("ray")
    except importlib.metadata.PackageNotFoundError:
        return None


def _minor(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


class PrivateName(NamedTuple):
    """A private name of Ray.

    Attributes:
        module: the module that defines it.
        name: its name there.
        parts: which of its attributes are used; of a message, which fields, nested ones with dots.
    """

    module: str
    name: str
    parts: tuple[str, ...] = ()

    def load(self) -> Any:
        """Import it; raises MissingNameError if it, or one of its parts, is missing."""
        try:
            found = getattr(importlib.import_module(self.module), self.name)
        except (ImportError, AttributeError) as error:
            raise _missing(f"{self.module}.{self.name}", str(error)) from error
        for part in self.parts:
            if not _has(found, part):
                raise _missing(f"{self.module}.{self.name}.{part}", "")
        return found


def _missing(name: str, reason: str) -> MissingNameError:
    import importlib.metadata

    return MissingNameError(
        f"Ray {importlib.metadata.version('ray')} has no {name}, which this plugin uses"
        f"{f' ({reason})' if reason else ''}: install Ray {TRIED_RAY}, which it was tried with."
    )


def _has(thing: Any, part: str) -> bool:
    if not hasattr(thing, "DESCRIPTOR"):
        return hasattr(thing, part)
    message = thing.DESCRIPTOR
    for name in part.split("."):
        field = message.fields_by_name.get(name)
        if field is None:
            return False
        message = field.message_type
    return True


# Python names that the probe of a running cluster uses.
GCS_CLIENT = PrivateName("ray._raylet", "GcsClient")
# There is no public way to the versions of a cluster that Ray refuses to connect to.
CLUSTER_METADATA = PrivateName("ray._common.usage.usage_lib", "get_cluster_metadata")
# What ray.init() itself asks about an address.
BOOTSTRAP_ADDRESS = PrivateName("ray._private.services", "canonicalize_bootstrap_address_or_die")
HTTP_AUTHENTICATION = PrivateName(
    "ray._private.authentication.http_token_authentication", "get_auth_headers_if_auth_enabled"
)

# Python names that the inspector of a shared cluster uses; fields as in Ray's gcs.proto, gcs_service.proto and
# node_manager.proto.
GRPC_CHANNEL = PrivateName("ray._private.grpc_utils", "init_grpc_channel")
GCS_CLIENT_OPTIONS = PrivateName("ray._private.state", "GcsClientOptions", ("create",))
GLOBAL_STATE = PrivateName(
    "ray._private.state",
    "GlobalStateAccessor",
    ("connect", "get_node_table", "get_actor_table", "get_job_table", "get_placement_group_table"),
)
ACTOR_SERVICE = PrivateName("ray.core.generated.gcs_service_pb2_grpc", "ActorInfoGcsServiceStub")
RAYLET_SERVICE = PrivateName("ray.core.generated.node_manager_pb2_grpc", "NodeManagerServiceStub")
ACTOR = PrivateName(
    "ray.core.generated.gcs_pb2",
    "ActorTableData",
    (
        "actor_id",
        "class_name",
        "function_descriptor.python_function_descriptor.module_name",
        "name",
        "ray_namespace",
    ),
)
JOB = PrivateName("ray.core.generated.gcs_pb2", "JobTableData", ("job_id", "driver_pid", "entrypoint", "is_dead"))
PLACEMENT_GROUP = PrivateName(
    "ray.core.generated.gcs_pb2", "PlacementGroupTableData", ("placement_group_id", "name", "state")
)
KILL_ACTOR = PrivateName(
    "ray.core.generated.gcs_service_pb2", "KillActorViaGcsRequest", ("actor_id", "force_kill", "no_restart")
)
NODE_STATS = PrivateName("ray.core.generated.node_manager_pb2", "GetNodeStatsRequest", ("include_memory_info",))
NODE_STATS_REPLY = PrivateName(
    "ray.core.generated.node_manager_pb2",
    "GetNodeStatsReply",
    ("num_workers", "store_stats.num_local_objects", "store_stats.object_store_bytes_used"),
)
PRESTART_WORKERS = PrivateName(
    "ray.core.generated.node_manager_pb2",
    "PrestartWorkersRequest",
    ("language", "num_workers", "keep_alive_duration_secs"),
)
PYTHON = PrivateName("ray.core.generated.common_pb2", "PYTHON")
LIVE_ACTOR_STATES = ("DEPENDENCIES_UNREADY", "PENDING_CREATION", "ALIVE", "RESTARTING")
_RPC_LIMIT_S = 10.0


class ClusterState:
    """What lives on a cluster, by the RPCs of its control service (GCS) and its raylet, as Ray's command line asks.

    It is no driver: that would itself be a job, with a worker's place in the cluster.
    """

    def __init__(self, address: str) -> None:
        """Connect.

        Raises:
            MissingNameError: this Ray has not what is used of it.
            ConnectionError: nothing answers at the address.
        """
        self._actor, self._job, self._placement_group = ACTOR.load(), JOB.load(), PLACEMENT_GROUP.load()
        self._kill_actor, self._node_stats = KILL_ACTOR.load(), NODE_STATS.load()
        self._prestart_workers, self._python = PRESTART_WORKERS.load(), PYTHON.load()
        NODE_STATS_REPLY.load()
        channel = GRPC_CHANNEL.load()
        options = GCS_CLIENT_OPTIONS.load().create(
            address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False
        )
        self._state = GLOBAL_STATE.load()(options)
        if not self._state.connect():
            raise ConnectionError(f"no control service answers at {address}")
        self._actors = ACTOR_SERVICE.load()(channel(address))
        node = next(node for node in self._state.get_node_table() if node["Alive"])
        self._raylet = RAYLET_SERVICE.load()(channel(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"))

    def inventory(self) -> dict[str, Any]:
        """Return the arguments of an :class:`~pytest_curator_bench.clusters.shared.inspector.Inventory`."""
        # The raylet first: it answers only once all of its workers have.
        stats = self._raylet.GetNodeStats(self._node_stats(include_memory_info=False), timeout=_RPC_LIMIT_S)
        return {
            "actors": self._live_actors(),
            "jobs": self._running_jobs(),
            "placement_groups": self._placement_groups(),
            "objects": stats.store_stats.num_local_objects,
            "object_bytes": stats.store_stats.object_store_bytes_used,
            "workers": stats.num_workers,
        }

    def end_actors(self, ids: list[str]) -> None:
        """End actors for good, as ``ray.kill()`` does."""
        for actor_id in ids:
            request = self._kill_actor(actor_id=bytes.fromhex(actor_id), force_kill=True, no_restart=True)
            self._actors.KillActorViaGcs(request, timeout=_RPC_LIMIT_S)

    def start_workers(self, number: int) -> None:
        """Start idle worker processes, and don't wait for them."""
        request = self._prestart_workers(language=self._python, num_workers=number, keep_alive_duration_secs=60)
        self._raylet.PrestartWorkers(request, timeout=_RPC_LIMIT_S)

    def _live_actors(self) -> list[dict[str, str]]:
        # One query for each state: the dead, of which there may be thousands, stay where they are.
        tables = [self._state.get_actor_table(None, state) for state in LIVE_ACTOR_STATES]
        return [
            {
                "id": actor.actor_id.hex(),
                "class_name": actor.class_name,
                "module": actor.function_descriptor.python_function_descriptor.module_name,
                "name": actor.name,
                "namespace": actor.ray_namespace,
            }
            for actor in (self._actor.FromString(row) for table in tables for row in table)
        ]

    def _running_jobs(self) -> list[dict[str, Any]]:
        table = self._state.get_job_table(skip_submission_job_info_field=True, skip_is_running_tasks_field=True)
        return [
            {"id": job.job_id.hex(), "pid": job.driver_pid, "command": job.entrypoint}
            for job in map(self._job.FromString, table)
            if not job.is_dead
        ]

    def _placement_groups(self) -> list[dict[str, str]]:
        return [
            {"id": group.placement_group_id.hex(), "name": group.name}
            for group in map(self._placement_group.FromString, self._state.get_placement_group_table())
            if group.state != self._placement_group.REMOVED
        ]


# Detached actors in which Ray Data keeps books, and which it leaves behind itself after any pipeline, by module and
# class. Listed one by one: other detached actors of Ray's libraries hold data, or serve requests.
BOOKKEEPERS = frozenset(
    {
        ("ray.data._internal.cluster_autoscaler.default_autoscaling_coordinator", "_AutoscalingCoordinatorActor"),
        ("ray.data._internal.execution.autoscaling_requester", "AutoscalingRequester"),
        ("ray.data._internal.execution.node_trackers.actor_location", "ActorLocationTracker"),
        ("ray.data._internal.stats", "_StatsActor"),
        ("ray.data._internal.stats_summary_actor", "_StatsSummaryActor"),
        ("ray.data._internal.usage.actor", "_UsageCollectionActor"),
    }
)

# Variables that tie a process to some other cluster, as where pytest itself runs in a Ray job.
FOREIGN_CLUSTER_VARIABLES = frozenset(
    {
        "RAY_ADDRESS",
        "RAY_API_SERVER_ADDRESS",
        "RAY_AUTH_TOKEN_PATH",
        "RAY_CLIENT_MODE",
        "RAY_CLOUD_INSTANCE_ID",
        "RAY_FAKE_CLUSTER",
        "RAY_GCS_SERVER_PORT",
        "RAY_JOB_CONFIG_JSON_ENV_VAR",
        "RAY_JOB_ID",
        "RAY_NAMESPACE",
        "RAY_OVERRIDE_JOB_RUNTIME_ENV",
        "RAY_OVERRIDE_LABELS",
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING",
        "RAY_OVERRIDE_RESOURCES",
        "RAY_RAYLET_PID",
        "RAY_REDIS_ADDRESS",
        "RAY_START_HOOK",
    }
)
# Ray's own single-machine mode, its default on macOS: without it Ray replaces 127.0.0.1 by the machine's
# address and listens on every interface. It is needed wherever the address is resolved, in the script too.
SINGLE_MACHINE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# Xenna lists actors through the dashboard, more than Ray's default limits allow, and can set these only on
# clusters that it starts.
STATE_LIMITS = {"RAY_MAX_LIMIT_FROM_API_SERVER": "40000", "RAY_MAX_LIMIT_FROM_DATA_SOURCE": "40000"}
# The autoscaler's and the dashboard's own metrics: any port, rather than one for the whole machine.
ANY_METRIC_PORTS = {"AUTOSCALER_METRIC_PORT": "0", "DASHBOARD_METRIC_PORT": "0"}
# Whoever ends Ray with SIGTERM all the same needn't wait 30 s for it.
NO_DRAIN_ON_SIGTERM = {"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0"}
ALLOW_SLOW_STORE = "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE"
# How long the supervisor of a job waits between SIGTERM and SIGKILL, in whole seconds.
JOB_STOP_WAIT = "RAY_JOB_STOP_WAIT_TIME_S"

COMMAND_MODULE = "ray.scripts.scripts"
NO_SPILLING = {"automatic_object_spilling_enabled": False}  # for --system-config

# Limits of ray._private.ray_constants: Ray refuses a smaller store, takes 30 % of memory and at most 200 GB by
# default, leaves 5 % of /dev/shm (ray._private.utils), and refuses more than 10 GB outside /dev/shm.
SMALLEST_STORE_BYTES = 75 * 1024**2
LARGEST_DEFAULT_STORE_BYTES = 200 * 10**9
STORE_MEMORY_SHARE = 0.30
STORE_SHARED_MEMORY_SHARE = 0.95
LARGEST_SLOW_STORE_BYTES = 10**10

# The processes without which nothing runs on a node; ray start notices within a second that one has ended.
COMPONENTS = frozenset({"gcs_server", "raylet"})

# Files below Ray's temporary directory.
ADDRESS_FILE = "ray_current_cluster"
LOGS_DIR = "session_latest/logs"
# Below it: the log of Ray Data, which drivers write, with what its scheduler decided.
DATA_LOGS_DIR = "ray-data"
# Ray puts Unix sockets there, whose paths must stay under 108 bytes: a session's name takes up to 43 with its slash,
# a socket up to 22 with its directory.
LONGEST_TEMP_DIR = 42

# What stands in the output of ray start: the dashboard, ...
DASHBOARD_URL = re.compile(r"RAY_API_SERVER_ADDRESS='(http://[^']+)'")
# ... what precedes a message where it doesn't write to a terminal (time, level, file and line), ...
LOG_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\s+\w+ \S+ -- ")
# ... and a component's end, each that has ended in a line, in the order of their starts.
COMPONENT_EXIT = re.compile(r"\s*\S+ \[exit code=.*")
# The logs of components in C++, and a line there: time, then C for fatal or E for error, process and thread.
NATIVE_LOGS = ("gcs_server.err", "gcs_server.out", "raylet.err", "raylet.out")
NATIVE_ERROR = re.compile(r"^\[[\d :,-]+ [CE] ")
WORKER_LOG_PREFIXES = ("worker-", "python-core-")
# What a script prints when Ray has lost something under it.
LOSS = re.compile(
    r"(NodeDied|ActorDied|ActorUnavailable|WorkerCrashed|ObjectLost|OwnerDied|LocalRayletDied|RaySystem)Error"
    r"|\bnode\b.{0,80}\b(died|dead|removed|terminated|preempted)\b",
    re.IGNORECASE,
)
# Ray's dashboard sends a job's log line by line in web socket messages of at most so many bytes, and sends nothing
# after a longer line.
JOB_LOG_LINE_BYTES = 4 * 1024**2

# Resources that Ray adds so that tasks can ask for a certain node.
NODE_RESOURCE_PREFIX = "node:"
HEAD_RESOURCE = "node:__internal_head__"
NODE_DEATH = PrivateName("ray.core.generated.common_pb2", "NodeDeathInfo", ("reason",))
DRAINED_IDLE = 4  # NodeDeathInfo.AUTOSCALER_DRAIN_IDLE

# Paths of the dashboard (ray/dashboard/modules), and how it begins what it says of such a node.
VERSION_PATH = "/api/version"
METADATA_PATH = "/api/v0/cluster_metadata"
NODES_PATH = "/api/v0/nodes?detail=1&limit=10000"
STATUS_PATH = "/api/cluster_status"
TERMINATED_IDLE = "Terminated due to idle"


def node_of_ray(node: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a :class:`~.existing.cluster.NodeFacts` for an element of ``ray.nodes()``."""
    resources = node.get("Resources") or {}
    return {
        "node_id": node["NodeID"],
        "address": node["NodeManagerAddress"],
        "alive": bool(node["Alive"]),
        "is_head": HEAD_RESOURCE in resources,
        "is_surplus": node.get("DeathReason") == DRAINED_IDLE,
        "reason": str(node.get("DeathReasonMessage") or ""),
        "resources": resources,
    }


def nodes_of_dashboard(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the same for each node in the dashboard's answer to ``NODES_PATH``."""
    return [
        {
            "node_id": node["node_id"],
            "address": node["node_ip"],
            "alive": node["state"] == "ALIVE",
            "is_head": bool(node["is_head_node"]),
            "is_surplus": (node.get("state_message") or "").startswith(TERMINATED_IDLE),
            "reason": node.get("state_message") or "",
            "resources": node.get("resources_total") or {},
        }
        for node in answer["data"]["result"]["result"]
    ]


def available_of_dashboard(answer: dict[str, Any]) -> dict[str, float]:
    """Return what nobody uses, by Ray's names, from the dashboard's answer to ``STATUS_PATH``, as far as it tells."""
    status = (answer.get("data") or {}).get("clusterStatus") or {}
    usage = (status.get("loadMetricsReport") or {}).get("usage") or {}
    names = {"CPU": "CPU", "GPU": "GPU", "objectStoreMemory": "object_store_memory"}
    return {names[name]: total - used for name, (used, total) in usage.items() if name in names}
