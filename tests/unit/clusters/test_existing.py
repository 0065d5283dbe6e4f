# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether a running cluster will do for an entry, and what it has lost meanwhile."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import Any

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.existing.cluster import (
    ClusterFacts,
    ClusterRequest,
    NodeFacts,
    client_environment,
    lost_nodes,
)
from pytest_curator_bench.clusters.existing.probe import probe
from pytest_curator_bench.config.schema_models import RaySettings

HEAD = NodeFacts(
    node_id="aa", address="10.0.0.1", alive=True, is_head=True, resources={"CPU": 16.0, "node:10.0.0.1": 1.0}
)
SECOND = NodeFacts(
    node_id="bb", address="10.0.0.2", alive=True, resources={"CPU": 8.0, "GPU": 1.0, "object_store_memory": 4e9}
)
FACTS = ClusterFacts(
    address="10.0.0.1:6379",
    ray_version="2.60.0",
    python_version="3.11.7",
    here_ray_version="2.60.0",
    here_python_version="3.11.7",
    nodes=(HEAD, SECOND),
    available={"CPU": 24.0, "GPU": 1.0, "object_store_memory": 4e9},
)
LACKS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"num_cpus": 64}, {}, "needs 64 CPUs, the cluster at 10.0.0.1:6379 has 24 CPUs: ask for less, or add nodes"),
    ({"num_gpus": 2}, {}, "needs 2 GPUs, the cluster at 10.0.0.1:6379 has 1 GPU: "),
    ({"object_store_bytes": 5 * 10**9}, {}, "needs 5 GB of object store, the cluster at 10.0.0.1:6379 has 4 GB of "),
    ({}, {"ray_version": "2.55.1"}, "The cluster at 10.0.0.1:6379 runs Ray 2.55.1, and here is Ray 2.60.0: "),
    ({}, {"python_version": "3.11.9"}, "The cluster at 10.0.0.1:6379 runs Python 3.11.9, and here is Python 3.11.7: "),
    ({"is_job": True}, {"python_version": "3.12.1"}, "The cluster at 10.0.0.1:6379 runs Python 3.12.1, and here is "),
    ({}, {"nodes": (replace(HEAD, alive=False),)}, "The cluster at 10.0.0.1:6379 has no node that is alive"),
    ({"num_cpus": 20}, {"nodes": (HEAD, replace(SECOND, alive=False))}, "needs 20 CPUs, the cluster at 10.0.0.1:6379 "),
]


@pytest.mark.parametrize(("needs", "facts", "sentence"), LACKS)
def test_what_lacks(needs: dict[str, Any], facts: dict[str, Any], sentence: str) -> None:
    """One sentence with both figures."""
    with pytest.raises(ClusterError) as caught:
        ClusterRequest(**needs).check(replace(FACTS, **facts))
    assert str(caught.value).startswith(sentence)


def test_enough() -> None:
    """Exactly enough is enough; a job may run on another patch level of Python, and where Python's is unknown."""
    assert ClusterRequest(num_cpus=24, num_gpus=1, object_store_bytes=4 * 10**9).check(FACTS) == ()
    assert ClusterRequest(is_job=True).check(replace(FACTS, python_version="3.11.2")) == ()
    assert ClusterRequest(is_job=True).check(replace(FACTS, python_version="")) == ()


def test_a_cluster_in_use() -> None:
    """What others use at the moment is a warning: the figures may be disturbed."""
    (warning,) = ClusterRequest(num_cpus=24, num_gpus=1).check(replace(FACTS, available={"CPU": 4.0, "GPU": 1.0}))
    assert "it needs 24 CPUs, of 24 CPUs only 4 CPUs were free" in warning
    assert ClusterRequest(num_cpus=24).check(replace(FACTS, available={})) == ()


def test_what_a_result_records() -> None:
    """Plain data of the living nodes, without the resources that stand for a node."""
    record = replace(FACTS, nodes=(HEAD, replace(SECOND, alive=False))).record()
    assert record == {
        "address": "10.0.0.1:6379",
        "ray_version": "2.60.0",
        "python_version": "3.11.7",
        "nodes": [{"node_id": "aa", "address": "10.0.0.1", "is_head": True, "resources": {"CPU": 16.0}}],
        "resources": {"CPU": 16.0},
    }


def test_lost_nodes() -> None:
    """Nodes that died or that nobody knows any more; not those that an autoscaler took away, nor new ones."""
    dead = replace(SECOND, alive=False, reason="killed")
    assert lost_nodes(FACTS, replace(FACTS, nodes=(HEAD, dead))) == [dead]
    assert lost_nodes(FACTS, replace(FACTS, nodes=(HEAD, replace(dead, is_surplus=True)))) == []
    assert [node.node_id for node in lost_nodes(FACTS, replace(FACTS, nodes=()))] == ["aa", "bb"]
    assert lost_nodes(replace(FACTS, nodes=(HEAD,)), FACTS) == []
    assert lost_nodes(replace(FACTS, nodes=(HEAD, dead)), replace(FACTS, nodes=(HEAD, dead))) == []


def test_the_token_is_carried() -> None:
    """From the user's environment to whatever talks to the cluster; ties to another cluster are not."""
    own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "t", "RAY_AUTH_TOKEN_PATH": "/t", "RAY_ADDRESS": "x:1"}
    carried = client_environment({"PATH": "/bin", "RAY_ADDRESS": "x:1"}, own)
    assert carried == {
        "PATH": "/bin",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "t",
        "RAY_AUTH_TOKEN_PATH": "/t",
    }


def test_an_entrys_own_place_counts() -> None:
    """Of scope, address and job the entry's own replaces the global one; other settings are inherited."""
    common = RaySettings(num_cpus=4, address="a:1")
    by_job = common.overlaid(RaySettings(job="http://b:2"))
    assert (by_job.num_cpus, by_job.address, by_job.job) == (4, None, "http://b:2")
    shared = common.overlaid(RaySettings(scope="session"))
    assert not shared.names_running_cluster
    assert common.overlaid(RaySettings(num_gpus=1)).address == "a:1"


@pytest.mark.curator
@pytest.mark.parametrize("is_job", [False, True])
def test_nobody_there(is_job: bool) -> None:
    """A free port is told as such, within seconds and without a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ClusterError, match=r"^no (cluster|dashboard) answers at .*: start") as caught:
            probe(f"http://{address}" if is_job else address, is_job=is_job, environment=os.environ)
    assert not caught.value.detail


@pytest.mark.curator
def test_a_probe_that_hangs() -> None:
    """The limit ends it."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(ClusterError, match="does not answer within 1 s"):
            probe(url, is_job=True, environment=os.environ, limit_s=1)
