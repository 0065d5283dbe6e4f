# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench import``: sessions of NeMo Curator's own runner become ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.cli import main
from tests.support.commands import data, errors, shown
from tests.support.nemo_curator_sessions import write_old_session
from tests.support.sessions import make_session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven nights of two entries; in the last one got slower and the other failed."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "old"
    for night in range(6):
        write_old_session(directory, night, dedup={"exec_time_s": 100.0 + night}, minhash={})
    failed = {"success": False, "exit_code": 1}
    write_old_session(directory, 6, dedup={"exec_time_s": 150.0}, minhash=failed)
    return directory


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    """All files with their times and contents."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {str(path.relative_to(directory)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_sessions_are_read_like_ours(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """List, show, compare and history; the source stays as it is."""
    before = tree(old)
    assert shown(capsys, "import", "old", "--results", "results")[2] == ["nightly__2026-01-01__03-00-00", "2", "0"]
    assert tree(old) == before
    newest, *_, first = data(capsys, "list")
    assert (newest["passed"], newest["failed"], newest["new_failures"], newest["slower"]) == (1, 1, 1, 1)
    assert (first["started_at"], first["took_s"], first["reason"]) == ("2026-01-01T03:00:00+00:00", 700.0, "nightly")
    result = data(capsys, "show", "latest~1", "dedup")
    assert result["script_metrics"] == {"num_documents": 1000}
    assert result["task_metrics"] == {"task_reader_process_time_sum": 4.5}
    assert result["resources"]["ray"]["resources"] == {"CPU": 64.0, "GPU": 2.0}
    assert (result["timeout_s"], result["warnings"]) == (600.0, ["GPU memory in use"])
    with open(result["stdouterr_file"]) as log:  # noqa: PTH123  # a path of the result
        assert log.read() == "log of dedup\n"
    report = data(capsys, "compare", status=1)
    assert [(row["entry"], row["verdict"]) for row in report["rows"][:2]] == [("minhash", "broken"), ("dedup", "worse")]
    assert "H100" in str(data(capsys, "show")["environment"]["gpus"])
    assert len(data(capsys, "history", "dedup")["values"]) == 7
    assert shown(capsys, "env")[-1][:3] == ["the", "same:", "python,"]


def test_a_second_import_changes_nothing(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what has come since is new; a single session can be named."""
    assert main(["import", "old", "--results", "results"]) == 0
    before = {name: content for name, (_, content) in tree(tmp_path / "results").items()}
    assert main(["import", "old", "--results", "results"]) == 0
    assert {name: content for name, (_, content) in tree(tmp_path / "results").items()} == before
    new = write_old_session(old, 8, dedup={})
    capsys.readouterr()
    assert main(["import", str(new), "--results", "results"]) == 0
    assert capsys.readouterr().err == "imported 1 session into results\n"
    assert len(data(capsys, "list")) == 8


@pytest.mark.parametrize(
    ("given", "status", "reason", "error"),
    [
        ({"exit_code": 124, "timed_out": True}, "timeout", "time-limit", "Timed out."),
        ({"exit_code": 3}, "failed", "exit-code", "Exit status 3."),
        ({"exit_code": -9}, "failed", "exit-code", "Ended by SIGKILL."),
        ({"exit_code": -1}, "error", None, "The script never ran."),
        ({"requirements_not_met": {"m": "m < 5"}}, "failed", "requirements", "m < 5"),
    ],
)
def test_outcomes(
    tmp_path: Path,
    given: dict[str, object],
    status: str,
    reason: str | None,
    error: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each kind of failure keeps its name."""
    results = str(tmp_path / "results")
    write_old_session(tmp_path / "old", 0, a={"success": False, **given})
    assert main(["import", str(tmp_path / "old"), "--results", results]) == 0
    capsys.readouterr()
    result = data(capsys, "show", "latest", "a", "--results", results)
    assert (result["status"], result["reason"], result["error"]) == (status, reason, error)


def test_bad_files_are_named_and_the_rest_is_imported(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1; what is mended later comes with the next import."""
    first, second, third, *_ = sorted(old.iterdir())
    whole = (first / "dedup" / "results.json").read_text()
    (first / "dedup" / "results.json").write_text(whole[:50])
    (second / "dedup" / "results.json").write_text('{"name": "dedup"}')
    (second / "env.json").write_text("[]")
    (third / "dedup" / "results.json").write_text(
        whole.replace('"exec_started_at": 1767236400.0', '"exec_started_at": 1e300')
    )
    (old / "other").mkdir()
    make_session(old, "ours", a="passed")
    lines = errors(capsys, "import", "old", "--results", "results", status=1).splitlines()
    assert lines[0].startswith(f"skipped old/{first.name}/dedup/results.json: not JSON (")
    assert lines[1] == f"skipped old/{second.name}/dedup/results.json: no result (success is missing)"
    assert lines[2] == f"skipped old/{second.name}/env.json: a JSON list instead of an object"
    assert lines[3].startswith(f"skipped old/{third.name}/dedup/results.json: no result (")
    assert lines[4:] == ["imported 7 sessions into results"]
    assert len(data(capsys, "history", "dedup")["values"]) == 4
    (first / "dedup" / "results.json").write_text(whole)
    main(["import", "old", "--results", "results"])
    capsys.readouterr()
    assert len(data(capsys, "history", "dedup")["values"]) == 5


def test_what_is_never_touched(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A session of ours of the same name, and the source where it lies in the results directory."""
    name = min(path.name for path in old.iterdir())
    make_session(tmp_path / "results", name, a="passed")
    before = tree(tmp_path / "results")
    text = errors(capsys, "import", f"old/{name}", "--results", "results")
    assert text.splitlines()[0] == f"skipped results/{name}: there is another session of this name: rename one of them"
    assert tree(tmp_path / "results") == before
    before = tree(old)
    assert "it lies in the results directory itself" in errors(capsys, "import", "old", "--results", "old")
    assert tree(old) == before


def test_what_cannot_be_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and one sentence."""
    nothing = str(tmp_path / "none")
    assert errors(capsys, "import", nothing) == f"{nothing} can't be read: No such file or directory\n"
    assert errors(capsys, "import", str(tmp_path)).startswith("found no results of NeMo Curator's runner in ")


def test_links_out_of_a_session_are_not_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log may be a link to anything."""
    monkeypatch.chdir(tmp_path)
    session = write_old_session(tmp_path / "old", 0, a={})
    log = session / "a" / "logs" / "stdouterr.log"
    log.unlink()
    (tmp_path / "secret").write_text("secret")
    log.symlink_to(tmp_path / "secret")
    assert main(["import", "old", "--results", "results"]) == 0
    assert "secret" not in json.dumps([content.decode() for _, content in tree(tmp_path / "results").values()])
