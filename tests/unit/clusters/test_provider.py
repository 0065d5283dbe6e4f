# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a cluster means for a run's result, and which logs are kept: providers around stand-ins for clusters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.existing import probe as probe_module
from pytest_curator_bench.clusters.existing.cluster import ClusterFacts, NodeFacts
from pytest_curator_bench.clusters.jobs.order import JOB_NAME, JobReport
from pytest_curator_bench.clusters.local import ClusterSpec, LocalCluster
from pytest_curator_bench.clusters.provider import (
    ClusterProvider,
    ClusterStart,
    ExistingProvider,
    FreshProvider,
    SharedProvider,
)
from pytest_curator_bench.clusters.shared.pool import Findings
from pytest_curator_bench.config.schema_models import RaySettings
from pytest_curator_bench.results.record import EntryResult

FACTS = ClusterFacts(
    address="10.0.0.1:6379",
    ray_version="2.60.0",
    python_version="3.11.7",
    here_ray_version="2.60.0",
    here_python_version="3.11.7",
    nodes=(NodeFacts(node_id="aabbccddee", address="10.0.0.1", alive=True, resources={"CPU": 16.0}),),
)


class StubCluster:
    """A local cluster without Ray."""

    spec = ClusterSpec(num_cpus=2)
    num_cpus = 2
    object_store_bytes = 10**8
    start_time_s = 1.5

    def __init__(self) -> None:
        self.warnings: tuple[str, ...] = ("slow",)
        self.is_alive = True
        self.kept: list[tuple[Path | None, str]] = []

    def alive(self) -> bool:
        """Until the test says otherwise."""
        return self.is_alive

    def failure_summary(self) -> tuple[str, str]:
        """As Ray would."""
        return "raylet [exit code=1]", "more"

    def stop(self, *, keep_logs_in: Path | None, stop_timeout_s: float, data_logs_only: bool) -> None:
        """Note where logs go."""
        del stop_timeout_s
        self.kept.append((keep_logs_in, "data" if data_logs_only else "all"))
        self.warnings += ("partly kept",)

    def copy_logs(self, logs_dir: Path, *, log_file: Path, limit_s: float) -> str | None:
        """Note where logs go."""
        del log_file, limit_s
        self.kept.append((logs_dir, "all"))
        return None

    def data_log_sizes(self) -> dict[Path, int]:
        """What an earlier entry has left."""
        return {Path("ray-data.log"): 7}

    def copy_data_logs(self, logs_dir: Path, *, begins: dict[Path, int], limit_s: float) -> str | None:
        """Note where logs go."""
        del limit_s
        self.kept.append((logs_dir, f"data from {begins[Path('ray-data.log')]}"))
        return None


class StubStart:
    """Hands out the cluster."""

    spec = StubCluster.spec

    def __init__(self, cluster: StubCluster) -> None:
        self._cluster = cluster

    def start(self, log_file: Path) -> LocalCluster:
        """At once."""
        del log_file
        return cast("LocalCluster", self._cluster)


class StubShared:
    """A shared cluster that an earlier entry has used."""

    name = "main-1"
    entries = ("first", "second")
    notes = ("replaced",)

    def __init__(self, cluster: StubCluster) -> None:
        self.cluster = cluster


class StubPool:
    """A pool of one, with what it will find."""

    def __init__(self, cluster: StubCluster, findings: Findings) -> None:
        self._shared = StubShared(cluster)
        self._findings = findings

    def take(self, *_: Any, **__: Any) -> StubShared:
        """The one."""
        return self._shared

    def examine(self, _: StubShared) -> Findings:
        """As the test says."""
        return self._findings

    def give_back(self, _: StubShared, findings: Findings) -> list[str]:
        """What a pool says of a lost cluster."""
        return [findings.lost] if findings.lost else []


def fresh(cluster: StubCluster, *, keep_logs: bool = False) -> FreshProvider:
    """A provider of the cluster, which it has acquired."""
    start = cast("ClusterStart", StubStart(cluster))
    provider = FreshProvider(start=start, entry_dir=Path("/entry"), keep_logs=keep_logs)
    provider.acquire()
    return provider


def shared(cluster: StubCluster, findings: Findings) -> SharedProvider:
    """The same from a pool."""
    stubs: dict[str, Any] = {"pool": StubPool(cluster, findings), "start": StubStart(cluster)}
    provider = SharedProvider(
        **stubs,
        entry="second",
        request=cast("Any", None),
        lease=cast("Any", None),
        entry_dir=Path("/entry"),
        run_dir=Path("/run"),
        keep_logs=False,
    )
    provider.acquire()
    return provider


def existing(
    monkeypatch: pytest.MonkeyPatch, settings: RaySettings, *later: ClusterFacts | ClusterError
) -> ExistingProvider:
    """A provider of a running cluster; what later probes find."""
    monkeypatch.setattr(probe_module, "is_reachable", lambda _: True)
    answers = iter([FACTS, *later])

    def probe(*_: Any, **__: Any) -> ClusterFacts:
        answer = next(answers)
        if isinstance(answer, ClusterError):
            raise answer
        return answer

    monkeypatch.setattr(probe_module, "probe", probe)
    provider = ExistingProvider(settings=settings)
    provider.acquire()
    return provider


def result(directory: Path = Path("/entry"), **changes: Any) -> EntryResult:
    """A run's result."""
    values: dict[str, Any] = {
        "name": "second",
        "session_name": "s",
        "status": "passed",
        "timeout_s": 60,
        "nodeid": "config.yaml::second",
        "entry_dir": str(directory),
        "stdouterr_file": str(directory / "stdouterr.log"),
    }
    return EntryResult(**values | changes)


