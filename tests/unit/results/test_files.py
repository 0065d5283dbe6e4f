# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The JSON files of a session: files of every format are read, and code, schema and page say the same of them."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import jsonschema
import pytest

from pytest_curator_bench.cli import main
from pytest_curator_bench.delivery.replay import ReplayOptions, replay, session_env_data
from pytest_curator_bench.delivery.results import session_results
from pytest_curator_bench.history.past_results import past_durations
from pytest_curator_bench.results.format import FORMATS, NewerFormatError, read_file
from pytest_curator_bench.results.json_files import ResultDict
from pytest_curator_bench.results.json_schema import FILES, results_schema
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.runs import read_runs
from pytest_curator_bench.session.store import SessionStore
from tests.support.sinks import result_of

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "data" / "results"
FORMATS_THAT_WERE = ["format-1", "format-2"]


@pytest.fixture
def results_dir(tmp_path: Path) -> Path:
    """Where a test keeps sessions: another place than the one where they were written."""
    return tmp_path / "elsewhere"


def golden(format_name: str, results_dir: Path) -> Path:
    """A copy of the session that a real run wrote in this format."""
    return Path(shutil.copytree(GOLDEN / format_name / "golden", results_dir / "golden"))


def change(file: Path, **keys: Any) -> None:
    """Change keys of a file."""
    file.write_text(json.dumps({**json.loads(file.read_bytes()), **keys}))


def refuse(results_dir: Path) -> tuple[Path, str]:
    """A session of a format to come, and how each of its files is refused."""
    session_dir = golden("format-2", results_dir)
    for file in [*session_dir.rglob("re*/results.json"), session_dir / "session.json", session_dir / "env.json"]:
        change(file, format=99)
    return session_dir, r"has format 99, newer than 2, the newest that this version reads: upgrade pytest-curator-bench"


@pytest.mark.parametrize("format_name", FORMATS_THAT_WERE)
def test_results_of_every_format_are_read(results_dir: Path, format_name: str) -> None:
    """What was measured comes back, and is written in the present format."""
    session_dir = golden(format_name, results_dir)
    repeated, retried = (read_result(session_dir / name) for name in ("repeated", "retried"))
    assert (repeated.status, repeated.success, len(repeated.runs)) == ("passed", True, 4)
    assert repeated.statistics["rate_per_sec"]["median_ci"] == [11.0, 13.0]
    assert repeated.statistics["rate_per_sec"]["confidence"] == (0.75 if format_name == "format-2" else None)
    assert [record["met"] for record in repeated.requirements] == [True]
    assert retried.task_metrics["task_load_process_time_sum"] == 1.5
    assert [attempt["status"] for attempt in retried.attempts] == ["failed", "passed"]
    for result in (repeated, retried):
        written = result.to_dict()
        assert written["format"] == FORMATS["results.json"]
        assert "tasks" not in written
        validate("results.json", json.loads(json.dumps(written)))


@pytest.mark.parametrize("format_name", FORMATS_THAT_WERE)
def test_a_session_that_was_moved_is_read_where_it_is(results_dir: Path, format_name: str) -> None:
    """Results, runs and durations, with the paths of today."""
    session_dir = golden(format_name, results_dir)
    results, problems = session_results(session_dir)
    assert problems == []
    assert {(result["entry_dir"], result["stdouterr_file"]) for result in results} == {
        (str(session_dir / "repeated"), str(session_dir / "repeated" / "run-3" / "stdouterr.log")),
        (str(session_dir / "retried"), str(session_dir / "retried" / "stdouterr.log")),
    }
    retried = read_result(session_dir / "retried")
    assert [attempt["entry_dir"] for attempt in retried.attempts] == [
        str(session_dir / "retried" / "attempt-1"),
        str(session_dir / "retried"),
    ]
    assert [run.entries for run in read_runs(session_dir)[0]] == [("repeated",), ("retried",)]
    assert set(past_durations(results_dir)) == {"repeated", "retried"}
    env_data = session_env_data(session_dir)
    assert (env_data["hostname"], env_data["entries"]) == ("bench-host", ["repeated", "retried"])
    assert "format" not in env_data


