# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A session's directory: made, joined, described, finished and given up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.store import RunFacts, SessionStore
from pytest_curator_bench.session.summary import SummaryRefresher
from tests.support.processes import eventually

ROOT = Path(__file__).parents[3]
TIMED_NAME = re.compile(r"nightly__\d{4}-\d\d-\d\d__\d\d-\d\d-\d\d(-\d+)?")


def make_store(directory: Path, **options: Any) -> SessionStore:
    """A session in the default layout."""
    return SessionStore.create(directory / "results", directory / "results" / "artifacts", **options)


def result_of(store: SessionStore, name: str, status: Any = "passed", **fields: Any) -> EntryResult:
    """A result with the least that one has."""
    return EntryResult(
        name=name,
        session_name=store.session_name,
        status=status,
        timeout_s=60.0,
        nodeid=f"c.yaml::{name}",
        entry_dir=str(store.entries.path(name)),
        stdouterr_file=str(store.entries.path(name) / "stdouterr.log"),
        **fields,
    )


def read_json(path: Path) -> Any:
    """The file's content."""
    return json.loads(path.read_text())


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs ``code`` with this checkout's package."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_new_session_is_described_from_the_start(tmp_path: Path) -> None:
    """session.json names it, its state and its owner before anything has run."""
    store = make_store(tmp_path, prefix="nightly")
    assert TIMED_NAME.fullmatch(store.session_name)
    assert store.session_dir == tmp_path / "results" / store.session_name
    session = read_json(store.session_dir / "session.json")
    assert session["name"] == store.session_name
    assert session["status"] == "running"
    assert session["finished_at"] is None
    assert session["counts"] == {}
    [run] = session["runs"]
    assert run["owner"]["pid"] == os.getpid()
    assert run["owner"]["start_ticks"] == int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])


def test_a_session_has_a_default_prefix(tmp_path: Path) -> None:
    """With no name given at all, it is called session__TIME."""
    assert make_store(tmp_path).session_name.startswith("session__20")


def test_a_finished_session_tells_what_came_of_it(tmp_path: Path) -> None:
    """Counts per status, exit status, times, and what the run said about itself."""
    store = make_store(tmp_path)
    facts = RunFacts(plugin_version="0.1", config_digest="abc", command_line=("-k", "x"), reason="why")
    store.begin(["a", "b", "c"], facts)
    results = [result_of(store, "a"), result_of(store, "b", "failed"), result_of(store, "c")]
    store.finish(results, exit_status=1)
    session = read_json(store.session_dir / "session.json")
    assert session["status"] == "finished"
    assert session["counts"] == {"failed": 1, "passed": 2}
    assert session["progress"] == {"entries": 3, "done": 3, "failed": 1, "running": 0}
    assert session["exit_status"] == 1
    assert session["entries"] == ["a", "b", "c"]
    assert session["started_at"] < session["finished_at"]
    assert session["command_line"] == ["-k", "x"]
    assert (session["plugin_version"], session["config_digest"], session["reason"]) == ("0.1", "abc", "why")
    assert session["viewer_url"] is None


@pytest.mark.parametrize(
    ("exit_status", "status"),
    [(0, "finished"), (1, "finished"), (2, "interrupted"), (3, "failed"), (5, "finished")],
)
def test_the_sessions_status_is_the_runs_not_the_entries(tmp_path: Path, exit_status: int, status: str) -> None:
    """Failing entries are counted; interrupted and failed speak of pytest itself."""
    store = make_store(tmp_path)
    store.finish([], exit_status=exit_status)
    assert read_json(store.session_dir / "session.json")["status"] == status


def test_progress_while_a_session_runs(tmp_path: Path) -> None:
    """session.json counts what has ended and what runs, soon after each change, and nothing waits for it."""
    store = make_store(tmp_path)
    store.begin(["a", "b", "c"])
    refresher = SummaryRefresher(store.session_dir)
    store.entries.write_result(result_of(store, "a", "failed"))
    store.entries.prepare("b")
    refresher.changed()
    progress = {"entries": 3, "done": 1, "failed": 1, "running": 1}
    eventually(lambda: read_json(store.session_dir / "session.json")["progress"] == progress, "the progress")
    assert read_json(store.session_dir / "session.json")["counts"] == {"failed": 1}
    refresher.close()
    refresher.close()


