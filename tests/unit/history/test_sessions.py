# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sessions of a results directory, and their selectors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.history.selectors import SelectorError, select, select_one, sessions_of
from pytest_curator_bench.history.sessions import list_sessions
from pytest_curator_bench.results import format as file_format

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def session(results_dir: Path, name: str, started_at: str, **facts: Any) -> Path:
    """A session of which there is only the summary."""
    path = results_dir / name
    path.mkdir(parents=True)
    write_json(path / "session.json", {"started_at": started_at, **facts})
    return path


@pytest.fixture(autouse=True)
def _in_auckland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone in which the evening in UTC is the next day."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Four nights and one try."""
    for day in range(20, 24):
        session(tmp_path, f"nightly__2026-11-{day}__03-00-00", f"2026-11-{day - 1}T14:00:00+00:00")
    session(tmp_path, "try__2026-11-23__10-00-00-2", "2026-11-22T21:00:00+00:00")
    return tmp_path


def selected(results_dir: Path, selector: str, prefix: str | None = None) -> list[str]:
    """The day and kind of each selected session."""
    return [ref.name[:3] + ref.name.split("__")[1][-3:] for ref in select(results_dir, selector, prefix=prefix)]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("latest", ["try-23"]),
        ("latest~1", ["nig-23"]),
        ("latest~4", ["nig-20"]),
        ("last:2", ["try-23", "nig-23"]),
        ("last:100", ["try-23", "nig-23", "nig-22", "nig-21", "nig-20"]),
        ("2026-11-23", ["try-23", "nig-23"]),
        ("2026-11-20..2026-11-21", ["nig-21", "nig-20"]),
        ("2026-11-22..", ["try-23", "nig-23", "nig-22"]),
        ("..2026-11-20", ["nig-20"]),
        ("nightly__2026-11-21__03-00-00", ["nig-21"]),
        ("nightly__2026-11-22", ["nig-22"]),
        ("try", ["try-23"]),
        ("latest~4, try,latest", ["try-23", "nig-20"]),
    ],
)
def test_selectors(results: Path, selector: str, names: list[str]) -> None:
    """Each form; days are local ones, and nothing is selected twice."""
    assert selected(results, selector) == names


def test_paths(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may lead to another results directory, and need not have one at all."""
    other = session(tmp_path / "other", "s,1", "2026-01-01T00:00:00")
    assert [ref.path for ref in select(results, str(other))] == [other]
    assert [ref.path for ref in select(results, f"{results}/try__2026-11-23__10-00-00-2/,latest~1")] == [
        results / "try__2026-11-23__10-00-00-2",
        results / "nightly__2026-11-23__03-00-00",
    ]
    monkeypatch.chdir(other)
    assert select_one(tmp_path / "nowhere", ".").name == "s,1"
    with pytest.raises(SelectorError, match=r"no session at .*session\.json: No such file .*give the directory"):
        select(results, f"{results}/")


def test_a_prefix(results: Path) -> None:
    """Sessions of other names are out of sight; a wrong one lists those there are."""
    assert selected(results, "latest", "nightly") == ["nig-23"]
    assert len(sessions_of(results, prefix=None)) == 5
    with pytest.raises(SelectorError, match=r"is called 'nihgtly'; near ones: nightly$"):
        select(results, "latest", prefix="nihgtly")
    with pytest.raises(SelectorError, match=r"there are try, nightly$"):
        sessions_of(results, prefix="x")


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("nightly", "'nightly' names 12 sessions, expected one of nightly__2026-11-23__03-00-00, .*, ... .4 more.$"),
        ("nigthly__2026-11-21", "no session 'nigthly__2026-11-21' in .*; near ones: nightly__2026-11-21__03-00-00, "),
        ("11-20", "; near ones: nightly__2026-11-20__03-00-00; selectors: latest, "),
        ("latest~13", "latest~13: there are only 13 sessions in "),
        ("last:0", "no session 'last:0'"),
        ("2026-11-31", "2026-11-31: day is out of range for month, expected a date as in 2026-11-25$"),
        ("2025-01-01", "no session of 2025-01-01 in .*; near ones: nightly__2026-10-01__03-00-00, "),
        ("", "no session '' in "),
        ("..", "no session at \\.\\. "),
    ],
)
def test_a_wrong_selector_lists_near_ones(results: Path, selector: str, message: str) -> None:
    """At most eight, the nearest first."""
    for day in range(1, 9):
        session(results, f"nightly__2026-10-0{day}__03-00-00", f"2026-09-{day + 20}T14:00:00+00:00")
    with pytest.raises(SelectorError, match=message) as raised:
        select_one(results, selector)
    assert str(raised.value).count("__03-00-00") <= 8


def test_no_session_at_all(tmp_path: Path) -> None:
    """It is said what makes one."""
    for results_dir in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SelectorError, match="run pytest benchmarks/ first, or give --results DIR"):
            select(results_dir, "latest")


def test_what_cannot_be_read_is_left_out_with_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Corrupt, half-written, foreign and future sessions; other directories are none of our business."""
    file_format._log_skipped.cache_clear()
    good = session(tmp_path, "good", "2026-11-20T00:00:00+00:00", counts={"passed": 2}, reason="x")
    session(tmp_path, "future", "2026-11-20T00:00:00+00:00", format=99)
    session(tmp_path, "foreign", "yesterday")
    session(tmp_path, "counts", "2026-11-20T00:00:00+00:00", counts=["passed"])
    for name, text in {"corrupt": '{"started_at', "list": "[]"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "session.json").write_text(text)
    (tmp_path / "half" / "runs" / "r").mkdir(parents=True)
    (tmp_path / "half" / "runs" / "r" / "run.json").touch()
    for name in ("artifacts", "mlruns/runs/x", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "mlflow.db").touch()
    for _ in range(2):
        (ref,) = list_sessions(tmp_path)
    assert (ref.path, dict(ref.counts), ref.reason, ref.status) == (good, {"passed": 2}, "x", "finished")
    lines = {record.getMessage().split("/session.json: ")[0]: record.getMessage() for record in caplog.records}
    names = ["corrupt", "counts", "foreign", "future", "half", "list"]
    assert sorted(lines) == [f"skipped {tmp_path / name}" for name in names]
    assert len(caplog.records) == len(names)
    assert lines[f"skipped {tmp_path / 'half'}"].endswith("session.json: No such file or directory")
    assert "counts: found list, expected dict" in lines[f"skipped {tmp_path / 'counts'}"]


def test_a_session_that_goes_on_moves(tmp_path: Path) -> None:
    """A summary is read again when its file has changed."""
    first = session(tmp_path, "first", "2026-01-01T00:00:00+00:00")
    second = session(tmp_path, "second", "2026-01-02T00:00:00+00:00")
    assert [ref.path for ref in list_sessions(tmp_path)] == [second, first]
    write_json(first / "session.json", {"started_at": "2026-02-01T00:00:00+00:00"})
    assert [ref.path for ref in list_sessions(tmp_path)] == [first, second]
    assert [ref.path for ref in list_sessions(tmp_path, besides="first")] == [second]
