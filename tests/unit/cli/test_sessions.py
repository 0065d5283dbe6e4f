# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench list``, ``show`` and ``clean``."""

from __future__ import annotations

import csv
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.cli import main
from pytest_curator_bench.results.statistics import statistics_of
from tests.support.commands import data, shown
from tests.support.sessions import make_session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.past_sessions import PastSessions


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three sessions in ``results``, the default below the working directory; the oldest is 100 days old."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "results"
    make_session(directory, "nightly-1", days_old=100, minhash="passed", dedup="failed")
    make_session(directory, "nightly-2", days_old=3, minhash="passed", dedup={"marks": ("gpu",)}, cc="skipped")
    make_session(
        directory,
        "try",
        days_old=0.5,
        reason="issue 512",
        minhash={
            "script_metrics": {"docs_per_s": 5000.25, "by": {"lang": {"en": 3}}},
            "statistics": {"docs_per_s": asdict(statistics_of([4900.0, 5000.25, 5100.0]))},
        },
        dedup={"status": "error", "reason": "ray", "error": "Ray did not start.\nport in use"},
    )
    return directory


def test_list(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest first, with their age, duration and outcome."""
    head, _, *rows = shown(capsys, "list")
    assert head == ["session", "started", "took", "passed", "failed", "reason"]
    assert rows == [
        ["try", "12", "h", "ago", "1", "min", "30", "s", "1/2", "1", "new", "issue", "512"],
        ["nightly-2", "3", "days", "ago", "1", "min", "30", "s", "2/3", "0", "-"],
        ["nightly-1", "100", "days", "ago", "1", "min", "30", "s", "1/2", "1", "new", "-"],
    ]
    assert main(["list", "--last", "1"]) == 0
    printed = capsys.readouterr()
    assert "nightly" not in printed.out
    assert printed.err == "the newest 1 of 3 sessions: --last 3 lists all\n"
    assert [row["session"] for row in data(capsys, "list", "--session-name", "nightly-2")] == ["nightly-2"]


def test_list_counts_entries_that_match(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names and marks; sessions without any are left out."""
    rows = data(capsys, "list", "-k", "dedup")
    assert [(row["session"], row["passed"], row["entries"], row["failed"]) for row in rows] == [
        ("try", 0, 1, 1),
        ("nightly-2", 1, 1, 0),
        ("nightly-1", 0, 1, 1),
    ]
    assert [row["session"] for row in data(capsys, "list", "-k", "gpu or cc")] == ["nightly-2"]
    assert main(["list", "-k", "nothing"]) == 0
    assert capsys.readouterr() == ("", "no entry of 3 sessions matches -k nothing\n")


def test_list_says_what_was_new(nights: PastSessions, capsys: pytest.CaptureFixture[str]) -> None:
    """Failures that were none the night before, entries that got slower, versions; each once, and only with -k's."""
    for night in range(6):
        nights.add({"a": 10.0 + night / 100, "b": 5.0, "c": {"status": "failed" if night == 5 else "passed"}})
    nights.add({"a": 10.0, "b": 1.0}, name="try__2026-01-07")
    nights.environment["versions"] = {**nights.environment["versions"], "ray": "2.61.0"}
    nights.environment["nemo_curator_git"] = {"commit": "7be1f02" + 33 * "0", "dirty": False}
    nights.add({"a": 14.0, "b": {"status": "timeout"}, "c": {"status": "failed"}})
    newest, tried, before, *_ = data(capsys, "list")
    assert (newest["failed"], newest["new_failures"], newest["slower"]) == (2, 1, 1)
    assert [(fact["name"], fact["then"], fact["now"]) for fact in newest["changed"]] == [
        ("ray", "2.60.0", "2.61.0"),
        ("NeMo Curator commit", None, "7be1f02"),
    ]
    assert (tried["new_failures"], tried["slower"], tried["changed"]) == (0, 0, [])
    assert (before["failed"], before["new_failures"], before["slower"], before["changed"]) == (1, 1, 0, [])
    lines = shown(capsys, "list", "--last", "1")
    assert lines[0][4:] == ["failed", "slower", "what", "changed"]
    assert " ".join(lines[2]).endswith("1/3 2, 1 new 1 ray 2.61.0, NeMo Curator commit 7be1f02")
    (row,) = data(capsys, "list", "--last", "1", "-k", "c")
    assert (row["failed"], row["new_failures"], row["slower"]) == (1, 0, 0)


def test_formats(results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """CSV has the values, Markdown what people read; colours come with a terminal only, and not with NO_COLOR."""
    main(["list", "--format", "csv"])
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [(row["took_s"], row["entries"], row["reason"]) for row in rows[:2]] == [
        ("90.0", "2", "issue 512"),
        ("90.0", "3", ""),
    ]
    main(["show", "try", "--format", "md"])
    assert capsys.readouterr().out.splitlines() == [
        "| entry | status | took | limit | why |",
        "| --- | --- | ---: | ---: | --- |",
        "| minhash | passed | 1.5 s | 60 s |  |",
        "| dedup | error | 1.5 s | 60 s | Ray did not start. |",
    ]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    main(["show", "try"])
    assert "\x1b[31m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    main(["show", "try"])
    assert "\x1b[3" not in capsys.readouterr().out


def test_names_are_cut_in_the_middle_on_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers are never torn."""
    make_session(
        tmp_path, "nightly-with-a-long-name__2026-11-25__03-00-00", days_old=2, reason="a word " * 9, a="passed"
    )
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    main(["list", "--results", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("nightly-with-a")
    assert "…" in lines[2]
    assert lines[2].split()[1:8] == ["2", "days", "ago", "1", "min", "30", "s"]
    assert "1/1" in lines[2].split()
    assert max(map(len, lines[2:])) <= 80


def test_show_a_session(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each entry with its outcome, and why it is not a better one."""
    make_session(results, "going-on").entries.prepare("busy")
    lines = shown(capsys, "show", "try")
    assert lines[0][:10] == ["try:", "finished", "in", "1", "min", "30", "s,", "1", "of", "2"]
    assert lines[2] == ["time", "limit", "docs_per_s"]
    assert lines[5:8] == [
        ["minhash", "passed", "1.5", "60", "5,000", "±", "100"],
        ["dedup", "error", "1.5", "60"],
        ["Ray", "did", "not", "start."],
    ]
    assert lines[-1] == ["results:", "results/try"]
    assert ["busy:", "running"] in shown(capsys, "show", str(results / "going-on"))
    session = data(capsys, "show", "nightly-2", "-k", "not minhash")
    assert [result["name"] for result in session["results"]] == ["dedup", "cc"]
    assert session["passed"] == 2


def test_show_a_result(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that is known of it: as fields for people, as the file's content in JSON."""
    fields = {" ".join(line[:-1]): line[-1] for line in shown(capsys, "show", "try", "minhash")}
    assert fields["metric docs_per_s"] == "5,000"
    assert fields["metric by.lang.en"] == "3"
    assert fields["statistics docs_per_s 4,900 to 5,100 in 3"] == "runs"
    assert fields["log"] == "results/try/minhash/stdouterr.log"
    errors = [line for line in shown(capsys, "show", "try", "dedup") if line[0] == "error"]
    assert errors == [["error", "Ray", "did", "not", "start."], ["error", "port", "in", "use"]]
    assert data(capsys, "show", "latest", "minhash")["script_metrics"]["docs_per_s"] == 5000.25


def test_what_cannot_be_read_is_named(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, and the rest is shown."""
    (results / "try" / "dedup" / "results.json").write_text("{")
    (results / "try" / "env.json").write_text('{"format": 99}')
    assert main(["show", "try"]) == 0
    printed = capsys.readouterr()
    assert [line.split()[:2] for line in printed.out.splitlines()[5:7]] == [
        ["minhash", "passed"],
        ["dedup:", "unreadable"],
    ]
    first, second = printed.err.splitlines()
    assert first.startswith("skipped results/try/dedup/results.json: not JSON (")
    assert second.startswith("skipped results/try/env.json: has format 99, newer than ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--results", "nowhere"], "no results directory nowhere: run pytest benchmarks/ first, or give"),
        (["list", "-k", "(a"], "-k '(a': found the end, expected and, or, or a closing parenthesis"),
        (["show", "tri"], "no session 'tri' in results; near ones: try; selectors: latest, "),
        (["show", "last:2"], "'last:2' names 2 sessions, expected one of try, nightly-2"),
        (["show", "try", "minhsh"], "no entry 'minhsh' in try; did you mean 'minhash'?"),
        (["show", "--bench-config", "none.yaml"], "none.yaml: found no such file"),
        (["clean", "--keep", "1d"], "nobody can be asked: give --yes to delete them, or --dry-run to list them"),
    ],
)
def test_what_a_command_cannot_do(
    results: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear error and exit status 2."""
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\nbench_config = ["b/c.yaml"]\n'),
        ("pyproject.toml", '[tool.pytest]\nbench_config = ["b/c.yaml"]\n'),
        ("pytest.ini", "[pytest]\nbench_config = b/c.yaml\n"),
        ("setup.cfg", "[tool:pytest]\nbench_config =\n    b/c.yaml\n"),
    ],
)
def test_the_results_directory_of_the_configuration(
    tmp_path: Path, file: str, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of pytest's ini file, also from a directory below it, or of --bench-config."""
    make_session(tmp_path / "b" / "out", "one", a="passed")
    (tmp_path / file).write_text(text)
    (tmp_path / "b" / "c.yaml").write_text("results_dir: out\nentries: [{name: a, script: '${UNDEFINED}/a.py'}]\n")
    monkeypatch.chdir(tmp_path / "b")
    assert [row["session"] for row in data(capsys, "list")] == ["one"]
    (tmp_path / file).unlink()
    assert [row["session"] for row in data(capsys, "list", "--bench-config", "c.yaml")] == ["one"]


def test_clean_by_age(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Old sessions go with their artifacts; a dry run only lists them."""
    scratch = results / "artifacts" / "nightly-1" / "dedup" / "scratch"
    scratch.mkdir(parents=True)
    (scratch / "big").write_bytes(bytes(5_000_000))
    assert main(["clean", "--keep", "90d", "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("would delete 1 session, 5.")
    assert "nightly-1" in printed.out
    assert (scratch / "big").exists()
    assert main(["clean", "--keep", "90d", "--yes"]) == 0
    assert capsys.readouterr().err.startswith("deleted 1 session, freed 5.")
    assert sorted(path.name for path in results.iterdir()) == ["artifacts", "nightly-2", "try"]
    assert not list((results / "artifacts").iterdir())
    assert main(["clean", "--keep", "90d"]) == 0
    assert capsys.readouterr().err == "nothing to delete among 2 sessions in results\n"


def test_clean_leaves_what_runs_and_what_lies_elsewhere(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A running session stays, and so do links and what they lead to; a killed one goes."""
    make_session(results, "running", days_old=200)
    elsewhere = make_session(tmp_path / "other", "linked", days_old=150, a="passed").session_dir
    (results / "linked").symlink_to(elsewhere)
    killed = make_session(results, "killed", days_old=120)
    record = killed.run_dir / "run.json"
    record.write_text(record.read_text().replace(f'"pid": {os.getpid()}', '"pid": 4194304'))
    (results / "nightly-1" / "dedup" / "out").symlink_to(elsewhere)
    rows = {row["session"]: row["kept"] for row in data(capsys, "clean", "--keep-last", "2", "--yes")}
    assert rows == {"nightly-1": None, "killed": None, "linked": "a link", "running": "still running"}
    assert sorted(path.name for path in results.iterdir()) == ["artifacts", "linked", "nightly-2", "running", "try"]
    assert (elsewhere / "a" / "results.json").exists()


def test_clean_deletes_nothing_that_is_no_session(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another program's session.json makes no session, and in artifacts_dir only scratch directories are ours."""
    foreign = results / "foreign"
    foreign.mkdir()
    (foreign / "session.json").write_text('{"started_at": "2020-01-01T00:00:00"}')
    artifacts = results / "artifacts" / "nightly-1"
    for entry in ("dedup", "data_setup/corpus"):
        (artifacts / entry / "scratch" / "deep").mkdir(parents=True)
    (artifacts / "data" / "mine").mkdir(parents=True)
    (artifacts / "link").symlink_to(foreign)
    (foreign / "scratch").mkdir()
    rows = {row["session"]: row["kept"] for row in data(capsys, "clean", "--keep", "90d", "--yes")}
    assert rows == {"nightly-1": None, "foreign": "its session.json is not of pytest-curator-bench"}
    assert sorted(path.name for path in foreign.iterdir()) == ["scratch", "session.json"]
    assert not (results / "nightly-1").exists()
    assert sorted(path.name for path in artifacts.iterdir()) == ["data", "link"]
    assert (artifacts / "data" / "mine").is_dir()


def test_clean_where_artifacts_lie_among_the_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The configuration says so: each session is one directory then, and counted once."""
    config = tmp_path / "c.yaml"
    config.write_text("results_dir: out\nartifacts_dir: out\nentries: [{name: a, script: a.py}]\n")
    old = make_session(tmp_path / "out", "old", days_old=9, a="passed").session_dir
    (old / "a" / "big").write_bytes(bytes(3_000_000))
    assert main(["clean", "--keep", "1w", "--yes", "--bench-config", str(config)]) == 0
    assert capsys.readouterr().err.startswith("deleted 1 session, freed 3.")
    assert not old.exists()


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("", 1), ("no", 1)])
def test_clean_asks(
    results: Path, answer: str, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a yes deletes."""
    read, write = os.openpty()
    os.write(read, f"{answer}\n".encode())
    with os.fdopen(write) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        assert main(["clean", "--keep-last", "2"]) == status
    os.close(read)
    assert "Delete 1 session, " in capsys.readouterr().err
    assert (results / "nightly-1").exists() is (status == 1)


def test_what_cannot_be_deleted_is_found_again(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 1, and the session is still listed, because its summary goes last."""
    monkeypatch.setattr("pytest_curator_bench.cli.clean.remove_tree", lambda path: f"{path} is a mount point")
    assert main(["clean", "--keep-last", "2", "--yes"]) == 1
    assert "nightly-1 was not deleted whole: " in capsys.readouterr().err
    assert [row["session"] for row in data(capsys, "list")] == ["try", "nightly-2", "nightly-1"]
