# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Clusters that are already running: facts about one, whether it suffices for an entry, nodes that it has lost."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import format_number, format_size
from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.internals import FOREIGN_CLUSTER_VARIABLES, NODE_RESOURCE_PREFIX, check_ray_version

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = [
    "AUTHENTICATION_VARIABLES",
    "ClusterFacts",
    "ClusterRequest",
    "ExistingCluster",
    "NodeFacts",
    "client_environment",
    "lost_nodes",
]

AUTHENTICATION_VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""The variables by which Ray's processes are told the cluster's token."""

# Ray's names of what an entry may ask for, and ours.
_RESOURCES = {"CPU": ("CPU", "CPUs"), "GPU": ("GPU", "GPUs")}
_OBJECT_STORE = "object_store_memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One node of a cluster.

    Attributes:
        node_id: Ray's name of it, hexadecimal.
        address: its IP address.
        alive: whether the cluster counts it as alive, and it answers as far as that can be tried.
        is_head: whether it is the head node.
        is_surplus: whether an autoscaler has removed it because it was idle.
        reason: why it is not alive, in Ray's words; may be empty.
        resources: what it offers, by Ray's names; memory in bytes.
    """

    node_id: str
    address: str
    alive: bool
    is_head: bool = False
    is_surplus: bool = False
    reason: str = ""
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What a probe has found out about a cluster.

    Attributes:
        address: where it was found: ``host:port``, or the dashboard's URL.
        ray_version: its Ray.
        python_version: its Python; empty where its dashboard does not tell.
        here_ray_version: the Ray of this interpreter.
        here_python_version: the Python of it.
        nodes: its nodes, dead ones too.
        available: what nobody uses at the moment, by Ray's names; empty where that is unknown.
    """

    address: str
    ray_version: str
    python_version: str
    here_ray_version: str
    here_python_version: str
    nodes: tuple[NodeFacts, ...]
    available: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClusterFacts:
        """What the probe prints; raises KeyError or TypeError for anything else."""
        return cls(**{**data, "nodes": tuple(NodeFacts(**node) for node in data["nodes"])})

    @property
    def resources(self) -> dict[str, float]:
        """What the nodes that are alive offer together, by Ray's names."""
        total: dict[str, float] = {}
        for node in self.nodes:
            if node.alive:
                for name, amount in node.resources.items():
                    total[name] = total.get(name, 0.0) + amount
        return total

    def record(self) -> dict[str, Any]:
        """Plain data for a result: what is alive, without the resources that only name a node."""
        return {
            "address": self.address,
            "ray_version": self.ray_version,
            "python_version": self.python_version,
            "nodes": [
                {
                    "node_id": node.node_id,
                    "address": node.address,
                    "is_head": node.is_head,
                    "resources": _named(node.resources),
                }
                for node in self.nodes
                if node.alive
            ],
            "resources": _named(self.resources),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest:
    """What an entry requests of a cluster that it did not start.

    Attributes:
        num_cpus: CPUs that it must have at least.
        num_gpus: GPUs likewise.
        object_store_bytes: size that the object stores of its nodes must have together.
        is_job: whether the script itself runs there.
    """

    num_cpus: int | None = None
    num_gpus: int | None = None
    object_store_bytes: int | None = None
    is_job: bool = False

    def check(self, facts: ClusterFacts) -> tuple[str, ...]:
        """Refuse a cluster that will not do.

        Returns:
            Warnings about what may disturb the measurement, and about a Ray that was not tried.

        Raises:
            ClusterError: says what is missing.
        """
        self._check_versions(facts)
        if not any(node.alive for node in facts.nodes):
            raise ClusterError(f"The cluster at {facts.address} has no node that is alive: start it anew.")
        total = facts.resources
        for name, wanted, unit in self._wanted():
            if wanted > total.get(name, 0.0):
                raise ClusterError(
                    f"needs {_amount(wanted, unit)}, the cluster at {facts.address} has "
                    f"{_amount(total.get(name, 0.0), unit)}: ask for less, or add nodes"
                )
        untried = check_ray_version(facts.here_ray_version)
        return (*([untried] if untried else []), *self._busy(facts, total))

    def _busy(self, facts: ClusterFacts, total: Mapping[str, float]) -> tuple[str, ...]:
        if not facts.available:
            return ()
        return tuple(
            f"The cluster at {facts.address} was in use when the entry began: it needs {_amount(wanted, unit)}, of "
            f"{_amount(total[name], unit)} only {_amount(facts.available.get(name, 0.0), unit)} were free."
            for name, wanted, unit in self._wanted()
            if wanted and facts.available.get(name, 0.0) < wanted
        )

    def _check_versions(self, facts: ClusterFacts) -> None:
        here_python, there_python = facts.here_python_version, facts.python_version
        if self.is_job:  # nothing that depends on the last digit crosses the border
            here_python, there_python = (version.rpartition(".")[0] for version in (here_python, there_python))
        if facts.ray_version != facts.here_ray_version:
            raise ClusterError(
                f"The cluster at {facts.address} runs Ray {facts.ray_version}, and here is Ray "
                f"{facts.here_ray_version}: install the same version on both sides."
            )
        if facts.python_version and here_python != there_python:
            raise ClusterError(
                f"The cluster at {facts.address} runs Python {facts.python_version}, and here is Python "
                f"{facts.here_python_version}: Ray needs the same on both sides."
            )

    def _wanted(self) -> list[tuple[str, float, str]]:
        wanted = (("CPU", self.num_cpus), ("GPU", self.num_gpus), (_OBJECT_STORE, self.object_store_bytes))
        return [(name, float(amount), name) for name, amount in wanted if amount is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingCluster:
    """A cluster that was running before an entry, will do for it, and is left alone by this plugin.

    Attributes:
        facts: what the probe before the entry found.
        is_job: whether the script itself runs there; else only its tasks do.
        warnings: sentences for the entry's result.
    """

    facts: ClusterFacts
    is_job: bool
    warnings: tuple[str, ...] = ()

    def script_environment(self) -> dict[str, str]:
        """Variables to add to a script's environment so that its tasks run on this cluster, the user's token too."""
        return {"RAY_ADDRESS": self.facts.address, **_authentication(os.environ)}


def client_environment(base: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The environment of what talks to a cluster: without ties to another one, with the user's token.

    Args:
        base: the environment to begin with.
        own: the user's environment, which the token is taken from.
    """
    environment = {name: value for name, value in base.items() if name not in FOREIGN_CLUSTER_VARIABLES}
    return environment | _authentication(own)


def _authentication(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in AUTHENTICATION_VARIABLES if name in environ}


def lost_nodes(before: ClusterFacts, after: ClusterFacts) -> list[NodeFacts]:
    """The nodes that were alive before and have died since, as they are known now."""
    now = {node.node_id: node for node in after.nodes}
    # After a restart of its head a cluster knows nothing of the nodes before.
    current = [
        now.get(node.node_id) or replace(node, alive=False, reason="the cluster forgot it")
        for node in before.nodes
        if node.alive
    ]
    return [node for node in current if not node.alive and not node.is_surplus]


def _named(resources: Mapping[str, float]) -> dict[str, float]:
    """Without ``node:ADDRESS`` and the like, which Ray adds so that tasks can ask for a certain node."""
    return {name: amount for name, amount in sorted(resources.items()) if not name.startswith(NODE_RESOURCE_PREFIX)}


def _amount(amount: float, unit: str) -> str:
    if unit == _OBJECT_STORE:
        return f"{format_size(amount)} of object store"
    one, many = _RESOURCES[unit]
    return f"{format_number(amount)} {one if amount == 1 else many}"
