# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Progress by files alone: what an entry does, what it uses, what is left of a session, and how it reads."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len

from pytest_curator_bench.session.progress.entries import EntryFollower, Usage
from pytest_curator_bench.session.progress.expected import (
    Expected,
    read_expected,
    time_left,
    time_left_of,
    write_expected,
)
from pytest_curator_bench.session.progress.sessions import SessionFollower
from pytest_curator_bench.session.progress.text import end_line, entry_line, entry_lines, head_line
from pytest_curator_bench.session.recovery import recover_session
from pytest_curator_bench.session.status import STATUS_NAME, EntryStatus, publish_status, read_status
from tests.support.running_sessions import WAITING, conclude, session

NOW = datetime.now(UTC)
TELEMETRY = "time_utc,elapsed_s,cpu_percent,rss_bytes\n"
GPUS = "gpu_id,elapsed_s,processes,utilization_gpu_pct,memory_used_mb\n"


def running(directory: Path, run: str = "", **fields: int | tuple[int, ...]) -> EntryFollower:
    """A follower of an entry whose script has run for 12 seconds."""
    begun = NOW - timedelta(seconds=12)
    with publish_status(directory) as publish:
        publish(EntryStatus(doing="running", since=begun, leased_at=begun, run=run, **fields))  # type: ignore[arg-type]
        follower = EntryFollower("a", directory, limit_s=3600)
        follower.look()
    return follower


def test_the_status_is_one_step_from_its_first_publication(tmp_path: Path) -> None:
    """Who holds what may change while an entry waits; it has waited since the beginning. Damaged files are none."""
    with publish_status(tmp_path) as publish:
        publish(EntryStatus(doing="waiting for 2 CPUs", since=NOW))
        publish(WAITING)
        status = read_status(tmp_path)
    assert status is not None
    assert (status.since, status.doing, status.is_waiting) == (NOW, "waiting for a free slot", True)
    assert read_status(tmp_path) is None
    for text in ("{", "[]", '{"doing": "running"}', '{"doing": 1, "since": "yesterday", "detail": [], "held_by": []}'):
        (tmp_path / STATUS_NAME).write_text(text)
        assert read_status(tmp_path) is None


def test_elapsed_time_against_the_usual_one_or_the_limit(tmp_path: Path) -> None:
    """Never against the limit where it is known how long the entry takes."""
    follower = running(tmp_path)
    assert follower.clock(NOW) == ("0:12", "limit 1:00:00")
    follower.expected = Expected(usual_s=36.9)
    assert follower.clock(NOW) == ("0:12 of usually 0:36", "")
    (tmp_path / "run-2").mkdir()
    assert running(tmp_path, run="run-2").clock(NOW)[0] == "run-2, 0:12"


def test_before_the_script_starts(tmp_path: Path) -> None:
    """The step, without any comparison."""
    follower = EntryFollower("b", tmp_path, limit_s=60, began=NOW)
    follower.look()
    assert entry_line(follower, NOW + timedelta(seconds=5)) == "b: preparing, 0:05"
    with publish_status(tmp_path) as publish:
        publish(WAITING)
        follower.look()
        assert entry_line(follower, NOW) == (
            "b: waiting for a free slot (whole machine leased by a_rather_long_name, pid 5473, since 01:24; "
            "queued behind c)"
        )
    with publish_status(tmp_path) as publish:
        publish(EntryStatus(doing="starting Ray", since=NOW))
        follower.look()
    assert entry_line(follower, NOW + timedelta(seconds=3)) == "b: starting Ray, 0:03"


def test_figures_of_the_newest_sample(tmp_path: Path) -> None:
    """Of the entry's own GPUs only; a line that is being written, and a file without a line, have none."""
    (tmp_path / "stdouterr.log").write_text("first\nlast\n")
    (tmp_path / "telemetry.csv").write_text(TELEMETRY)
    assert running(tmp_path).figures() == []
    (tmp_path / "telemetry.csv").write_text(f"{TELEMETRY}t,1,100,1\nt,2,6100,5300000000\nt,3,99")
    rows = ['0,1,"[{""a"": 1}]",0,0\n', '0,2,"[]",90,1000\n', '1,2,"[]",80,1000\n', '2,2,"[]",1,1000\n']
    (tmp_path / "gpustats.csv").write_text(GPUS + "".join(rows))
    follower = running(tmp_path, cpus=64, gpus=(0, 1))
    assert follower.figures() == ["61 of 64 CPUs", "5.3 GB", "GPUs 85 % and 2.1 GB"]
    assert follower.log_line == "last"
    assert running(tmp_path, cpus=0).figures() == ["61 CPUs", "5.3 GB"]


