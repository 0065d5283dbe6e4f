# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Secrets never appear in a file, a log, a report or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.cli import main

if TYPE_CHECKING:
    from tests.support.bench_project import Project

WEBHOOK = "https://hooks.slack.com/services/T000/B000/planted-secret-1"
TOKEN = "planted-secret-2"  # noqa: S105  # planted, to be looked for


# A sink that gives away what it knows wherever it can.
TELLTALE = """
import json
from pytest_curator_bench.sinks import Sink
class Telltale(Sink):
    def __init__(self, config):
        self.config = dict(config)
    def initialize(self, session_name, env_data):
        assert "planted-secret" not in json.dumps(env_data)
    def process_result(self, result):
        assert "planted-secret" not in json.dumps(result)
        raise ValueError(f"can't send to {self.config}")
    def finalize(self):
        raise OSError(f"{self.config['name']}: {list(self.config.values())}")
"""


def test_planted_secrets_are_nowhere(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the session's files, not in JUnit, not on the terminal, not in the script's environment."""
    monkeypatch.setenv("PLANTED_WEBHOOK", WEBHOOK)
    monkeypatch.setenv("PLANTED_TOKEN", TOKEN)
    (project.path / "benchmarks" / "telltale.py").write_text(TELLTALE)
    project.config(
        "sinks:\n  - {name: hook, class: 'telltale:Telltale', webhook_url: '${PLANTED_WEBHOOK}'}\n"
        "  - {name: own, class: 'telltale:Telltale', api_token: '${PLANTED_TOKEN}'}\n  - {name: jsonl}\n  - {name: csv}\n"
        "entries:\n  - name: a\n    script: ok.py\n    args: --print-environment PLANTED_TOKEN --print-environment PLANTED_WEBHOOK --exit 3\n"
    )
    result = project.run("--junitxml=results/junit.xml", "-vv", "--showlocals", "--bench-reason", f"with {TOKEN}")
    result.assert_outcomes(failed=1)
    log = (project.session_dir / "a" / "stdouterr.log").read_text()
    assert "PLANTED_TOKEN=None" in log
    result.stdout.fnmatch_lines(
        ["sink hook: 0 delivered; 1 kept for replay (a); *finalize: OSError: hook: *", "sink own: *"]
    )
    files = [path for path in (project.path / "results").rglob("*") if path.is_file()]
    assert len(files) > 12
    for text in [
        result.stdout.str(),
        result.stderr.str(),
        *(path.read_text(errors="replace") for path in files),
    ]:
        assert "planted-secret" not in text


def test_errors_do_not_print_sink_values(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong sink setting is told without its value."""
    monkeypatch.setenv("PLANTED_TOKEN", TOKEN)
    project.config(
        "sinks: [{name: [1, '${PLANTED_TOKEN}'], token: '${PLANTED_TOKEN}'}]\nentries: [{name: a, script: ok.py}]\n"
    )
    result = project.run_here()
    assert result.ret == 4
    assert "planted-secret" not in result.stdout.str() + result.stderr.str()


def test_undefined_variable_in_a_sink(project: Project) -> None:
    """The sink is switched off with a warning that can be seen; with strict checks it is an error."""
    project.config(
        "sinks:\n  - {name: slack, webhook_url: '${NOT_THERE_AT_ALL}'}\nentries: [{name: a, script: ok.py}]\n"
    )
    result = project.run()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*slack*NOT_THERE_AT_ALL*"])
    strict = project.run_here("--bench-strict-config-check")
    assert strict.ret == 4
    strict.stderr.fnmatch_lines(["ERROR: *config.yaml:3*NOT_THERE_AT_ALL*"])


SHARED = "planted-secret/& 7, long enough to be cut where a text is cut"
# Its script and its fixture give away what the entry's arguments hold wherever they can.
GIVES_AWAY = """
import json, pathlib, sys, pickle
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
print("called with", sys.argv)
(out / "params.json").write_text(json.dumps({"argument": sys.argv[1]}))
(out / "metrics.json").write_text(json.dumps({"text": sys.argv[1], sys.argv[1]: 1}))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
sys.exit(5 if "--fail" in sys.argv else 0)
"""
CONFTEST = """
import logging
import pytest
@pytest.fixture(autouse=True)
def gives_away(request, record_property):
    secret = request.node.entry.env["SHARED"]
    print("printed", secret)
    logging.getLogger("mine").warning("logged %s", secret)
    record_property("recorded", secret)
    yield
    if request.node.name == "torn":
        raise ValueError(f"torn down with {secret}")
"""
SHARING = """
sinks:
  - {name: own, class: 'telltale:Telltale', api_token: '${PLANTED_TOKEN}'}
  - {name: jsonl}
  - {name: csv}
run_reason: because of ${PLANTED_TOKEN}
viewer_url: http://viewer/?t=${PLANTED_TOKEN}
entries:
  - {name: fails, script: share.py, args: ['${PLANTED_TOKEN}', --fail], retries: 1, env: &env {SHARED: '${PLANTED_TOKEN}'}}
  - name: exact
    script: share.py
    args: &args ['${PLANTED_TOKEN}']
    env: *env
    requirements: [{metric: text, exact_value: 'not ${PLANTED_TOKEN}'}, {metric: '${PLANTED_TOKEN}', max_value: 0}]
  - name: known
    script: share.py
    args: *args
    env: *env
    requirements: [{metric: '${PLANTED_TOKEN}', max_value: 0, xfail: 'known ${PLANTED_TOKEN}'}]
  - {name: torn, script: share.py, args: *args, env: *env}
  - {name: skipped, script: share.py, args: *args, env: *env, marks: [{skip: {reason: 'skip ${PLANTED_TOKEN}'}}]}
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_secrets_that_entries_share_with_a_sink_are_nowhere(
    project: Project, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Not in JUnit, failure texts, tracebacks, captured output, "exactly" sentences, or what pytest's plugins write."""
    monkeypatch.setenv("PLANTED_TOKEN", SHARED)
    (project.path / "benchmarks" / "telltale.py").write_text(TELLTALE)
    (project.path / "conftest.py").write_text(CONFTEST)
    project.script("share.py", GIVES_AWAY)
    project.config(SHARING)
    result = project.run("-n", str(workers), "--junitxml=results/junit.xml", "-rA", "-vv", "--showlocals")
    result.assert_outcomes(failed=2, xfailed=1, passed=1, errors=1, skipped=1)
    by_scripts = {"stdouterr.log", "params.json", "metrics.json"}
    files = [path for path in (project.path / "results").rglob("*") if path.is_file() and path.name not in by_scripts]
    assert "exactly" in result.stdout.str()
    assert "torn down with" in result.stdout.str()
    for text in [result.stdout.str(), result.stderr.str(), *(path.read_text(errors="replace") for path in files)]:
        assert "planted-secret" not in text


@pytest.mark.parametrize("args", [("--collect-only",), ("--bench-dry-run",), ("--setup-only",)])
def test_secrets_are_in_no_listing(project: Project, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    """What runs nothing shows commands, environments and marks without them."""
    monkeypatch.setenv("PLANTED_TOKEN", SHARED)
    (project.path / "benchmarks" / "telltale.py").write_text(TELLTALE)
    project.script("share.py", GIVES_AWAY)
    project.config(SHARING)
    result = project.run_here(*args)
    assert "planted-secret" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize(
    "wrong",
    [
        "entries: [{name: a, script: 'no-${PLANTED_TOKEN}.py'}]",
        "entries: [{name: a, script: ok.py, timeout_s: '${PLANTED_TOKEN}'}]",
        "entries: [{name: 'a-${PLANTED_TOKEN}', script: ok.py}]",
        "entries: [{name: a, script: ok.py, args: '{matrix.x}', matrix: {x: ['${PLANTED_TOKEN}', b]}}]",
        "entries: [{name: a, script: ok.py}]\ndatasets: [{name: d, formats: [{type: '${PLANTED_TOKEN}', path: x}]}]",
    ],
)
def test_errors_about_entries_do_not_print_what_a_sink_shares(
    project: Project, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Neither a wrong value, nor a missing file, nor a name that would become a directory and a test's ID."""
    monkeypatch.setenv("PLANTED_TOKEN", "planted-secret+7")
    project.config(
        f"sinks: [{{name: jsonl, path: x}}, {{name: w, class: 'a:b', token: '${{PLANTED_TOKEN}}'}}]\n{wrong}\n"
    )
    result = project.run_here()
    assert result.ret == 4
    assert "planted-secret" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize(
    "sink",
    [
        "{name: '${PLANTED_TOKEN}'}",
        "{name: own, class: '${PLANTED_TOKEN}'}",
        "{name: own, class: 'no_module_${PLANTED_WORD}:Sink'}",
        "{name: '${PLANTED_TOKEN}', class: 'json:loads'}",
        "{name: jsonl, path: x, '${PLANTED_TOKEN}': 5}",
        "{name: jsonl, token: '${PLANTED_TOKEN}'}",
    ],
)
def test_validate_does_not_print_variables_of_sinks(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sink: str
) -> None:
    """Though one is a sink's name or its class; the run's own error doesn't, either."""
    monkeypatch.setenv("PLANTED_TOKEN", "planted-secret-7")
    monkeypatch.setenv("PLANTED_WORD", "planted_secret_8")
    monkeypatch.chdir(project.path)
    project.config(f"sinks: [{sink}]\nentries: [{{name: a, script: ok.py}}]\n")
    assert main(["validate", "benchmarks/config.yaml", "--no-scripts"]) == 1
    shown = "".join(capsys.readouterr())
    assert "sinks[" in shown
    result = project.run_here()
    assert result.ret == 4
    for text in (shown, result.stdout.str(), result.stderr.str()):
        assert "planted-secret" not in text
        assert "planted_secret" not in text
