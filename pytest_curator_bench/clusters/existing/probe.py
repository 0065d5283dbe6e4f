# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks a running cluster what it is, through :mod:`.probe_program`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.existing.cluster import (
    ClusterFacts,
    ClusterRequest,
    ExistingCluster,
    client_environment,
    lost_nodes,
)
from pytest_curator_bench.clusters.internals import LOSS
from pytest_curator_bench.clusters.programs import module_command, module_environment
from pytest_curator_bench.clusters.proxies import direct_access, without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_curator_bench.config.schema_models import RaySettings

__all__ = ["PROBE_LIMIT_S", "describe_loss", "find_cluster", "is_reachable", "probe"]

PROBE_LIMIT_S = 30.0
_CONNECT_LIMIT_S = 2.0
# The cluster takes some 15 s to notice that a node has died; waited for only where the log speaks of such a thing.
NOTICE_LIMIT_S = 25.0
NOTICE_INTERVAL_S = 2.0


def find_cluster(settings: RaySettings) -> ExistingCluster:
    """Probe the cluster that an entry's ``ray`` section names; raises ClusterError if it will not do."""
    address, is_job = settings.job or settings.address, settings.job is not None
    if address is None:
        raise ValueError("the settings name no cluster")
    request = ClusterRequest(
        num_cpus=settings.num_cpus,
        num_gpus=settings.num_gpus,
        object_store_bytes=settings.object_store_memory,
        is_job=is_job,
    )
    environment = client_environment(os.environ, os.environ)
    named = os.environ.get("RAY_ADDRESS", "") if address == "auto" else ""
    if named:
        environment["RAY_ADDRESS"] = named
    if "://" in named:
        raise ClusterError(
            f"RAY_ADDRESS={without_credentials(named)}, which ray.address: auto follows, is no HOST:PORT of a cluster: "
            "correct it, or name a dashboard in ray.job"
        )
    try:
        facts = probe(address, is_job=is_job, environment=environment)
    except ClusterError as error:
        if named:
            raise ClusterError(
                f"{error.sentence} (ray.address: auto follows RAY_ADDRESS={named})", error.detail
            ) from None
        raise
    return ExistingCluster(facts=facts, is_job=is_job, warnings=request.check(facts))


def is_reachable(cluster: ExistingCluster) -> bool:
    """Return whether the cluster's address accepts connections; a quick check."""
    address = cluster.facts.address
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_LIMIT_S).close()
    except (OSError, ValueError):
        return False
    return True


def describe_loss(cluster: ExistingCluster, log_file: Path) -> str | None:
    """Return a sentence about what the cluster has lost since it was found, if it has.

    Args:
        cluster: the cluster.
        log_file: the script's log; where its end speaks of a loss, the cluster gets time to notice it.
    """
    facts = cluster.facts
    environment = client_environment(os.environ, os.environ)
    deadline = time.monotonic() + (NOTICE_LIMIT_S if any(map(LOSS.search, log_tail(log_file))) else 0)
    while True:
        try:
            lost = lost_nodes(facts, probe(facts.address, is_job=cluster.is_job, environment=environment))
        except ClusterError as error:
            return f"The cluster was lost while the script ran: {error.sentence}"
        if lost:
            named = ", ".join(
                f"{node.address} ({node.node_id[:8]}): {node.reason or 'no reason known'}" for node in lost
            )
            nodes = "A node" if len(lost) == 1 else f"{len(lost)} nodes"
            return f"{nodes} of the cluster at {facts.address} died while the script ran: {named}"
        if time.monotonic() >= deadline:
            return None
        time.sleep(NOTICE_INTERVAL_S)


def probe(
    address: str, *, is_job: bool, environment: Mapping[str, str], limit_s: float = PROBE_LIMIT_S
) -> ClusterFacts:
    """Ask the cluster at ``address`` what it is, in a process of its own.

    Args:
        address: ``auto`` or ``host:port``; for a job the dashboard's URL.
        is_job: which of the two it is.
        environment: of the probe, with the token.
        limit_s: limit on the probe, in seconds.

    Raises:
        ClusterError: it can't be reached or used; the sentence says why.
    """
    command = module_command("existing.probe_program", "job" if is_job else "address", address, str(limit_s))
    try:
        done = subprocess.run(
            command,
            env=module_environment({**environment, **direct_access(address, environment)}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ClusterError(f"The cluster at {address} does not answer within {limit_s:g} s.") from None
    except OSError as error:
        raise ClusterError(f"The probe of the cluster at {address} could not be started: {error}.") from error
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
        if "error" in answer:
            raise ClusterError(answer["error"])
        return ClusterFacts.from_dict(answer)
    except (IndexError, ValueError, KeyError, TypeError):
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ClusterError(
            f"The cluster at {address} could not be probed: {lines[-1] if lines else 'the probe said nothing'}.",
            "\n".join(lines[-10:]),
        ) from None
