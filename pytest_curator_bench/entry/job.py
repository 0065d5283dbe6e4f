# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries on clusters that are already running: ``ray.address`` and ``ray.job``."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.existing.cluster import (
    ClusterNeeds,
    ExistingCluster,
    client_environment,
    lost_nodes,
    uses_existing_cluster,
)
from pytest_curator_bench.clusters.existing.probe import probe
from pytest_curator_bench.clusters.jobs.order import ORDER_VARIABLE, JobOrder, JobReport, new_job_dir
from pytest_curator_bench.clusters.programs import module_command, module_environment
from pytest_curator_bench.entry.execute import build_command
from pytest_curator_bench.plugin.context import find_script

if TYPE_CHECKING:
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.execute import EntryPlan
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["find_cluster", "job_plan", "uses_existing_cluster", "with_existing_fate"]

# The cluster takes some 15 s to notice that a node has died; waited for only where the log speaks of such a thing.
NOTICE_LIMIT_S = 25.0
NOTICE_INTERVAL_S = 2.0
_LOG_TAIL_BYTES = 32 * 1024
_SPEAKS_OF_LOSS = re.compile(
    r"(NodeDied|ActorDied|ActorUnavailable|WorkerCrashed|ObjectLost|OwnerDied|LocalRayletDied|RaySystem)Error"
    r"|\bnode\b.{0,80}\b(died|dead|removed|terminated|preempted)\b",
    re.IGNORECASE,
)


def find_cluster(entry: Entry) -> ExistingCluster:
    """The cluster that the entry names, after a look at it; raises ClusterError if it will not do."""
    ray = entry.ray
    if ray is None or (address := ray.job or ray.address) is None:
        raise ValueError(f"entry {entry.name} names no cluster")
    is_job = ray.job is not None
    needs = ClusterNeeds(
        num_cpus=ray.num_cpus, num_gpus=ray.num_gpus, object_store_bytes=ray.object_store_memory, is_job=is_job
    )
    environment = client_environment(os.environ, os.environ)
    if address == "auto" and (named := os.environ.get("RAY_ADDRESS")):
        environment["RAY_ADDRESS"] = named
    facts = probe(address, is_job=is_job, environment=environment)
    return ExistingCluster(facts=facts, is_job=is_job, warnings=needs.check(facts))


def job_plan(context: BenchContext, entry: Entry, plan: EntryPlan, cluster: ExistingCluster) -> EntryPlan:
    """The plan whose script's place is taken by its job's part here; its arguments name directories there."""
    job_dir = new_job_dir()
    results_dir, scratch_dir = job_dir / "results", job_dir / "scratch"
    resolved = context.resolved(entry, results_dir, scratch_dir)
    script = find_script(resolved)
    order = JobOrder(
        name=entry.name,
        url=cluster.facts.address,
        entry_dir=plan.entry_dir,
        job_dir=job_dir,
        script=script,
        # Without the interpreter and the script, which are others there.
        args=tuple(build_command(script, resolved.args, results_dir)[2:]),
        env=dict(resolved.env),
        limit_s=plan.timeout_s,
        grace_s=plan.grace_s,
    )
    environment = client_environment(context.script_environment({}, None), os.environ)
    environment[ORDER_VARIABLE] = order.to_text()
    return dataclasses.replace(plan, command=module_command("jobs.submit"), environment=module_environment(environment))


def with_existing_fate(result: EntryResult, cluster: ExistingCluster) -> EntryResult:
    """The result with what is known of the cluster; a script that failed because it lost nodes is not to blame."""
    result = dataclasses.replace(
        result,
        warnings=[*result.warnings, *cluster.warnings],
        resources={**result.resources, "ray": cluster.facts.record()},
    )
    if cluster.is_job:
        result = _with_report(result, JobReport.read(Path(result.entry_dir)))
    if result.status not in {"failed", "timeout", "error"}:
        return result
    loss = _loss(cluster, Path(result.stdouterr_file))
    if loss is None:
        return result
    return dataclasses.replace(result, status="error", reason="ray", error=f"{loss}\n{result.error or ''}".strip())


def _with_report(result: EntryResult, report: JobReport | None) -> EntryResult:
    """The result with the script's own figures, as measured where it ran, in place of those of its job's part here."""
    if report is None:
        if result.status != "failed":
            return dataclasses.replace(result, exec_time_s=None)
        error = "Job outcome unknown: the local process that followed it exited unexpectedly."
        error = f"{error}\n{result.error or ''}".strip()
        return dataclasses.replace(result, status="error", reason="ray", exec_time_s=None, error=error)
    summary = report.summary
    ray = {**result.resources["ray"], "submission_id": report.submission_id}
    if summary.get("hostname"):
        ray["driver"] = summary["hostname"]
        ray["python_version"] = summary["python_version"]
    warnings = [*result.warnings, *report.warnings]
    if summary.get("ended") and not summary.get("stopped"):
        warnings.append(f"The script left processes running, which were ended: {', '.join(summary['ended'])}")
    result = dataclasses.replace(
        result,
        exec_time_s=summary.get("exec_time_s"),
        started_at=summary.get("started_at"),
        finished_at=summary.get("finished_at"),
        returncode=summary.get("returncode"),
        signal=summary.get("signal"),
        command=report.command,
        command_line=shlex.join(report.command),
        resources={"cpu_time_s": summary.get("cpu_time_s"), "max_rss_bytes": summary.get("max_rss_bytes"), "ray": ray},
        warnings=warnings,
    )
    if report.problem is not None and result.status in {"failed", "error"}:
        return dataclasses.replace(result, status="error", reason="ray", error=report.problem)
    return result


def _loss(cluster: ExistingCluster, log_file: Path) -> str | None:
    """One sentence about what the cluster has lost since the entry began, if it has."""
    facts = cluster.facts
    environment = client_environment(os.environ, os.environ)
    deadline = time.monotonic() + (NOTICE_LIMIT_S if _speaks_of_loss(log_file) else 0)
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


def _speaks_of_loss(log_file: Path) -> bool:
    """Whether the end of the script's log says that Ray has lost something."""
    return any(map(_SPEAKS_OF_LOSS.search, log_tail(log_file, max_bytes=_LOG_TAIL_BYTES)))
