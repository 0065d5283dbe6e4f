# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a script hands in: every way in which one of the three files can be wrong is said by name."""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.results import outputs as outputs_module
from pytest_curator_bench.results.format import read_file
from pytest_curator_bench.results.outputs import flat_scalars, keep_task_records, prepare_params, read_outputs

if TYPE_CHECKING:
    from collections.abc import Callable

OWN_PARAMS = {"ray": {"num_cpus": 2}, "timeout_s": 60}
TASKS = [{"task_id": "0", "stage_perf": [{"stage_name": "load", "process_time": 1.5}]}]


@pytest.fixture
def entry_dir(tmp_path: Path) -> Path:
    """An entry's directory in which a script has handed in everything."""
    prepare_params(tmp_path, OWN_PARAMS)
    hand_in(tmp_path)
    return tmp_path


def hand_in(entry_dir: Path) -> None:
    """Do what a good script does: merge into params.json, write the others."""
    params = json.loads((entry_dir / "params.json").read_bytes())
    (entry_dir / "params.json").write_text(json.dumps({**params, "model": "m"}))
    (entry_dir / "metrics.json").write_text('{"documents": 3}')
    (entry_dir / "tasks.pkl").write_bytes(pickle.dumps(TASKS))


def test_everything_is_read(entry_dir: Path) -> None:
    """A good script has no problems; its parameters are merged with the entry's own."""
    outputs = read_outputs(entry_dir)
    assert outputs.problems == ()
    assert outputs.params == {**OWN_PARAMS, "model": "m"}
    assert outputs.metrics == {"documents": 3}
    assert outputs.task_metrics["task_load_process_time_sum"] == 1.5
    assert json.loads(outputs.task_records)[0]["task_id"] == "0"


def test_nothing_was_written(tmp_path: Path) -> None:
    """Each missing file is a problem of its own. What was laid out beforehand is missing, too."""
    prepare_params(tmp_path, OWN_PARAMS)
    outputs = read_outputs(tmp_path)
    assert outputs.problems == (
        "params.json was not written",
        "metrics.json was not written",
        "tasks.pkl was not written",
    )
    assert outputs.params == OWN_PARAMS


def test_the_directory_is_gone(tmp_path: Path) -> None:
    """A script that removes its own directory has three problems, and crashes nobody."""
    assert [problem.split()[0] for problem in read_outputs(tmp_path / "gone").problems] == [
        "params.json",
        "metrics.json",
        "tasks.pkl",
    ]


def _rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def _replace(path: Path) -> None:
    shutil.copyfile(path, path.with_name("new"))
    path.with_name("new").replace(path)


def _update_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"{")  # which it begins with already


@pytest.mark.parametrize("write", [_rewrite, _replace, _update_in_place])
def test_the_same_params_again_count_as_written(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """A script with no parameters of its own may write just what it found, in whatever way."""
    prepare_params(tmp_path, OWN_PARAMS)
    write(tmp_path / "params.json")
    outputs = read_outputs(tmp_path)
    assert not any(problem.startswith("params.json") for problem in outputs.problems)
    assert outputs.params == OWN_PARAMS


def test_reading_params_is_not_writing(tmp_path: Path) -> None:
    """A script that only looks at what was laid out has not handed in anything."""
    prepare_params(tmp_path, OWN_PARAMS)
    (tmp_path / "params.json").read_bytes()
    (tmp_path / "params.json").chmod(0o600)
    assert read_outputs(tmp_path).problems[0].startswith("params.json")


def test_an_earlier_run_leaves_nothing(entry_dir: Path) -> None:
    """When an entry runs again, the files of its first run don't pass for those of the second."""
    prepare_params(entry_dir, OWN_PARAMS)
    outputs = read_outputs(entry_dir)
    assert len(outputs.problems) == 3
    assert outputs.params == OWN_PARAMS


def test_params_are_laid_out_readably(tmp_path: Path) -> None:
    """Scripts get plain JSON whatever the parameters are made of."""
    prepare_params(tmp_path, {"dir": Path("/data"), "limit": math.inf})
    assert json.loads((tmp_path / "params.json").read_bytes()) == {"dir": "/data", "limit": "Infinity"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{"a": 1,\n "b": }', "is not JSON at line 2 column 7: Expecting value"),
        (b'{"a": 1', "is not JSON at line 1 column 8"),
        (b'{"a": 1} x', "is not JSON at line 1 column 10: Extra data"),
        (b"[1, 2]", "holds a list instead of an object"),
        (b"null", "holds null instead of an object"),
        (b"true", "holds a boolean instead of an object"),
        (b'"text"', "holds a string instead of an object"),
        (b"1.5", "holds a number instead of an object"),
        (b'{"a": "\xff"}', "is not UTF-8 at byte 7"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "is nested too deeply"),
        (
            b'{"a": ' + b"1" * 5000 + b"}",
            "has an integer of more than 4,300 digits, which Python refuses to read",
        ),
    ],
)
@pytest.mark.parametrize("name", ["params.json", "metrics.json"])
def test_bad_json_is_said_by_name(entry_dir: Path, name: str, content: bytes, complaint: str) -> None:
    """Each way in which JSON can be wrong gives one sentence that begins with the file's name."""
    (entry_dir / name).write_bytes(content)
    outputs = read_outputs(entry_dir)
    (problem,) = outputs.problems
    assert problem.startswith(f"{name} {complaint}")
    assert "\n" not in problem
    assert (outputs.params, outputs.metrics)[name == "metrics.json"] == {}
    assert outputs.task_records


