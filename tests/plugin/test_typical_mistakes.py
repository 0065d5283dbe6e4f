# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The twenty typical mistakes: each message says what is wrong, where, why and what to do."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.processes import LIMIT_S, eventually
from tests.support.slack_server import CHANNEL, TOKEN

if TYPE_CHECKING:
    from tests.support.bench_project import Project
    from tests.support.slack_server import Slack


class Mistake(NamedTuple):
    """What is written, and what is said of it; an expectation that is empty is one that needs no words of its own."""

    config: str
    what: str
    where: str
    why: str
    remedy: str
    args: tuple[str, ...] = ()


ONE = "entries: [{name: a, script: ok.py}]"
REFUSED = {
    "indentation": Mistake(
        "entries:\n  - name: a\n    script: ok.py\n     timeout_s: 3\n",
        "not valid YAML",
        "benchmarks/config.yaml:5: ",
        "         timeout_s: 3\n                  ^",
        "correct the indentation",
    ),
    "tab": Mistake(
        "entries:\n  - name: a\n    script: ok.py\n\ttimeout_s: 3\n",
        "found a tab character",
        "benchmarks/config.yaml:5: ",
        "    →timeout_s: 3\n    ^",
        "indent with spaces",
    ),
    "misspelt key": Mistake(
        "entries: [{name: a, script: ok.py, timeuot_s: 3}]",
        "found the unknown key 'timeuot_s'",
        "benchmarks/config.yaml:2: entries[a].timeuot_s",
        "Expected one of ",
        "did you mean 'timeout_s'?",
    ),
    "wrong type": Mistake(
        "entries: [{name: a, script: ok.py, repeat: often}]",
        "found 'often' (text)",
        "benchmarks/config.yaml:2: entries[a].repeat",
        "",
        "expected a whole number",
    ),
    "undefined variable": Mistake(
        f"artifacts_dir: ${{NOWHERE_DEFINED}}/x\n{ONE}",
        "the environment variable NOWHERE_DEFINED",
        "benchmarks/config.yaml:2: artifacts_dir",
        "which is not defined",
        "define it, or write ${NOWHERE_DEFINED:-default}",
    ),
    "missing file": Mistake(
        "entries: [{name: a, script: okk.py}]",
        "okk.py not found",
        "benchmarks/config.yaml:2: entries[a].script",
        "Looked for ",
        "did you mean 'ok.py'?",
    ),
    "unknown dataset": Mistake(
        "datasets: [{name: web, formats: [{type: json, path: .}]}]\n"
        "entries: [{name: a, script: ok.py, args: '{dataset:wep,json}'}]",
        "found the unknown dataset 'wep'",
        "benchmarks/config.yaml:3: entries[a].args",
        "Expected one of web",
        "did you mean 'web'?",
        ("--bench-strict-config-check",),
    ),
    "unknown sink": Mistake(
        f"sinks: [{{name: slak}}]\n{ONE}",
        "found the unknown sink 'slak'",
        "benchmarks/config.yaml:2: sinks[slak].name",
        "Expected one of ",
        "did you mean 'slack'?",
    ),
    "wrong matrix key": Mistake(
        "entries:\n  - name: a\n    script: ok.py\n    matrix: {executor: [x, y]}\n    args: '{matrix.exekutor}'\n",
        "found {matrix.exekutor}",
        "benchmarks/config.yaml:6: entries[a].args",
        "which nothing in the matrix gives",
        "did you mean '{matrix.executor}'?",
        ("--bench-strict-config-check",),
    ),
    "shell script": Mistake(
        "entries: [{name: a, script: run.sh}]",
        "run.sh is not executable",
        "benchmarks/config.yaml:2: entries[a].script",
        "",
        "chmod +x it",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_is_refused_before_anything_runs(project: Project, mistake: str) -> None:
    """On the screen, and nothing is made."""
    project.script("run.sh", "#!/bin/sh\n")
    case = REFUSED[mistake]
    project.config(case.config)
    done = project.run_here(*case.args)
    said = done.stderr.str()
    assert [part for part in case[1:5] if part not in said] == [], said
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in said
    assert not (project.path / "results").exists()


NAMED = ["--bench-config", "benchmarks/config.yaml"]
TYPE = "To run benchmarks of benchmarks/config.yaml, write: pytest --bench-config benchmarks/config.yaml"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["benchmarks/config.yaml"], TYPE),
        (["benchmarks/config.yaml::a"], f"{TYPE} benchmarks/config.yaml::a"),
        (
            [*NAMED, "benchmarks/config.yaml::alpah"],
            "benchmarks/config.yaml has no enabled entry 'alpah'; did you mean 'alpha'? Expected one of a, alpha",
        ),
    ],
)
def test_a_wrong_node_id_or_a_config_that_was_not_named(project: Project, args: list[str], said: str) -> None:
    """The line to type, or the name that was meant, comes before pytest's own sentence."""
    project.config("entries: [{name: a, script: ok.py}, {name: alpha, script: ok.py}]")
    done = project.pytester.runpytest_inprocess(*args, "-p", "no:cacheprovider")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: {said}", "ERROR: not found: *"])


def test_a_config_with_a_hostile_name(project: Project) -> None:
    """The terminal shows it, and obeys none of it."""
    project.path.joinpath("a\x1b[31m.YAML").write_text(ONE)
    done = project.pytester.runpytest_inprocess("a\x1b[31m.YAML", "-p", "no:cacheprovider")
    done.stderr.fnmatch_lines([r"ERROR: To run benchmarks of a\x1b[[]31m.YAML, write: pytest --bench-config *"])


