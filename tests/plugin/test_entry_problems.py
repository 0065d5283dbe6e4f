# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is not defined in one entry's configuration fails that entry alone, or nothing where it isn't selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.bench_project import Project

CONFIG = """
datasets:
  - {name: web, formats: [{type: json, path: .}]}
entries:
  - {name: good, script: ok.py, args: "--print {dataset:web,json}"}
  - name: no_variable
    script: ok.py
    args: ["--print", "${NOT_DEFINED_HERE}"]
    timeout_s: ${NOT_DEFINED_EITHER}
    marks: [nightly]
    retries: ${NOT_DEFINED_HERE}
    retry_on: [error]
  - {name: no_dataset, script: ok.py, args: "{dataset:books,json}"}
  - {name: no_format, script: ok.py, args: "{dataset:web,parquet}"}
  - {name: no_path, script: "{nowhere}/ok.py", ray: {num_gpus: 1000}}
  - {name: no_setup, script: ok.py, data_setups: [prepare]}
  - name: both
    script: ok.py
    args: --print {matrix.n} ${NOT_DEFINED_HERE}
    matrix: {n: [1, 2]}
"""
WRONG = ["no_variable", "no_dataset", "no_format", "no_path", "no_setup", "both[1]", "both[2]"]
SENTENCES = {
    "no_variable": "entries[no_variable].args[#2]: found the environment variable NOT_DEFINED_HERE, which is not",
    "no_dataset": "entries[no_dataset].args: found the unknown dataset 'books', expected one of web",
    "no_format": "entries[no_format].args: found the unknown format 'parquet' of the dataset 'web', expected one of json",
    "no_path": "entries[no_path].script: found the unknown placeholder {nowhere}",
    "no_setup": "entries[no_setup].data_setups[#1]: found the unknown data setup 'prepare'",
    "both[2]": "entries[both].args: found the environment variable NOT_DEFINED_HERE",
}


@pytest.fixture
def several(project: Project) -> Project:
    """A project of which one entry alone can run."""
    project.config(CONFIG)
    return project


def test_those_that_are_not_selected_are_one_warning(several: Project) -> None:
    """The release's own pattern: one variable and one dataset are missing in what nobody asked for."""
    done = several.run("-k", "good")
    done.assert_outcomes(passed=1, deselected=7)
    done.stdout.fnmatch_lines(
        [
            f"*7 entries that aren't selected can't run as configured: {', '.join(WRONG).replace('[', '[[]')}; the first:*"
        ]
    )
    done.stdout.no_fnmatch_line("*BenchWarning*")  # nor the line of code that gave it
    assert done.ret == 0


def test_those_that_are_selected_fail_before_anything_of_them_starts(several: Project) -> None:
    """Each with its own sentences, in pytest's report and in its result; the others run."""
    done = several.run("-p", "no:warnings")
    done.assert_outcomes(passed=1, errors=7)
    assert done.ret == 1
    for name, sentence in SENTENCES.items():
        result = several.result(name)
        assert (result["status"], result["command"]) == ("error", [])
        assert sentence in result["error"]
        assert sentence in done.stdout.str()
    assert several.session()["counts"] == {"passed": 1, "error": 7}


def test_with_workers(several: Project) -> None:
    """The same under xdist."""
    done = several.run("-n", "1", "-k", "good or no_variable")
    done.assert_outcomes(passed=1, errors=1)
    assert several.result("no_variable")["reason"] == "variable"


def test_marks_of_such_an_entry_select_it(several: Project) -> None:
    """What can be known of it counts."""
    done = several.run_here("--collect-only", "-q", "-m", "nightly")
    done.stdout.fnmatch_lines(["*::no_variable", "*1/8 tests collected*"])


def test_a_dry_run_shows_the_sentences(several: Project) -> None:
    """In the place of a command that would be wrong."""
    done = several.run_here("--bench-dry-run")
    done.stdout.fnmatch_lines(["no_dataset", "  error: *found the unknown dataset 'books'*", "  from: *config.yaml:*"])
    assert done.ret == 0


def test_the_strict_check_refuses_all(several: Project) -> None:
    """As ``curator-bench validate`` does: before a release, or in a pull request."""
    done = several.run_here("--bench-strict-config-check")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    shown = done.stderr.str()
    assert SENTENCES["no_variable"] in shown
    assert SENTENCES["both[2]"] in shown


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("retires: 1", "unknown key 'retires'"),
        ("repeat: soon", "expected a whole number"),
        ("requirements: [{metric: a, min_value: 1}, {metric: a, max_value: 1}]", "found the metric 'a' twice"),
    ],
)
def test_mistakes_of_structure_stop_all_the_same(several: Project, line: str, sentence: str) -> None:
    """Also in an entry that could not run for want of a variable."""
    several.config(CONFIG.replace("retry_on: [error]", line))
    done = several.run_here("-k", "good")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*entries?no_variable?*{sentence}*"])


def test_the_limit_for_the_start_of_ray_is_kept(project: Project) -> None:
    """An entry's own limit; no Ray starts so fast."""
    project.config("entries: [{name: a, script: ok.py, ray: {num_cpus: 1, num_gpus: 0}, startup_timeout_s: 0.1}]\n")
    project.run().assert_outcomes(errors=1)
    assert project.result("a")["error"].startswith("Ray did not start within 0.1 s (startup_timeout_s)")
