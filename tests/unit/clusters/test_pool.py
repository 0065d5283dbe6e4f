# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The pool of shared clusters, their leases and inspectors, around stand-ins for Ray's command line and inspector."""

from __future__ import annotations

import contextlib
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
from pytest_curator_bench.resources.allocation import ResourceRequest
from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE, read_capacity
from pytest_curator_bench.resources.registry import LeaseRegistry
from pytest_curator_bench.resources.state_file import DIRECTORY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_curator_bench.resources.registry import Lease

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
    if request["do"] == "inventory" and "error" not in world:
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
    """A pool, what it needs to start clusters, and our leases of a machine of 4 CPUs beside somebody else's."""

    def __init__(
        self, directory: Path, supervisor: Supervisor, address: str, ours: LeaseRegistry, others: LeaseRegistry
    ) -> None:
        self.directory = directory
        self.supervisor = supervisor
        self.pool = ClusterPool("main")
        self.ours = ours
        self.others = others
        self.env = {**os.environ, "STUB_ADDRESS": address}
        self.program = directory / "inspector.py"
        self.program.write_text(INSPECTOR)

    def lease(self, spec: ClusterSpec, entry: str) -> Lease:
        """The lease of an entry that takes a cluster next: lent or acquired."""
        request = request_for(spec)
        return self.pool.lend(spec, request) or self.ours.acquire(request, entry)

    def take(self, spec: ClusterSpec, entry: str, lease: Lease | None = None) -> SharedCluster:
        """A cluster for an entry."""

        def start(name: str) -> tuple[LocalCluster, Inspector]:
            cluster = LocalCluster.start(
                spec,
                supervisor=self.supervisor,
                log_file=self.directory / f"{name}.log",
                start_timeout_s=30,
                env=self.env,
            )
            return cluster, self.inspector(cluster.private_dir)

        lease = lease or self.lease(spec, entry)
        return self.pool.take(spec, entry, start, request=request_for(spec), lease=lease)

    def others_get(self, cpus: int) -> bool:
        """Whether somebody else would get so many CPUs now."""
        lease = self.others.try_acquire(ResourceRequest(cpus=cpus, gpus=0, object_store_bytes=0), "other")
        if lease is not None:
            lease.release()
        return lease is not None

    def inspector(self, directory: Path) -> Inspector:
        """The stand-in."""
        return Inspector.start(
            directory,
            supervisor=self.supervisor,
            env=self.env,
            cwd=self.directory,
            command=[sys.executable, "-P", str(self.program)],
        )

    def finish(self, shared: SharedCluster) -> list[str]:
        """Examine the cluster, give it back, and release the entry's lease."""
        try:
            return self.pool.give_back(shared, self.pool.examine(shared))
        finally:
            shared.entry_lease.release()


def request_for(spec: ClusterSpec) -> ResourceRequest:
    """What a cluster of this spec takes of the machine."""
    return ResourceRequest(cpus=spec.num_cpus, gpus=0, object_store_bytes=0)


def live(shared: SharedCluster, **things: Any) -> None:
    """Let these things live on a cluster."""
    (shared.cluster.private_dir / "world.json").write_text(json.dumps(things))


def asked(shared: SharedCluster) -> list[dict[str, Any]]:
    """What the cluster's inspector was asked besides to look."""
    lines = (shared.cluster.private_dir / "asked").read_text().splitlines()
    return [request for request in map(json.loads, lines) if request["do"] != "inventory"]


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
    environ = {SIMULATED_VARIABLE: "cpus=4,gpus=0,memory=1000000000", DIRECTORY_VARIABLE: str(tmp_path / "leases")}
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        ours, others = (LeaseRegistry(read_capacity(environ), environ) for _ in range(2))
        stack.callback(ours.close)
        stack.callback(others.close)
        made = World(tmp_path, supervisor, f"127.0.0.1:{service.getsockname()[1]}", ours, others)
        yield made
        assert made.pool.close() == []
        assert made.others_get(4)
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


def test_a_lease_outlives_its_entry(world: World) -> None:
    """The entry's lease ends, the cluster's does not; the next entry gets the same; the cluster's end frees it."""
    first = world.take(LARGE, "first").entry_lease
    world.finish(world.pool._clusters[LARGE])
    assert first.released_at is not None
    assert not world.others_get(3)
    shared = world.take(LARGE, "second")
    second = shared.entry_lease
    assert (second.cpus, second.environment(), second.released_at) == (first.cpus, first.environment(), None)
    assert second.granted_at >= first.released_at
    world.finish(shared)
    assert not world.others_get(3)
    world.pool.drop_idle()
    assert world.others_get(4)


