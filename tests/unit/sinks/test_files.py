# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sinks jsonl and csv: whole lines, growing columns, many writers, torn and foreign files."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.sinks import PermanentSinkError, Sink, SinkConfigError, delivery_key
from pytest_curator_bench.sinks.files.csv import FIXED_COLUMNS, CsvSink
from pytest_curator_bench.sinks.files.jsonl import JsonLinesSink
from tests.support.sinks import env_data_of, result_of

if TYPE_CHECKING:
    from pathlib import Path

KINDS: dict[str, type[Sink]] = {"jsonl": JsonLinesSink, "csv": CsvSink}

# Appends many results to one file; several of these run at once.
WRITER = """
import pathlib, sys
from pytest_curator_bench.sinks.files.csv import CsvSink
from pytest_curator_bench.sinks.files.jsonl import JsonLinesSink
from tests.support.sinks import env_data_of, result_of
kind, root, number = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
sink = {"jsonl": JsonLinesSink, "csv": CsvSink}[kind]({"name": kind, "path": "all"})
sink.initialize("s", env_data_of(root / f"session{number}"))
for entry in range(20):
    metrics = {f"metric_{number}_{entry % 5}": entry, "text": "x" * 3000}
    sink.process_result(result_of(f"e{entry}", session_name=f"session{number}", script_metrics=metrics))
"""


def opened(kind: str, session_dir: Path, **settings: Any) -> Sink:
    """An initialized sink."""
    sink = KINDS[kind]({"name": kind, **settings})
    sink.initialize(session_dir.name, env_data_of(session_dir))
    return sink


def rows_of(kind: str, file: Path) -> list[dict[str, Any]]:
    """The file's content, one mapping a result."""
    if kind == "jsonl":
        return [json.loads(line) for line in file.read_bytes().splitlines()]
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_one_line_a_result(tmp_path: Path, kind: str) -> None:
    """In the session's directory by default; what is there already, from this process or another, stays as it is."""
    session_dir = tmp_path / "s"
    sink = opened(kind, session_dir)
    for name in ("a", "b", "a"):
        sink.process_result(result_of(name))
    opened(kind, session_dir).process_result(result_of("b"))
    file = session_dir / f"results.{kind}"
    rows = rows_of(kind, file)
    assert [row["name"] for row in rows] == ["a", "b"]
    assert [row["delivery_key"] for row in rows] == [delivery_key(result_of(name)) for name in ("a", "b")]
    assert len(file.read_bytes().splitlines()) == 2 + (kind == "csv")


def test_json_lines_hold_the_whole_result(tmp_path: Path) -> None:
    """Nothing is left out, nothing is changed, and text of every kind survives on one line."""
    result = result_of(error="one\ntwo\u2028three \u00fc", datasets=[{"stage": "x", "values": [1, None, True]}])
    opened("jsonl", tmp_path / "s").process_result(result)
    (line,) = (tmp_path / "s/results.jsonl").read_bytes().split(b"\n")[:-1]
    assert json.loads(line) == {"delivery_key": delivery_key(result), **result}


def test_csv_columns(tmp_path: Path) -> None:
    """Fixed ones first; metrics, parameters, task metrics and resources behind them, flat, by their dotted names."""
    result = result_of(error="first line\nmore", task_metrics={"stage_x_sum": 2.5}, resources={"max_rss_bytes": 9})
    opened("csv", tmp_path / "s").process_result(result)
    (row,) = rows_of("csv", tmp_path / "s/results.csv")
    assert tuple(row)[: len(FIXED_COLUMNS)] == FIXED_COLUMNS
    assert {key: row[key] for key in row if key not in FIXED_COLUMNS} == {
        "metrics.rate_per_sec": "2.5",
        "metrics.nested.count": "3",
        "params.size": "7",
        "task_metrics.stage_x_sum": "2.5",
        "resources.max_rss_bytes": "9",
    }
    assert (row["success"], row["error"], row["signal"], row["exec_time_s"]) == ("true", "first line", "", "1.5")


def test_csv_columns_of_a_comparison(tmp_path: Path) -> None:
    """The verdict, and the relative change of each metric."""
    sink = opened("csv", tmp_path)
    comparison: Any = {"verdict": "worse", "changes": {"exec_time_s": {"change": 0.25}, "num_kept": {"change": None}}}
    result = result_of()
    result["comparison"] = comparison
    sink.process_result(result)
    (row,) = rows_of("csv", tmp_path / "results.csv")
    found = {key: value for key, value in row.items() if key.startswith("comparison.")}
    assert found == {
        "comparison.verdict": "worse",
        "comparison.exec_time_s": "0.25",
        "comparison.num_kept": "",
    }


def test_csv_columns_grow(tmp_path: Path) -> None:
    """New metrics come at the right; what was there keeps its column, its row and its value."""
    sink = opened("csv", tmp_path / "s")
    metrics: list[dict[str, Any]] = [{"x": 1}, {"y": 'quoted, "text"\nover lines'}, {"x": 3, "z": "=1+1"}, {}]
    for number, values in enumerate(metrics):
        sink.process_result(result_of(f"e{number}", script_metrics=values, script_params={}))
    rows = rows_of("csv", tmp_path / "s/results.csv")
    assert tuple(rows[0])[len(FIXED_COLUMNS) :] == ("metrics.x", "metrics.y", "metrics.z")
    found = [[row["name"], row["metrics.x"], row["metrics.y"], row["metrics.z"]] for row in rows]
    assert found == [
        ["e0", "1", "", ""],
        ["e1", "", 'quoted, "text" over lines', ""],
        ["e2", "3", "", "=1+1"],
        ["e3", "", "", ""],
    ]


