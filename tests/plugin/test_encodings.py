# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Output in an encoding that has not all characters, and a system whose encoding is not UTF-8."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.cli import main
from tests.support.bench_project import pytest_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bench_project import Project

CONFIG = """
entries:
- {name: größe-日本, script: ok.py, args: --label ñ→✓}
- {name: bad, script: ok.py, requirements: [{metric: rate_per_sec, min_value: 5}]}
"""


def pytest_lines(project: Project, *args: str, encoding: str = "utf-8", **env: str) -> list[str]:
    """The lines that pytest writes with another environment."""
    done = subprocess.run(
        pytest_command(*args), cwd=project.path, env={**os.environ, **env}, capture_output=True, check=False
    )
    return (done.stdout + done.stderr).decode(encoding).splitlines()


@pytest.mark.parametrize(
    ("encoding", "name"), [("ascii", r"gr\xf6\xdfe-\u65e5\u672c"), ("cp1252", r"größe-\u65e5\u672c")]
)
def test_the_table_keeps_its_lines_in_an_older_encoding(project: Project, encoding: str, name: str) -> None:
    """Its lines are of characters that every encoding has, and what a name lacks is escaped."""
    project.config(CONFIG).write_text(f"results_dir: ../results\n{CONFIG}", encoding="utf-8")
    lines = pytest_lines(project, encoding=encoding, PYTHONIOENCODING=encoding)
    (row,) = (line for line in lines if line.startswith(f"{name} ") and "started" not in line)
    (other,) = (line for line in lines if line.startswith("bad ") and "7,200" in line)
    assert "passed" in row
    assert "failed" in other
    assert row.index("7,200") == other.index("7,200")
    assert f"results: {project.session_dir.relative_to(project.path)}" in lines
    assert project.result("größe-日本")["status"] == "passed"


@pytest.mark.parametrize("option", ["--bench-dry-run", "--collect-only"])
def test_a_dry_run_and_a_listing_in_an_older_encoding(project: Project, option: str) -> None:
    """Names and arguments that it does not have are escaped."""
    project.config(CONFIG).write_text(f"results_dir: ../results\n{CONFIG}", encoding="utf-8")
    lines = "\n".join(pytest_lines(project, option, encoding="ascii", PYTHONIOENCODING="ascii"))
    assert r"gr\xf6\xdfe-\u65e5\u672c" in lines
    assert "INTERNALERROR" not in lines
    assert option == "--collect-only" or r"--label '\xf1\u2192\u2713'" in lines


def test_names_that_the_system_can_not_hold_are_refused(project: Project) -> None:
    """Python takes them for no file's name: one clear error for each, with the remedy."""
    project.config(CONFIG).write_text(f"results_dir: ../results\n{CONFIG}", encoding="utf-8")
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    lines = pytest_lines(project, "--bench-dry-run", **environment)
    found = [line for line in lines if "config.yaml:" in line]
    assert len(found) == 2, lines
    assert "expected text in this system's encoding, which is ascii; set PYTHONUTF8=1" in found[0]
    assert not (project.path / "results").exists()


def ascii_output(monkeypatch: pytest.MonkeyPatch) -> io.TextIOWrapper:
    """Standard output as with ``PYTHONIOENCODING=ascii``."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


def written(stream: io.TextIOWrapper) -> bytes:
    """What a command wrote."""
    content: bytes = stream.buffer.getvalue()  # type: ignore[attr-defined]  # a BytesIO
    return content


def test_validate_in_an_older_encoding(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table and its sentences, too."""
    file = project.config(CONFIG)
    file.write_text(f"results_dir: ../results\n{CONFIG}", encoding="utf-8")
    output = ascii_output(monkeypatch)
    assert main(["validate", "--no-scripts", str(file)]) == 0
    text = written(output).decode()
    assert r"gr\xf6\xdfe-\u65e5\u672c" in text
    assert text.endswith("2 entries: 0 errors, 0 warnings\n")
    file.write_text("entries: [{name: größe}]\n", encoding="utf-8")
    assert main(["validate", str(file)]) == 1
    assert r"entries[gr\xf6\xdfe].script: found nothing" in written(output).decode()


def test_mounts_are_bytes_of_paths_in_any_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with escapes in it would be another path."""
    (tmp_path / "image").mkdir()
    monkeypatch.chdir(tmp_path / "image")
    file = tmp_path / "größe.yaml"
    file.write_text("results_dir: /ergebnisse/größe\nentries: [{name: a, script: a.py}]\n", encoding="utf-8")
    output = ascii_output(monkeypatch)
    assert main(["mounts", str(file)]) == 0
    assert "\0/ergebnisse/größe\0results_dir\0".encode() in written(output)


def test_a_preview_stays_json_in_any_encoding(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escapes other than JSON's own would break it."""
    two.run("-k", "first", "--bench-reason", "größer")
    output = ascii_output(monkeypatch)
    assert main(["preview", "slack", str(two.session_dir)]) == 0
    shown = json.loads(written(output))
    assert "größer" in json.dumps(shown, ensure_ascii=False)
