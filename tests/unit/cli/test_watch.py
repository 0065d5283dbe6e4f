# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench watch``: which session, what it prints, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.cli import main
from pytest_curator_bench.session.status import EntryStatus, publish_status
from tests.support.processes import LIMIT_S
from tests.support.running_sessions import WAITING, conclude, session

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_curator_bench.session.store import SessionStore


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the command on the sessions of this test: exit status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["watch", *arguments, "--results", str(tmp_path / "results")])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_once(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    """The present state, by name, by the beginning of a name, by path, or the latest."""
    store = session(tmp_path, "a", "b", "c")
    with publish_status(store.entries.prepare("a")) as publish:
        publish(WAITING)
        for selector in ([], ["s"], ["latest"], [str(store.session_dir)]):
            status, out, _ = call("--once", *selector)
            assert status == 0
            assert out.startswith("s: 0/3, running for 0:")
            assert out.splitlines()[1].startswith("a: waiting for a free slot (whole machine leased by ")
    conclude(store, "b", "failed", error="ValueError: x")
    status, out, _ = call("--once")
    assert (status, out.splitlines()[-1]) == (1, "b: failed: ValueError: x")


def test_what_is_no_session(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    """The selectors of all commands."""
    session(tmp_path, "a")
    status, out, err = call("t")
    assert (status, out) == (2, "")
    assert f"no session 't' in {tmp_path / 'results'}" in err


@pytest.mark.parametrize("file", ["runs/{run}/run.json", "a/.run.json"])
@pytest.mark.parametrize("moment", ["yesterday", "2026-11-30T12:00:00"])
def test_times_that_cannot_be_read(
    tmp_path: Path, call: Callable[..., tuple[int, str, str]], file: str, moment: str
) -> None:
    """Neither a time that is none, nor one without a time zone, ends the command."""
    store = session(tmp_path, "a", "b")
    store.entries.prepare("a")
    conclude(store, "b")
    path = store.session_dir / file.format(run=store.run_dir.name)
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "started_at": moment, "prepared_at": moment}))
    status, out, _ = call("--once")
    assert status == 0
    assert re.match("s: 1/[12]", out)


def end(store: SessionStore, results: list[str]) -> None:
    """End a session's run in which all entries passed."""
    store.finish([conclude(store, name, exec_time_s=2.0) for name in results], exit_status=0)


def test_lines_until_the_session_has_ended(
    tmp_path: Path, call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for each change; it ends by itself."""
    store = session(tmp_path, "a")
    publishing = contextlib.ExitStack()
    publish = publishing.enter_context(publish_status(store.entries.prepare("a", timeout_s=60)))
    steps: list[Callable[[], None]] = [
        lambda: publish(EntryStatus(doing="running", run="")),
        publishing.close,
        lambda: end(store, ["a"]),
    ]
    monkeypatch.setattr("pytest_curator_bench.cli.watch.time.sleep", lambda _: steps.pop(0)())
    status, out, _ = call("s")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("s: 0/1, running for ")
    assert re.fullmatch(r"a: 0:\d\d, limit 1:00", lines[1])
    assert lines[2:] == ["a: passed in 2 s", "s: 1/1", "the session has ended: finished"]


def test_a_killed_session(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    """It says so, and how to go on."""
    code = (
        "import sys, pathlib; from pytest_curator_bench.session.store import SessionStore\n"
        "where = pathlib.Path(sys.argv[1])\n"
        "SessionStore.create(where / 'results', where / 'artifacts', exact='s').begin(['a'])\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, env={**os.environ, "PYTHONPATH": str(root)})
    status, out, _ = call()
    assert status == 1
    assert out.splitlines()[-1].startswith("the run was killed, or its machine went down (process ")
    assert out.rstrip().endswith("): go on with --bench-session s")


def test_on_a_terminal(tmp_path: Path) -> None:
    """It is drawn in place until the session has ended; the end stays on the screen."""
    store = session(tmp_path, "a")
    store.entries.prepare("a")
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_curator_bench", "watch", store.session_dir],
        stdout=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
    )
    os.close(terminal)
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.start()
    shown = ""
    while True:
        try:
            shown += re.sub(r"\x1b\[[\d;]*m", "", os.read(screen, 65536).decode())
        except OSError:  # the terminal's end
            break
        if "a  preparing" in shown and not (store.entries.path("a") / "results.json").exists():
            end(store, ["a"])
    os.close(screen)
    assert process.wait() == 0
    watchdog.cancel()
    assert "s: 1/1" in shown
    assert "the session has ended: finished" in shown
