# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The cache of past sessions: whatever becomes of its file, answers are those of the results directory."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.locks import locked_file
from pytest_curator_bench.history import index as index_module
from pytest_curator_bench.history.index import Index
from pytest_curator_bench.history.index_place import index_file
from pytest_curator_bench.history.records import read_records
from tests.support.past_sessions import PastSessions

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.history.records import Record


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three nights of two entries."""
    sessions = PastSessions(tmp_path / "results")
    for night in range(3):
        sessions.add({"a": 10.0 + night, "b": {"exec_time_s": 5.0, "script_metrics": {"num_kept": 7, "x": {"y": 1.5}}}})
    return sessions.results_dir


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the index lies."""
    return tmp_path / "index.sqlite"


def times(results: Path, file: Path | None) -> list[float]:
    """The times of an entry, the newest first."""
    with Index.open(results, file=file) as index:
        return [record.figures["exec_time_s"] for record in index.past("a")]


def test_it_answers_what_the_files_hold(results: Path, file: Path) -> None:
    """Outcome, figures by the names of requirements, setting; by session and by entry."""
    with Index.open(results, file=file) as index:
        assert index.entries() == ["a", "b"]
        newest = index.results(max(path.name for path in results.iterdir()))
        assert [(record.entry, record.status) for record in newest] == [("a", "passed"), ("b", "passed")]
        assert newest[1].figures == {"num_kept": 7.0, "x.y": 1.5, "exec_time_s": 5.0}
        assert newest[1].setting["CPU model"] == "A CPU"
        assert [record.figures["exec_time_s"] for record in index.past("a", before=newest[0].started_at)] == [11, 10]
        assert index.check() is None