@pytest.mark.parametrize(
    "name", ["new\nline", "carriage\r\nreturn", "esc\x1b", "nul\0", "tab\t", "\udcff", "n" * 40_000]
)
def test_csv_column_of_an_odd_name(tmp_path: Path, name: str) -> None:
    """A name that no cell can hold has one column all the same, not a new one each time."""
    sink = opened("csv", tmp_path / "s")
    for number in range(3):
        sink.process_result(result_of(f"e{number}", script_metrics={name: number}, script_params={}))
    rows = rows_of("csv", tmp_path / "s/results.csv")
    (column,) = tuple(rows[0])[len(FIXED_COLUMNS) :]
    assert [row[column] for row in rows] == ["0", "1", "2"]
    assert not set(column) & set("\0\x1b\n\r\t")


@pytest.mark.parametrize("kind", KINDS)
def test_one_file_for_many_sessions_at_once(tmp_path: Path, kind: str) -> None:
    """Four processes write into one file side by side: nothing is lost, torn or doubled."""
    commands = [[sys.executable, "-c", WRITER, kind, str(tmp_path), str(number)] for number in range(4)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    for writer in writers:
        assert writer.communicate(timeout=120)[1] == b""
        assert writer.returncode == 0
    rows = rows_of(kind, tmp_path / "all")
    expected = {(f"session{number}", f"e{entry}") for number in range(4) for entry in range(20)}
    assert len(rows) == 80
    assert {(row["session_name"], row["name"]) for row in rows} == expected
    if kind == "csv":
        assert {row["metrics.text"] for row in rows} == {"x" * 3000}
        for row in rows:
            entry = row["name"][1:]
            assert row[f"metrics.metric_{row['session_name'][-1]}_{int(entry) % 5}"] == entry


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_torn_last_line(tmp_path: Path, kind: str, cut: int) -> None:
    """What a process left that died in the middle of a line takes nothing with it, and its result comes again."""
    file = tmp_path / "s" / f"results.{kind}"
    sink = opened(kind, tmp_path / "s")
    for name in ("a", "b"):
        sink.process_result(result_of(name))
    file.write_bytes(file.read_bytes()[:-cut])
    again = opened(kind, tmp_path / "s")
    for name in ("a", "b", "c"):
        again.process_result(result_of(name))
    assert sorted(_names(kind, file)) == ["a", "b", "c"]


def _names(kind: str, file: Path) -> list[str]:
    """The entries' names in the lines that can be read."""
    if kind == "csv":
        return [row["name"] for row in rows_of(kind, file)]
    names = []
    for line in file.read_bytes().splitlines():
        with contextlib.suppress(ValueError):
            names.append(json.loads(line)["name"])
    return names


def test_a_file_that_is_no_csv_of_ours(tmp_path: Path) -> None:
    """It is never touched, and the error names it."""
    sink = opened("csv", tmp_path / "s", path="mine.txt")
    for content in (b"a,b\n1,2\n", b"one line without an end", b"\xff\xfe\n", b'a,"b\n'):
        (tmp_path / "mine.txt").write_bytes(content)
        with pytest.raises(PermanentSinkError, match=r"mine\.txt"):
            sink.process_result(result_of())
        assert (tmp_path / "mine.txt").read_bytes() == content


@pytest.mark.parametrize("kind", KINDS)
def test_where_the_file_is(tmp_path: Path, kind: str) -> None:
    """A path starts at results_dir; directories are made; a link is followed, and stays one."""
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "link").symlink_to("elsewhere")
    for path, file in {"sub/all": "sub/all", str(tmp_path / "x"): "x", "link": "elsewhere"}.items():
        opened(kind, tmp_path / "s", path=path).process_result(result_of())
        assert len(rows_of(kind, tmp_path / file)) == 1
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"pth": "x"}, ("pth", "found the unknown key 'pth'; did you mean 'path'? Expected one of path")),
        ({"path": 3}, ("path", "found a number: Input should be a valid string")),
        ({"path": "dir/"}, ("path", "found text that names no file, expected a file's path")),
    ],
)
def test_wrong_settings(kind: str, settings: dict[str, Any], problem: tuple[str, str]) -> None:
    """Each is told by its key."""
    with pytest.raises(SinkConfigError) as caught:
        KINDS[kind]({"name": kind, **settings})
    assert caught.value.problems == (problem,)


def test_a_full_disk(tmp_path: Path) -> None:
    """A line that does not fit leaves the file as it was."""
    sink = opened("jsonl", tmp_path / "s")
    sink.process_result(result_of("a"))
    before = (tmp_path / "s/results.jsonl").read_bytes()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, resource.RLIM_INFINITY))
        try:
            sink.process_result(result_of("b"))
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (tmp_path / "s/results.jsonl").read_bytes() == before
