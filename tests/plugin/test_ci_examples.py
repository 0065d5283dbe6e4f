# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The CI files in ``benchmarks/examples/ci``: their jobs' own commands, run side by side, fill one session.

That GitHub and GitLab can read the files is checked against their schemas, by check-jsonschema in ``tox``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from tests.support.processes import LIMIT_S

if TYPE_CHECKING:
    from tests.support.bench_project import Project

EXAMPLES = Path(__file__).parents[2] / "benchmarks" / "examples" / "ci"
SITE = """
results_dir: {results_dir}
sinks:
  - {{name: slack, webhook_url: '${{SLACK_WEBHOOK_URL}}'}}
"""
ENTRIES = "entries:\n" + "".join(f"  - {{name: e{number}, script: ok.py}}\n" for number in range(6))


class Job(NamedTuple):
    """One of the parallel jobs, as the CI system would start it."""

    command: str
    environment: dict[str, str]
    junit: str


def github() -> list[Job]:
    """The jobs of the workflow's matrix; expressions stand in ``env`` alone."""
    workflow: dict[str, Any] = yaml.safe_load((EXAMPLES / "github-actions.yaml").read_text())
    job = workflow["jobs"]["benchmarks"]
    steps = {step["name"]: step for step in job["steps"] if "name" in step}
    assert not any("${{" in step.get("run", "") for step in steps.values())
    jobs = []
    for shard in job["strategy"]["matrix"]["shard"]:
        values = {"matrix.shard": str(shard), "github.run_id": "77"}
        environment = {**workflow["env"], **job["env"]}
        jobs.append(
            Job(
                steps["Run shard"]["run"],
                {name: filled_in(str(text), values) for name, text in environment.items()},
                filled_in(steps["Keep JUnit"]["with"]["path"], values),
            )
        )
    return jobs


def filled_in(text: str, values: dict[str, str]) -> str:
    """What GitHub makes of its expressions: nothing, of a variable that is not there."""
    return re.sub(r"\$\{\{ *([\w.]+) *\}\}", lambda match: values.get(match[1], ""), text)


def gitlab() -> list[Job]:
    """The jobs that ``parallel`` makes; each has a directory of its own, so the JUnit file is renamed."""
    pipeline: dict[str, Any] = yaml.safe_load((EXAMPLES / "gitlab-ci.yaml").read_text())
    job = pipeline["nightly"]
    (command,) = job["script"]
    junit = job["artifacts"]["reports"]["junit"]
    assert f"--junitxml={junit}" in command
    return [
        Job(
            command.replace(junit, f"{index}.xml"),
            {
                "SELECT": pipeline["variables"]["SELECT"]["value"],
                "CI_PIPELINE_ID": "77",
                "CI_NODE_INDEX": str(index),
                "CI_NODE_TOTAL": str(job["parallel"]),
            },
            f"{index}.xml",
        )
        for index in range(1, job["parallel"] + 1)
    ]


@pytest.mark.parametrize("jobs", [github(), gitlab()], ids=["github", "gitlab"])
def test_the_jobs_fill_one_session(project: Project, jobs: list[Job]) -> None:
    """Each entry is run by one job and is in that job's JUnit file; the results are one session in the site's place."""
    project.config(ENTRIES, head=False)
    site = project.config(SITE.format(results_dir=project.path / "results"), "site config/site.yaml", head=False)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    processes = [
        subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", job.command],
            env={**os.environ, **job.environment, "BENCH_SITE_CONFIG": str(site), "PATH": path},
            cwd=project.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for job in jobs
    ]
    outputs = [process.communicate(timeout=LIMIT_S)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(jobs), "\n".join(outputs)
    assert project.session_dir.name == "nightly-77"
    session = project.session()
    assert (session["status"], session["counts"], len(session["runs"])) == ("finished", {"passed": 6}, 4)
    # The variable isn't set on the one system, and empty on the other: that sink is off, which is said.
    assert all("SLACK_WEBHOOK_URL" in output for output in outputs)
    cases = [case.get("name") for job in jobs for case in ET.parse(project.path / job.junit).iter("testcase")]  # noqa: S314 - made just now
    assert sorted(str(case) for case in cases) == [f"e{number}" for number in range(6)]
    assert all(project.result(f"e{number}")["status"] == "passed" for number in range(6))
