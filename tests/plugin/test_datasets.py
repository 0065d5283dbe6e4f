# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What results say of the datasets that entries use, and where sessions can be looked at."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bench_project import Project

CONFIG = """
datasets:
  - name: docs
    formats: [{type: txt, path: ../data/docs}, {type: one, path: ../data/one.txt, fingerprint: content}]
  - name: free
    formats: [{type: txt, path: ../data/free, fingerprint: none}]
entries:
  - {name: a, script: ok.py, args: "{dataset:docs,txt} {dataset:docs,one}"}
  - {name: b, script: ok.py, args: "{dataset:docs,txt} {dataset:free,txt} --exit 1"}
  - {name: c, script: ok.py}
"""


@pytest.fixture
def data(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with three datasets, and a cache directory of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.path / "cache"))
    for name in ("docs/1", "docs/2", "free/x", "one.txt"):
        file = project.path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        os.utime(file, (1_600_000_000, 1_600_000_000))
    project.config(CONFIG)
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "a worker"])
def test_results_record_the_datasets_of_their_entry(data: Project, workers: tuple[str, ...]) -> None:
    """Each with its figures, whatever became of the entry; the same in both entries, because taken once."""
    data.run(*workers).assert_outcomes(passed=2, failed=1)
    docs, one = data.result("a")["datasets"]
    assert (docs["name"], docs["format"], docs["path"]) == ("docs", "txt", f"{data.path}/benchmarks/../data/docs")
    assert (docs["files"], docs["bytes"], docs["newest_change"]) == (2, 12, "2020-09-13T12:26:40+00:00")
    assert (len(docs["listing_digest"]), docs["content_digest"], docs["warnings"]) == (64, None, [])
    assert (one["format"], one["files"], len(one["content_digest"])) == ("one", 1, 64)
    again, free = data.result("b")["datasets"]
    assert again == docs
    assert (free["files"], free["listing_digest"]) == (None, None)
    assert data.result("c")["datasets"] == []


def test_moved_data_is_seen(data: Project) -> None:
    """Another session over changed data has another digest; over the same data the same one."""
    digests = []
    for session in ("one", "two", "three"):
        if session == "three":
            (data.path / "data" / "docs" / "2").write_text("changed")
        data.run("--bench-session", session, "--bench-entry", "a").assert_outcomes(passed=1)
        result = json.loads((data.path / "results" / session / "a" / "results.json").read_text())
        digests.append(result["datasets"][0]["listing_digest"])
    assert digests[0] == digests[1] != digests[2]


def test_oddities_are_warnings(data: Project) -> None:
    """What can't be looked at is told once in pytest's summary, and in the record."""
    (data.path / "data" / "docs" / "broken").symlink_to("nowhere")
    result = data.run("--bench-entry", "a")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["dataset docs,txt: left out, because * directory): broken*"])
    assert "broken" in data.result("a")["datasets"][0]["warnings"][0]


def test_a_broken_cache_is_a_warning(data: Project) -> None:
    """It names the file and the remedy; the digest is there all the same."""
    file = data.path / "cache" / "pytest-curator-bench" / "content-digests.sqlite"
    file.parent.mkdir(parents=True)
    file.write_text("no database, and long enough to be seen as none" * 50)
    result = data.run("--bench-entry", "a")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines([f"the cache of content digests ({file}) can't be used*: delete it*"])
    assert data.result("a")["datasets"][1]["content_digest"] is not None


def test_the_cache_is_made_only_for_contents(data: Project) -> None:
    """Listings leave nothing in the user's cache directory; contents leave their digests."""
    data.run("--bench-entry", "b").assert_outcomes(failed=1)
    assert not (data.path / "cache").exists()
    data.run("--bench-entry", "a").assert_outcomes(passed=1)
    database = sqlite3.connect(data.path / "cache" / "pytest-curator-bench" / "content-digests.sqlite")
    tables = database.execute("select name from sqlite_master").fetchall()
    database.close()
    assert tables == [("digests",)]


# --- where a session can be looked at ---


def viewer_of(project: Project, *args: str) -> str | None:
    """The link that a session records, which the summary shows and env.json has too."""
    result = project.run("--bench-session", "s", "--bench-entry", "c", *args)
    result.assert_outcomes(passed=1)
    link: str | None = project.session()["runs"][-1]["viewer_url"]
    if link is not None:
        result.stdout.fnmatch_lines(["results: *", f"viewer: {link}"])
    runs: list[Path] = [project.session_dir, *project.session_dir.glob("runs/*")]
    assert link in [
        json.loads((run / "env.json").read_text())["viewer_url"] for run in runs if (run / "env.json").exists()
    ]
    return link


def test_a_viewer_link_from_the_config_or_the_command_line(data: Project) -> None:
    """A template gets the host's directories; the command line goes before the config, in either form."""
    assert viewer_of(data) is None
    data.config("viewer_url_template: 'http://v/?dir={results_path_url}&run={session_name}'\n" + CONFIG)
    where = str(data.path / "results").replace("/", "%2F")
    assert viewer_of(data) == f"http://v/?dir={where}&run=s"
    assert viewer_of(data, "--bench-viewer-url", "http://mine") == "http://mine"
    session_dir = str(data.path / "results" / "s")
    assert viewer_of(data, "--bench-viewer-url-template", "x:{session_path}") == f"x:{session_dir}"


def test_wrong_viewer_options(data: Project) -> None:
    """An unknown placeholder lists the known ones; both options at once make no sense."""
    result = data.run_here("--bench-viewer-url-template", "http://v/{session}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--bench-viewer-url-template: found the unknown placeholder {session}; *xpected one of *{session_path}*"]
    )
    result = data.run_here("--bench-viewer-url-template", "x", "--bench-viewer-url", "y")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--bench-viewer-url and --bench-viewer-url-template exclude each other*"])
