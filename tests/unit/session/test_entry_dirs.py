# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries' directories and results: never mixed up, never lost, never half written."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from pytest_curator_bench.delivery.results import session_results
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.store import SessionStore


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    """A session that other runs can join by its name."""
    return join(tmp_path)


def join(tmp_path: Path) -> SessionStore:
    """One more run of the same session."""
    return SessionStore.create(tmp_path / "r", tmp_path / "a", exact="shared")


def write(store: SessionStore, name: str, status: Any = "passed", *, force: bool = False, **fields: Any) -> Path:
    """Write a result with the least that one has."""
    return store.entries.write_result(result_of(name, status, **fields), force=force)


def result_of(name: str, status: Any = "passed", **fields: Any) -> EntryResult:
    """A result with the least that one has."""
    return EntryResult(
        name=name,
        session_name="shared",
        status=status,
        timeout_s=60.0,
        nodeid=f"c.yaml::{name}",
        entry_dir="",
        stdouterr_file="",
        **fields,
    )


def status_in(directory: Path) -> str:
    """The status of the result in a directory."""
    return str(json.loads((directory / "results.json").read_text())["status"])


def test_a_prepared_directory_is_empty_but_for_our_mark(store: SessionStore) -> None:
    """The script finds no file that it could take for its own."""
    entry_dir = store.entries.prepare("a")
    assert entry_dir == store.session_dir / "a"
    assert [path.name for path in entry_dir.iterdir()] == [".run.json"]
    assert store.entries.is_begun("a")
    assert not store.entries.is_begun("b")


def test_reserved_space_has_the_name_of_no_result(tmp_path: Path) -> None:
    """Names of sessions and entries may be as long as they are allowed to be, and end as those of results do."""
    store = SessionStore.create(tmp_path / "r", tmp_path / "a", exact="s" * 145 + ".json")
    store.entries.prepare("e" * 200)
    store.entries.prepare("a.json")
    names = {path.name for path in (store.run_dir / ".reserve").rglob("*") if path.is_file()}
    assert names == {".space", "a.json.space", "e" * 200 + ".space"}


def test_a_second_go_moves_the_first_one_aside(store: SessionStore) -> None:
    """Results, logs and scratch files of each go stay together, numbered in their order."""
    for number in (1, 2, 3):
        (store.entries.prepare("a") / "stdouterr.log").write_text(f"log {number}")
        (store.scratch.prepare("a") / "data").write_text(f"data {number}")
        write(store, "a", "failed" if number < 3 else "passed")
    superseded = store.session_dir / "superseded"
    assert sorted(path.name for path in superseded.iterdir()) == ["a-1", "a-2"]
    for number in (1, 2):
        old = superseded / f"a-{number}"
        assert (old / "stdouterr.log").read_text() == f"log {number}"
        assert (old / "scratch" / "data").read_text() == f"data {number}"
        assert status_in(old) == "failed"
    assert (store.entries.path("a") / "scratch" / "data").read_text() == "data 3"
    assert status_in(store.entries.path("a")) == "passed"


def test_a_first_go_that_came_to_nothing_leaves_no_trace(store: SessionStore) -> None:
    """A retry after a failed setup finds nothing worth keeping."""
    store.entries.prepare("a")
    store.scratch.prepare("a")
    store.entries.prepare("a")
    assert [path.name for path in store.entries.path("a").iterdir()] == [".run.json"]
    assert not (store.session_dir / "superseded").exists()


def test_what_a_first_go_wrote_is_kept_without_a_result_too(store: SessionStore) -> None:
    """Scratch files alone are worth keeping as well."""
    store.entries.prepare("a")
    (store.scratch.prepare("a") / "data").touch()
    store.entries.prepare("a")
    assert (store.session_dir / "superseded" / "a-1" / "scratch" / "data").exists()


def test_a_result_is_replaced_by_the_same_run(store: SessionStore) -> None:
    """Warnings of the clean-up are added to a result that is written already."""
    store.entries.prepare("a")
    write(store, "a")
    file = write(store, "a", warnings=["late"])
    assert file == store.entries.path("a") / "results.json"
    assert json.loads(file.read_text())["warnings"] == ["late"]
    assert not (store.session_dir / "superseded").exists()


def test_an_entry_that_never_began_gets_its_directory_with_its_result(store: SessionStore) -> None:
    """Skipped entries have results, too."""
    write(store, "a", "skipped")
    assert status_in(store.entries.path("a")) == "skipped"
    assert store.entries.is_begun("a")


