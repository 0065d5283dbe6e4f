# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks a running cluster what it is, through :mod:`.probe_program`."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.existing.cluster import ClusterFacts
from pytest_curator_bench.clusters.programs import module_command, module_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROBE_LIMIT_S", "probe"]

PROBE_LIMIT_S = 30.0


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
            env=module_environment(environment),
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
