# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Bad input gives one clear error, exit status 4, and nothing run or created."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.bench_project import Project

CONFIG_ERRORS = {
    "no entries": ("x-nothing: 1\n", "*entries*"),
    "duplicate names": (
        "entries:\n  - {name: a, script: ok.py}\n  - {name: a, script: ok.py}\n",
        "*config.yaml:4*a*3*",
    ),
    "name with a slash": ("entries: [{name: a/b, script: ok.py}]\n", "*config.yaml:2*a/b*"),
    "name with dots": ("entries: [{name: .., script: ok.py}]\n", "*config.yaml:2*"),
    "name with colons": ("entries: [{name: 'a::b', script: ok.py}]\n", "*config.yaml:2*::*"),
    "name with control characters": (
        'entries: [{name: "a\\tb", script: ok.py}]\n',
        "*config.yaml:2*control*",
    ),
    "no script": ("entries: [{name: a}]\n", "*config.yaml:2*script*"),
    "negative limit": (
        "entries: [{name: a, script: ok.py, timeout_s: -1}]\n",
        "*config.yaml:2: entries?a?.timeout_s*-1*",
    ),
    "absurd limit": (
        "entries: [{name: a, script: ok.py, timeout_s: 1.0e+12}]\n",
        "*config.yaml:2: entries?a?.timeout_s*",
    ),
    "limit that is no number": (
        "entries: [{name: a, script: ok.py, timeout_s: .nan}]\n",
        "*config.yaml:2: entries?a?.timeout_s*",
    ),
    "not YAML": ("entries: [}\n", "*config.yaml:2*"),
    "unbalanced quotes": (
        'entries: [{name: a, script: ok.py, args: "--x \'y"}]\n',
        "*config.yaml:2*args*quot*",
    ),
    "object tag": ("entries: !!python/object/apply:os.system ['touch pwned']\n", "*config.yaml:2*"),
    "duplicate key": (
        "entries:\n  - name: a\n    script: ok.py\n    script: ok.py\n",
        "*config.yaml:5*script*",
    ),
    "refused mark": (
        "entries: [{name: a, script: ok.py, marks: [{timeout: 3}]}]\n",
        "*config.yaml:2*timeout_s*",
    ),
    "mark with a wrong argument": (
        "entries:\n  - name: a\n    script: ok.py\n    marks:\n      - slow\n      - skip: {reason: no}\n",
        "*config.yaml:7: entries?a?.marks?#2?: found the mark 'skip' with reason no, expected text*",
    ),
}


def assert_usage_error(project: Project, result: pytest.RunResult, pattern: str) -> None:
    """One error on stderr, exit status 4, no traceback, nothing made."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str()
    result.stderr.fnmatch_lines([f"ERROR: {pattern}"])
    everything = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in everything
    assert "INTERNALERROR" not in everything
    assert not (project.path / "results").exists()
    assert not (project.path / "pwned").exists()


@pytest.mark.parametrize("case", CONFIG_ERRORS)
def test_config_errors(project: Project, case: str) -> None:
    """What the text alone decides is told when the config is read, with file and line."""
    text, pattern = CONFIG_ERRORS[case]
    project.config(text)
    assert_usage_error(project, project.run_here(), pattern)


@pytest.mark.parametrize("extra", [("-n", "2"), ("--collect-only",)])
def test_config_errors_come_whatever_the_mode(project: Project, extra: tuple[str, ...]) -> None:
    """Under xdist and with --collect-only the error is the same."""
    project.config("entries: [{name: a}]\n")
    assert_usage_error(project, project.run_here(*extra), "*config.yaml:2*script*")


def test_empty_file(project: Project) -> None:
    """An empty config file is named."""
    project.config("", head=False)
    assert_usage_error(project, project.run_here(), "*config.yaml: found nothing in the file, expected *")


def test_directory_as_config(project: Project) -> None:
    """A directory is no config file."""
    assert_usage_error(project, project.run_here(config="scripts"), "*scripts*directory*")


@pytest.mark.skipif(os.geteuid() != 0, reason="made for root, whom permissions don't stop; the other case is below")
def test_unreadable_file_as_root(project: Project) -> None:
    """A file that can't be read is named, with the system's reason (root is only stopped by things like this one)."""
    assert_usage_error(
        project,
        project.run_here(config="/proc/self/mem"),
        "*proc/*/mem: found a file that can't be read (*), expected a YAML file",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file(project: Project) -> None:
    """A file without read permission is named."""
    project.config("entries: []\n").chmod(0)
    assert_usage_error(project, project.run_here(), "*config.yaml*ermission*")


def test_missing_script_is_told_when_workers_begin(project: Project) -> None:
    """A script that is not there stops the run before anything ran, with xdist, too."""
    project.config("entries:\n  - {name: good, script: ok.py}\n  - {name: bad, script: nope.py}\n")
    assert_usage_error(
        project, project.run("-n", "1"), "*config.yaml:4: entries?bad?.script: nope.py not found; looked for*"
    )


def test_only_selected_entries_are_looked_at(project: Project) -> None:
    """Others may lack their script, as may all of a collection."""
    project.config("entries:\n  - {name: good, script: ok.py}\n  - {name: bad, script: nope.py}\n")
    assert project.run_here("--collect-only").ret == 0
    project.run("-k", "good").assert_outcomes(passed=1, deselected=1)


def test_missing_dataset_is_told_when_the_run_begins(project: Project) -> None:
    """A dataset that is not on this machine stops the run, with its name and path."""
    project.config(
        "datasets: [{name: d, formats: [{type: json, path: /nope/d.json}]}]\n"
        "entries: [{name: a, script: ok.py, args: '--x {dataset:d,json}'}]\n"
    )
    assert_usage_error(project, project.run_here(), "*dataset d,json is not there: /nope/d.json*")
    assert project.run_here("--collect-only").ret == 0
    assert project.run_here("--bench-dry-run").ret == 0


@pytest.mark.parametrize("extra", [(), ("-n", "1")])
def test_results_directory_not_writable(project: Project, extra: tuple[str, ...]) -> None:
    """A results directory that can't be made is told with the reason."""
    project.config("results_dir: /proc/nope\nentries: [{name: a, script: ok.py}]\n", head=False)
    run = project.run if extra else project.run_here
    assert_usage_error(project, run(*extra), "*/proc/nope*")