def test_a_cluster_that_stops_ends_its_entrys_lease(world: World) -> None:
    """A dirty cluster is stopped before its entry is torn down: the recorded interval ends before others begin."""
    shared = world.take(LARGE, "first")
    world.pool.give_back(shared, Findings(left=("actor Leaker",)))
    other = world.others.acquire(ResourceRequest(cpus=4, gpus=0, object_store_bytes=0), "other")
    assert shared.entry_lease.released_at is not None
    assert shared.entry_lease.released_at <= other.granted_at
    other.release()


def test_another_request_is_not_served(world: World) -> None:
    """An entry of the same spec that wants the machine for itself gets no part of it lent: the cluster stops."""
    shared = world.take(SMALL, "first")
    world.finish(shared)
    assert world.pool.lend(LARGE, request_for(LARGE)) is None
    assert shared.cluster.alive()
    alone = ResourceRequest(cpus=1, gpus=0, object_store_bytes=0, alone=True)
    assert world.pool.lend(SMALL, alone) is None
    assert not shared.cluster.alive()
    assert world.others_get(4)


def test_a_cluster_whose_entry_was_interrupted_is_not_handed_out(world: World) -> None:
    """Nobody has examined it: it is stopped, and the next entry starts its own."""
    first = world.take(SMALL, "first")
    second = world.take(SMALL, "second")
    assert (second.name, second.entries) == ("main-2", ["second"])
    assert not first.cluster.alive()


def test_what_is_left_is_named_and_the_cluster_replaced(world: World) -> None:
    """The entry that left it is told; what was held for the cluster is released; the next gets another one."""
    shared = world.take(SMALL, "leaver")
    live(shared, actors=[LEFT_ACTOR], objects=2, object_bytes=10)
    [warning] = world.finish(shared)
    assert warning == (
        "It left things on the shared Ray cluster main-1, which is replaced therefore: actor Leaker. "
        "End them in the script, or set ray.scope to entry."
    )
    assert world.others_get(4)
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
        ("crash", "Lost contact with the Ray cluster inspector: it exited with: ValueError: it went wrong"),
        ("error", "Ray does not tell what lives on it: no raylet"),
        ("hang", "Lost contact with the Ray cluster inspector: it did not answer within 0.3 s"),
    ],
)
def test_a_cluster_that_cannot_be_looked_at_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, state: str, reason: str
) -> None:
    """An inspector that has died, is refused, or is silent: the cluster is replaced, and the reason told."""
    shared = world.take(SMALL, "first")
    shared.inspector.inventory()
    live(shared, **{state: True})
    if state == "hang":
        monkeypatch.setattr(inspector_module, "ANSWER_LIMIT_S", 0.3)
    findings = world.pool.examine(shared)
    assert findings == Findings(lost=reason)
    assert world.pool.give_back(shared, findings) == [
        f"The shared Ray cluster main-1 was lost, and is replaced: {reason}"
    ]
    assert world.others_get(4)


def test_a_cluster_that_dies_between_entries_is_replaced(world: World) -> None:
    """The next entry of its shape gets a new one, and a note that says why."""
    shared = world.take(SMALL, "first")
    world.finish(shared)
    os.kill(shared.cluster.pid, 9)
    while Path(f"/proc/{shared.cluster.pid}").exists():
        time.sleep(0.01)
    after = world.take(SMALL, "after")
    assert after.name == "main-2"
    assert not world.others_get(4)  # its successor has its lease
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
    assert not world.others_get(2)
    world.pool.drop_idle()
    assert world.others_get(2)
    assert busy.cluster.alive()
    assert world.pool.close() == []
    assert world.others_get(4)
    assert not busy.cluster.alive()


def test_a_start_that_fails_leaves_the_pool_usable(world: World) -> None:
    """The error is the start's own, and the next entry tries anew."""
    ray = world.directory / "bin" / "ray"
    ray.write_text("#!/bin/sh\necho 'ValueError: not today'; exit 1\n")
    lease = world.lease(SMALL, "first")
    with pytest.raises(ClusterError, match="ValueError: not today"):
        world.take(SMALL, "first", lease)
    lease.release()
    ray.write_text(RAY)
    assert world.take(SMALL, "second").name == "main-2"


def test_an_inspector_that_never_connects(world: World, tmp_path: Path) -> None:
    """Its last words are told; every later question fails the same way, and at once."""
    world.program.write_text("print('ModuleNotFoundError: No module named ray')\n")
    inspector = world.inspector(tmp_path)
    for _ in range(2):
        with pytest.raises(ClusterError, match="inspector: it exited with: ModuleNotFoundError: No module named ray"):
            inspector.inventory()
    inspector.stop()
    inspector.stop()
