# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The pool of shared clusters and its inspectors, around stand-ins for Ray's command line and for what asks Ray."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local.cluster import LocalCluster
from pytest_curator_bench.clusters.local.command import ClusterSpec
from pytest_curator_bench.clusters.shared import inspector as inspector_module
from pytest_curator_bench.clusters.shared import pool as pool_module
from pytest_curator_bench.clusters.shared.inspector import Inspector
from pytest_curator_bench.clusters.shared.pool import ClusterPool, Findings, SharedCluster
from pytest_curator_bench.processes.client import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = ClusterSpec(num_cpus=1, object_store_bytes=80 * 1024**2)
LARGE = ClusterSpec(num_cpus=2, object_store_bytes=80 * 1024**2)

RAY = """#!/bin/sh
for word; do case "$word" in --temp-dir=*) mkdir -p "${dir:=${word#*=}}/session_latest/logs";; esac; done
echo said > "$dir/session_latest/logs/raylet.out"
printf %s "$STUB_ADDRESS" > "$dir/ray_current_cluster"
exec sleep 1000
"""
# Speaks the inspector's protocol. What lives on its "cluster" stands in a file beside its socket; what it is asked
# to do, in another. Actors that it is asked to end are gone; those that go by themselves have gone at the next look.
INSPECTOR = """
import json, pathlib, socket, sys, time
directory = pathlib.Path(sys.argv[1]).parent
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
stream = line.makefile("rw")
for text in stream:
    request = json.loads(text)
    world = json.loads((directory / "world.json").read_text()) if (directory / "world.json").exists() else {}
    if "hang" in world:
        time.sleep(1000)
    if "crash" in world:
        raise SystemExit("ValueError: it went wrong")
    with (directory / "asked").open("a") as asked:
        asked.write(text)
    answer = {"error": "no raylet"} if "error" in world else {"answer": None}
    if request["do"] == "look" and "error" not in world:
        answer = {"answer": world}
        world = {**world, "objects": 0}
    if request["do"] == "end_actors":
        world["actors"] = [actor for actor in world["actors"] if actor["id"] not in request["ids"]]
    (directory / "world.json").write_text(json.dumps(world))
    stream.write(json.dumps(answer) + chr(10))
    stream.flush()
"""
LEFT_ACTOR = {"id": "b2", "class_name": "Leaker", "module": "__main__", "name": "", "namespace": ""}
BOOKKEEPER = {**LEFT_ACTOR, "id": "a1", "class_name": "_StatsActor", "module": "ray.data._internal.stats"}


class World:
    """A pool, and what it needs to start clusters."""

    def __init__(self, directory: Path, supervisor: Supervisor, address: str) -> None:
        self.directory = directory
        self.supervisor = supervisor
        self.released: list[ClusterSpec] = []
        self.pool = ClusterPool("main", self.released.append)
        self.env = {**os.environ, "STUB_ADDRESS": address}
        self.program = directory / "inspector.py"
        self.program.write_text(INSPECTOR)

    def take(self, spec: ClusterSpec, entry: str) -> SharedCluster:
        """A cluster for an entry, on what is released when it stops."""

        def start(name: str) -> tuple[LocalCluster, Inspector]:
            cluster = LocalCluster.start(
                spec,
                supervisor=self.supervisor,
                log_file=self.directory / f"{name}.log",
                start_timeout_s=30,
                env=self.env,
            )
            return cluster, self.inspector(cluster.private_dir)

        return self.pool.take(spec, entry, start)

    def inspector(self, directory: Path) -> Inspector:
        """The stand-in."""
        return Inspector.start(
            directory, supervisor=self.supervisor, env=self.env, cwd=self.directory, program=self.program
        )

    def finish(self, shared: SharedCluster) -> list[str]:
        """Examine the cluster and give it back."""
        return self.pool.give_back(shared, self.pool.examine(shared))


def live(shared: SharedCluster, **things: Any) -> None:
    """Let these things live on a cluster."""
    (shared.cluster.private_dir / "world.json").write_text(json.dumps(things))


def asked(shared: SharedCluster) -> list[dict[str, Any]]:
    """What the cluster's inspector was asked besides to look."""
    lines = (shared.cluster.private_dir / "asked").read_text().splitlines()
    return [request for request in map(json.loads, lines) if request["do"] != "look"]


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    """One supervisor for all tests here."""
    started = Supervisor.start()
    yield started
    started.close()


@pytest.fixture
def world(tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty pool with a stand-in for Ray; nothing of its clusters may be left."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ray").write_text(RAY)
    (tmp_path / "bin" / "ray").chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr(pool_module, "_UNCHANGED_S", 0.2)
    temp_dir = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(temp_dir))
    with socket.create_server(("127.0.0.1", 0)) as service:
        made = World(tmp_path, supervisor, f"127.0.0.1:{service.getsockname()[1]}")
        yield made
        assert made.pool.close() == []
    temp_dir.rmdir()


def test_a_clean_cluster_serves_equal_shapes_alone(world: World) -> None:
    """The next entry of the same shape gets it, with its idle workers back; another shape gets its own."""
    first = world.take(SMALL, "first")
    assert world.finish(first) == []
    other = world.take(LARGE, "other")
    assert (other.name, first.name) == ("main-2", "main-1")
    again = world.take(SMALL, "again")
    assert again is first
    assert again.entries == ["first", "again"]
    assert asked(again) == [{"do": "start_workers", "number": 1}]
    assert world.pool.of(again.cluster) is again
    assert world.released == []


