# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Secrets never appear in a file, a log, a report or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

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
    result = project.run()
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
    strict = project.run("--bench-strict-config-check")
    assert strict.ret == 4
    strict.stderr.fnmatch_lines(["ERROR: *config.yaml:3*NOT_THERE_AT_ALL*"])
