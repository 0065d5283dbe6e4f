# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The names by which tools of NeMo Curator's own runner read a session's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_curator_bench.config.model import Entry
from pytest_curator_bench.config.schema_models import RaySettings
from pytest_curator_bench.machine.hardware import read_memory
from pytest_curator_bench.results.json_schema import results_schema
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.claims import read_claim
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.nemo_curator_files import environment_keys, link_logs, params_keys, result_data
from pytest_curator_bench.session.store import SessionStore
from tests.support.config import MINIMAL, load
from tests.support.nemo_curator_files import KEYS, assert_has_keys


def result_of(**fields: Any) -> EntryResult:
    """A result of an entry that ran, unless the fields say otherwise."""
    ran = {"started_at": "2026-01-23T14:30:00+00:00", "returncode": 0, "exec_time_s": 2.5, "status": "passed"}
    fixed = {"name": "a", "session_name": "s", "nodeid": "c.yaml::a", "timeout_s": 60.0}
    paths = {"entry_dir": "/r/s/a", "stdouterr_file": "/r/s/a/stdouterr.log"}
    return EntryResult(**{**fixed, **paths, **ran, **fields})


def verdict(metric: str, *, bound: str = "min_value", actual: Any = 1, xfail: str | None = None) -> dict[str, Any]:
    """A requirement that is not met."""
    return {
        "metric": metric,
        "bound": bound,
        "limit": 2,
        "actual": actual,
        "met": False,
        "xfail": xfail,
        "sentence": "s",
    }


def test_every_key_has_the_type_that_they_read() -> None:
    """Of an entry with everything."""
    data = result_data(
        result_of(
            command_line="python s.py --a 'b c'",
            script_params={"p": 1},
            script_metrics={"m": 1},
            task_metrics={"task_stage_time_sum": 2.0},
            resources={
                "lease": {"gpus": [0, 1]},
                "ray": {"num_cpus": 4, "num_gpus": None, "object_store_bytes": 10**9},
                "gpu_stats": {"0": {"memory_total": 8, "memory_used": 1, "processes": []}},
            },
        ),
        "nemo-curator",
    )
    assert_has_keys("results.json", data)
    assert (data["run_id"], data["exec_started_at"]) == ("a-1769178600", 1769178600.0)
    assert (data["cmd"], data["logs_dir"], data["timed_out"]) == ("python s.py --a 'b c'", "/r/s/a/logs", False)
    assert data["ray_cluster_data"] == {"CPU": 4.0, "GPU": 2.0, "object_store_memory": 1e9}
    assert data["gpu_stats"]["0"]["memory_used"] == 1
    assert (data["params"], data["metrics"]) == ({"p": 1}, {"m": 1, "task_stage_time_sum": 2.0})
    assert data["requirements_not_met"] == {}


def test_what_their_scripts_find_in_their_parameters() -> None:
    """A fraction of memory is one in bytes; what an entry does not name is what its cluster has."""
    run: dict[str, Any] = {"name": "a", "file": Path("c.yaml"), "line": 1, "script": "s.py", "timeout_s": 60.0}
    plain = params_keys(Entry(**run, object_store_size=0.5), num_cpus=8)
    assert_has_keys("params.json", plain)
    assert plain["object_store_size_bytes"] == int(read_memory().effective_bytes / 2)
    assert (plain["ray_num_cpus"], plain["ray_num_gpus"], plain["entry_timeout_s"]) == (8, 0, 60.0)
    ray = RaySettings(num_cpus=2, num_gpus=1, enable_object_spilling=True, object_store_memory=2**30)
    own = params_keys(Entry(**run, object_store_size="default", ray=ray), num_cpus=8)
    assert (own["ray_num_cpus"], own["ray_num_gpus"], own["ray_enable_object_spilling"]) == (2, 1, True)
    assert own["object_store_size_bytes"] == 2**30
    assert params_keys(Entry(**run, object_store_size="default"), num_cpus=8)["object_store_size_bytes"] == "default"


def environment_of(**values: Any) -> dict[str, Any]:
    """Our keys of a machine of which little is known."""
    unknown = dict.fromkeys(("image_digest", "shared_memory", "nemo_curator_git", "git", "reason"))
    known = {"memory": {"effective_bytes": 10**9}, "versions": {"ray": None, "python": "3.11.7"}, "gpus": []}
    return {**unknown, **known, "python_executable": "/python", **values}


def test_an_environment_of_which_little_is_known(tmp_path: Path) -> None:
    """They have words for it."""
    config = load(tmp_path, f"compat: nemo-curator\n{MINIMAL}")
    keys = environment_keys(environment_of(), config, Path("/r/packages.txt"))
    assert keys == {
        "total_system_memory_bytes": 10**9,
        "shm_size_bytes": 0,
        "ray_version": "not_installed",
        "git_commit": "unknown",
        "image_digest": "unknown",
        "python_version": "3.11.7",
        "executable": "/python",
        "cuda_visible_devices": "No GPUs found",
        "object_store_size": 5 * 10**8,
        "packages_txt": "/r/packages.txt",
    }