def test_too_large_is_refused(entry_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over the bound is not read to its end; one of exactly that size is."""
    monkeypatch.setattr(outputs_module, "MAX_JSON_BYTES", 100)
    exact = b'{"a": "' + b"x" * 91 + b'"}'
    (entry_dir / "metrics.json").write_bytes(exact)
    assert read_outputs(entry_dir).problems == ()
    (entry_dir / "metrics.json").write_bytes(exact + b"\n")
    (problem,) = read_outputs(entry_dir).problems
    assert problem.startswith("metrics.json is larger than")


def test_odd_json_that_python_writes_is_read(entry_dir: Path) -> None:
    """NaN and infinities, a byte order mark, repeated keys (the last wins), half a surrogate pair."""
    (entry_dir / "metrics.json").write_bytes(
        b'\xef\xbb\xbf{"nan": NaN, "inf": -Infinity, "twice": 1, "twice": 2, "half": "\\ud800"}'
    )
    outputs = read_outputs(entry_dir)
    assert outputs.problems == ()
    assert math.isnan(outputs.metrics.pop("nan"))
    assert outputs.metrics == {"inf": -math.inf, "twice": 2, "half": "\\ud800"}


@pytest.mark.parametrize("kind", ["pipe", "directory", "endless device", "dangling link", "link to itself"])
@pytest.mark.parametrize("name", ["params.json", "metrics.json", "tasks.pkl"])
def test_what_is_no_file_neither_hangs_nor_crashes(entry_dir: Path, name: str, kind: str) -> None:
    """Whatever stands in a file's place, reading ends at once with a problem that names it."""
    path = entry_dir / name
    path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "endless device":
            path.symlink_to("/dev/zero")
        case "dangling link":
            path.symlink_to("nowhere")
        case "link to itself":
            path.symlink_to(name)
    (problem,) = read_outputs(entry_dir).problems
    assert problem.startswith(f"{name} {'was not written' if kind == 'dangling link' else 'can'}")


def test_a_link_to_a_file_is_read(entry_dir: Path) -> None:
    """A script may keep its results elsewhere."""
    (entry_dir / "metrics.json").rename(entry_dir / "elsewhere.json")
    (entry_dir / "metrics.json").symlink_to("elsewhere.json")
    outputs = read_outputs(entry_dir)
    assert outputs.problems == ()
    assert outputs.metrics == {"documents": 3}


def test_a_bad_tasks_file_is_one_problem(entry_dir: Path) -> None:
    """The sentence of the reader is passed on, and the other files are read."""
    (entry_dir / "tasks.pkl").write_bytes(b"no pickle")
    outputs = read_outputs(entry_dir)
    (problem,) = outputs.problems
    assert problem.startswith("tasks.pkl is no pickle")
    assert outputs.metrics == {"documents": 3}


def test_a_metric_that_is_no_number_is_a_warning(entry_dir: Path) -> None:
    """It doesn't fail the entry, but it isn't lost silently."""
    tasks = [{"stage_perf": [{"stage_name": "load", "custom_metrics": {"a": object(), "b": 2}}]}]
    (entry_dir / "tasks.pkl").write_bytes(pickle.dumps(tasks))
    outputs = read_outputs(entry_dir)
    assert outputs.problems == ()
    assert outputs.warnings == ("tasks.pkl: metric 'a' of stage 'load' is no plain number and was left out",)
    assert outputs.task_metrics["task_load_custom.b_sum"] == 2


def test_flat_scalars_joins_names_with_dots() -> None:
    """Nested mappings are flattened; lists, nulls and empty mappings have no scalar to show."""
    nested = {"a": {"b": {"c": 1}, "d": "x"}, "list": [1], "none": None, "e": 2.5, "ok": True, "empty": {}}
    assert flat_scalars(nested) == {"e": 2.5, "ok": True, "a.d": "x", "a.b.c": 1}


def test_flat_scalars_prefers_the_outer_name() -> None:
    """Where two values get the same name, the one that a user can see spelled out wins, in either order."""
    assert flat_scalars({"a": {"b": 1}, "a.b": 2}) == {"a.b": 2}
    assert flat_scalars({"a.b": 2, "a": {"b": 1}}) == {"a.b": 2}


def test_task_records_are_kept_beside_the_result(entry_dir: Path) -> None:
    """tasks.json holds them, with secrets masked, even those that are numbers; outputs let go of them."""
    stage = {"stage_name": "load", "process_time": 654321.5}
    (entry_dir / "tasks.pkl").write_bytes(pickle.dumps([{"task_id": 'a "planted-s3cret"', "stage_perf": [stage]}]))
    masker = Masker(["planted-s3cret", "654321.5"])
    outputs = keep_task_records(entry_dir, read_outputs(entry_dir), masker.mask_data)
    assert (outputs.task_records, outputs.warnings) == ("", ())
    kept = read_file(entry_dir / "tasks.json")
    assert kept["format"] == 2
    assert kept["tasks"][0]["task_id"] == 'a "***"'
    assert kept["tasks"][0]["stage_perf"][0]["process_time"] == "***"


def test_task_records_that_can_not_be_written_are_a_warning(entry_dir: Path) -> None:
    """The statistics are there all the same."""
    (entry_dir / "tasks.json").mkdir()
    outputs = keep_task_records(entry_dir, read_outputs(entry_dir), lambda data: data)
    (warning,) = outputs.warnings
    assert warning.startswith("tasks.json was not written: ")
    assert outputs.task_metrics


def test_records_of_an_earlier_run_are_removed(entry_dir: Path) -> None:
    """They must not pass for those of the next one."""
    keep_task_records(entry_dir, read_outputs(entry_dir), lambda data: data)
    prepare_params(entry_dir, {})
    assert not (entry_dir / "tasks.json").exists()
