# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries with a matrix as pytest items: named, selected, run and kept one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.bench_project import Project

ENTRIES = """
entries:
  - name: minhash
    script: ok.py
    matrix:
      executor: [ray_data, xenna]
      size_gb: [1, 15]
      model: ["a/b c"]
      include:
        - {executor: xenna, rate: 2.5}
        - {executor: ray_data, rate: 1.5}
    args: >-
      --metric {matrix.rate} --print 'on {matrix.executor}: {matrix.model}' --size={matrix.size_gb}
  - name: plain
    script: ok.py
"""
NAMES = [f"minhash[{executor}-{size}-a_b_c]" for executor in ("ray_data", "xenna") for size in (1, 15)]


@pytest.fixture
def matrix(project: Project) -> Project:
    """A project with four combinations and a plain entry."""
    project.config(ENTRIES)
    return project


def collected(project: Project, *args: str) -> list[str]:
    """The node IDs that a selection leaves, less the file."""
    lines = project.run_here("--collect-only", "-q", *args).outlines
    return [line.removeprefix("benchmarks/config.yaml::") for line in lines if "::" in line]


def test_items_are_named_after_their_combination(matrix: Project) -> None:
    """In the order of the axes; a line of the file in reports."""
    assert collected(matrix) == [*NAMES, "plain"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (("-k", "xenna"), NAMES[2:]),
        (("-k", "minhash and not xenna"), NAMES[:2]),
        (("-k", "xenna-15"), NAMES[3:]),
        (("-k", NAMES[0]), NAMES[:1]),
        (("--bench-entry", NAMES[3]), NAMES[3:]),
        (("--bench-entry", NAMES[1], "--bench-entry", "plain"), [NAMES[1], "plain"]),
        (("--deselect", f"benchmarks/config.yaml::{NAMES[0]}", "-k", "ray_data"), NAMES[1:2]),
    ],
    ids=str,
)
def test_selection(matrix: Project, selection: tuple[str, ...], expected: list[str]) -> None:
    """As with parametrised tests: ``-k``, exact names, ``--deselect``."""
    assert collected(matrix, *selection) == expected


def test_node_id(matrix: Project) -> None:
    """The ID that pytest prints selects that combination alone."""
    node_id = f"benchmarks/config.yaml::{NAMES[2]}"
    done = matrix.pytester.runpytest_subprocess(node_id, "--bench-config", "benchmarks/config.yaml", "-v")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines([f"*{node_id.replace('[', '[[]')} PASSED*"])


def test_the_name_without_its_combination(matrix: Project) -> None:
    """An exact name is exact; the error says which there are."""
    done = matrix.run_here("--bench-entry", "minhash")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(
        [f"*--bench-entry minhash: no enabled entry has this name; did you mean {NAMES[0][:7]}*{NAMES[3][-9:-1]}*"]
    )


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_each_has_its_directory_and_result(matrix: Project, workers: tuple[str, ...]) -> None:
    """Values reach the script as single arguments, and params.json as they are."""
    matrix.run(*workers).assert_outcomes(passed=5)
    result = matrix.result(NAMES[3])
    assert result["name"] == NAMES[3]
    assert result["script_metrics"]["rate_per_sec"] == 2.5
    assert result["script_params"]["matrix"] == {"executor": "xenna", "size_gb": 15, "model": "a/b c", "rate": 2.5}
    assert result["script_params"]["rest"] == ["--size=15"]
    assert (matrix.session_dir / NAMES[3] / "stdouterr.log").read_text() == "on xenna: a/b c\n"
    assert matrix.result(NAMES[0])["script_metrics"]["rate_per_sec"] == 1.5
    assert "matrix" not in matrix.result("plain")["script_params"]
    # The session keeps the matrix as it was written.
    assert "size_gb" in (matrix.session_dir / "config.yaml").read_text()


def test_a_failure_is_reported_at_the_entrys_line(project: Project) -> None:
    """One combination fails, the others don't."""
    project.config("entries:\n- {name: a, script: ok.py, args: '--exit {matrix.code}', matrix: {code: [0, 3]}}\n")
    done = project.run("-rf")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["FAILED benchmarks/config.yaml::a[[]3] - Exit status 3*"])


def test_dry_run(matrix: Project) -> None:
    """Each combination with its own command."""
    done = matrix.run_here("--bench-dry-run", "-k", "xenna-1-")
    done.stdout.fnmatch_lines(["minhash?xenna-1-a_b_c?", "*--metric 2.5 --print 'on xenna: a/b c' --size=1*"])
