# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Killed runs: recognised without waiting, and what they left is marked as interrupted."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.session.claims import read_claim
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.recovery import recover_session
from pytest_curator_bench.session.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]

HARNESS = """
import sys; from pathlib import Path
from pytest_curator_bench.session.store import SessionStore
from pytest_curator_bench.results.record import EntryResult
store = SessionStore.create(Path(sys.argv[1]), Path(sys.argv[2]), exact="shared")
store.begin(["done", "running", "waiting"])
for name in ("done", "running"):
    entry_dir = store.entries.prepare(name, nodeid=f"c.yaml::{name}", timeout_s=60.0)
    (entry_dir / "stdouterr.log").write_text("half a log")
    (entry_dir / "metrics.json").write_text('{"rate": 1}')
    store.scratch.prepare(name)
store.entries.write_result(EntryResult(name="done", session_name="shared", status="passed", timeout_s=60.0,
                               nodeid="n", entry_dir="d", stdouterr_file="f"))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in the middle of a session: one entry done, one running, one waiting."""
    process = subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(tmp_path / "r"), str(tmp_path / "a")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def session(tmp_path: Path) -> Any:
    """Content of session.json."""
    return json.loads((tmp_path / "r" / "shared" / "session.json").read_text())


def join(tmp_path: Path) -> SessionStore:
    """One more run of the same session."""
    return SessionStore.create(tmp_path / "r", tmp_path / "a", exact="shared")


@pytest.mark.parametrize("reaped", [True, False])
def test_a_killed_run_is_put_right_when_the_session_is_joined(
    harness: subprocess.Popen[str], tmp_path: Path, reaped: bool
) -> None:
    """SIGKILL in mid-entry, reaped by its parent or still a zombie: all finished results stay readable."""
    harness.send_signal(signal.SIGKILL)
    if reaped:
        harness.wait()
    else:
        os.waitid(os.P_PID, harness.pid, os.WEXITED | os.WNOWAIT)
    store = join(tmp_path)
    assert store.recovered == ("running",)
    done, lost = map(read_result, walk_entries(store.session_dir))
    assert (done.name, done.status, lost.name, lost.status) == ("done", "passed", "running", "interrupted")
    assert (lost.reason, lost.nodeid, lost.timeout_s) == ("harness-lost", "c.yaml::running", 60.0)
    assert lost.error is not None
    assert f"process {harness.pid} on " in lost.error.splitlines()[0]
    assert Path(lost.stdouterr_file).read_text() == "half a log"
    assert (lost.script_metrics, lost.finished_at) == ({}, None)
    assert lost.started_at is not None
    assert (store.entries.path("running") / "metrics.json").exists()
    store.finish([], exit_status=0)
    written = session(tmp_path)
    assert written["status"] == "interrupted"
    assert written["counts"] == {"interrupted": 1, "passed": 1}
    assert [run["status"] for run in written["runs"]] == ["interrupted", "finished"]


def test_a_session_that_is_only_read_is_put_right_too(harness: subprocess.Popen[str], tmp_path: Path) -> None:
    """Tools open a session without joining it; a second look changes nothing more."""
    harness.kill()
    harness.wait()
    session_dir = tmp_path / "r" / "shared"
    assert recover_session(session_dir) == ("running",)
    written = session(tmp_path)
    assert (written["status"], written["finished_at"]) == ("interrupted", None)
    before = {path: path.stat().st_mtime_ns for path in session_dir.rglob("*")}
    assert recover_session(session_dir) == ()
    assert {path: path.stat().st_mtime_ns for path in session_dir.rglob("*")} == before


def test_a_run_that_is_alive_is_left_alone(harness: subprocess.Popen[str], tmp_path: Path) -> None:
    """Joining a session interrupts nobody in it."""
    store = join(tmp_path)
    assert store.recovered == ()
    assert session(tmp_path)["status"] == "running"
    assert not (store.entries.path("running") / "results.json").exists()
    assert harness.poll() is None


