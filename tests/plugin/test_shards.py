# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``--bench-shard`` in real pytest runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.bench_project import Project

FIVE = "entries:\n" + "".join(f"  - {{name: e{number}, script: ok.py}}\n" for number in range(5))
TWO = "entries: [{name: first, script: ok.py}, {name: second, script: ok.py}]\n"
LONG = "entries:\n  - {name: long, script: ok.py}\n" + "".join(
    f"  - {{name: e{number}, script: ok.py}}\n" for number in range(3)
)


def listed(project: Project, *args: str) -> set[str]:
    """The entries that a run would run."""
    result = project.run_here("--collect-only", "-q", *args)
    return {line.rpartition("::")[2] for line in result.outlines if "::" in line}


def test_all_shards_fill_one_session(project: Project) -> None:
    """Each entry runs once; a shard with nothing to do, here the first to come, passes; the session is whole."""
    project.config(TWO)
    outcomes = [project.run("--bench-session", "nightly", "--bench-shard", f"{number}/3") for number in (3, 2, 1)]
    assert [outcome.ret for outcome in outcomes] == [0] * 3
    outcomes[0].stdout.fnmatch_lines(["*curator-bench shard 3 of 3: 0 items*"])
    session = project.session()
    assert session["counts"] == {"passed": 2}
    assert (session["status"], session["exit_status"], len(session["runs"])) == ("finished", 0, 3)
    assert (project.session_dir / "env.json").exists()
    assert not (project.session_dir / "superseded").exists()


def took(project: Project, *, long: float, others: float) -> None:
    """Have the session before taken so many seconds."""
    for result in (project.path / "results" / "before").glob("*/results.json"):
        data = json.loads(result.read_text())
        result.write_text(json.dumps({**data, "exec_time_s": long if data["name"] == "long" else others}))


def test_the_split_is_pinned_by_the_first_job(project: Project) -> None:
    """Later jobs of the session go by the durations that the first one saw, whatever has happened since."""
    project.config(LONG)
    project.run("--bench-session", "before")
    took(project, long=10.0, others=1.0)
    args = ("--bench-session", "ci", "--bench-shard")
    project.run(*args, "1/2").assert_outcomes(passed=1, deselected=3)
    durations_s = json.loads((project.path / "results" / "ci" / "shards.json").read_text())["durations_s"]
    assert durations_s["long"] == 10
    # Had the second job looked for itself, it would now split otherwise.
    took(project, long=1.0, others=9.0)
    assert "long" not in listed(project, "--bench-session", "other", "--bench-shard", "1/2")
    project.run(*args, "2/2").assert_outcomes(passed=3, deselected=1)
    outcome = project.run(*args, "1/3")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    outcome.stderr.fnmatch_lines(["*session ci is split into 2 shards, and this run was told 3*"])


def test_without_a_session_the_split_is_by_name(project: Project) -> None:
    """Durations that change between two jobs' starts leave no entry out; a warning says so."""
    project.config(LONG)
    project.run("--bench-session", "before")
    took(project, long=10.0, others=1.0)
    first = project.run_here("--collect-only", "-q", "--bench-shard", "1/2")
    first.stdout.fnmatch_lines(["*--bench-shard without --bench-session splits by name, not by past durations*"])
    took(project, long=1.0, others=9.0)
    assert listed(project, "--bench-shard", "1/2") == {"e0", "e2"}
    assert listed(project, "--bench-shard", "2/2") == {"e1", "long"}


def test_shards_of_a_selection(project: Project) -> None:
    """What -k leaves is split; together the shards list each once, other tests in the first."""
    project.config(FIVE)
    (project.path / "benchmarks" / "test_other.py").write_text("def test_other(): pass\n")
    parts = [listed(project, "-k", "not e4 and not e3", "--bench-shard", f"{number}/2") for number in (1, 2)]
    assert "test_other" in parts[0]
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == {"e0", "e1", "e2", "test_other"}
    assert project.run_here("-k", "nothing", "--bench-shard", "1/2").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_under_xdist(project: Project) -> None:
    """Workers split as their controller says; an empty shard passes there, too."""
    project.config(TWO)
    args = ("--bench-session", "ci", "-n", "1", "--bench-shard")
    assert project.run(*args, "3/3").ret == 0
    project.run(*args, "1/3").assert_outcomes(passed=1)
    assert project.session()["counts"] == {"passed": 1}


def test_malformed(project: Project) -> None:
    """One line, exit status 4."""
    project.config(FIVE)
    result = project.run_here("--bench-shard", "4/3")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --bench-shard 4/3: expected K/N with K from 1 to N, such as 2/8"])