@pytest.mark.parametrize("format_name", FORMATS_THAT_WERE)
def test_a_session_that_was_moved_is_replayed_with_true_paths(results_dir: Path, format_name: str) -> None:
    """Sinks get results in the present format, with the paths of today."""
    session_dir = golden(format_name, results_dir)
    config = results_dir / "config.yaml"
    config.write_text(
        f"results_dir: {results_dir}\nsinks: [{{name: jsonl}}]\nentries: [{{name: retried, script: s.py}}]\n"
    )
    said: list[str] = []
    assert replay(ReplayOptions(session=session_dir, config_files=(config,)), {}, said.append), said
    lines = [json.loads(line) for line in (session_dir / "results.jsonl").read_text().splitlines()]
    assert [line["entry_dir"] for line in lines] == [str(session_dir / "repeated"), str(session_dir / "retried")]
    for line in lines:
        del line["delivery_key"]
        validate("results.json", line)


def test_unknown_keys_are_ignored(results_dir: Path) -> None:
    """A later version may add some without a new format."""
    session_dir = golden("format-2", results_dir)
    before = read_result(session_dir / "retried"), read_runs(session_dir)
    for file in (session_dir / "retried" / "results.json", *session_dir.glob("runs/*/run.json")):
        change(file, colour="blue")
    assert (read_result(session_dir / "retried"), read_runs(session_dir)) == before


def test_a_newer_format_is_named_in_one_sentence(results_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    """File, format, newest readable format; no reader stops at it, or loses it silently, or says it twice."""
    session_dir, sentence = refuse(results_dir)
    file = session_dir / "retried" / "results.json"
    with pytest.raises(NewerFormatError, match=rf"^{re.escape(str(file))}: {sentence}$"):
        read_result(session_dir / "retried")
    results, problems = session_results(session_dir)
    assert results == []
    assert problems[1] == f"not delivered: {file}: {sentence}"
    assert past_durations(results_dir) == {}
    assert session_env_data(session_dir)["entries"] == []
    assert logged(caplog) == [f"skipped {session_dir / name}: {sentence}" for name in ("session.json", "env.json")]
    change(session_dir / "session.json", format=2)
    assert past_durations(results_dir) == {}
    (run_file, *_) = session_dir.glob("runs/*/run.json")
    change(run_file, format=99)
    assert read_runs(session_dir)[1] == [run_file.parent.name]
    names = [message.split(": ")[0].rpartition("/")[2] for message in logged(caplog)]
    assert names == ["session.json", "env.json", "results.json", "results.json", "run.json"]


def test_a_session_of_a_newer_version_is_not_joined(results_dir: Path, tmp_path: Path) -> None:
    """What this version can't read it doesn't overwrite."""
    session_dir, _ = refuse(results_dir)
    before = (session_dir / "session.json").read_bytes()
    with pytest.raises(SessionError, match=rf"session {session_dir.name} can't be joined: .* has format 99"):
        SessionStore.create(results_dir, tmp_path / "artifacts", exact=session_dir.name)
    assert (session_dir / "session.json").read_bytes() == before


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged so far."""
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"format": "2"}', '{"status": "passed"}'])
def test_what_is_no_result_is_named(tmp_path: Path, content: str) -> None:
    """Every other content is an error that begins with the file."""
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(tmp_path / 'results.json'))}: "):
        read_result(tmp_path)


def test_results_are_immutable() -> None:
    """Lists become tuples, and changes make new results."""
    result = EntryResult.from_dict(result_of(warnings=["one"], command=["a", "b"]))
    assert (result.warnings, result.command) == (("one",), ("a", "b"))
    assert result.with_warnings() is result
    assert result.with_warnings("two", "three").warnings == ("one", "two", "three")
    assert result.with_outcome("failed", "mark", "no").to_dict()["success"] is False
    assert result.warnings == ("one",)
    deep = dataclasses.replace(result, script_metrics={"a": {"b": [1]}})
    changes: list[Callable[[], object]] = [
        lambda: deep.script_metrics["a"].update(c=1),
        lambda: deep.script_metrics["a"]["b"].append(2),
    ]
    for change_it in changes:
        with pytest.raises(TypeError, match="a result can't be changed"):
            change_it()
    deep.to_dict()["script_metrics"]["a"]["b"].append(2)  # a copy
    assert deep.script_metrics == {"a": {"b": [1]}}
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.status = "failed"  # type: ignore[misc]  # that is what can't be done
    assert EntryResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def validate(name: str, data: object) -> None:
    """Hold a file's content against the schema."""
    schema = results_schema()
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}).validate(data)