def test_a_script_may_empty_its_directory(store: SessionStore) -> None:
    """Some scripts delete their output directory first: the result is written all the same, and again."""
    for gone in ("content", "directory"):
        entry_dir = store.entries.prepare("a")
        shutil.rmtree(entry_dir)
        if gone == "content":
            entry_dir.mkdir()
            (entry_dir / "metrics.json").write_text("{}")
        write(store, "a")
        write(store, "a", warnings=["late"])
        assert (entry_dir / "metrics.json").exists() == (gone == "content")
        shutil.rmtree(entry_dir)
    assert not (store.session_dir / "superseded").exists()


def test_another_runs_result_is_moved_aside_not_overwritten(tmp_path: Path, store: SessionStore) -> None:
    """A job that runs an entry again keeps what the first job measured."""
    write(store, "a", "failed")
    store.finish([], exit_status=1)
    second = join(tmp_path)
    write(second, "a", "passed")
    assert status_in(second.entries.path("a")) == "passed"
    assert status_in(second.session_dir / "superseded" / "a-1") == "failed"


def test_skipping_an_entry_leaves_another_runs_result_in_place(tmp_path: Path, store: SessionStore) -> None:
    """A machine without GPUs that joins doesn't replace the results of one that has them."""
    write(store, "a", "passed")
    second = join(tmp_path)
    file = write(second, "a", "skipped")
    assert status_in(store.entries.path("a")) == "passed"
    assert file == store.session_dir / "superseded" / "a-1" / "results.json"
    assert status_in(file.parent) == "skipped"


def test_an_entry_that_another_run_is_running_is_left_alone(tmp_path: Path, store: SessionStore) -> None:
    """The second run is told who has it; its result goes beside."""
    log = store.entries.prepare("a") / "stdouterr.log"
    log.write_text("half")
    second = join(tmp_path)
    with pytest.raises(SessionError, match=r"entry a is being run by process \d+ on .* run it in one place only"):
        second.entries.prepare("a")
    assert not second.entries.is_begun("a")
    file = write(second, "a", "error")
    assert file == store.session_dir / "superseded" / "a-1" / "results.json"
    assert log.read_text() == "half"
    write(store, "a")
    assert status_in(store.entries.path("a")) == "passed"


@pytest.mark.parametrize(("alive", "free"), [(True, False), (False, True)])
def test_two_workers_dont_share_an_entry(store: SessionStore, *, alive: bool, free: bool) -> None:
    """With ``--dist each`` all of them get all entries; what a dead worker left is free."""
    entry_dir = store.entries.prepare("a")
    with subprocess.Popen(["sleep", "60"]) as other:  # any process will do
        owner = dataclasses.replace(ProcessIdentity.current(), pid=other.pid)
        ticks = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
        mark = json.loads((entry_dir / ".run.json").read_text())
        mark["owner"] = dataclasses.replace(owner, start_ticks=int(ticks)).to_dict()
        (entry_dir / ".run.json").write_text(json.dumps(mark))
        if not alive:
            other.kill()
            other.wait()
        try:
            busy = pytest.raises(SessionError, match=f"is being run by process {other.pid} on ")
            with contextlib.nullcontext() if free else busy:
                store.entries.prepare("a")
        finally:
            other.kill()


def test_an_entry_of_a_run_that_has_ended_is_free(tmp_path: Path, store: SessionStore) -> None:
    """Even without a result: its run will write none any more."""
    store.entries.prepare("a")
    store.finish([], exit_status=2)
    second = join(tmp_path)
    assert second.recovered == ("a",)
    second.entries.prepare("a")
    assert second.entries.is_begun("a")
    assert status_in(second.session_dir / "superseded" / "a-1") == "interrupted"


def test_readers_never_see_half_a_result(store: SessionStore) -> None:
    """While one thread writes results over and over, every read is a whole one."""
    store.entries.prepare("a")
    write(store, "a")
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            write(store, "a", script_metrics={"long": "x" * 100_000})

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(200):
            assert read_result(store.entries.path("a")).name == "a"
    finally:
        stop.set()
        writer.join()


def test_what_is_no_result_is_found_and_refused(store: SessionStore) -> None:
    """Half a file, another kind of JSON, a directory; a running entry has none, other directories are no entries."""
    for name in ("good", "half", "list", "dir", "running"):
        store.entries.prepare(name)
    write(store, "good", script_metrics={"rate": 1.5})
    (store.entries.path("half") / "results.json").write_text('{"name": ')
    (store.entries.path("list") / "results.json").write_text("[]")
    (store.entries.path("dir") / "results.json").mkdir()
    (store.session_dir / "notes").mkdir()
    assert [path.name for path in walk_entries(store.session_dir)] == ["dir", "good", "half", "list", "running"]
    good = store.entries.path("good")
    where: dict[str, Any] = {"entry_dir": str(good), "stdouterr_file": str(good / "stdouterr.log")}
    assert read_result(good) == dataclasses.replace(result_of("good", script_metrics={"rate": 1.5}), **where)
    for name in ("half", "list"):
        with pytest.raises(ValueError, match=r"results\.json: (not JSON|a JSON list)"):
            read_result(store.entries.path(name))
    for name, error in (("dir", IsADirectoryError), ("running", FileNotFoundError)):
        with pytest.raises(error):
            read_result(store.entries.path(name))


