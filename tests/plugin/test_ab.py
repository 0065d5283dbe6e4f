# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries under several interpreters, in turns (``--bench-ab``)."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.environments import make_environment, packages_of

if TYPE_CHECKING:
    from tests.support.bench_project import Project

# What it measures, and whether it fails, stands in its interpreter's own environment.
OF_ITS_ENVIRONMENT = """
import json, os, pathlib, pickle, shutil, sys
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
assert shutil.which("python") == f"{sys.prefix}/bin/python" and os.environ["VIRTUAL_ENV"] == sys.prefix
with open(sys.argv[1], "a") as file:
    file.write(f"{pathlib.Path(sys.prefix).name} {out.name}\\n")
factor, failing = pathlib.Path(sys.prefix, "facts").read_text().split()
if out.name == failing == sys.argv[2]:
    sys.exit(3)
metrics = {"work_s": float(factor) * int(out.name[-1]), "num_docs": 5}
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps(metrics))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
"""


def interpreters(project: Project, **facts: str) -> list[str]:
    """Options for environments of these names."""
    options = []
    for name, fact in facts.items():
        python = make_environment(project.path / name)
        (project.path / name / "facts").write_text(fact)
        options += ["--bench-ab", f"{name}={python}"]
    return options


def turns(project: Project) -> list[str]:
    """Which runs there were, in order."""
    return (project.path / "turns").read_text().splitlines()


def config(project: Project, more: str = "") -> None:
    """An entry of three runs, one of two of which the last may fail, and others."""
    project.script("of_its_environment.py", OF_ITS_ENVIRONMENT)
    args = f"script: of_its_environment.py, args: ['{project.path / 'turns'}'"
    project.config(
        f"entries:\n  - {{name: cc, {args}, none], repeat: 3, warmup: 1}}\n"
        f"  - {{name: ff, {args}, run-2], repeat: 2}}\n"
        f"  - {{name: dd, script: ok.py}}\n"
        f"  - {{name: mm, script: ok.py, matrix: {{size: [1, 2]}}, args: '--metric {{matrix:size}}'}}\n{more}"
    )


def test_pairs_of_two_environments(project: Project) -> None:
    """Runs take turns, each is an entry that says where it ran, and the summary has the ratio, as later ``show`` has.

    Of an entry whose one side fails, the pairs before that are compared.
    """
    config(project)
    result = project.run(*interpreters(project, main="1 none", pr="1.1 run-2"), "-k", "cc or ff")
    result.assert_outcomes(passed=3, failed=1, deselected=6)
    assert result.ret == 1
    assert turns(project) == [
        *("main warmup-1", "main run-1", "pr warmup-1", "pr run-1"),
        *(f"{side} run-{number}" for number in (2, 3) for side in ("main", "pr")),
        *(f"{side} run-{number}" for number in (1, 2) for side in ("main", "pr")),
    ]
    lines = [
        *("pr against main", "cc (3 pairs)*", "*work_s *worse *1.100 *1.100 to 1.100 *2 s *2.2 s"),
        *("ff (1 pair)*", "*work_s *unsure *1.100 *unknown *1 s *1.1 s"),
        "ff: 1 of 2 pairs left out: ff@pr: run-2 failed (exit-code)",
        "ff: one pair has no interval: set repeat to 5 or more",
        "geometric mean of the ratios of exec_time_s, 2 entries: *",
    ]
    result.stdout.fnmatch_lines(["*interpreter pr: *pr/bin/python (Python 3*", *lines])
    found = project.result("cc@pr")
    python = str(project.path / "pr" / "bin" / "python")
    assert found["command"][0] == python
    assert found["interpreter"] == {
        "name": "pr",
        "position": 2,
        "entry": "cc",
        "python": python,
        "versions": {"python": platform.python_version(), "ray": None, "nemo_curator": None},
        "nemo_curator_commit": None,
        "nemo_curator_dirty": False,
    }
    shown = project.pytester.run(sys.executable, "-m", "pytest_curator_bench", "show", "--results", "results")
    shown.stdout.fnmatch_lines(lines)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--bench-entry", "cc"), ["cc@own", "cc@own-again"]),
        (("--bench-entry", "mm[1],dd@own"), ["dd@own", "mm[1]@own", "mm[1]@own-again"]),
        (("-k", "dd and again"), ["dd@own-again"]),
        ((), ["cc@own", "cc@own-again", "ff@own", "ff@own-again", "dd@own", "dd@own-again", *(f"mm[{n}]@own{a}" for n in (1, 2) for a in ("", "-again"))]),
    ],
)  # fmt: skip
def test_entries_are_selected_by_their_name_or_for_one_interpreter(
    project: Project, words: tuple[str, ...], names: list[str]
) -> None:
    """The own interpreter twice is what there is without another one."""
    config(project)
    result = project.run_here("--bench-ab-null", "--collect-only", "-q", *words)
    found = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert found == names
    if "cc" in names[0]:
        return
    result.stdout.fnmatch_lines(["curator-bench A/B: one pair has no interval, set repeat (5 or more): *dd*"])


