# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A run compared with earlier ones: what the terminal, JUnit, sinks and the exit status say."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.cli import main
from tests.support.past_sessions import PastSessions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bench_project import Project

# Reports a time of its own: no load of the machine changes that.
SCRIPT = """
import json, os, pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
stage_s = 2.6 if sys.argv[1] == os.environ.get("SLOWED") else 2.0
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps({"stage_s": stage_s, "num_docs": 7}))
(out / "tasks.pkl").write_bytes(b"\\x80\\x04].")
"""
CONFIG = """
metrics: [{name: exec_time_s, judge: false}]
sinks: [{name: jsonl, path: all.jsonl}]
entries:
  - {name: first, script: timed.py, args: first}
  - {name: second, script: timed.py, args: second, owner: alice}
"""


@pytest.fixture
def timed(project: Project) -> Project:
    """A project whose script can be slowed."""
    project.script("timed.py", SCRIPT)
    project.config(CONFIG)
    return project


def properties(file: Path) -> dict[str, dict[str, str]]:
    """The properties of each test case."""
    cases = ET.parse(file).iter("testcase")  # noqa: S314  # our own
    return {
        str(case.get("name")): {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
        for case in cases
    }


def test_a_slower_entry_is_named_first_and_fails_the_run(
    timed: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two real sessions, the second with one script slowed by 30 %, and on workers."""
    quiet = timed.run("--bench-fail-on", "worse")
    assert quiet.ret == 0
    quiet.stdout.fnmatch_lines(["nothing to compare with: *"])
    monkeypatch.setenv("SLOWED", "second")
    result = timed.run("-n", "2", "--bench-fail-on", "worse:5%", "--junitxml=junit.xml")
    result.assert_outcomes(passed=2)
    assert result.ret == 1
    change = "second: stage_s 2 s → 2.6 s (+30.0 %, noise unknown)"
    result.stdout.fnmatch_lines(
        [f"▲ worse  {change}; owner: alice", "1 as usual*", f"--bench-fail-on worse:5%: {change}"]
    )
    told = properties(timed.path / "junit.xml")
    assert told["first"]["comparison.verdict"] == "usual"
    assert {key: told["second"][f"comparison.{key}"] for key in ("verdict", "stage_s.usual")} == {
        "verdict": "worse",
        "stage_s.usual": "2.0",
    }
    assert float(told["second"]["comparison.stage_s.change"]) == pytest.approx(0.3)

    lines = [json.loads(line) for line in (timed.path / "results/all.jsonl").read_text().splitlines()]
    sent: list[dict[str, Any]] = [line for line in lines if line["name"] == "second"]
    assert "comparison" not in sent[0]
    assert sent[1]["comparison"]["changes"]["stage_s"]["verdict"] == "worse"
    files = list((timed.path / "results").glob("*/second/results.json"))
    assert len(files) == 2
    assert not [file for file in files if "comparison" in json.loads(file.read_text())]

    capsys.readouterr()
    assert main(["compare", "--results", str(timed.path / "results"), "--format", "json"]) == 1
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert (rows[0]["entry"], rows[0]["metric"], rows[0]["verdict"]) == ("second", "stage_s", "worse")


def test_what_cannot_be_compared_is_named(timed: Project) -> None:
    """An earlier session of another machine fails no run, and is never silently compared."""
    PastSessions(timed.path / "results").add({"first": 1.0, "second": 1.0})
    timed.config("machine_class: big\n" + CONFIG)
    result = timed.run("--bench-fail-on", "changed")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["· not comparable  first: machine class: none → big; *", "nothing to compare with: *"])
    environment = next(timed.path.glob("results/session__*/env.json"))
    assert json.loads(environment.read_text())["machine_class"] == "big"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--bench-fail-on", "slower"], "--bench-fail-on slower: expected worse, *"),
        (["--bench-fail-on", "changed:5"], "--bench-fail-on changed:5: expected worse, *"),
        (["--bench-fail-on", "worse", "--no-bench-compare"], "--bench-fail-on needs the comparison*"),
        (["--bench-compare", "nightly"], "--bench-compare: no session in */results: run pytest*"),
    ],
)
def test_wrong_values_are_one_usage_error(timed: Project, options: list[str], error: str) -> None:
    """Before anything runs."""
    result = timed.run_here(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {error}"])
    assert not (timed.path / "results").exists()