def test_session_names_are_checked(project: Project) -> None:
    """A session name is no path."""
    project.config("entries: [{name: a, script: ok.py}]\n")
    assert_usage_error(project, project.run_here("--bench-session", "../x"), "*../x*")
    assert_usage_error(project, project.run_here("--bench-session-name", "a/b"), "*a/b*")
    assert_usage_error(
        project, project.run_here("--bench-session", "a", "--bench-session-name", "b"), "*exclude each other*"
    )


def test_timeout_plugin_is_needed(project: Project) -> None:
    """Without pytest-timeout there would be no limits: that is refused."""
    project.config("entries: [{name: a, script: ok.py}]\n")
    assert_usage_error(
        project, project.run_here("-p", "no:timeout"), "benchmarks need pytest-timeout *, and load it (-p timeout) *"
    )


@pytest.mark.parametrize(
    ("variable", "value", "args"),
    [
        ("A", "", ("-p", "curator_bench", "-p", "pytest_timeout")),
        ("A", "", ("-p", "pytest_curator_bench.plugin", "-p", "timeout", "-p", "xdist", "-n", "2")),
        ("A", "", ("-p", "curator_bench", "-p", "pytest_timeout", "-p", "xdist.plugin", "-n", "2")),
        ("PYTEST_PLUGINS", "pytest_timeout,pytest_curator_bench.plugin", ()),
        ("PYTEST_ADDOPTS", "-p curator_bench -p pytest_timeout", ()),
    ],
)
def test_timeout_plugin_counts_however_it_was_loaded(
    project: Project, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, args: tuple[str, ...]
) -> None:
    """Its name for pytest depends on that; a dry run stays in one process in whatever order plugins come."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv(variable, value)
    project.config("entries: [{name: a, script: ok.py}]\n")
    result = project.run("--bench-dry-run", *args)
    result.stdout.fnmatch_lines(["  limits: 7200 s,*"])


def test_placeholders_without_a_value_here(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no value on this machine is refused before anything runs; a dry run shows it."""
    monkeypatch.delenv("CURATOR_REPO_DIR", raising=False)
    # A module in the place of the package: what is not a package has no directory.
    (project.path / "nemo_curator.py").write_text("")
    project.config("entries: [{name: a, script: ok.py, args: '--x={curator_repo_dir}'}]\n")
    assert_usage_error(project, project.run(), "*config.yaml:2: entries?a?: *curator_repo_dir* has no value here*")
    dry = project.run("--bench-dry-run")
    dry.stdout.fnmatch_lines(["*--x={curator_repo_dir}*"])


def test_script_path_with_a_placeholder(project: Project) -> None:
    """A script may be named by a placeholder, too."""
    project.config(
        "paths: [{name: mine, host_path: scripts}]\nentries: [{name: a, script: '{mine}/ok.py'}, {name: b, script: ok.py}]\n"
    )
    project.run().assert_outcomes(passed=2)


@pytest.mark.parametrize("extra", [(), ("-n", "1")])
def test_a_mark_that_pytest_can_not_evaluate_is_an_error_of_its_entry(project: Project, extra: tuple[str, ...]) -> None:
    """Pytest would end the whole run; the other entries run."""
    project.config(
        """
        entries:
          - {name: bad, script: ok.py, marks: [{filterwarnings: "error::no_such_module.Warning"}]}
          - {name: odd, script: ok.py, marks: [{skipif: "1 / 0"}]}
          - {name: good, script: ok.py}
        """
    )
    result = project.run(*extra)
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["pytest could not begin the entry: ModuleNotFoundError: No module named 'no_such_*'"])
    assert "INTERNALERROR" not in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    result.stdout.no_fnmatch_line("bad: log *")  # there is none
    assert [project.result(name)["status"] for name in ("bad", "odd", "good")] == ["error", "error", "passed"]