def test_the_result_on_the_disk_is_used_where_the_report_was_lost(store: SessionStore) -> None:
    """An xdist worker that dies after writing has still measured."""
    store.entries.prepare("a")
    write(store, "a")
    assert store.entries.recover("a", nodeid="c.yaml::a", timeout_s=60.0).status == "passed"


def test_an_entry_without_a_result_is_interrupted(store: SessionStore) -> None:
    """What is known is in its result, and the result is written."""
    store.entries.prepare("a", nodeid="x::a", timeout_s=5.0)
    result = store.entries.recover("a", nodeid="c.yaml::a", timeout_s=60.0)
    assert (result.status, result.reason, result.nodeid, result.timeout_s) == (
        "interrupted",
        "no-result",
        "c.yaml::a",
        60.0,
    )
    assert result.started_at is not None
    assert result.finished_at is None
    assert read_result(store.entries.path("a")) == result


def test_a_result_is_restored_unless_another_run_has_the_directory(tmp_path: Path, store: SessionStore) -> None:
    """What is there stays as it is, whoever wrote it."""
    write(store, "a")
    ours = result_of("a")
    assert not store.entries.restore(ours)
    (store.session_dir / "a" / "results.json").unlink()
    assert store.entries.restore(ours)
    assert any("written again" in text for text in read_result(store.session_dir / "a").warnings)
    store.finish([ours], exit_status=0)
    other = join(tmp_path)
    write(other, "a", "failed")
    assert not store.entries.restore(ours)
    assert status_in(store.session_dir / "a") == "failed"


@pytest.mark.parametrize("name", ["../x", "a/b", "session.json", "runs", ""])
def test_an_entry_stays_inside_the_session(store: SessionStore, name: str) -> None:
    """Whatever the config let through."""
    with pytest.raises(ValueError, match="entry name"):
        store.entries.path(name)


def with_keys_of_a_result(entry_dir: Path, **keys: object) -> None:
    """What a script may write: all that a result has, but for who wrote it."""
    (entry_dir / "results.json").write_text(json.dumps({**result_of(entry_dir.name).to_dict(), **keys}))


@pytest.mark.parametrize("keys", [{}, {"run_id": "vm-1-0"}])
def test_a_scripts_own_results_file_is_no_result(tmp_path: Path, store: SessionStore, keys: dict[str, str]) -> None:
    """Another run doesn't take the running entry over, nobody reads it, and a killed run's entry is interrupted."""
    entry_dir = store.entries.prepare("a")
    with_keys_of_a_result(entry_dir, **keys)
    with pytest.raises(ValueError, match=r"results\.json: no result \(the run that the directory belongs to"):
        read_result(entry_dir)
    assert session_results(store.session_dir)[0] == []
    second = join(tmp_path)
    with pytest.raises(SessionError, match="is being run by"):
        second.entries.prepare("a")
    store.finish([], exit_status=2)  # as recovery does for a run that was killed
    assert join(tmp_path).recovered == ("a",)
    result = read_result(entry_dir)
    assert (result.status, result.reason) == ("interrupted", "harness-lost")
    assert any("kept as script-results.json" in warning for warning in result.warnings)
    assert json.loads((entry_dir / "script-results.json").read_text())["status"] == "passed"


def test_a_directory_that_a_script_copied_into_its_own_is_no_result(tmp_path: Path, store: SessionStore) -> None:
    """Claim and result of an earlier session, as a script that resumes may copy them."""
    earlier = SessionStore.create(tmp_path / "r", tmp_path / "a", exact="earlier")
    write(earlier, "a", "failed")
    entry_dir = store.entries.prepare("a")
    shutil.copytree(earlier.entries.path("a"), entry_dir, dirs_exist_ok=True)
    with pytest.raises(ValueError, match="no result"):
        read_result(entry_dir)
    assert store.entries.is_begun("a")
    write(store, "a")
    assert status_in(entry_dir) == "passed"
    assert json.loads((entry_dir / "script-results.json").read_text())["status"] == "failed"