def test_nothing_is_said_where_pytest_collects_the_file(project: Project) -> None:
    """Other plugins have tests in YAML files."""
    project.config(ONE)
    project.path.joinpath("conftest.py").write_text(
        "import pytest\n"
        "class Item(pytest.Item):\n    def runtest(self): pass\n"
        "class File(pytest.File):\n    def collect(self): yield Item.from_parent(self, name='x')\n"
        "def pytest_collect_file(file_path, parent):\n"
        "    return File.from_parent(parent, path=file_path) if file_path.suffix == '.yaml' else None\n"
    )
    done = project.pytester.runpytest_inprocess("benchmarks/config.yaml", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)
    assert "To run benchmarks" not in done.stdout.str() + done.stderr.str()


RUNNING = {
    "syntax error": Mistake(
        "script: syntax.py",
        "SyntaxError: invalid syntax (exit status 1)",
        "correct benchmarks/scripts/syntax.py:2",
        "  def f(:",
        "correct ",
    ),
    "forgotten output": Mistake(
        "script: ok.py, args: --skip-file metrics.json",
        "metrics.json was not written",
        "command: ",
        "the script must write it to --benchmark-results-path",
        "use pytest_curator_bench.script",
    ),
    "unknown metric": Mistake(
        "script: ok.py, requirements: [{metric: rate_per_sek, min_value: 1}]",
        "rate_per_sek is missing",
        "command: ",
        "must be at least 1",
        "did you mean rate_per_sec",
    ),
    "argparse rejection": Mistake(
        "script: refuses.py",
        "refuses.py: error: unrecognized arguments: --benchmark-results-path",
        "command: ",
        "(exit status 2)",
        "the script must accept --benchmark-results-path",
    ),
    "session in use": Mistake(
        "script: waits.py",
        "entry session in use is being run by process ",
        ".run.json",
        " in the same session",
        "run it in one place only, or delete ",
    ),
}
ON_RAY = {
    "GPU on a CPU machine": Mistake(
        "script: ok.py, ray: {num_gpus: 99}",
        "needs 99 GPUs",
        "benchmarks/config.yaml:",
        "this machine has ",
        "ask for less, or run the entry on a machine that has it",
    ),
    "wrong address": Mistake(
        "script: ok.py, ray: {address: '127.0.0.1:9'}",
        "entries[wrong address].ray.address: no cluster answers at ",
        "benchmarks/config.yaml:",
        "refused",
        "start it, or correct it",
    ),
}
SINKS = """
sinks:
  - {{name: slack, bot_token: {token}, channel_id: {channel}, api_url: '{slack}'}}
"""
MLFLOW = "  - {name: mlflow, tracking_uri: 'http://127.0.0.1:9'}\n"


def test_what_shows_when_it_runs(project: Project, slack: Slack) -> None:
    """In the failure, in the entry's result, and of sinks at the end; an executable shell script is none of them."""
    slack.faults = [("invalid_auth",)] * 50
    project.script("syntax.py", "pass\ndef f(:\n    pass\n")
    project.script("refuses.py", "import argparse\nargparse.ArgumentParser().parse_args()\n")
    project.script(
        "waits.py", "import os, time\nopen('begun', 'w')\nwhile not os.path.exists('go'): time.sleep(0.05)\n"
    )
    shell = "#!/bin/sh\ncd $2 && echo '{}' > metrics.json && cp metrics.json params.json && printf '\\200\\004].' > tasks.pkl"
    project.script("run.sh", shell).chmod(0o755)
    cases = {**RUNNING, **(ON_RAY if importlib.util.find_spec("ray") else {})}
    has_mlflow = importlib.util.find_spec("mlflow") is not None
    entries = [f"  - {{name: {name!r}, exclusive: false, {case.config}}}\n" for name, case in cases.items()]
    entries.append("  - {name: shell, exclusive: false, script: run.sh}\n")
    sinks = SINKS.format(token=TOKEN, channel=CHANNEL, slack=slack.api_url) + (MLFLOW if has_mlflow else "")
    project.config(f"{sinks}entries:\n{''.join(entries)}")
    other = project.start("--bench-session", "s", "--bench-entry", "session in use")
    try:
        eventually((project.path / "begun").exists, "the other run's script")
        done = project.run("--bench-session", "s", "-rfEs")
    finally:
        (project.path / "go").touch()
        other.communicate(timeout=LIMIT_S)
    said = done.stdout.str()
    assert project.result("shell")["status"] == "passed", said
    for name, case in cases.items():
        part = said if name in ON_RAY else said.partition(f"{name} _")[2].partition("\n____")[0]
        assert [text for text in case[1:5] if text not in part] == [], part
        if name != "session in use":
            assert case.what in project.result(name)["error"].splitlines()[0]
    done.stdout.fnmatch_lines(
        [
            "sink slack: 0 delivered; * Slack answered invalid_auth: check bot_token",
            *(["sink mlflow: 0 delivered; * MLflow at 127.0.0.1: *Connection refused*"] if has_mlflow else []),
            "to deliver what is left: curator-bench replay results/s --config benchmarks/config.yaml",
            "FAILED benchmarks/config.yaml::syntax error - SyntaxError: invalid syntax (exit status 1)",
        ]
    )