def test_gpus_and_commits(tmp_path: Path) -> None:
    """Models with their numbers; NeMo Curator's commit comes before the project's."""
    config = load(tmp_path, f"object_store_size: default\n{MINIMAL}")
    gpus = [{"name": name} for name in ("H100", "H100", "A2", None)]
    own = environment_of(gpus=gpus, git={"commit": "b" * 40}, reason="nightly")
    keys = environment_keys(own, config, Path("/r/packages.txt"))
    assert (keys["cuda_visible_devices"], keys["git_commit"]) == ("2X H100, 1X A2, 1X unknown", "b" * 40)
    assert (keys["object_store_size"], keys["run_reason"]) == ("default", "nightly")
    both = {**own, "nemo_curator_git": {"commit": "a" * 40}}
    assert environment_keys(both, config, Path("/r/packages.txt"))["git_commit"] == "a" * 40


def test_the_page_names_every_key() -> None:
    """Of each file."""
    page = (Path(__file__).parents[3] / "docs" / "migrating.md").read_text()
    assert not [key for keys in KEYS.values() for key in keys if f"`{key}`" not in page]


def test_nothing_is_added_without_the_key() -> None:
    """Our own keys alone."""
    assert result_data(result_of(), None) == result_of().to_dict()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 0),
        ({"status": "failed", "returncode": 3}, 3),
        ({"status": "failed", "returncode": None, "signal": "SIGKILL"}, -9),
        ({"status": "failed", "returncode": None, "signal": "SIG40"}, -40),
        ({"status": "timeout", "returncode": None, "signal": "SIGTERM"}, 124),
        ({"status": "skipped", "returncode": None, "started_at": None}, -1),
    ],
)
def test_exit_codes(fields: dict[str, Any], code: int) -> None:
    """Always a number: as Python's subprocess has it, 124 for a time limit, -1 where nothing ran."""
    data = result_data(result_of(**fields), "nemo-curator")
    assert (data["exit_code"], data["timed_out"]) == (code, code == 124)
    assert isinstance(data["exec_started_at"], float)


def test_requirements_that_are_not_met() -> None:
    """By metric; known misses count only where they fail the entry by themselves."""
    known = verdict("known", xfail="slow disk")
    missed = [verdict("low"), verdict("high", bound="max_value"), verdict("exact", bound="exact_value")]
    missed += [verdict("gone", actual=None), known, {**verdict("fine"), "met": True}]
    failed = result_data(result_of(status="failed", reason="requirements", requirements=missed), "nemo-curator")
    assert failed["requirements_not_met"] == {
        "low": "low < 2",
        "high": "high > 2",
        "exact": "exact != 2",
        "gone": "gone not found in metrics",
    }
    assert result_data(result_of(requirements=[known]), "nemo-curator")["requirements_not_met"] == {}
    counted = result_data(result_of(status="failed", requirements=[known]), "nemo-curator")
    assert counted["requirements_not_met"] == {"known": "known < 2"}


def test_a_cluster_that_was_running_already() -> None:
    """Its resources by Ray's own names."""
    data = result_data(result_of(resources={"ray": {"resources": {"CPU": 16, "GPU": 8}}}), "nemo-curator")
    assert data["ray_cluster_data"] == {"CPU": 16.0, "GPU": 8.0}


def test_a_result_with_their_run_id_is_still_ours(tmp_path: Path) -> None:
    """The signature has another name then; the file is read, and fits the schema."""
    store = SessionStore.create(tmp_path / "r", tmp_path / "a", exact="s", compat="nemo-curator")
    entry_dir = store.entries.prepare("a")
    store.entries.write_result(result_of(entry_dir=str(entry_dir), stdouterr_file=str(entry_dir / "stdouterr.log")))
    data = json.loads((entry_dir / "results.json").read_text())
    claim = read_claim(entry_dir)
    assert claim is not None
    assert (data["run_id"], data["signed_by"]) == ("a-1769178600", claim.run_id)
    assert read_result(entry_dir).status == "passed"
    jsonschema.validate(data, results_schema())
    (entry_dir / "results.json").write_text(json.dumps({**data, "signed_by": "somebody-1-0"}))
    with pytest.raises(ValueError, match="has not written it"):
        read_result(entry_dir)


def test_links_to_logs(tmp_path: Path) -> None:
    """Relative ones, so that a session can be moved; what a script has put there stays."""
    (tmp_path / "ray.log").touch()
    (tmp_path / "stdouterr.log").write_text("said")
    link_logs(tmp_path)
    link_logs(tmp_path)
    assert (tmp_path / "logs" / "stdouterr.log").read_text() == "said"
    assert (tmp_path / "logs" / "ray.log").readlink() == Path("../ray.log")
    own = tmp_path / "own"
    (own / "logs").mkdir(parents=True)
    (own / "logs" / "stdouterr.log").write_text("the script's")
    link_logs(own)
    assert [path.read_text() for path in (own / "logs").iterdir()] == ["the script's"]


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("/tmp")])
def test_something_else_called_logs(tmp_path: Path, make: Any) -> None:
    """Nothing is written where it leads, and nothing fails."""
    make(tmp_path / "logs")
    link_logs(tmp_path)
    assert not Path("/tmp/stdouterr.log").is_symlink()