def test_results_of_earlier_versions_count(tmp_path: Path, store: SessionStore) -> None:
    """They don't name their run, and neither does the run say that they do."""
    write(store, "a")
    store.finish([], exit_status=0)
    for file, key in (
        (store.entries.path("a") / "results.json", "run_id"),
        (store.run_dir / "run.json", "signs_results"),
    ):
        data = json.loads(file.read_text())
        del data[key]
        file.write_text(json.dumps(data))
    assert read_result(store.entries.path("a")).status == "passed"
    assert join(tmp_path).recovered == ()


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "pipe", "locked"])
def test_an_entry_whose_directory_was_replaced_gets_its_result(store: SessionStore, kind: str) -> None:
    """Nothing is written where a link leads, and what took the directory's place is kept."""
    other = store.entries.prepare("other")
    write(store, "other", "failed")
    entry_dir = store.entries.prepare("a")
    if kind == "locked":
        (entry_dir / "stdouterr.log").write_text("log")
        entry_dir.chmod(0)
    else:
        shutil.rmtree(entry_dir)
    match kind:
        case "file":
            entry_dir.write_text("mine")
        case "link":
            entry_dir.symlink_to("other")
        case "dangling link":
            entry_dir.symlink_to("nowhere")
        case "pipe":
            os.mkfifo(entry_dir)
    write(store, "a", "error", force=True)
    assert status_in(entry_dir) == "error"
    assert not entry_dir.is_symlink()
    assert status_in(other) == "failed"
    kept = store.session_dir / "superseded" / "a-1"
    assert kept.is_symlink() or kept.exists() or (entry_dir / "stdouterr.log").read_text() == "log"


@pytest.mark.parametrize(
    "change", [{"run_id": 5}, {"run_id": ["a"]}, {"run_id": "x" * 300}, {"run_id": ""}, {"owner": []}], ids=str
)
def test_a_claim_that_a_script_has_changed_is_none(store: SessionStore, change: dict[str, Any]) -> None:
    """The entry gets its result, and the script's file is kept."""
    entry_dir = store.entries.prepare("a")
    claim = json.loads((entry_dir / ".run.json").read_text())
    (entry_dir / ".run.json").write_text(json.dumps({**claim, **change}))
    write(store, "a")
    assert status_in(entry_dir) == "passed"
    assert (entry_dir / "script-run.json").exists()


def test_what_stands_in_the_place_of_a_result_is_an_error_first(store: SessionStore) -> None:
    """The entry is told of a directory; the error itself is written all the same."""
    entry_dir = store.entries.prepare("a")
    (entry_dir / "results.json").mkdir()
    with pytest.raises(SessionError, match=r"Is a directory at .*/a/results\.json\): remove what has this name"):
        write(store, "a")
    write(store, "a", "error", force=True)
    assert status_in(entry_dir) == "error"
    assert (entry_dir / "script-results.json").is_dir()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_result_has_reserved_space(store: SessionStore, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """On a full disk, over a quota and over a limit: the result takes the blocks that were allocated beforehand."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), "file")

    entry_dir = store.entries.prepare("a")
    monkeypatch.setattr("pytest_curator_bench.session.entry_results.write_bytes", fail)
    with pytest.raises(SessionError, match=os.strerror(code)):
        write(store, "a")
    write(store, "a", "error", force=True, error="x" * 100_000)
    assert read_result(entry_dir).status == "error"
    with pytest.raises(SessionError, match=os.strerror(code)):
        write(store, "a", "error", force=True)  # it was used up
    store.entries.prepare("b")
    with pytest.raises(SessionError, match=os.strerror(code)):
        write(store, "b", "error", force=True, error="x" * 1_000_000)  # too large for it
    assert not (store.session_dir / "b" / "results.json").exists()


def test_no_reserve_is_left(store: SessionStore) -> None:
    """Neither of an entry that has ended nor of a run."""
    store.entries.prepare("a")
    store.entries.prepare("b")
    reserve = store.run_dir / ".reserve"
    assert sorted(file.name for file in reserve.rglob("*.space")) == [".space", "a.space", "b.space"]
    store.entries.drop_reserve("a")
    assert sorted(file.name for file in reserve.rglob("*.space")) == [".space", "b.space"]
    store.finish([], exit_status=0)
    assert not reserve.exists()


def test_the_session_counts_the_results_that_lie_in_it(tmp_path: Path, store: SessionStore) -> None:
    """The error of a second run that found an entry busy beats neither its result nor that there is none yet."""
    store.entries.prepare("a")
    second = join(tmp_path)
    write(second, "a", "error")
    second.finish([result_of("a", "error"), result_of("unwritten", "error")], exit_status=1)
    assert counts(store) == {"error": 1}  # the one that has no directory; the first run is still at work on the other
    write(store, "a", "passed")
    store.finish([result_of("a", "passed")], exit_status=0)
    assert counts(store) == {"error": 1, "passed": 1}
    third = join(tmp_path)
    third.finish([result_of("a", "error")], exit_status=1)  # whatever it says later
    assert counts(store) == {"error": 1, "passed": 1}


def counts(store: SessionStore) -> dict[str, int]:
    """What session.json says."""
    found: dict[str, int] = json.loads((store.session_dir / "session.json").read_text())["counts"]
    return found
