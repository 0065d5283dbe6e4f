# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench index``: where it lies, whether it is right, and a new one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.cli import main
from pytest_curator_bench.history.index_place import index_file
from tests.support.commands import errors, shown

if TYPE_CHECKING:
    from tests.support.past_sessions import PastSessions


@pytest.fixture
def past(nights: PastSessions) -> PastSessions:
    """Two nights."""
    nights.add({"a": 1.0, "b": 2.0})
    nights.add({"a": 1.0, "b": {"status": "error", "started_at": None, "exec_time_s": None}})
    return nights


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """What the command prints, in one line."""
    (words,) = shown(capsys, "index", *arguments, status=status)
    return " ".join(words)


def test_where(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """The file's path, whether or not it is there."""
    assert said(capsys, "--where") == str(index_file(past.results_dir))
    assert not Path(said(capsys, "--where")).exists()


def test_check(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing yet, whole, and with a session more."""
    assert said(capsys, "--check").startswith("there is no index yet: ")
    main(["compare"])
    capsys.readouterr()
    assert said(capsys, "--check") == "whole: 2 sessions"
    past.add({"a": 1.0})
    assert said(capsys, "--check") == "whole: 2 sessions, 1 changed since: read when needed"


def test_a_result_that_was_changed_by_hand(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Only --check sees it: the session's summary is as it was. --rebuild reads everything again."""
    assert said(capsys, "--rebuild") == "2 sessions of results"
    session = max(past.results_dir.iterdir())
    file = session / "a" / "results.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "exec_time_s": 9.0}))
    assert said(capsys, "--check", status=1) == (
        f"1 session has other results than it: {session.name}; --rebuild makes it anew"
    )
    assert said(capsys, "--rebuild") == "2 sessions of results"
    assert said(capsys, "--check") == "whole: 2 sessions"


def test_a_damaged_index(past: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Is called so."""
    said(capsys, "--rebuild")
    os.truncate(said(capsys, "--where"), 10_000)
    assert said(capsys, "--check", status=1).startswith("it is damaged")


def test_it_is_kept_in_memory(
    past: PastSessions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there is nothing to look after."""
    monkeypatch.setattr("pytest_curator_bench.cli.index.index_file", lambda _directory: None)
    assert errors(capsys, "index", "--where").startswith("no directory for the index can be written")
