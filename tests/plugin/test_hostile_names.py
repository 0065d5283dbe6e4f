# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Names and values that a script chose, on their way from a worker to the terminal, JUnit XML and sinks."""

from __future__ import annotations

import csv
import os
import subprocess
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from tests.support.bench_project import pytest_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bench_project import Project

SCRIPT = r"""
import json, pathlib, pickle, sys
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
metrics = {
    "bytes_saved": -3_000_000_000, "huge": 10**400, "nan": float("nan"), "zero": -0.0, "nothing": None,
    "title\x1b]0;x\x07": 1, "nul\0": 2, "new\nline": 3, "lone\udcff": "\ud800", "bidi\u202e": 4, "\ufffe": "\uffff",
}
stage = {"stage_name": "s\udcff\n", "process_time": 1.0, "custom_metrics": {"c\x1b": -3_000_000_000}}
out.joinpath("params.json").write_text(json.dumps({"size\0": -3_000_000_000, "text": "\udcff"}))
out.joinpath("metrics.json").write_text(json.dumps(metrics))
out.joinpath("tasks.pkl").write_bytes(pickle.dumps([{"task_id": "t\udcff\x1b", "stage_perf": [stage]}]))
print("the log \x1b[31m")
sys.exit(int(sys.argv[1]))
"""
ENTRIES = r"""
sinks: [{name: csv}, {name: jsonl}]
default_timeout_s: 60
entries:
- name: passes
  script: odd.py
  args: ["0", "${ODD}"]
  exclusive: false
  sink_data: [{name: slack, additional_metrics: }, {name: other, least: -3000000000}]
- {name: fails, script: odd.py, args: ["1", "${ODD}", "\e"], retries: 1, exclusive: false}
- name: judged
  script: odd.py
  args: ["0"]
  exclusive: false
  requirements: [{metric: bytes_saved, min_value: 0, xfail: "known \e ${ODD}"}, {metric: huge, max_value: 1}]
- {name: skipped, script: odd.py, args: ["0"], marks: [{skip: {reason: "no \e ${ODD}"}}]}
"""
CONFTEST = r"""
import pytest
@pytest.fixture(autouse=True)
def own_property(request):
    request.node.user_properties.append(("own\0\x1b", -3_000_000_000))
"""
HARMFUL = set("\x00\x07\x1b\u202e\ufffe\uffff\ud800\udcff")


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "a worker"])
def test_odd_names_and_values_everywhere(
    project: Project, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    """Every entry runs and arrives; the XML is well-formed; nothing reaches the terminal that it would obey."""
    monkeypatch.setenv("ODD", os.fsdecode(b"x\xffy"))
    project.script("odd.py", SCRIPT)
    project.config(ENTRIES)
    (project.path / "conftest.py").write_text(CONFTEST)
    run = project.run(*workers, "-rA", "--junitxml=junit.xml")
    assert run.ret == 1
    shown = run.stdout.str() + run.stderr.str()
    assert not set(shown) & HARMFUL
    assert "INTERNALERROR" not in shown
    for name, status in {"passes": "passed", "fails": "failed", "judged": "failed", "skipped": "skipped"}.items():
        assert project.result(name)["status"] == status
    assert project.result("passes")["script_metrics"]["bytes_saved"] == -3_000_000_000
    suite = ET.parse(project.path / "junit.xml").getroot()[0]  # noqa: S314  # our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "2", "1")
    properties = {item.get("name"): item.get("value") for item in suite.iterfind("testcase[@name='passes']//property")}
    assert (properties["bytes_saved"], properties["own\\x00\\x1b"]) == ("-3000000000", "-3000000000")
    assert {"title\\x1b]0;x\\x07", "nul\\x00", "new\\nline", "lone\\udcff", "bidi\\u202e", "\\ufffe"} <= set(properties)
    with (project.session_dir / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert {row["name"] for row in rows} == {"passes", "fails", "judged", "skipped"}
    assert [row["metrics.new line"] for row in rows if row["name"] != "skipped"] == ["3", "3", "3"]


def test_directories_that_are_not_utf_8(project: Project) -> None:
    """Results can lie in one; workers, to which xdist can't pass such a name, are refused in one sentence."""
    odd = project.path / os.fsdecode(b"odd\xff")
    config = project.config("entries: [{name: a, script: ok.py}]", name="odd/config.yaml")
    project.scripts.rename(project.path / "odd" / "scripts")
    config.parent.rename(odd)
    done = _run(project.path, str(odd / "config.yaml"))
    assert done.returncode == 0, done.stdout
    assert "odd\\udcff/config.yaml" in done.stdout
    assert project.result("a")["status"] == "passed"
    assert ET.parse(project.path / "junit.xml").getroot()[0].get("tests") == "1"  # noqa: S314  # our own
    refused = _run(project.path, str(odd / "config.yaml"), "-n", "1")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "odd\\udcff/config.yaml: this name is not UTF-8, and pytest-xdist can't pass it" in refused.stderr
    assert "INTERNALERROR" not in refused.stdout


def _run(path: Path, config: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [*pytest_command()[:3], "--bench-config", config, "-p", "no:cacheprovider", "--junitxml=junit.xml"]
    return subprocess.run([*command, *args], cwd=path, capture_output=True, text=True, check=False)
