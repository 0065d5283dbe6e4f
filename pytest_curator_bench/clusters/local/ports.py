# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A TCP port that no other cluster will take.

Ray lets the kernel choose almost all of a cluster's ports: a component binds port 0 and publishes what it
got, which collides with nothing. Only the Ray Client server insists on a number given beforehand. That one
is chosen here, below the range from which the kernel hands out ports, and *claimed* with an abstract Unix
socket that carries its number: such names live in the network namespace, exactly where ports do, they are
the same for every user and process of the machine, and the kernel frees them when their holder dies, so that
no lock goes stale.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

from pytest_curator_bench.clusters.errors import ClusterError

__all__ = ["PortClaim", "claim_port"]

_EPHEMERAL_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
# From here up, so that clusters started by hand keep Ray's own default worker ports (10002 to 19999).
_LOWEST_PORT = 20_000
_HIGHEST_PORT = 65_535
_FEWEST_CANDIDATES = 1_000


class PortClaim:
    """A port number that this process holds until :meth:`release` or its death."""

    def __init__(self, number: int, holder: socket.socket) -> None:
        self.number = number
        self._holder = holder

    def release(self) -> None:
        """Give the number back; idempotent."""
        self._holder.close()


def claim_port() -> PortClaim:
    """Claim a free port.

    Returns:
        A claim on a port which nothing is bound to on any address, and which no other claim holds.

    Raises:
        ClusterError: if every candidate is taken.
    """
    candidates = _candidates(_EPHEMERAL_RANGE_FILE)
    start = random.randrange(len(candidates))  # noqa: S311 - spreads concurrent searches; nothing secret
    for offset in range(len(candidates)):
        port = candidates[(start + offset) % len(candidates)]
        holder = _claim(port)
        if holder is None:
            continue
        if _is_free(port):
            return PortClaim(port, holder)
        holder.close()
    raise ClusterError(
        f"No TCP port between {candidates[0]} and {candidates[-1]} is free for Ray: end what holds them."
    )


def _candidates(range_file: Path) -> range:
    """The ports that the kernel never chooses by itself: those below its range, or else those above it."""
    try:
        lowest, highest = (int(word) for word in range_file.read_text("ascii").split())
    except (OSError, ValueError):
        lowest, highest = 32_768, 60_999
    for candidates in (range(_LOWEST_PORT, lowest), range(highest + 1, _HIGHEST_PORT + 1)):
        if len(candidates) >= _FEWEST_CANDIDATES:
            return candidates
    return range(_LOWEST_PORT, _HIGHEST_PORT + 1)


def _claim(port: int) -> socket.socket | None:
    """A socket that holds the number's name, or None if somebody else does."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        holder.bind(f"\0pytest-curator-bench-port-{port}")
    except OSError:
        holder.close()
        return None
    return holder


def _is_free(port: int) -> bool:
    """Whether the port can be bound on every IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
