# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""docs/sinks.md, run: its sink, its configs, its hook, its receiver."""

from __future__ import annotations

import re
import runpy
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.sinks.webhook import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from tests.plugin.test_sinks_plugin import replay

if TYPE_CHECKING:
    from tests.support.bench_project import Project

TEXT = (Path(__file__).parents[2] / "docs" / "sinks.md").read_text(encoding="utf-8")
ENTRIES = "entries: [{name: a, script: ok.py, args: --metric 2.5}, {name: b, script: ok.py, args: --exit 3}]\n"


def block(name: str) -> str:
    """The code block whose first line is the file's name."""
    found = re.search(rf"^```\w+\n(# {re.escape(name)}\n.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def rows(project: Project) -> list[tuple[Any, ...]]:
    """What the documented sink has stored."""
    with closing(sqlite3.connect(project.path / "results" / "results.sqlite")) as database:
        return database.execute("SELECT session, entry, status, value FROM results ORDER BY entry").fetchall()


@pytest.fixture
def documented(project: Project) -> Project:
    """A project with the files of the docs."""
    (project.path / "benchmarks" / "sqlite_sink.py").write_text(block("benchmarks/sqlite_sink.py"))
    (project.path / "benchmarks" / "with_sink.yaml").write_text(block("benchmarks/with_sink.yaml"))
    project.config(ENTRIES)
    return project


def test_the_sink_is_short() -> None:
    """A sink from the docs alone takes less than 30 lines."""
    code = [line for line in block("benchmarks/sqlite_sink.py").splitlines() if line.strip()]
    assert len(code) < 30


def test_the_documented_command(documented: Project) -> None:
    """It delivers each result, once; a replay has nothing to do, and after a loss everything."""
    (line,) = re.findall(r"^pytest (benchmarks/ --bench-config .*)$", TEXT, re.MULTILINE)
    result = documented.pytester.runpytest_subprocess(*line.split(), "-p", "no:cacheprovider")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["sink database: 2 delivered"])
    session = documented.session_dir.name
    expected = [(session, "a", "passed", 2.5), (session, "b", "failed", 1.5)]
    assert rows(documented) == expected
    arguments = [
        str(documented.session_dir),
        "--config",
        "benchmarks/config.yaml",
        "--config",
        "benchmarks/with_sink.yaml",
    ]
    assert replay(documented, *arguments).stdout == "sink database: has everything already\n"
    for receipt in (documented.session_dir / "sinks/database/delivered").iterdir():
        receipt.unlink()
    assert replay(documented, *arguments).stdout == "sink database: 2 delivered\n"
    assert rows(documented) == expected
    (documented.path / "results" / "results.sqlite").unlink()
    for receipt in (documented.session_dir / "sinks/database/delivered").iterdir():
        receipt.unlink()
    assert replay(documented, *arguments).stdout == "sink database: 2 delivered\n"
    assert rows(documented) == expected


def test_the_documented_errors(documented: Project) -> None:
    """A misspelt key of the sink's is an error with file, line and suggestion."""
    documented.config("sinks: [{name: database, fil: x}]\n", "benchmarks/wrong.yaml", head=False)
    result = documented.run("--bench-config", "with_sink.yaml", "--bench-config", "wrong.yaml")
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: benchmarks/wrong.yaml:1: sinks[[]database].fil: found the unknown key 'fil'; did you mean 'file'[?]*"]
    )


def test_the_documented_hook(documented: Project) -> None:
    """conftest.py names the class instead of the config."""
    (documented.path / "conftest.py").write_text(block("conftest.py"))
    (documented.path / "benchmarks" / "__init__.py").touch()
    documented.config("sinks: [{name: database, file: results.sqlite}]\n" + ENTRIES)
    documented.run().stdout.fnmatch_lines(["sink database: 2 delivered"])
    assert len(rows(documented)) == 2


def test_the_documented_receiver(tmp_path: Path) -> None:
    """Its check takes what the sink signs, and nothing else."""
    file = tmp_path / "receiver.py"
    file.write_text(block("receiver.py"))
    is_genuine = runpy.run_path(str(file))["is_genuine"]
    now = str(int(time.time()))
    headers = {TIMESTAMP_HEADER: now, SIGNATURE_HEADER: signature("a-secret", now, b"{}")}
    assert is_genuine("a-secret", headers, b"{}")
    assert not is_genuine("b-secret", headers, b"{}")
    assert not is_genuine("a-secret", headers, b"[]")
    old = "1700000000"
    assert not is_genuine(
        "a-secret", {TIMESTAMP_HEADER: old, SIGNATURE_HEADER: signature("a-secret", old, b"{}")}, b"{}"
    )
