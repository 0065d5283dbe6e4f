# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From an entry's ``ray`` section to what provides its cluster, and to its script's job there."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.entry.environment import diagnostics, script_environment
from pytest_curator_bench.entry.plan import script_arguments
from pytest_curator_bench.entry.preflight import key_of
from pytest_curator_bench.entry.resources import cluster_spec, request_for, shares_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_curator_bench.clusters.existing import ExistingCluster
    from pytest_curator_bench.clusters.provider import ClusterProvider
    from pytest_curator_bench.config.model import BenchConfig, Entry
    from pytest_curator_bench.entry.plan import EntryPlan
    from pytest_curator_bench.entry.services import Services
    from pytest_curator_bench.resources.registry import Lease

__all__ = ["cluster_provider", "job_plan", "named_errors"]


def cluster_provider(services: Services, entry: Entry, entry_dir: Path, lease: Lease) -> ClusterProvider | None:
    """Return what provides the entry's cluster, as its ``ray`` section says; ``None`` if it asks for none."""
    if entry.ray is None:
        return None
    from pytest_curator_bench.clusters.provider import ClusterStart, ExistingProvider, FreshProvider, SharedProvider

    if entry.ray.names_running_cluster:
        return ExistingProvider(settings=entry.ray)
    start = ClusterStart(
        spec=cluster_spec(entry, services.capacity.memory_bytes),
        supervisor=services.supervisor,
        environment=script_environment(
            lease.environment(),
            None,
            hidden=services.bench_config.secret_variables,
            interpreter=entry.interpreter,
        ),
        working_dir=services.working_dir,
        cpus=lease.affinity,
        timeout_s=entry.startup_timeout_s,
    )
    keep_logs = entry.ray.keep_logs is True
    if not shares_cluster(entry):
        return FreshProvider(start=start, entry_dir=entry_dir, keep_logs=keep_logs)
    return SharedProvider(
        pool=services.cluster_pool,
        start=start,
        entry=entry.name,
        request=request_for(entry, services.capacity),
        lease=lease,
        entry_dir=entry_dir,
        run_dir=services.session.run_dir,
        keep_logs=keep_logs,
    )


@contextlib.contextmanager
def named_errors(entry: Entry, display: Callable[[Path], str]) -> Iterator[None]:
    """Have an error of a cluster that the configuration names say where it does."""
    try:
        yield
    except ClusterError as error:
        if entry.ray is None or not entry.ray.names_running_cluster:
            raise
        key = "ray.job" if entry.ray.job is not None else "ray.address"
        problem = Problem(Place(entry.file, entry.line), f"{key_of(entry)}.{key}", error.sentence, "ray")
        raise type(error)(problem.shown(display), error.detail) from None


def job_plan(entry: Entry, bench_config: BenchConfig, plan: EntryPlan, cluster: ExistingCluster) -> EntryPlan:
    """Return the plan of a script that runs as a job elsewhere (``ray.job``).

    What runs here is the part that submits the job and follows it; the script's arguments name directories there.
    """
    from pytest_curator_bench.clusters.existing.cluster import client_environment
    from pytest_curator_bench.clusters.jobs.order import ORDER_VARIABLE, JobOrder, new_job_dir
    from pytest_curator_bench.clusters.programs import module_command, module_environment
    from pytest_curator_bench.clusters.proxies import direct_access

    job_dir = new_job_dir()
    results_dir, scratch_dir = job_dir / "results", job_dir / "scratch"
    resolved = bench_config.command_values(entry, session_entry_dir=results_dir, scratch_dir=scratch_dir)
    script = find_script(resolved)
    order = JobOrder(
        name=entry.name,
        url=cluster.facts.address,
        entry_dir=plan.entry_dir,
        job_dir=job_dir,
        script=script,
        args=tuple(script_arguments(resolved.args, results_dir)),
        env={**diagnostics(os.environ), **resolved.env},
        limit_s=plan.timeout_s,
        grace_s=plan.grace_s,
    )
    environment = client_environment(script_environment({}, None, hidden=bench_config.secret_variables), os.environ)
    environment |= direct_access(order.url, environment)
    environment[ORDER_VARIABLE] = order.to_text()
    return dataclasses.replace(
        plan,
        command=module_command("jobs.submit"),
        environment=module_environment(environment),
        recorded_environment=order.env,
    )