def test_node_ids_select_both_sides(project: Project) -> None:
    """The name of an entry, and that of all variants of a matrix."""
    config(project)
    ids = [f"benchmarks/config.yaml::{name}" for name in ("dd", "mm[2]@own")]
    options = ("--bench-config", "benchmarks/config.yaml", "--bench-ab-null", "--collect-only", "-q")
    result = project.pytester.runpytest_inprocess(*ids, *options)
    found = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert found == ["dd@own", "dd@own-again", "mm[2]@own"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--bench-ab a=b --bench-ab b", "--bench-ab b: expected NAME=PYTHON, *such as main=/envs/main/bin/python"),
        ("--bench-ab a/b=c --bench-ab b=c", "--bench-ab a/b=c: expected NAME=PYTHON*"),
        ("--bench-ab a=b --bench-ab a=c", "--bench-ab a=c: a is given twice: give each its own name"),
        ("--bench-ab a=b", "--bench-ab a=b: nothing to compare it with*"),
        ("--bench-ab a=none --bench-ab b=none", "--bench-ab a=none: */none can't be run (No such file or directory)"),
        ("--bench-ab-null -n 2", "--bench-ab-null needs one process, in which runs take turns: leave -n out"),
        ("--bench-ab-null --bench-shard 1/2", "--bench-ab-null needs all runs on one machine*"),
        ("--bench-ab-null --bench-interleave", "--bench-ab-null lets runs take turns by itself*"),
        (
            "--bench-ab-null --bench-ab taken=PYTHON",
            "--bench-ab taken: there is an entry dd@taken: choose another name",
        ),
        (
            "--bench-ab-null --bench-entry cc@x",
            "--bench-entry cc@x: no enabled entry has this name; did you mean cc or cc@own?",
        ),
    ],
)
def test_what_cannot_be_compared_is_one_error(project: Project, words: str, problem: str) -> None:
    """Before anything runs."""
    config(project, "  - {name: dd@taken, script: ok.py}\n")
    result = project.run_here(*words.replace("PYTHON", sys.executable).split())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {problem}"])


def test_each_interpreter_has_its_own_nemo_curator_and_ray(project: Project) -> None:
    """A dry run shows the placeholder's value; an entry with Ray fails where that is not installed."""
    config(project, "  - {name: rr, script: '{curator_repo_dir}/s.py', ray: {num_cpus: 1}}\n")
    options = interpreters(project, main="1 -", pr="1 -")
    for side in ("main", "pr"):
        package = packages_of(project.path / side / "bin" / "python") / "nemo_curator"
        package.mkdir()
        (package.parent / "s.py").touch()
    result = project.run_here(*options, "-k", "rr", "--bench-dry-run")
    words = [word for line in result.outlines if line.startswith("  command: ") for word in line.split()]
    scripts = [str(Path(word).relative_to(project.path)) for word in words if word.endswith("/s.py")]
    assert [script.partition("/")[0] for script in scripts] == ["main", "pr"]
    python = project.path / "main" / "bin" / "python"
    result.stdout.fnmatch_lines([f"  by itself: CURATOR_BENCH_PYTHON={python} curator-bench run-script rr *"])
    result = project.run_here(*options, "-k", "rr")
    result.stderr.fnmatch_lines([f"*entries[[]rr@main[]].ray: Ray is not installed for {python}; pip install*"])


def test_a_job_elsewhere_has_no_interpreter_here(project: Project) -> None:
    """It would fail alone."""
    config(project, "  - {name: jj, script: ok.py, ray: {job: 'http://127.0.0.1:1'}}\n")
    result = project.run_here("--bench-ab-null", "--bench-dry-run", "--bench-entry", "jj,dd@own")
    problem = "error: *: entries[[]jj[]].ray.job: its script runs as a job elsewhere*leave it out of --bench-ab"
    result.stdout.fnmatch_lines(["dd@own", "jj@own", f"  {problem}", "jj@own-again"])