def test_sessions_of_the_same_second_get_different_names(tmp_path: Path) -> None:
    """Two processes that make twenty each at once never share one, and scratch directories are apart, too."""
    code = (
        "import sys; from pathlib import Path; from pytest_curator_bench.session.store import SessionStore\n"
        "sys.stdin.readline()\n"
        "results_dir, artifacts_dir = map(Path, sys.argv[1:])\n"
        "for _ in range(20): print(SessionStore.create(results_dir, artifacts_dir, prefix='n').session_name)"
    )
    processes = [run_python(code, tmp_path / "r", tmp_path / "a") for _ in range(2)]
    names: list[str] = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        names += process.communicate()[0].split()
    assert len(names) == len(set(names)) == 40
    assert any(re.search(r"__\d\d-\d\d-\d\d-\d+$", name) for name in names)
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == sorted(names)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(names)


def test_a_new_session_doesnt_fill_old_scratch_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Artifacts of a session that was deleted keep their name."""
    names = iter(["old", "new"])
    monkeypatch.setattr(
        "pytest_curator_bench.session.directories.candidate_names",
        lambda *_: iter([next(names), next(names)]),
    )
    left_over = tmp_path / "results" / "artifacts" / "old" / "file"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    assert make_store(tmp_path).session_name == "new"
    assert not (tmp_path / "results" / "old").exists()
    assert left_over.exists()


def test_runs_that_end_together_in_one_session_lose_nothing(tmp_path: Path) -> None:
    """Six runs join by exact name, in any order, and session.json has every one's last word."""
    code = (
        "import sys; from pathlib import Path\n"
        "from pytest_curator_bench.session.store import SessionStore, RunFacts\n"
        "from pytest_curator_bench.results.record import EntryResult\n"
        "sys.stdin.readline()\n"
        "store = SessionStore.create(Path(sys.argv[1]), Path(sys.argv[2]), exact='shared')\n"
        "names = [f'{sys.argv[3]}-{i}' for i in range(2)]\n"
        "store.begin(names, RunFacts(reason='joined'))\n"
        "results = [EntryResult(name=name, session_name='shared', status='passed', timeout_s=1.0,\n"
        "                       nodeid='', entry_dir='', stdouterr_file='') for name in names]\n"
        "for result in results: store.entries.write_result(result)\n"
        "store.finish(results, exit_status=0)"
    )
    processes = [run_python(code, tmp_path / "r", tmp_path / "a", number) for number in range(6)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    session = read_json(tmp_path / "r" / "shared" / "session.json")
    assert session["status"] == "finished"
    assert session["counts"] == {"passed": 12}
    assert len(session["runs"]) == 6
    assert {run["status"] for run in session["runs"]} == {"finished"}
    assert sorted(session["entries"]) == sorted(f"{run}-{i}" for run in range(6) for i in range(2))
    assert session["reason"] == "joined"


def test_whoever_wrote_too_early_writes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run ends between the first one's look at the records and its writing of session.json."""
    first, second = make_store(tmp_path, exact="shared"), make_store(tmp_path, exact="shared")
    waiting = [lambda: second.finish([result_of(second, "b")], exit_status=0)]

    def write_late(path: Path, data: object, *, durable: bool) -> None:
        if path.name == "session.json" and waiting:
            waiting.pop()()
        write_json(path, data, durable=durable)

    monkeypatch.setattr("pytest_curator_bench.session.summary.write_json", write_late)
    first.finish([result_of(first, "a")], exit_status=0)
    session = read_json(first.session_dir / "session.json")
    assert (session["status"], session["counts"]) == ("finished", {"passed": 2})


def test_a_session_goes_on_while_one_of_its_runs_does(tmp_path: Path) -> None:
    """The first run's end isn't the session's."""
    first = make_store(tmp_path, exact="shared")
    second = make_store(tmp_path, exact="shared")
    assert (first.is_first, second.is_first) == (True, False)
    first.finish([result_of(first, "a")], exit_status=0)
    session = read_json(first.session_dir / "session.json")
    assert (session["status"], session["finished_at"], session["exit_status"]) == ("running", None, None)
    second.finish([result_of(second, "b", "failed")], exit_status=1)
    session = read_json(first.session_dir / "session.json")
    assert (session["status"], session["exit_status"]) == ("finished", 1)
    assert session["counts"] == {"failed": 1, "passed": 1}


def test_an_entry_that_runs_again_is_counted_once(tmp_path: Path) -> None:
    """The later run's status counts, except that a skip takes no result away."""
    first = make_store(tmp_path, exact="shared")
    first.finish([result_of(first, "a", "failed"), result_of(first, "b")], exit_status=1)
    second = make_store(tmp_path, exact="shared")
    second.finish([result_of(second, "a"), result_of(second, "b", "skipped")], exit_status=0)
    assert read_json(first.session_dir / "session.json")["counts"] == {"passed": 2}


def test_each_run_keeps_its_own_environment_and_config(tmp_path: Path) -> None:
    """The session's are the first run's; a run on another machine doesn't overwrite them."""
    first, second = make_store(tmp_path, exact="shared"), make_store(tmp_path, exact="shared")
    second.write_environment({"hostname": "two"}, "x==2\n")
    second.write_config("second: true\n")
    first.write_environment({"hostname": "one"}, "x==1\n")
    first.write_config("first: true\n")
    assert read_json(first.session_dir / "env.json") == {"format": 2, "hostname": "one"}
    assert (first.session_dir / "packages.txt").read_text() == "x==1\n"
    assert (first.session_dir / "config.yaml").read_text() == "first: true\n"
    own = first.session_dir / "runs" / second.run_id
    assert read_json(own / "env.json") == {"format": 2, "hostname": "two"}
    assert (own / "packages.txt").read_text() == "x==2\n"
    assert (own / "config.yaml").read_text() == "second: true\n"


def test_no_secret_reaches_any_file(tmp_path: Path) -> None:
    """Facts, environment, packages, config and results are masked by the store itself."""
    planted = "planted-s3cret"
    store = make_store(tmp_path, masker=Masker([planted]))
    store.begin(["a"], RunFacts(command_line=("-o", f"x={planted}"), viewer_url=f"http://v/{planted}"))
    store.write_environment({"git": {"remote": planted}}, f"x==1  # git+https://{planted}\n")
    store.write_config(f"webhook_url: {planted}\n")
    store.entries.write_result(result_of(store, "a", error=f"no {planted}", sink_data={planted: [planted]}))
    store.finish([result_of(store, "a")], exit_status=0)
    files = [path for path in store.session_dir.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {
        "session.json",
        "run.json",
        "env.json",
        "packages.txt",
        "results.json",
    }
    assert [path for path in files if planted in path.read_text()] == []
    assert "***" in (store.session_dir / "config.yaml").read_text()


def test_workers_share_the_session_and_write_none_of_its_files(tmp_path: Path) -> None:
    """What goes to a worker is builtins; its results belong to the same run."""
    store = make_store(tmp_path)
    worker = SessionStore.from_worker(json.loads(json.dumps(store.to_worker())))
    assert (worker.session_dir, worker.run_id) == (store.session_dir, store.run_id)
    worker.entries.prepare("a")
    worker.entries.write_result(result_of(worker, "a"))
    assert store.entries.is_begun("a")
    assert store.entries.recover("a", nodeid="c.yaml::a", timeout_s=60.0).status == "passed"
    with pytest.raises(RuntimeError, match="only the controller"):
        worker.finish([], exit_status=0)


def test_a_run_that_runs_nothing_leaves_nothing(tmp_path: Path) -> None:
    """Directories that it made go again, those that were there stay."""
    (tmp_path / "there").mkdir()
    store = SessionStore.create(tmp_path / "there" / "results" / "x", tmp_path / "there" / "artifacts")
    store.write_environment({}, "")
    store.write_config("")
    assert store.discard_if_unused()
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]


def test_a_run_with_an_entry_is_not_given_up(tmp_path: Path) -> None:
    """A directory that was prepared is something that was begun."""
    store = make_store(tmp_path)
    store.entries.prepare("a")
    assert not store.discard_if_unused()
    assert (store.session_dir / "session.json").exists()


def test_giving_up_leaves_the_session_to_the_others(tmp_path: Path) -> None:
    """One run of two ran nothing: its record goes, the rest stays."""
    first, second = make_store(tmp_path, exact="shared"), make_store(tmp_path, exact="shared")
    second.entries.write_result(result_of(second, "a"))
    assert first.discard_if_unused()
    [run] = read_json(second.session_dir / "session.json")["runs"]
    assert run["run_id"] == second.run_id
    assert second.discard_if_unused() is False


@pytest.mark.parametrize("setting", ["results_dir", "artifacts_dir"])
def test_an_unwritable_directory_is_named_with_its_setting(tmp_path: Path, setting: str) -> None:
    """One sentence says where, why and what to do; what was made before goes again."""
    (tmp_path / "file").touch()
    places = {"results_dir": tmp_path / "new" / "r", "artifacts_dir": tmp_path / "new" / "a"}
    places[setting] = tmp_path / "file" / "inside"
    with pytest.raises(SessionError) as raised:
        SessionStore.create(places["results_dir"], places["artifacts_dir"])
    assert str(raised.value).startswith(f"cannot write in {places[setting]} (Not a directory")
    assert str(raised.value).endswith(f"make it writable for this user, or set {setting} to another directory")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_directory_that_allows_no_writing_is_found_out_by_trying(tmp_path: Path) -> None:
    """Permission bits don't tell all: root may write nearly everywhere, but makes no directory in /sys."""
    with pytest.raises(SessionError, match=r"^cannot write in /sys \(.*set results_dir to another"):
        SessionStore.create(Path("/sys"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_results_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """It exists, so nothing has to be made, and still it is no directory."""
    (tmp_path / "file").touch()
    with pytest.raises(SessionError, match="is no directory"):
        SessionStore.create(tmp_path / "file", tmp_path / "a")


def test_a_full_disk_asks_for_space() -> None:
    """Rights are not what lacks there."""
    error = SessionError.unwritable(Path("/r"), "results_dir", OSError(28, "No space left on device"))
    assert str(error) == (
        "cannot write in /r (No space left on device): free some space there, or set results_dir to another directory"
    )


@pytest.mark.parametrize("name", ["a/b", "..", "artifacts"])
def test_an_exact_name_must_be_a_sessions(tmp_path: Path, name: str) -> None:
    """A bad name, and the place of the artifacts, are refused, and nothing is left."""
    with pytest.raises(SessionError, match="session name"):
        make_store(tmp_path, exact=name)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_no_session_is_not_joined(tmp_path: Path) -> None:
    """Somebody's data that happens to have the name stays alone; an empty directory is taken."""
    (tmp_path / "results" / "data").mkdir(parents=True)
    (tmp_path / "results" / "data" / "file").touch()
    with pytest.raises(SessionError, match="exists and is no session"):
        make_store(tmp_path, exact="data")
    (tmp_path / "results" / "empty").mkdir()
    assert make_store(tmp_path, exact="empty").session_name == "empty"


@pytest.mark.parametrize(
    "change",
    [
        None,
        {"owner": []},
        {"owner": {"pid": 10**30}},
        {"owner": {"pid": -1}},
        {"owner": {"pid": 1, "boot_id": 5}},
        {"run_id": 5},
        {"started_at": 5},
        {"entries": [{}]},
        {"results": ["a"]},
        {"exit_status": "0"},
    ],
    ids=str,
)
def test_a_run_record_that_cant_be_read_is_named(tmp_path: Path, change: dict[str, Any] | None) -> None:
    """It isn't silently left out of session.json, and no wrong type breaks what reads it."""
    store = make_store(tmp_path)
    broken = store.session_dir / "runs" / "other-1-abc" / "run.json"
    broken.parent.mkdir()
    broken.write_text("{" if change is None else json.dumps(read_json(store.run_dir / "run.json") | change))
    store.finish([], exit_status=0)
    assert read_json(store.session_dir / "session.json")["unreadable_runs"] == ["other-1-abc"]
