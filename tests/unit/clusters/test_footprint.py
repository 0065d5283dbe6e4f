# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A cluster's directory, port number and shared memory: its own alone, and none of it stays."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local import footprint
from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator

MAP_IT = """
import mmap, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(descriptor, 4096)
region = mmap.mmap(descriptor, 4096)
if sys.argv[2] == "map":
    os.close(descriptor)
print("ready", flush=True)
sys.stdin.read()
"""


CLAIM_ELSEWHERE = """
import sys
from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local import footprint
footprint._candidates = lambda _: range(int(sys.argv[1]), int(sys.argv[1]) + 2)
claim = footprint.claim_port()
print(claim.number, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def segment() -> Iterator[Path]:
    """A name in /dev/shm that nobody else uses."""
    path = SHARED_MEMORY_DIR / f"pcb-test-{secrets.token_hex(8)}"
    yield path
    path.unlink(missing_ok=True)


@contextmanager
def holder(segment: Path, how: str = "map") -> Iterator[subprocess.Popen[str]]:
    """A child that has the file mapped, or open too; killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", MAP_IT, str(segment), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", ["map", "open"])
def test_what_a_killed_process_held_is_removed(segment: Path, how: str) -> None:
    """Found while a descendant has it mapped or open, removed once that one is dead."""
    with holder(segment, how):
        held = footprint.held_segments(os.getpid(), besides=frozenset())
        assert segment.name in held
        footprint.remove_segments(frozenset({segment.name}))
        assert segment.exists(), "it was still in use"
    footprint.remove_segments(frozenset({segment.name}))
    assert not segment.exists()


def test_what_others_still_hold_stays(segment: Path) -> None:
    """A file that a second process has mapped is not touched when the first one dies."""
    with holder(segment):
        with holder(segment):
            pass
        footprint.remove_segments(frozenset({segment.name}))
        assert segment.exists()


def test_what_was_there_before_is_not_ours(segment: Path) -> None:
    """Files that existed before the cluster's start are never candidates."""
    segment.touch()
    with holder(segment):
        held = footprint.held_segments(os.getpid(), besides=frozenset({segment.name}))
        assert segment.name not in held


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> range:
    """Two free ports, the only ones to choose from, where no real search would look."""
    above = range(61_000, 65_000, 2)
    first = next(number for number in above if footprint._is_free(number) and footprint._is_free(number + 1))
    numbers = range(first, first + 2)
    monkeypatch.setattr(footprint, "_candidates", lambda _: numbers)
    return numbers


def test_each_claim_gets_a_number_of_its_own() -> None:
    """Claims that are held at the same time never share a number."""
    claims = [footprint.claim_port() for _ in range(50)]
    assert len({claim.number for claim in claims}) == len(claims)
    for claim in claims:
        claim.release()


def test_a_number_is_free_again_after_its_release(pair: range) -> None:
    """With all candidates claimed the next search fails in one sentence; a release makes it succeed."""
    held = [footprint.claim_port() for _ in pair]
    with pytest.raises(ClusterError, match="No TCP port between"):
        footprint.claim_port()
    held[0].release()
    held[0].release()
    again = footprint.claim_port()
    assert again.number == held[0].number
    again.release()
    held[1].release()


def test_a_bound_port_is_passed_over(pair: range) -> None:
    """What somebody else listens on is no candidate, even on one address only."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", pair[0]))
        other.listen()
        claim = footprint.claim_port()
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
        ours = footprint.claim_port()
        assert {theirs, ours.number} == set(pair)
        with pytest.raises(ClusterError):
            footprint.claim_port()
        other.kill()
    after = footprint.claim_port()
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
    assert footprint._candidates(file) == expected


def test_the_directory_is_private_and_its_path_short(tmp_path: Path) -> None:
    """Ray's sockets need short paths: the first directory that is short enough and usable is taken."""
    long_name = tmp_path / ("x" * 80)
    long_name.mkdir()
    made = footprint._make_private_dir((str(long_name), "/no/such", tempfile.gettempdir()))
    assert made.parent == Path(tempfile.gettempdir())
    assert made.stat().st_mode & 0o777 == 0o700
    made.rmdir()
    with pytest.raises(ClusterError, match=r"too long for Ray's sockets; /no/such: No such file.*set TMPDIR"):
        footprint._make_private_dir((str(long_name), "/no/such"))