def test_facts_and_warnings_of_a_local_cluster() -> None:
    """They say whether it was shared; notes about it are warnings."""
    cluster = StubCluster()
    own = fresh(cluster).outcome(result(warnings=["w"]))
    facts = own.resources["ray"]
    assert (facts["scope"], facts["reused"], facts["shared_name"], facts["num_cpus"]) == ("entry", False, None, 2)
    assert own.warnings == ("w", "slow")
    common = shared(cluster, Findings()).outcome(result())
    facts = common.resources["ray"]
    assert (facts["scope"], facts["reused"], facts["shared_name"]) == ("session", True, "main-1")
    assert common.warnings == ("slow", "replaced")


def test_a_script_is_not_to_blame_for_a_dead_cluster() -> None:
    """A failure is an error of Ray's then; so is a timeout, and a pass, whose figures nobody can trust."""
    cluster = StubCluster()
    cluster.is_alive = False
    provider: ClusterProvider = fresh(cluster)
    failed = provider.outcome(result(status="failed", reason="exit-code", error="exit status 1"))
    assert (failed.status, failed.reason) == ("error", "ray")
    assert failed.error == "The Ray cluster died while the script ran: raylet [exit code=1]\nmore"
    for status in ("passed", "timeout"):
        outcome = provider.outcome(result(status=status))
        assert (outcome.status, outcome.reason) == ("error", "ray")
    assert provider.outcome(result(status="interrupted")).status == "interrupted"


@pytest.mark.parametrize(
    ("passed", "keep_logs", "kept"),
    [(True, False, "data"), (True, True, "all"), (False, False, "all")],
)
def test_logs_of_an_own_cluster(passed: bool, keep_logs: bool, kept: str) -> None:
    """All where the entry did not pass or the config asks for it, else Ray Data's; a stop's warnings are returned."""
    cluster = StubCluster()
    assert fresh(cluster, keep_logs=keep_logs).release(passed=passed) == ("partly kept",)
    assert cluster.kept == [(Path("/entry/ray"), kept)]


@pytest.mark.parametrize(("findings", "passed"), [(Findings(), False), (Findings(lost="gone"), True)])
def test_logs_of_a_shared_cluster(findings: Findings, passed: bool) -> None:
    """All where the entry did not pass or the cluster is lost, else what the entry added to Ray Data's."""
    cluster = StubCluster()
    assert shared(cluster, findings).release(passed=passed) == ([findings.lost] if findings.lost else [])
    assert cluster.kept == [(Path("/entry/ray"), "all")]
    assert shared(cluster, Findings()).release(passed=True) == []
    assert cluster.kept[1:] == [(Path("/entry/ray"), "data from 7")]


def test_a_running_cluster_that_loses_a_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A failed entry is an error that names the node, or says that the cluster is gone; it is left alone."""
    dead = replace(FACTS, nodes=(replace(FACTS.nodes[0], alive=False, reason="killed"),))
    gone = ClusterError("no cluster answers")
    provider = existing(monkeypatch, RaySettings(address="10.0.0.1:6379"), dead, gone, FACTS)
    failed = result(tmp_path, status="failed", error="exit status 1")
    named = provider.outcome(failed)
    assert (named.status, named.reason) == ("error", "ray")
    assert named.error == (
        "A node of the cluster at 10.0.0.1:6379 died while the script ran: 10.0.0.1 (aabbccdd): killed\nexit status 1"
    )
    assert (
        provider.outcome(failed).error == "The cluster was lost while the script ran: no cluster answers\nexit status 1"
    )
    assert provider.outcome(failed).status == "failed"
    assert provider.outcome(result(tmp_path)).resources["ray"]["address"] == "10.0.0.1:6379"
    assert provider.release(passed=False) == ()


def test_a_running_cluster_that_is_gone_after_a_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, closed_port: int
) -> None:
    """It is probed only where nobody takes connections any more: then the pass is an error, too."""
    facts = replace(FACTS, address=f"127.0.0.1:{closed_port}")
    monkeypatch.setitem(globals(), "FACTS", facts)
    is_reachable = probe_module.is_reachable
    provider = existing(monkeypatch, RaySettings(address=facts.address), ClusterError("no cluster answers"))
    monkeypatch.setattr(probe_module, "is_reachable", is_reachable)
    lost = provider.outcome(result(tmp_path))
    assert (lost.status, lost.reason) == ("error", "ray")
    assert lost.error == "The cluster was lost while the script ran: no cluster answers"


def test_a_job_brings_its_own_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Times and exit status are the script's; without a report nobody knows what became of it."""
    provider = existing(monkeypatch, RaySettings(job="http://10.0.0.1:8265"), FACTS, FACTS)
    unknown = provider.outcome(result(tmp_path, status="failed", error="SIGKILL", exec_time_s=9.0))
    assert (unknown.status, unknown.reason, unknown.exec_time_s) == ("error", "ray", None)
    assert unknown.error == ("Job outcome unknown: the local process that followed it exited unexpectedly.\nSIGKILL")
    summary = {
        "exec_time_s": 1.5,
        "returncode": 0,
        "hostname": "node",
        "python_version": "3.11.7",
        "ended": ["7 sleep"],
    }
    report = JobReport(url="u", submission_id="s-1", command=["python", "x.py"], summary=summary)
    (tmp_path / JOB_NAME).write_text(json.dumps(report.to_dict()))
    known = provider.outcome(result(tmp_path, exec_time_s=9.0))
    assert (known.status, known.exec_time_s, known.command_line) == ("passed", 1.5, "python x.py")
    assert (known.resources["ray"]["submission_id"], known.resources["ray"]["driver"]) == ("s-1", "node")
    assert known.warnings == ("The script left processes running, which were ended: 7 sleep",)
