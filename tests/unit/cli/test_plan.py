# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench plan``: what CI generators read."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from pytest_curator_bench.cli import main
from pytest_curator_bench.results.record import EntryResult
from tests.support.config import NIGHTLY

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
results_dir: results
cleanup_timeout_s: 5
datasets:
- {name: web, formats: [{type: json, path: /data/web}]}
entries:
- name: filter
  script: filter.py
  args: [--input, "{dataset:web,json}", --out, "{scratch_dir}/out"]
  env: {LEVEL: high}
  timeout_s: 100
  repeat: 3
  warmup: 1
  retries: 1
  marks: [slow]
  ray: {num_cpus: 4, num_gpus: 0}
- {name: plain, script: plain.py, timeout_s: 40}
- {name: unused, script: unused.py, enabled: false}
"""


def _plan(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert main(["plan", *map(str, arguments), "--format", "json"]) == 0
    plan: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert main(["schema", "plan"]) == 0
    jsonschema.validate(plan, json.loads(capsys.readouterr().out))
    return plan


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file with two entries that are enabled."""
    file = tmp_path / "a.bench.yaml"
    file.write_text(CONFIG)
    return file


def _write_result(results_dir: Path, session: str, name: str, time_s: float) -> None:
    entry_dir = results_dir / session / name
    entry_dir.mkdir(parents=True)
    (results_dir / session / "session.json").write_text(json.dumps({"started_at": "2026-11-01T00:00:00+00:00"}))
    result = EntryResult(
        name=name,
        session_name=session,
        status="passed",
        timeout_s=1000.0,
        nodeid="",
        entry_dir=str(entry_dir),
        stdouterr_file="",
        exec_time_s=time_s,
    )
    (entry_dir / "results.json").write_text(json.dumps(result.to_dict()))


def test_an_entry_is_resolved_and_its_wall_time_covers_the_worst(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two attempts, each the start of Ray, and four runs at their limit with the time to end them."""
    filtering, plain = _plan(capsys, config)["entries"]
    script = str(config.parent / "scripts" / "filter.py")
    arguments = ["--input", "/data/web", "--out", "{scratch_dir}/out"]
    assert filtering["command"] == ["python", script, *arguments, "--benchmark-results-path", "{session_entry_dir}"]
    assert filtering["resources"] == {"num_cpus": 4, "num_gpus": 0, "alone": False}
    assert (filtering["marks"], filtering["env"], filtering["runs"]) == (["slow"], {"LEVEL": "high"}, 4)
    assert filtering["datasets"] == [{"name": "web", "format": "json", "path": "/data/web"}]
    assert filtering["wall_time_s"] == 2 * (120 + 4 * 105)
    assert plain["wall_time_s"] == 45
    assert plain["resources"] == {"num_cpus": None, "num_gpus": 0, "alone": True}
    assert (plain["expected_s"], plain["shard"], plain["ray"]) == (None, None, None)


def test_limits_of_the_start_and_of_the_scheduler_are_taken(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An overlay gives the one globally and the other to an entry."""
    over = config.with_name("over.yaml")
    over.write_text("startup_timeout_s: 20\nentries: [{name: plain, slurm_max_time_s: 3600}]\n")
    filtering, plain = _plan(capsys, config, over)["entries"]
    assert filtering["wall_time_s"] == 2 * (20 + 4 * 105)
    assert plain["wall_time_s"] == 3600


def test_wall_time_of_nemo_curators_own_planner(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The cleanup is a buffer of the job, not of each run; two keys are bounds."""
    over = config.with_name("over.yaml")
    over.write_text("compat: nemo-curator\nstartup_timeout_s: 300\ncleanup_timeout_s: 60\n")
    filtering, plain = _plan(capsys, config, over)["entries"]
    assert filtering["wall_time_s"] == 2 * 4 * 100 + 360
    assert plain["wall_time_s"] == 600
    over.write_text("compat: nemo-curator\nstartup_timeout_s: 1\nslurm_max_time_s: 700\nmin_timeout_s: 10\n")
    filtering, plain = _plan(capsys, config, over)["entries"]
    assert (filtering["wall_time_s"], plain["wall_time_s"]) == (700, 40 + 1 + 5)


def test_what_keeps_an_entry_from_running_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others can be planned all the same."""
    over = config.with_name("over.yaml")
    over.write_text("entries: [{name: plain, args: '${NOT_DEFINED_HERE}'}]\n")
    filtering, plain = _plan(capsys, config, over)["entries"]
    assert filtering["problems"] == []
    assert "entries[plain].args: found the environment variable NOT_DEFINED_HERE" in plain["problems"][0]


def test_keys_of_other_tools_may_be_warnings(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The generator's own keys stand in the same file."""
    config.write_text(CONFIG + "ci: {nightly: true}\n")
    assert main(["plan", str(config)]) == 1
    assert "found the unknown key 'ci'" in capsys.readouterr().err
    (warning,) = _plan(capsys, "--unknown-keys=warn", config)["warnings"]
    assert "found the unknown key 'ci'" in warning


def test_shards_are_those_of_the_option(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each entry is in one of them, the longest first, by earlier sessions where there are any."""
    _write_result(config.parent / "results", "s1", "plain", 300.0)
    plan = _plan(capsys, config, "--shards", "2")
    assert [(shard["number"], shard["entries"]) for shard in plan["shards"]] == [(1, ["filter"]), (2, ["plain"])]
    assert [entry["expected_s"] for entry in plan["entries"]] == [None, 300.0]
    assert plan["shards"][1]["expected_s"] == 300.0


def test_the_nightly_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Its 48 entries, with their limits and resources."""
    plan = _plan(capsys, *NIGHTLY)
    assert len(plan["entries"]) == 48
    assert all(entry["wall_time_s"] > entry["timeout_s"] for entry in plan["entries"])


def test_the_table_has_a_line_for_each_entry(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names are whole, however narrow the terminal."""
    assert main(["plan", str(config), "--shards", "2"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines() if " s " in line and "expected" not in line] == [
        "filter",
        "plain",
    ]
    assert "shard 1: 100 s expected, 1,080 s at most: filter" in shown


def test_a_wrong_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1, and each problem on stderr."""
    assert main(["plan", str(tmp_path / "missing.yaml")]) == 1
    assert "missing.yaml: found no such file" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "two"])
def test_a_number_of_shards_that_is_none(config: Path, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, as argparse has it."""
    with pytest.raises(SystemExit, match="2"):
        main(["plan", str(config), "--shards", number])
    assert f"--shards: found '{number}', expected a whole number from 1 on" in capsys.readouterr().err


def test_a_secret_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the configuration takes for a secret is none the less one here."""
    monkeypatch.setenv("HOOK_TOKEN", "tr0ub4dor&3")
    file = tmp_path / "a.bench.yaml"
    sink = "sinks: [{name: webhook, url: 'http://127.0.0.1:1', token: '${HOOK_TOKEN}'}]\n"
    file.write_text(sink + CONFIG.replace("LEVEL: high", "LEVEL: 'tr0ub4dor&3'"))
    assert _plan(capsys, file)["entries"][0]["env"] == {"LEVEL": "***"}


def test_neither_ray_nor_nemo_curator_nor_pytest_is_imported(config: Path) -> None:
    """A generator runs where none of them is installed, perhaps."""
    code = (
        "import sys; from pytest_curator_bench.cli import main\n"
        f"main(['plan', {str(config)!r}, '--format', 'json'])\n"
        "print([name for name in ('ray', 'nemo_curator', 'pytest', 'rich') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
