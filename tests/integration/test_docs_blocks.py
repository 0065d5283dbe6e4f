# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Every shell block of the documentation is run, or says why not.

A page's blocks are run in order, in a project of its own. A block of Python, YAML or TOML whose first line is a comment
with a path (``# benchmarks/config.yaml``) is that file from there on. Comments before a shell block:

- ``<!-- not run: REASON -->``: it isn't.
- ``<!-- exit status: N -->``: it ends with that, not with 0.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.bench_project import Project

REPO = Path(__file__).parents[2]
# Blocks of ``console`` have the output too: tests/unit/docs/test_commands_page.py compares it.
SHELL = {"sh", "bash", "shell"}
LIMIT_S = 300
# What GitLab tells a job.
VARIABLES = {"CI_PIPELINE_ID": "7", "CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "2"}


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str
    line: int
    remarks: dict[str, str]

    @property
    def file(self) -> str | None:
        """The file that it is, if it says so."""
        first = re.match(r"# ([\w./-]+\.(?:py|yaml|toml|ini))\n", self.text)
        return first[1] if first else None


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    remarks: dict[str, str] = {}
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            remarks |= dict(re.findall(r"<!-- ([a-z ]+): (.*?) -->", token.content, re.DOTALL))
        elif token.type == "fence":
            assert token.map is not None
            yield Block(token.info.strip(), token.content, token.map[0] + 1, remarks)
            remarks = {}
        elif token.type == "inline":
            remarks = {}


def pages() -> list[Path]:
    """All pages with shell blocks."""
    found = [REPO / "README.md", REPO / "CONTRIBUTING.md", *sorted((REPO / "docs").rglob("*.md"))]
    return [page for page in found if any(block.language in SHELL for block in blocks(page))]


def _name(page: Path) -> str:
    return str(page.relative_to(REPO))


# --- what pages take for granted ---


def _two_files(project: Project) -> None:
    """A configuration, one for the machine, and one with a sink."""
    project.config("entries: [{name: a, script: ok.py}]")
    for name in ("paths.yaml", "with_sink.yaml"):
        project.config("paths: [{name: datasets_path, host_path: .}]", f"benchmarks/{name}", head=False)
    (project.path / "pytest.ini").write_text(
        "[pytest]\ntestpaths = benchmarks\nbench_config = benchmarks/config.yaml\n", encoding="utf-8"
    )


def _a_script(project: Project) -> None:
    """The script of README's tour, and its entry."""
    _two_files(project)
    project.config("entries: [{name: count_words, script: count_words.py}]")
    (text,) = [block.text for block in blocks(REPO / "README.md") if (block.file or "").endswith("count_words.py")]
    project.script("count_words.py", text)


def _a_session(project: Project) -> None:
    """A session that a sink has missed."""
    _two_files(project)
    project.config("sinks: [{name: jsonl, path: r.jsonl}]\nentries: [{name: a, script: ok.py}]")
    project.run("--bench-session", "nightly__2026-01-23__14-30-00")
    for receipt in project.path.glob("results/nightly__*/sinks/jsonl/delivered/*"):
        receipt.unlink()


def _nightly(project: Project) -> None:
    """NeMo Curator's nightly configuration, as someone has it who comes from run.py."""
    for file in (REPO / "tests" / "data" / "upstream").glob("*.yaml"):
        shutil.copy(file, project.path)


PREPARED: dict[str, Callable[[Project], None]] = {
    "docs/ab.md": _a_script,
    "docs/configuration.md": _two_files,
    "docs/debugging.md": _a_script,
    "docs/migrating.md": _nightly,
    "docs/results.md": _a_session,
    "docs/scaling.md": _two_files,
    "docs/sinks.md": _a_session,
}


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_a_page(project: Project, page: Path) -> None:
    """Its files are written and its commands run, one after the other, in one directory."""
    if prepare := PREPARED.get(_name(page)):
        prepare(project)
    environment = os.environ | VARIABLES | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for block in blocks(page):
        if block.file is not None:
            file = project.path / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        if block.language not in SHELL or "not run" in block.remarks:
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=project.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        expected = int(block.remarks.get("exit status", "0"))
        assert done.returncode == expected, f"{_name(page)}:{block.line}\n{done.stdout}"


def test_reasons() -> None:
    """Who leaves a block out says why, in words."""
    found = [
        (f"{_name(page)}:{block.line}", block.remarks["not run"])
        for page in pages()
        for block in blocks(page)
        if block.language in SHELL and "not run" in block.remarks
    ]
    assert found
    assert [place for place, reason in found if len(reason.split()) < 3] == []
