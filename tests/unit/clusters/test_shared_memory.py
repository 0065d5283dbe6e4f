# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Shared memory that killed processes leave behind is removed; everything else is left alone."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.clusters.local import shared_memory
from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
        held = shared_memory.held_segments(os.getpid(), besides=frozenset())
        assert segment.name in held
        shared_memory.remove_segments(frozenset({segment.name}))
        assert segment.exists(), "it was still in use"
    shared_memory.remove_segments(frozenset({segment.name}))
    assert not segment.exists()


def test_what_others_still_hold_stays(segment: Path) -> None:
    """A file that a second process has mapped is not touched when the first one dies."""
    with holder(segment):
        with holder(segment):
            pass
        shared_memory.remove_segments(frozenset({segment.name}))
        assert segment.exists()


def test_what_was_there_before_is_not_ours(segment: Path) -> None:
    """Files that existed before the cluster's start are never candidates."""
    segment.touch()
    with holder(segment):
        held = shared_memory.held_segments(os.getpid(), besides=frozenset({segment.name}))
        assert segment.name not in held


def test_descendants_are_found_over_generations() -> None:
    """Children and grandchildren, in whatever session, and not the ancestor itself."""
    command = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], start_new_session=True)"
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE) as child:
        found = shared_memory.descendants(os.getpid())
        while len(shared_memory.descendants(child.pid)) < 1:
            assert child.poll() is None
        grandchildren = shared_memory.descendants(child.pid)
        assert child.pid in found
        assert grandchildren <= shared_memory.descendants(os.getpid())
        assert os.getpid() not in found
        assert {shared_memory.parent_of(pid) for pid in grandchildren} == {child.pid}
    assert shared_memory.parent_of(child.pid) is None
