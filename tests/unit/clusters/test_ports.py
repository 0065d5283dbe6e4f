# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Port numbers: claimed once, free, given back."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local import ports

if TYPE_CHECKING:
    from pathlib import Path

CLAIM_ELSEWHERE = """
import sys
from pytest_curator_bench.clusters.local import ports
ports._candidates = lambda _: range(int(sys.argv[1]), int(sys.argv[1]) + 2)
claim = ports.claim_port()
print(claim.number, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> range:
    """Two free ports, the only ones to choose from, where no real search would look."""
    above = range(61_000, 65_000, 2)
    first = next(number for number in above if ports._is_free(number) and ports._is_free(number + 1))
    numbers = range(first, first + 2)
    monkeypatch.setattr(ports, "_candidates", lambda _: numbers)
    return numbers


def test_each_claim_gets_a_number_of_its_own() -> None:
    """Claims that are held at the same time never share a number."""
    claims = [ports.claim_port() for _ in range(50)]
    assert len({claim.number for claim in claims}) == len(claims)
    for claim in claims:
        claim.release()


def test_a_number_is_free_again_after_its_release(pair: range) -> None:
    """With all candidates claimed the next search fails in one sentence; a release makes it succeed."""
    held = [ports.claim_port() for _ in pair]
    with pytest.raises(ClusterError, match="No TCP port between"):
        ports.claim_port()
    held[0].release()
    held[0].release()
    again = ports.claim_port()
    assert again.number == held[0].number
    again.release()
    held[1].release()


def test_a_bound_port_is_passed_over(pair: range) -> None:
    """What somebody else listens on is no candidate, even on one address only."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", pair[0]))
        other.listen()
        claim = ports.claim_port()
        assert claim.number == pair[1]
        claim.release()


def test_claims_hold_across_processes_and_end_with_them(pair: range) -> None:
    """Another process's number is respected while that process lives, and is free once it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM_ELSEWHERE, str(pair[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        ours = ports.claim_port()
        assert {theirs, ours.number} == set(pair)
        with pytest.raises(ClusterError):
            ports.claim_port()
        other.kill()
    after = ports.claim_port()
    assert after.number == theirs
    after.release()
    ours.release()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("32768\t60999\n", range(20_000, 32_768)),
        ("1024 60000\n", range(60_001, 65_536)),
        ("1024 65535\n", range(20_000, 65_536)),
        ("", range(20_000, 32_768)),
    ],
)
def test_candidates_avoid_what_the_kernel_hands_out(tmp_path: Path, content: str, expected: range) -> None:
    """Below the kernel's range, or above it; anywhere if it is all; a default if it is unknown."""
    file = tmp_path / "ip_local_port_range"
    file.write_text(content)
    assert ports._candidates(file) == expected