def test_a_cluster_in_use_is_not_shared(world: World) -> None:
    """Two entries at a time never run on one cluster."""
    assert world.take(SMALL, "first") is not world.take(SMALL, "second")


def test_what_is_left_is_named_and_the_cluster_replaced(world: World) -> None:
    """The entry that left it is told; what was held for the cluster is released; the next gets another one."""
    shared = world.take(SMALL, "leaver")
    live(shared, actors=[LEFT_ACTOR], objects=2, object_bytes=10)
    [warning] = world.finish(shared)
    assert warning == (
        "It left things on the shared Ray cluster main-1, which is replaced therefore: actor Leaker. "
        "End them in the script, or set ray.scope to entry."
    )
    assert world.released == [SMALL]
    assert not shared.cluster.private_dir.exists()
    after = world.take(SMALL, "after")
    assert (after.name, after.notes) == ("main-2", [])


def test_bookkeepers_are_ended_and_blame_nobody(world: World) -> None:
    """What Ray Data leaves behind by design is gone before the next entry."""
    shared = world.take(SMALL, "first")
    live(shared, actors=[BOOKKEEPER])
    assert world.finish(shared) == []
    assert asked(shared) == [{"do": "end_actors", "ids": ["a1"]}]
    assert world.take(SMALL, "second") is shared


def test_a_stray_process_counts(world: World, supervisor: Supervisor) -> None:
    """An orphan among the cluster's processes is named, whatever Ray itself says."""
    orphan = "(sleep 1000 & echo $! > {file}) ; printf %s"
    ray = world.directory / "bin" / "ray"
    file = world.directory / "orphan"
    ray.write_text(RAY.replace("printf %s", orphan.format(file=file), 1))
    shared = world.take(SMALL, "first")
    [warning] = world.finish(shared)
    assert f"process {file.read_text().strip()} sleep" in warning


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("crash", "What watches over the Ray cluster is lost: it ended: ValueError: it went wrong"),
        ("error", "Ray does not tell what lives on it: no raylet"),
        ("hang", "What watches over the Ray cluster is lost: it did not answer within 0.3 s"),
    ],
)
def test_a_cluster_that_cannot_be_looked_at_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, state: str, reason: str
) -> None:
    """An inspector that has died, is refused, or is silent: the cluster is replaced, and the reason told."""
    shared = world.take(SMALL, "first")
    shared.inspector.look()
    live(shared, **{state: True})
    if state == "hang":
        monkeypatch.setattr(inspector_module, "ANSWER_LIMIT_S", 0.3)
    findings = world.pool.examine(shared)
    assert findings == Findings(lost=reason)
    assert world.pool.give_back(shared, findings) == [
        f"The shared Ray cluster main-1 was lost, and is replaced: {reason}"
    ]
    assert world.released == [SMALL]


def test_a_cluster_that_dies_between_entries_is_replaced(world: World) -> None:
    """The next entry of its shape gets a new one, and a note that says why."""
    shared = world.take(SMALL, "first")
    world.finish(shared)
    os.kill(shared.cluster.pid, 9)
    while Path(f"/proc/{shared.cluster.pid}").exists():
        time.sleep(0.01)
    after = world.take(SMALL, "after")
    assert after.name == "main-2"
    assert world.released == []  # its successor has it
    assert after.notes[0].startswith("The Ray cluster main-1, which it would have shared with first, was not usable")
    assert world.finish(after) == []
    assert world.take(SMALL, "last").notes == []


def test_what_appears_between_entries_is_not_handed_on(world: World) -> None:
    """A cluster that was clean when it was given back, and is not any more, is replaced."""
    shared = world.take(SMALL, "first")
    world.finish(shared)
    live(shared, actors=[LEFT_ACTOR])
    assert "actor Leaker appeared on it" in world.take(SMALL, "after").notes[0]


def test_idle_clusters_can_be_dropped(world: World) -> None:
    """What idle ones hold becomes free for others; the one in use stays."""
    world.finish(world.take(SMALL, "first"))
    busy = world.take(LARGE, "second")
    assert world.pool.drop_idle() == []
    assert world.released == [SMALL]
    assert busy.cluster.alive()
    assert world.pool.close() == []
    assert world.released == [SMALL, LARGE]
    assert not busy.cluster.alive()


def test_a_start_that_fails_leaves_the_pool_usable(world: World) -> None:
    """The error is the start's own, and the next entry tries anew."""
    ray = world.directory / "bin" / "ray"
    ray.write_text("#!/bin/sh\necho 'ValueError: not today'; exit 1\n")
    with pytest.raises(ClusterError, match="ValueError: not today"):
        world.take(SMALL, "first")
    ray.write_text(RAY)
    assert world.take(SMALL, "second").name == "main-2"


def test_an_inspector_that_never_connects(world: World, tmp_path: Path) -> None:
    """Its last words are told; every later question fails the same way, and at once."""
    world.program.write_text("print('ModuleNotFoundError: No module named ray')\n")
    inspector = world.inspector(tmp_path)
    for _ in range(2):
        with pytest.raises(ClusterError, match="lost: it ended: ModuleNotFoundError: No module named ray"):
            inspector.look()
    inspector.stop()
    inspector.stop()
