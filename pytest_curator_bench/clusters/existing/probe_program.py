# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The probe program: asks a running cluster what it is, and prints one line of JSON.

Run as ``python -m pytest_curator_bench.clusters.existing.probe_program address ADDRESS LIMIT_S`` (connects as a script
will) or ``... job URL LIMIT_S`` (asks the dashboard alone). The line holds a :class:`~.cluster.ClusterFacts`, or one
key, ``error``, with a sentence. The harness itself never imports Ray: :mod:`.probe` runs this.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import sys
from typing import Any

from pytest_curator_bench.clusters import internals
from pytest_curator_bench.clusters.proxies import proxy_in_use

__all__: list[str] = []

CONNECT_LIMIT_S = 5.0
REQUEST_LIMIT_S = 10.0
NODE_LIMIT_S = 1.0


class _ProbeError(Exception):
    """One sentence."""


def main() -> None:
    """Probe what the command line names."""
    kind, address, limit_s = sys.argv[1:]
    signal.alarm(int(float(limit_s)))  # the end of the harness must not leave a probe behind
    try:
        answer = _probe_job(address) if kind == "job" else _probe_address(address)
    except (_ProbeError, internals.MissingNameError) as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Ray's threads would still wait for one another


def _probe_address(written: str) -> dict[str, Any]:
    import ray
    from ray.exceptions import AuthenticationError

    get_cluster_metadata, gcs_client = internals.CLUSTER_METADATA.load(), internals.GCS_CLIENT.load()
    address = _resolve(written)
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_LIMIT_S).close()
    except (OSError, ValueError) as error:
        raise _ProbeError(f"no cluster answers at {address} ({_reason(error)}): start it, or correct it") from None
    try:
        versions = get_cluster_metadata(gcs_client(address=address))
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
    resolve = internals.BOOTSTRAP_ADDRESS.load()
    try:
        return str(resolve(written))
    except ConnectionError as error:
        raise _ProbeError(
            f"address auto found no cluster on this machine ({_reason(error)}): start one, or set RAY_ADDRESS"
        ) from None
    except ValueError as error:
        raise _ProbeError(f"{written} is no address of a cluster ({_reason(error)})") from None


def _node_of_ray(node: dict[str, Any]) -> dict[str, Any]:
    facts = internals.node_of_ray(node)
    if facts["alive"] and not _listens(node["NodeManagerAddress"], node["NodeManagerPort"]):
        # The cluster takes some 15 s to notice that a node has died.
        facts |= {"alive": False, "reason": "it refuses connections"}
    return facts


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
    version = _get(url, internals.VERSION_PATH)
    metadata = _get(url, internals.METADATA_PATH, optional=True).get("data") or {}
    return {
        **_facts(url, str(version.get("ray_version")), str(metadata.get("pythonVersion") or "")),
        "nodes": internals.nodes_of_dashboard(_get(url, internals.NODES_PATH)),
        "available": internals.available_of_dashboard(_get(url, internals.STATUS_PATH, optional=True)),
    }


def _get(url: str, path: str, *, optional: bool = False) -> dict[str, Any]:
    import requests

    headers = internals.HTTP_AUTHENTICATION.load()
    try:
        answer = requests.get(url + path, headers=headers({}), timeout=REQUEST_LIMIT_S)
        if answer.status_code in {401, 403}:
            raise _ProbeError(_unauthorized(f"{url}{proxy_in_use(url, os.environ)}"))
        if answer.status_code != 200 and optional:
            return {}
        answer.raise_for_status()
        data = answer.json()
    except requests.exceptions.ConnectionError:
        raise _ProbeError(
            f"no dashboard answers at {url}{proxy_in_use(url, os.environ)}: start the cluster with one, or correct it"
        ) from None
    except (requests.exceptions.RequestException, ValueError) as error:
        raise _ProbeError(
            f"what answers at {url}{proxy_in_use(url, os.environ)} is no dashboard of Ray ({_reason(error)})"
        ) from None
    if not isinstance(data, dict):
        raise _ProbeError(f"what answers at {url}{proxy_in_use(url, os.environ)} is no dashboard of Ray")
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