def test_files_of_a_real_run_fit_the_schema_and_have_no_other_keys() -> None:
    """What a run wrote is what the schema describes, key by key; every kind of file is there."""
    session_dir = GOLDEN / "format-2" / "golden"
    definitions = results_schema()["$defs"]
    seen = set()
    for file in session_dir.rglob("[!.]*.json"):
        data = read_file(file)
        validate(file.name, data)
        assert set(data) <= set(definitions[file.name]["properties"]), file
        assert set(data) >= set(definitions[file.name]["required"]), file
        seen.add(file.name)
    assert seen == set(FILES) == set(FORMATS)
    data = json.loads((session_dir / "repeated" / "results.json").read_bytes())
    with pytest.raises(jsonschema.ValidationError):
        validate("results.json", {**data, "status": "great"})


def test_record_and_typed_dictionary_have_the_same_keys() -> None:
    """What sinks can rely on is what results have."""
    assert set(get_type_hints(ResultDict)) == set(result_of())


def test_the_page_describes_every_key() -> None:
    """docs/results.md follows from the typed dictionaries (else run docs/generate.py), and shows every key."""
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for name, definition in results_schema()["$defs"].items():
        section = page.partition(f"### `{name}`\n" if name in FILES else f"### {name}\n")[2].partition("\n### ")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(definition["properties"]), name
        assert all(value.get("description") for value in definition["properties"].values()), name


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """``curator-bench schema results``."""
    assert main(["schema", "results"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == results_schema()
    jsonschema.Draft202012Validator.check_schema(printed)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"statistics": None}, "statistics: found NoneType, expected dict"),
        ({"statistics": {"rate": {"n": 3}}}, "statistics.rate: confidence is missing"),
        ({"warnings": "text"}, "warnings: found 'text', expected list"),
        ({"warnings": ["a", 5]}, "warnings[1]: found 5, expected str"),
        ({"runs": [{"run": "run-1"}]}, "runs[0]: exec_time_s is missing"),
        ({"runs": {}}, "runs: found dict, expected list"),
        ({"exec_time_s": "fast"}, "exec_time_s: found 'fast', expected float"),
        ({"exec_time_s": 10**400}, "exec_time_s: found 1000"),
        ({"exec_time_s": True}, "exec_time_s: found True, expected float"),
        ({"script_metrics": [1]}, "script_metrics: found list, expected dict"),
        ({"requirements": [None]}, "requirements[0]: found NoneType, expected VerdictDict"),
        ({"attempts": 5}, "'int' object is not iterable"),
        (
            {"status": "fine"},
            "status: found 'fine', expected passed, failed, timeout, error, skipped, xfailed, interrupted",
        ),
        ({"name": None}, "name: found NoneType, expected str"),
    ],
)
def test_a_recorded_result_of_wrong_types_is_left_out(results_dir: Path, keys: dict[str, Any], problem: str) -> None:
    """One sentence says what is wrong with it; history and replay go on without."""
    session_dir = golden("format-2", results_dir)
    change(session_dir / "repeated/results.json", **keys)
    with pytest.raises(ValueError, match=re.escape(f"no result ({problem}")):
        read_result(session_dir / "repeated")
    results, problems = session_results(session_dir)
    assert [result["name"] for result in results] == ["retried"]
    assert len(problems) == 1
    assert "repeated" not in past_durations(results_dir)


def test_a_recorded_result_is_within_limits(results_dir: Path) -> None:
    """One that an older version wrote may hold more than is written today, at any depth."""
    session_dir = golden("format-1", results_dir)
    deep: Any = 1
    for _ in range(200):
        deep = {"d": deep}
    metrics = {"k" * 40_000: {"a": 1}, "deep": deep, "rate": 2}
    change(session_dir / "repeated/results.json", script_metrics=metrics)
    result = read_result(session_dir / "repeated")
    assert list(result.script_metrics) == ["deep", "rate"]
    assert result.warnings[-1].startswith("script_metrics has 1 name of more than 500 characters")
