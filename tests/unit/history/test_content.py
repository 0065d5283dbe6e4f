# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is read of one session."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pytest_curator_bench.history.content import is_running, read_content
from pytest_curator_bench.history.selectors import select_one
from pytest_curator_bench.history.sessions import list_sessions, read_session_ref
from tests.support.sessions import make_session

GOLDEN = Path(__file__).parents[2] / "data" / "results"


def _die(run_dir: Path) -> None:
    """Have the record of a run name a process that there is not."""
    record = run_dir / "run.json"
    record.write_text(record.read_text().replace(f'"pid": {os.getpid()}', '"pid": 4194304'))


def test_results_come_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    """With the environment, and nothing missing."""
    store = make_session(tmp_path, "s", b="failed", a="passed")
    store.write_environment({"hostname": "here"}, "ray==2.60.0\n")
    content = read_content(select_one(tmp_path, "latest"))
    assert [(result.name, result.status) for result in content.results] == [("b", "failed"), ("a", "passed")]
    assert content.environment["hostname"] == "here"
    assert (content.missing, content.problems) == ({}, ())


def test_a_session_in_progress_and_a_killed_one(tmp_path: Path) -> None:
    """An entry without a result runs as long as its run does; one that was never begun doesn't."""
    store = make_session(tmp_path, "s")
    store.begin(["busy", "waiting"])
    store.entries.prepare("busy")
    ref = read_session_ref(tmp_path / "s")
    assert ref.status == "running"
    assert is_running(ref.path)
    assert read_content(ref).missing == {"busy": "running", "waiting": "no result"}
    _die(store.run_dir)
    assert not is_running(ref.path)
    assert read_content(ref).missing == {"busy": "no result", "waiting": "no result"}
    (store.run_dir / "run.json").write_text("{")
    assert is_running(ref.path)  # nobody knows


def test_what_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """Corrupt, future and foreign files: one line each, and the rest is read."""
    path = make_session(tmp_path, "s", good="passed", corrupt="passed", future="passed", foreign="passed").session_dir
    for name, text in {"corrupt": '{"na', "future": '{"format": 99}', "foreign": '{"score": 1}'}.items():
        (path / name / "results.json").write_text(text)
    (path / "env.json").write_text("[]")
    content = read_content(read_session_ref(path))
    assert [result.name for result in content.results] == ["good"]
    assert content.missing == dict.fromkeys(("corrupt", "future", "foreign"), "unreadable")
    beginnings = [problem.split(":")[0] for problem in content.problems]
    assert beginnings == [
        *(str(path / name / "results.json") for name in ("corrupt", "foreign", "future")),
        str(path / "env.json"),
    ]
    assert not any("\n" in problem for problem in content.problems)
    shutil.rmtree(path)
    gone = read_content(content.ref)
    assert (gone.results, gone.problems) == ((), (f"{path}: No such file or directory",))


@pytest.mark.parametrize("directory", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_sessions_of_every_format(directory: Path) -> None:
    """What earlier versions wrote is read as if it were of today."""
    (ref,) = list_sessions(directory)
    content = read_content(ref)
    assert (ref.name, sorted(ref.entries), ref.counts["passed"]) == ("golden", ["repeated", "retried"], 2)
    assert [result.status for result in content.results] == ["passed", "passed"]
    assert (content.problems, is_running(ref.path)) == ((), False)
    assert content.environment["hostname"]
