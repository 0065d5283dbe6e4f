# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Repeated runs through pytest: what is kept, judged and shown."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.bench_project import Project

# Its rate depends on which run it is: the first argument that is a list gives one for each.
VARY = """
import json, pathlib, pickle, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
values = json.loads(sys.argv[1])
kind, _, number = out.name.partition("-")
rate = values[int(number) - 1] if kind == "run" else -1
print("this is", out.name)
if len(sys.argv) > 4:
    scratch = pathlib.Path(sys.argv[2])
    assert not any(scratch.iterdir()), "scratch is not empty"
    (scratch / "left").write_text(out.name)
    with open(sys.argv[3], "a") as order:
        order.write(out.parent.name + " " + out.name + "\\n")
if rate == "hang":
    time.sleep(300)
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps({"rate": rate, "count": 5}))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
sys.exit(3 if rate == "bad" else 0)
"""

# What lies in the directory of a run.
FILES = {
    *("params.json", "metrics.json", "tasks.pkl", "tasks.json", "stdouterr.log", "results.json", "telemetry.csv"),
    "script_env.json",
}


@pytest.fixture
def varying(project: Project) -> Project:
    """A project with a script whose figures differ from run to run."""
    project.script("vary.py", VARY)
    return project


def files(project: Project, entry: str) -> set[str]:
    """What an entry's directory holds, hidden files left out."""
    root = project.session_dir / entry
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")}


@pytest.mark.parametrize("extra", [(), ("-n", "1")])
def test_each_run_is_kept_and_medians_are_judged(varying: Project, extra: tuple[str, ...]) -> None:
    """One item; a directory for each run; medians with their spread in result, table and JUnit; the median decides."""
    varying.config(
        """
        entries:
          - name: several
            script: vary.py
            args: ["[10, 40, 30]", "{scratch_dir}", order.txt]
            repeat: 3
            warmup: 1
            requirements: [{metric: rate, min_value: 25}, {metric: count, exact_value: 5, judge: all}]
          - name: worst
            script: vary.py
            args: ["[10, 40, 30]"]
            repeat: 3
            requirements: [{metric: rate, min_value: 20, judge: min}]
        """
    )
    result = varying.run("--junitxml=junit.xml", *extra)
    result.assert_outcomes(passed=1, failed=1)
    runs = ("warmup-1", "run-1", "run-2", "run-3")
    assert files(varying, "several") == {"results.json", "stdouterr.log"} | {f"{r}/{n}" for r in runs for n in FILES}
    data = varying.result("several")
    assert (data["status"], data["script_metrics"]) == ("passed", {"rate": 30, "count": 5})
    known = {"n": 3, "median": 30, "min": 10, "max": 40, "iqr": 15, "median_ci": [10, 40], "confidence": 0.75}
    assert data["statistics"]["rate"] == known
    assert data["exec_time_s"] == data["statistics"]["exec_time_s"]["median"]
    assert [(run["run"], run["measured"], run["metrics"]["rate"]) for run in data["runs"]] == [
        ("warmup-1", False, -1),
        ("run-1", True, 10),
        ("run-2", True, 40),
        ("run-3", True, 30),
    ]
    own = json.loads((varying.session_dir / "several" / "run-2" / "results.json").read_text())
    assert (own["script_metrics"]["rate"], own["entry_dir"]) == (40, str(varying.session_dir / "several" / "run-2"))
    assert "this is run-2" in (varying.session_dir / "several" / "run-2" / "stdouterr.log").read_text()
    assert varying.result("worst")["error"] == "rate = 10 (min of 3 runs), must be at least 20 (50 % too low)"
    result.stdout.fnmatch_lines(["several *passed* ± *3*30 ± 15*"])
    case = next(case for case in ET.parse(varying.path / "junit.xml").iter("testcase") if case.get("name") == "several")  # noqa: S314  # our own file
    properties = {item.get("name"): item.get("value") for item in case.iter("property")}
    assert (properties["runs"], properties["rate"]) == ("3", "30")


def test_a_single_run_is_laid_out_as_ever(varying: Project) -> None:
    """Repeat 1 and warmup 0 said aloud change nothing."""
    varying.config("entries: [{name: a, script: ok.py, repeat: 1, warmup: 0}]")
    varying.run().assert_outcomes(passed=1)
    assert files(varying, "a") == FILES
    data = varying.result("a")
    assert (data["runs"], data["statistics"], data["attempts"]) == ([], {}, [])


@pytest.mark.parametrize(("value", "status"), [('"bad"', "failed"), ('"hang"', "timeout")])
def test_one_bad_run_fails_the_entry(varying: Project, value: str, status: str) -> None:
    """The run is named, its log is shown, earlier ones are kept, and later ones don't begin; the limit is per run."""
    limit_s = 10 if status == "timeout" else 300
    varying.config(
        f"cleanup_timeout_s: 1\nentries:\n"
        f"  - {{name: a, script: vary.py, args: ['[10, {value}, 30]'], repeat: 3, timeout_s: {limit_s}}}\n"
    )
    result = varying.run()
    result.assert_outcomes(failed=1)
    data = varying.result("a")
    assert data["status"] == status
    assert data["error"].startswith("Run 2 of 3: ")
    assert [(run["run"], run["status"]) for run in data["runs"]] == [("run-1", "passed"), ("run-2", status)]
    assert not (varying.session_dir / "a" / "run-3").exists()
    result.stdout.fnmatch_lines(["Run 2 of 3: *", "last lines of *a/run-2/stdouterr.log:", "*this is run-2*"])


def test_an_early_end(varying: Project) -> None:
    """Runs that agree end after the sixth; the result says how many there were."""
    varying.config(
        "entries:\n  - {name: a, script: vary.py, args: ['[10, 10.01, 10.02, 10, 10, 10, 99, 99]'], repeat: 8, repeat_until_ci: 1%,\n"
        "     requirements: [{metric: rate, min_value: 1}]}\n"
    )
    varying.run().assert_outcomes(passed=1)
    assert varying.result("a")["statistics"]["rate"]["n"] == 6


def test_scratch_directories_that_are_kept(varying: Project) -> None:
    """With delete_scratch: false each run's stays, in a directory of its own."""
    varying.config(
        "entries:\n  - {name: a, script: vary.py, args: ['[1, 2]', '{scratch_dir}', order.txt], repeat: 2,"
        " delete_scratch: false}\n"
    )
    varying.run().assert_outcomes(passed=1)
    scratch = varying.session_dir / "a" / "scratch"
    assert {path.parent.name: path.read_text() for path in scratch.glob("*/left")} == {
        "run-1": "run-1",
        "run-2": "run-2",
    }


def test_dry_run_shows_the_runs(varying: Project) -> None:
    """How many; the command is that of one."""
    varying.config("entries: [{name: a, script: vary.py, repeat: 8, warmup: 2, repeat_until_ci: 2%}]")
    varying.run_here("--bench-dry-run").stdout.fnmatch_lines(
        ["  command: * --benchmark-results-path */a", "  runs: 2 to warm up, then 8, fewer if*narrower than 0.02"]
    )
