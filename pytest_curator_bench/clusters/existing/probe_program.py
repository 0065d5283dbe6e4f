# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The probe program: asks a running cluster what it is, and prints one line of JSON.

Run as ``python -m pytest_curator_bench.clusters.existing.probe_program address ADDRESS LIMIT_S`` (connects as a script
will)
or ``... probe job URL LIMIT_S`` (asks the dashboard alone). The line holds :class:`.existing.ClusterFacts`, or
one key, ``error``, with a sentence. The harness itself never imports Ray: :mod:`.probing` runs this.

The dashboard's paths and fields are those of Ray 2.60 (``ray/dashboard/modules``), the job API's the public ones.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import sys
from typing import Any

__all__: list[str] = []

CONNECT_LIMIT_S = 5.0
REQUEST_LIMIT_S = 10.0
NODE_LIMIT_S = 1.0
DRAINED_IDLE = 4  # NodeDeathInfo.Reason.AUTOSCALER_DRAIN_IDLE of Ray's gcs.proto


class _ProbeError(Exception):
    """One sentence."""


def main() -> None:
    """Probe what the command line names."""
    kind, address, limit_s = sys.argv[1:]
    signal.alarm(int(float(limit_s)))  # the end of the harness must not leave a probe behind
    try:
        answer = _probe_job(address) if kind == "job" else _probe_address(address)
    except _ProbeError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Ray's threads would still wait for one another


def _probe_address(written: str) -> dict[str, Any]:
    import ray
    from ray._common.usage.usage_lib import get_cluster_metadata  # no public way to a mismatched cluster's versions
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # an extension module
    from ray.exceptions import AuthenticationError

    address = _resolve(written)
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_LIMIT_S).close()
    except (OSError, ValueError) as error:
        raise _ProbeError(f"no cluster answers at {address} ({_reason(error)}): start it, or correct it") from None
    try:
        versions = get_cluster_metadata(GcsClient(address=address))
    except AuthenticationError:
        raise _ProbeError(_unauthorized(address)) from None
    except Exception as error:
        raise _ProbeError(f"what answers at {address} is no Ray cluster ({_reason(error)})") from None
    facts = _facts(address, versions["ray_version"], versions["python_version"])
    if facts["ray_version"] != ray.__version__ or facts["python_version"] != platform.python_version():
        return {**facts, "nodes": []}  # Ray would refuse to connect; the versions say why
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
    except Exception as error:
        raise _ProbeError(
            f"the cluster at {address} can't be used from here ({_reason(error)}): run pytest on one of its nodes, "
            "or use ray.job"
        ) from None
    nodes = [_node_of_ray(node) for node in ray.nodes()]
    available = ray.available_resources()
    ray.shutdown()
    return {**facts, "nodes": nodes, "available": available}


def _resolve(written: str) -> str:
    from ray._private.services import canonicalize_bootstrap_address_or_die  # what ray.init() itself asks

    try:
        return str(canonicalize_bootstrap_address_or_die(written))
    except ConnectionError as error:
        raise _ProbeError(
            f"address auto found no cluster on this machine ({_reason(error)}): start one, or set RAY_ADDRESS"
        ) from None
    except ValueError as error:
        raise _ProbeError(f"{written} is no address of a cluster ({_reason(error)})") from None


def _node_of_ray(node: dict[str, Any]) -> dict[str, Any]:
    alive, reason = bool(node["Alive"]), str(node.get("DeathReasonMessage") or "")
    if alive and not _listens(node["NodeManagerAddress"], node["NodeManagerPort"]):
        # The cluster takes some 15 s to notice that a node has died.
        alive, reason = False, "it refuses connections"
    resources = node.get("Resources") or {}
    return {
        "node_id": node["NodeID"],
        "address": node["NodeManagerAddress"],
        "alive": alive,
        "is_head": "node:__internal_head__" in resources,
        "is_surplus": node.get("DeathReason") == DRAINED_IDLE,
        "reason": reason,
        "resources": resources,
    }


def _listens(host: str, port: int) -> bool:
    """Whether somebody listens there; a machine that does not answer at all is left to the cluster to judge."""
    try:
        socket.create_connection((host, port), timeout=NODE_LIMIT_S).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True


def _probe_job(url: str) -> dict[str, Any]:
    version = _get(url, "/api/version")
    metadata = (_get(url, "/api/v0/cluster_metadata", optional=True).get("data")) or {}
    facts = _facts(url, str(version.get("ray_version")), str(metadata.get("pythonVersion") or ""))
    listed = _get(url, "/api/v0/nodes?detail=1&limit=10000")["data"]["result"]["result"]
    status = (_get(url, "/api/cluster_status", optional=True).get("data") or {}).get("clusterStatus") or {}
    usage = (status.get("loadMetricsReport") or {}).get("usage") or {}
    names = {"CPU": "CPU", "GPU": "GPU", "objectStoreMemory": "object_store_memory"}  # as the dashboard spells them
    available = {names[name]: total - used for name, (used, total) in usage.items() if name in names}
    nodes = [
        {
            "node_id": node["node_id"],
            "address": node["node_ip"],
            "alive": node["state"] == "ALIVE",
            "is_head": bool(node["is_head_node"]),
            "is_surplus": (node.get("state_message") or "").startswith("Terminated due to idle"),
            "reason": node.get("state_message") or "",
            "resources": node.get("resources_total") or {},
        }
        for node in listed
    ]
    return {**facts, "nodes": nodes, "available": available}


def _get(url: str, path: str, *, optional: bool = False) -> dict[str, Any]:
    import requests
    from ray._private.authentication.http_token_authentication import get_auth_headers_if_auth_enabled

    try:
        answer = requests.get(url + path, headers=get_auth_headers_if_auth_enabled({}), timeout=REQUEST_LIMIT_S)
        if answer.status_code in {401, 403}:
            raise _ProbeError(_unauthorized(url))
        if answer.status_code != 200 and optional:
            return {}
        answer.raise_for_status()
        data = answer.json()
    except requests.exceptions.ConnectionError:
        raise _ProbeError(f"no dashboard answers at {url}: start the cluster with one, or correct it") from None
    except (requests.exceptions.RequestException, ValueError) as error:
        raise _ProbeError(f"what answers at {url} is no dashboard of Ray ({_reason(error)})") from None
    if not isinstance(data, dict):
        raise _ProbeError(f"what answers at {url} is no dashboard of Ray")
    return data


def _facts(address: str, ray_version: str, python_version: str) -> dict[str, Any]:
    import ray

    return {
        "address": address,
        "ray_version": ray_version,
        "python_version": python_version,
        "here_ray_version": ray.__version__,
        "here_python_version": platform.python_version(),
    }


def _unauthorized(address: str) -> str:
    return (
        f"the cluster at {address} refuses the token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or "
        "RAY_AUTH_TOKEN_PATH) to the cluster's own"
    )


def _reason(error: Exception) -> str:
    """The first line of what went wrong."""
    text = getattr(error, "strerror", None) or str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:300]


if __name__ == "__main__":
    main()