def test_a_long_file_is_read_from_its_end(tmp_path: Path) -> None:
    """The row that the reading begins in is left out, whatever is left of it."""
    (tmp_path / "telemetry.csv").write_text(TELEMETRY + "t,1,100,1000\n" * 20_000 + "t,9,200,7000\n")
    assert running(tmp_path).figures() == ["2.0 CPUs", "7 kB"]


@pytest.mark.parametrize("kind", ["pipe", "directory", "device"])
def test_no_files(tmp_path: Path, kind: str) -> None:
    """A script can put anything in their place: nothing hangs, nothing is shown."""
    for name in ("stdouterr.log", "telemetry.csv", "gpustats.csv"):
        path = tmp_path / name
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero")
    follower = running(tmp_path, gpus=(0,))
    assert (follower.figures(), follower.log_line) == ([], "")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], None),
        ([(None, 1.0)], None),
        ([(10, 1.0), (20, 1.0)], (30, True)),
        ([(10, 0.5), (20, 0.5), (10, 0.5)], (20, True)),
        ([(10, 0.5), (40, 0.5)], (40, True)),
        ([(10, 0.5), (40, 0.5), (5, 1.0)], (45, True)),
        ([(10, 1.0), (None, 1.0)], (10, False)),
        ([(0, 1.0), (None, 1.0)], None),
    ],
)
def test_time_left(parts: list[tuple[float | None, float]], expected: tuple[float, bool] | None) -> None:
    """Alone one after the other, beside one another as many as fit; unknown parts make it a lower bound."""
    assert time_left(parts) == expected


def test_what_is_expected_survives_the_disk(tmp_path: Path) -> None:
    """A run that has written nothing expects nothing."""
    store = session(tmp_path, "a", "b")
    expected = {"a": Expected(share=0.5, usual_s=20.0, usual_total_s=60.0), "b": Expected()}
    write_expected(store.session_dir, store.run_id, expected)
    assert read_expected(store.session_dir, store.run_id) == expected
    assert read_expected(store.session_dir, "no-run") == {}


def test_an_entry_that_takes_longer_than_usual_has_no_known_end(tmp_path: Path) -> None:
    """Rather no estimate than one that stands at zero."""
    follower = running(tmp_path)
    assert follower.remaining_s(NOW) is None
    follower.expected = Expected(usual_total_s=100)
    assert follower.remaining_s(NOW) == 88
    assert follower.remaining_s(NOW + timedelta(seconds=90)) is None


def test_time_left_of_a_run(tmp_path: Path) -> None:
    """What runs and what is to come; a data setup makes it a lower bound; of waiting for others nothing is known."""
    expected = {"a": Expected(usual_total_s=10_000), "b": Expected(usual_total_s=5_000), "c": Expected()}
    follower = running(tmp_path)
    follower.expected = expected["a"]
    left = time_left_of(expected, {"c"}, [follower])
    assert left is not None
    assert left.is_whole
    assert 5_000 < left.time_s < 15_000
    setup = EntryFollower("data setup s", tmp_path, limit_s=60)
    left = time_left_of(expected, {"c"}, [follower, setup])
    assert left is not None
    assert not left.is_whole
    follower.status = WAITING
    assert time_left_of(expected, {"c"}, [follower]) is None


def test_a_session_while_it_runs(tmp_path: Path) -> None:
    """What has ended, runs and is left; an entry whose cluster is being stopped has not ended."""
    store = session(tmp_path, "a", "b", "c", "d")
    write_expected(store.session_dir, store.run_id, {name: Expected(usual_total_s=5000) for name in "cd"})
    follower = SessionFollower(store.session_dir)
    assert (len(follower.look().entries), follower.look().running) == (4, ())
    conclude(store, "a")
    conclude(store, "b", "failed")
    with publish_status(store.entries.prepare("c", timeout_s=9)) as publish:
        publish(EntryStatus(doing="running", leased_at=datetime.now(UTC), run=""))
        with publish_status(store.entries.path("b")) as stopping:
            stopping(EntryStatus(doing="stopping Ray"))
            progress = SessionFollower(store.session_dir).look()
            assert (list(progress.results), [entry.name for entry in progress.running]) == (["a"], ["b", "c"])
        progress = follower.look()
        assert (list(progress.results), [result.name for result in progress.failed]) == (["a", "b"], ["b"])
        assert [(entry.name, entry.is_running, entry.limit_s) for entry in progress.running] == [("c", True, 9)]
        assert progress.left is not None
        assert progress.left.is_whole
        assert 9000 < progress.left.time_s < 10_000
        assert (progress.is_over, progress.killed) == (False, ())
    conclude(store, "c")
    store.finish([], exit_status=1)
    progress = follower.look()
    assert (progress.is_over, progress.running, len(progress.results)) == (True, (), 3)


