# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Retries and turns of entries with a real Ray cluster: a fresh one each time, and nothing left of any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_entries_on_ray import mark
from tests.support.processes import marked

if TYPE_CHECKING:
    from tests.support.bench_project import Project

__all__ = ["mark"]

pytestmark = pytest.mark.curator


def test_a_cluster_that_does_not_start_is_tried_again(project: Project, mark: str) -> None:
    """Ray's start fails twice: two attempts, one error in setup with one sentence each; the script never runs."""
    project.config("entries:\n  - {name: a, script: ray_script.py, retries: 1, ray: {object_store_memory: 2000000}}\n")
    result = project.run()
    result.assert_outcomes(errors=1)
    data = project.result("a")
    assert [(attempt["status"], attempt["reason"]) for attempt in data["attempts"]] == [("error", "ray")] * 2
    assert (data["status"], data["reason"], data["exec_time_s"]) == ("error", "ray", None)
    result.stdout.no_fnmatch_line("*Traceback*")
    assert (project.session_dir / "a" / "attempt-1" / "results.json").exists()
    result.stdout.fnmatch_lines(["a: attempt 1 of 2: error: *", "*1 error*"])
    assert not marked(mark)


def test_runs_share_a_cluster_unless_they_take_turns(project: Project, mark: str) -> None:
    """One cluster for all runs of an entry; with --bench-interleave one for each run."""
    project.config(
        "object_store_size: 150000000\nentries:\n"
        "  - {name: a, script: ray_script.py, repeat: 2, ray: {num_cpus: 1}}\n"
        "  - {name: b, script: ok.py, repeat: 2}\n"
    )
    for extra, clusters in (((), 1), (("--bench-interleave",), 2)):
        project.run("--bench-session", f"s{clusters}", *extra).assert_outcomes(passed=2)
        entry_dir = project.path / "results" / f"s{clusters}" / "a"
        runs = [json.loads((entry_dir / f"run-{number}" / "params.json").read_text()) for number in (1, 2)]
        assert len({run["address"] for run in runs}) == clusters
        assert not (entry_dir / "ray").exists()
    assert not marked(mark)
