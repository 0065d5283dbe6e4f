# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries whose script runs as a job on a cluster that is already running (``ray.job``)."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.existing.cluster import client_environment
from pytest_curator_bench.clusters.jobs.order import ORDER_VARIABLE, JobOrder, new_job_dir
from pytest_curator_bench.clusters.programs import module_command, module_environment
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.entry.plan import build_command, script_environment

if TYPE_CHECKING:
    from pytest_curator_bench.clusters.existing import ExistingCluster
    from pytest_curator_bench.config.model import BenchConfig, Entry
    from pytest_curator_bench.entry.plan import EntryPlan

__all__ = ["job_plan"]


def job_plan(entry: Entry, bench_config: BenchConfig, plan: EntryPlan, cluster: ExistingCluster) -> EntryPlan:
    """The plan whose script's place is taken by its job's part here; its arguments name directories there."""
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
        # Without the interpreter and the script, which are others there.
        args=tuple(build_command(script, resolved.args, results_dir)[2:]),
        env=dict(resolved.env),
        limit_s=plan.timeout_s,
        grace_s=plan.grace_s,
    )
    environment = client_environment(script_environment({}, None, hidden=bench_config.secret_variables), os.environ)
    environment[ORDER_VARIABLE] = order.to_text()
    return dataclasses.replace(plan, command=module_command("jobs.submit"), environment=module_environment(environment))