def test_an_entry_that_runs_again(tmp_path: Path) -> None:
    """Its earlier result is not counted meanwhile."""
    store = session(tmp_path, "a")
    follower = SessionFollower(store.session_dir)
    conclude(store, "a", "failed")
    assert len(follower.look().failed) == 1
    store.entries.prepare("a")
    progress = follower.look()
    assert (progress.failed, [entry.name for entry in progress.running]) == ([], ["a"])


def test_a_session_that_was_killed(tmp_path: Path) -> None:
    """Its process is gone, whatever its files say: it is over, and nothing runs."""
    code = (
        "import sys, pathlib; from pytest_curator_bench.session.store import SessionStore\n"
        "where = pathlib.Path(sys.argv[1])\n"
        "store = SessionStore.create(where / 'results', where / 'artifacts', exact='s')\n"
        "store.begin(['a', 'b']); store.entries.prepare('b')\n"
        "(store.entries.prepare('a') / '.status.json').touch()\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, env={**os.environ, "PYTHONPATH": str(root)})
    progress = SessionFollower(tmp_path / "results" / "s").look()
    assert (progress.is_over, progress.running, progress.has_failed) == (True, (), True)
    assert progress.killed[0].startswith("process ")
    assert recover_session(tmp_path / "results" / "s") == ("a", "b")
    assert set(SessionFollower(tmp_path / "results" / "s").look().results) == {"a", "b"}


def test_head_line() -> None:
    """Only what is known stands in it."""
    assert head_line(0, 12, 0, None) == "0/12"
    assert head_line(3, 12, 1, time_left([(48, 1.0)])) == "3/12, 1 failed, about 0:48 left"
    assert head_line(3, 12, 0, time_left([(11_100, 1.0), (None, 1.0)])) == "3/12, at least 3:05:00 left"


def test_end_line(tmp_path: Path) -> None:
    """Status, time, and a figure or the reason."""
    store = session(tmp_path, "a", "b", "c")
    passed = conclude(store, "a", exec_time_s=36.21)
    assert end_line(passed, ["rate 95"]) == "a: passed in 36.2 s, rate 95"
    failed = conclude(store, "b", "failed", exec_time_s=5.0, error="ValueError: found \x1b 14\nmore")
    assert end_line(failed) == r"b: failed after 5 s: ValueError: found \x1b 14"
    assert end_line(conclude(store, "c", "skipped", error="no GPU")) == "c: skipped"


@pytest.mark.parametrize("width", [80, 120, 200])
def test_lines_on_terminals(tmp_path: Path, width: int) -> None:
    """Nothing is wider than the terminal; who holds what is whole, on a line of its own where there is no room."""
    (tmp_path / "stdouterr.log").write_text("stage 4 " * 40)
    running_one = running(tmp_path, cpus=2)
    running_one.name = "an_entry_with_a_name_that_is_much_longer_than_its_column_xenna"
    waiting = EntryFollower("b", tmp_path, limit_s=60)
    waiting.status = WAITING
    lines = [line.plain for line in entry_lines([running_one, waiting], NOW, width=width, height=20)]
    assert max(map(cell_len, lines)) <= width
    text = "\n".join(lines)
    assert "an_entry_w" in text
    assert "_xenna  0:12, limit 1:00:00" in text
    assert "…" in lines[1]
    one_line = "waiting for a free slot (whole machine leased by a_rather_long_name, pid 5473, since 01:24"
    if width == 200:
        assert one_line in lines[2]
    else:
        assert lines[2].endswith("  waiting for a free slot")
        assert lines[3].startswith("  whole machine leased by a_rather_long_name, pid 5473, since 01:24")


def test_figures_are_whole_or_left_out(tmp_path: Path) -> None:
    """Half a number would be another number."""
    follower = running(tmp_path)
    follower.usage = Usage(cpus=12.0, memory_bytes=5.3e9)
    shown = {entry_lines([follower], NOW, width=width, height=20)[0].plain for width in range(30, 60)}
    step = "a  0:12, limit 1:00:00"
    assert shown == {step, f"{step}, 12 CPUs", f"{step}, 12 CPUs, 5.3 GB"}


def test_more_entries_than_lines(tmp_path: Path) -> None:
    """Logs go first, then the last entries are counted."""
    (tmp_path / "stdouterr.log").write_text("log\n")
    followers = [running(tmp_path) for _ in range(10)]
    assert len(entry_lines(followers, NOW, width=80, height=20)) == 20
    assert len(entry_lines(followers, NOW, width=80, height=19)) == 10
    lines = entry_lines(followers, NOW, width=80, height=6)
    assert (len(lines), lines[-1].plain) == (6, "and 5 more")
