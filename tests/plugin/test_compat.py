# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sessions that tools of NeMo Curator's own runner can read (key ``compat``), and records of scripts' environments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.nemo_curator_files import assert_has_keys

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.bench_project import Project

DIAGNOSTICS = "NEMO_CURATOR_RAY_DATA_DIAGNOSTICS"
CONFIG = """
compat: nemo-curator
run_reason: nightly
viewer_url: https://viewer/1
ray: false
entries:
  - {name: good, script: ok.py}
  - {name: short, script: ok.py, requirements: [{metric: rate_per_sec, min_value: 100}]}
  - {name: broken, script: ok.py, args: --exit 3}
  - {name: slow, script: ok.py, args: --sleep 60, timeout_s: 1}
  - {name: twice, script: ok.py, repeat: 2}
  - {name: again, script: ok.py, args: --exit 4, retries: 1, retry_on: [failed]}
"""


def read(file: Path) -> dict[str, Any]:
    """A file's JSON."""
    data: dict[str, Any] = json.loads(file.read_text())
    return data


def test_a_session_is_read_by_their_names(project: Project) -> None:
    """Every key of the written list in each result, in `env.json` and in what scripts find in `params.json`."""
    project.config(CONFIG)
    project.run().assert_outcomes(passed=2, failed=4)
    results = {name: project.result(name) for name in ("good", "short", "broken", "slow", "twice", "again")}
    for name, result in results.items():
        assert_has_keys("results.json", result)
        assert_has_keys("params.json", result["params"])
        assert result["run_id"] == f"{name}-{int(result['exec_started_at'])}"
        assert (project.session_dir / name / "logs" / "stdouterr.log").read_text() == "hello from the script\n"
    assert {name: result["exit_code"] for name, result in results.items()} == {
        "good": 0,
        "short": 0,
        "broken": 3,
        "slow": 124,
        "twice": 0,
        "again": 4,
    }
    assert [name for name, result in results.items() if result["timed_out"]] == ["slow"]
    assert [name for name, result in results.items() if result["success"]] == ["good", "twice"]
    assert results["short"]["requirements_not_met"] == {"rate_per_sec": "rate_per_sec < 100.0"}
    assert results["good"]["metrics"]["rate_per_sec"] == 1.5
    archived = project.session_dir / "again" / "attempt-1" / "logs" / "stdouterr.log"
    assert archived.read_text() == "hello from the script\n"
    environment = read(project.session_dir / "env.json")
    assert_has_keys("env.json", environment)
    assert environment["packages_txt"] == str(project.session_dir / "packages.txt")
    memory_bytes = environment["total_system_memory_bytes"]
    assert environment["object_store_size"] == int(memory_bytes / 2)


def test_data_setups_are_read_by_their_names(project: Project) -> None:
    """With xdist, too, where workers write results."""
    project.config(
        "compat: nemo-curator\nray: false\ndata_setups: [{name: data, script: ok.py, "
        "args: '--benchmark-results-path={scratch_dir}'}]\nentries: [{name: a, script: ok.py}]\n"
    )
    project.script(
        "ok.py",
        "import pathlib, sys\nfrom pytest_curator_bench.script import Benchmark\n"
        "if 'data_setup' not in sys.argv[1]:\n    with Benchmark('a'): pass\nprint('done')\n",
    )
    project.run("-n1").assert_outcomes(passed=1)
    setup_dir = project.session_dir / "data_setup" / "data"
    assert_has_keys("data_setup results.json", read(setup_dir / "results.json"))
    assert (setup_dir / "logs" / "stdouterr.log").read_text() == "done\n"
    assert_has_keys("results.json", project.result("a"))


def test_nothing_of_it_without_the_key(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our names alone; its switch of diagnostics is on all the same."""
    project.config("entries: [{name: a, script: ok.py}]\n")
    monkeypatch.delenv(DIAGNOSTICS, raising=False)
    project.run().assert_outcomes(passed=1)
    assert read(project.session_dir / "a" / "script_env.json")[DIAGNOSTICS] == "1"
    assert "cmd" not in project.result("a")
    assert not (project.session_dir / "a" / "logs").exists()
    assert "ray_num_cpus" not in project.result("a")["script_params"]
    assert "ray_version" not in read(project.session_dir / "env.json")


def test_the_environment_of_a_script_is_recorded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and values; what names and sinks say is secret is masked, wherever it stands.

    Pytest's environment takes precedence over defaults, and the config over both.
    """
    monkeypatch.setenv(DIAGNOSTICS, "0")
    monkeypatch.setenv("MY_API_TOKEN", "t0k3n-of-mine")
    monkeypatch.setenv("COPIED", "--with t0k3n-of-mine")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    project.config(
        "entries: [{name: a, script: ok.py, env: {LEVEL: high}},"
        f" {{name: b, script: ok.py, env: {{{DIAGNOSTICS}: 'yes'}}}}]\n"
    )
    project.run().assert_outcomes(passed=2)
    text = (project.session_dir / "a" / "script_env.json").read_text()
    recorded = json.loads(text)
    assert (recorded["LEVEL"], recorded["TOKENIZERS_PARALLELISM"]) == ("high", "false")
    assert (recorded["MY_API_TOKEN"], recorded["COPIED"]) == ("***", "--with ***")
    assert "t0k3n" not in text
    assert recorded[DIAGNOSTICS] == "0"
    assert read(project.session_dir / "b" / "script_env.json")[DIAGNOSTICS] == "yes"