@pytest.mark.parametrize(
    "change",
    [
        {"owner": None},
        {"owner": {"pid": "x"}},
        {"owner": {"pid": 10**30}},
        {"run_id": ["a"]},
        {"run_id": "a" * 5000},
        {"run_id": "a\0b"},
        {"timeout_s": {}},
        {"prepared_at": 5},
        {"more": 1},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_claim_of_wrong_types_is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    """A script may have written it: who recovers, joins or reads the session goes on."""
    store = join(tmp_path)
    claim = store.entries.prepare("a") / ".run.json"
    claim.write_text(json.dumps(json.loads(claim.read_text()) | change))
    assert read_claim(claim.parent) is None
    assert recover_session(store.session_dir) == ()
    assert store.entries.recover("a", nodeid="", timeout_s=1.0).status == "interrupted"


@pytest.mark.parametrize("elsewhere", [{"boot_id": "other"}, {"pid_namespace": "pid:[1]"}])
def test_a_run_elsewhere_is_left_alone_even_if_its_pid_is_free_here(
    harness: subprocess.Popen[str], tmp_path: Path, elsewhere: dict[str, str]
) -> None:
    """Another machine's and another container's processes can't be seen from here."""
    harness.kill()
    harness.wait()
    for file in (tmp_path / "r" / "shared").glob("runs/*/run.json"):
        record = json.loads(file.read_text())
        record["owner"].update(elsewhere, hostname="elsewhere")
        file.write_text(json.dumps(record))
    assert join(tmp_path).recovered == ()


def test_the_mark_decides_where_the_runs_record_is_gone(harness: subprocess.Popen[str], tmp_path: Path) -> None:
    """An entry is recovered by its own mark; one without a mark that can be read stays as it is."""
    harness.kill()
    harness.wait()
    session_dir = tmp_path / "r" / "shared"
    for file in session_dir.glob("runs/*/run.json"):
        file.unlink()
    (session_dir / "other").mkdir()
    (session_dir / "other" / ".run.json").write_text("{")
    assert recover_session(session_dir) == ("running",)


def test_what_is_no_result_of_a_killed_run_is_kept_under_another_name(
    harness: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Results are written whole: half a one is the script's own file, and the entry was interrupted."""
    harness.kill()
    harness.wait()
    broken = tmp_path / "r" / "shared" / "done" / "results.json"
    broken.write_text("{")
    recover_session(tmp_path / "r" / "shared")
    assert broken.with_name("script-results.json").read_text() == "{"
    assert session(tmp_path)["counts"] == {"interrupted": 2}


def test_a_live_owners_result_replaces_a_hasty_recovery(tmp_path: Path) -> None:
    """Whoever took a live run for dead does no lasting harm."""
    store = join(tmp_path)
    entry_dir = store.entries.prepare("a")
    result = store.entries.recover("a", nodeid="n", timeout_s=1.0)
    store.entries.write_result(dataclasses.replace(result, status="passed", reason=None, error=None))
    assert json.loads((entry_dir / "results.json").read_text())["status"] == "passed"


def test_this_process_is_alive() -> None:
    """And stays so when its identity went through JSON."""
    identity = ProcessIdentity.current()
    again = ProcessIdentity.from_dict(json.loads(json.dumps(identity.to_dict())))
    assert again == identity
    assert again.state() == "alive"
    assert identity.describe() == f"process {os.getpid()} on {os.uname().nodename}"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"start_ticks": 1}, "dead"),  # its number was given to a process that started at another time
        ({"pid": 2**22 + 1}, "dead"),  # beyond the largest number that Linux gives
        ({"boot_id": "other", "machine_id": "m", "hostname": "h"}, "unknown"),
        ({"boot_id": "other"}, "dead"),  # this very machine before it was booted again
        ({"boot_id": "other", "machine_id": None}, "unknown"),
        ({"boot_id": None}, "unknown"),
        ({"pid_namespace": "pid:[1]"}, "unknown"),
    ],
)
def test_a_process_is_dead_only_where_that_is_certain(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], state: str
) -> None:
    """Everything else is unknown."""
    monkeypatch.setattr("pytest_curator_bench.session.process_identity._machine_id", lambda: "this-machine")
    identity = dataclasses.replace(ProcessIdentity.current(), **changes)
    assert identity.state() == state


def test_a_process_that_proc_hides_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """With hidepid another user's process isn't in /proc, but a signal to it is refused, not lost."""
    identity = ProcessIdentity.current()
    monkeypatch.setattr("pytest_curator_bench.session.process_identity.read_stat", lambda _: None)
    assert identity.state() == "unknown"