def test_it_is_read_once_and_kept_up_to_date(results: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only sessions that are new, have changed or are gone are looked at again."""
    assert times(results, file) == [12, 11, 10]
    read: list[str] = []

    def noted(path: Path) -> tuple[list[Record], list[str]]:
        read.append(path.name)
        return read_records(path)

    monkeypatch.setattr(index_module, "read_records", noted)
    assert times(results, file) == [12, 11, 10]
    assert read == []
    sessions = PastSessions(results, nights=3)
    new = sessions.add({"a": 20.0})
    assert times(results, file) == [20, 12, 11, 10]
    assert read == [new]
    shutil.rmtree(results / new)
    assert times(results, file) == [12, 11, 10]
    first = min(results.iterdir())
    result = json.loads((first / "a/results.json").read_text())
    (first / "a/results.json").write_text(json.dumps({**result, "exec_time_s": 99}))
    (first / "session.json").write_text((first / "session.json").read_text() + "\n")
    assert times(results, file) == [12, 11, 99]


def damage_empty(file: Path) -> None:
    """A disk that was full."""
    file.write_bytes(b"")


def damage_truncated(file: Path) -> None:
    """Half of it."""
    os.truncate(file, file.stat().st_size // 2)


def damage_garbage(file: Path) -> None:
    """In the middle of the tables."""
    size = file.stat().st_size
    with file.open("r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xa5" * (size - 8192))


def damage_version(file: Path) -> None:
    """Another version made it."""
    with sqlite3.connect(file) as database:
        database.execute(f"PRAGMA user_version = {index_module.VERSION + 1}")
        database.execute("DROP TABLE result")


def damage_foreign(file: Path) -> None:
    """It is no database."""
    file.write_text("hello\n" * 5000)


@pytest.mark.parametrize(
    "damage",
    [damage_empty, damage_truncated, damage_garbage, damage_version, damage_foreign],
    ids=lambda one: one.__name__,
)
def test_a_damaged_index_is_made_anew(results: Path, file: Path, damage: object) -> None:
    """Without a word: it is a cache."""
    assert times(results, file) == [12, 11, 10]
    assert callable(damage)
    damage(file)
    assert times(results, file) == [12, 11, 10]
    with Index.open(results, file=file) as index:
        assert index.check() is None
        assert index.file == file


def test_killed_while_it_builds(results: Path, file: Path) -> None:
    """The next one builds it; nothing half is ever taken for whole."""
    program = f"""
import os, signal
from pathlib import Path
from pytest_curator_bench.history import index
original = index.read_records
def read(path):
    if path.name == {max(path.name for path in results.iterdir())!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(path)
index.read_records = read
index.Index.open(Path({str(results)!r}), file=Path({str(file)!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert times(results, file) == [12, 11, 10]
    # The same while it is updated.
    PastSessions(results, nights=3).add({"a": 20.0})
    program = program.replace(max(path.name for path in results.iterdir()), "none").replace(
        "'none'", repr(max(path.name for path in results.iterdir()))
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    assert times(results, file) == [20, 12, 11, 10]


def test_four_at_once(results: Path, file: Path) -> None:
    """Each gets the same answer; one builds."""
    program = f"""
from pathlib import Path
from pytest_curator_bench.history.index import Index
with Index.open(Path({str(results)!r}), file=Path({str(file)!r})) as index:
    print([record.figures["exec_time_s"] for record in index.past("a")])
"""
    processes = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert {process.communicate()[0] for process in processes} == {"[12.0, 11.0, 10.0]\n"}


def test_another_process_that_updates_is_waited_for_in_vain(
    results: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the answer comes from what is there, and says so."""
    assert times(results, file) == [12, 11, 10]
    PastSessions(results, nights=3).add({"a": 20.0})
    monkeypatch.setattr(index_module, "LOCK_WAIT_S", 0.0)
    with locked_file(file.with_suffix(".lock")), Index.open(results, file=file) as index:
        assert [record.figures["exec_time_s"] for record in index.past("a")] == [12, 11, 10]
        assert "1 session is not in it yet" in index.problems[0]


def test_what_can_not_be_read_is_left_out_with_a_line(results: Path, file: Path) -> None:
    """A session in progress, one of a later format, a foreign directory, broken and half-written files."""
    running = results / "running"
    (running / "a").mkdir(parents=True)
    (running / "a" / ".claim.json").write_text("{}")
    (running / "session.json").write_text('{"format": 2, "status": "running", "started_at": "2026-02-01T00:00:00Z"}')
    future = results / "future"
    (future / "a").mkdir(parents=True)
    (future / "session.json").write_text('{"format": 99}')
    (results / "mlruns").mkdir()
    broken = min(results.glob("nightly*"))
    (broken / "a" / "results.json").write_text('{"format": 2, "na')
    (broken / "session.json").touch()
    assert times(results, file) == [12, 11]
    with Index.open(results, file=file) as index:
        problems = "\n".join(index.problems)
        assert "future/session.json: has format 99" in problems
        assert f"{broken.name}/a/results.json: not JSON" in problems
        assert len(index.problems) == 2
        assert index.results("running") == []


def test_it_lies_in_the_cache_and_off_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file for each results directory, by its real path; on a network's file system under /var/tmp."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache dir"))
    (tmp_path / "link").symlink_to(tmp_path / "results")
    place = index_file(tmp_path / "results")
    assert place == index_file(tmp_path / "link") != index_file(tmp_path / "others")
    assert place is not None
    assert place.parent == tmp_path / "cache dir" / "curator-bench"
    mounts = tmp_path / "mountinfo"
    point = str(tmp_path / "cache dir").replace(" ", "\\040")
    mounts.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n36 1 0:30 / {point} rw,relatime shared:9 - nfs4 host:/x rw\n"
    )
    place = index_file(tmp_path / "results", mounts=mounts)
    assert place is not None
    assert place.parent.name == f"curator-bench-{os.getuid()}"
    assert place.parent.stat().st_mode & 0o777 == 0o700


def test_where_nothing_can_be_written_it_is_kept_in_memory(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slower, but right."""
    monkeypatch.setattr(index_module, "index_file", lambda _results: None)
    with Index.open(results) as index:
        assert index.file is None
        assert len(list(index.past("a"))) == 3
    monkeypatch.setattr(index_module, "index_file", lambda _results: results / "session.json" / "x.sqlite")
    assert times(results, None) == [12, 11, 10]


def test_no_results_directory(tmp_path: Path, file: Path) -> None:
    """No sessions."""
    with Index.open(tmp_path / "none", file=file) as index:
        assert index.entries() == []
