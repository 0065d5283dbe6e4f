# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sink slack in whole pytest runs, and its preview."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.slack_server import CHANNEL, TOKEN, problem_of_message

if TYPE_CHECKING:
    from tests.support.bench_project import Project
    from tests.support.slack_server import Slack

CONFIG = """
run_reason: nightly
sinks:
  - name: slack
    bot_token: ${{MY_TOKEN}}
    channel_id: ${{MY_CHANNEL}}
    api_url: {api_url}
    default_metrics: [rate_per_sec]
entries:
  - {{name: good, script: ok.py}}
  - name: bad
    script: ok.py
    args: --exit 3
    sink_data: [{{name: slack, additional_metrics: [nested.count], ping_on_failure: [U1, U2]}}]
"""


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the config refers to."""
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    monkeypatch.setenv("MY_CHANNEL", CHANNEL)


def curator_bench(project: Project, *args: str) -> subprocess.CompletedProcess[str]:
    """The command line, without any secret in its environment."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MY_")}
    command = [sys.executable, "-m", "pytest_curator_bench", *args]
    return subprocess.run(
        command, cwd=project.path, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_run(project: Project, slack: Slack, workers: int) -> None:
    """One summary, one reply each, owners pinged; no outcome changed, no secret in any file or output."""
    project.config(CONFIG.format(api_url=slack.api_url))
    result = project.run("-n", str(workers))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["sink slack: 2 delivered"])
    (summary,) = slack.summaries
    text = json.dumps(summary["blocks"])
    for expected in ("finished", "2 of 2 benchmarks done: 1 passed, 1 failed", "rate_per_sec = 1.5", "nightly"):
        assert expected in text
    replies = {reply["text"]: json.dumps(reply["blocks"]) for reply in slack.replies}
    assert sorted(replies) == ["`bad` failed (exit-code)", "`good` passed"]
    assert "<@U1> <@U2>" in replies["`bad` failed (exit-code)"]
    texts = [file.read_bytes() for file in project.path.rglob("*") if file.is_file()]
    assert len(texts) > 20
    assert not [text for text in texts if TOKEN.encode() in text]
    assert TOKEN not in result.stdout.str() + result.stderr.str()


@pytest.mark.usefixtures("environ")
def test_down_and_replayed(project: Project, slack: Slack) -> None:
    """A Slack that refuses everything changes no outcome; a replay delivers all, a second one nothing more."""
    slack.faults = [("not_in_channel",)] * 50
    project.config(CONFIG.format(api_url=slack.api_url))
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["sink slack: 0 delivered; 2 kept for replay*Slack answered not_in_channel: invite the bot*"]
    )
    slack.faults = []
    for _ in range(2):
        command = ["replay", str(project.session_dir), "--config", "benchmarks/config.yaml"]
        replayed = subprocess.run(
            [sys.executable, "-m", "pytest_curator_bench", *command],
            cwd=project.path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (replayed.returncode, replayed.stderr) == (0, "")
        assert (len(slack.summaries), len(slack.replies)) == (1, 2)
    assert "2 of 2 benchmarks done" in json.dumps(slack.summaries)


@pytest.mark.usefixtures("environ")
def test_jobs_that_fill_one_session(project: Project, slack: Slack) -> None:
    """Two pytest runs at the same time, as CI jobs are: one message, which tells of both and ends as finished."""
    project.config(CONFIG.format(api_url=slack.api_url))
    command = [sys.executable, "-m", "pytest", "benchmarks", "--bench-config", "config.yaml", "--bench-session", "one"]
    jobs = [
        subprocess.Popen([*command, "-k", entry], cwd=project.path, stdout=subprocess.DEVNULL)
        for entry in ("good", "bad")
    ]
    assert [job.wait(120) for job in jobs] == [0, 1]
    (summary,) = slack.summaries
    text = json.dumps(summary["blocks"])
    assert "one: finished" in text
    assert "2 of 2 benchmarks done: 1 passed, 1 failed" in text
    assert {reply["thread_ts"] for reply in slack.replies} == {summary["ts"]}
    assert len(slack.replies) == 2


def test_wrong_settings(project: Project) -> None:
    """Config errors with their place, and the nearest key, before anything runs."""
    project.config("sinks:\n  - name: slack\n    channel: C0123456789\nentries: [{name: a, script: ok.py}]\n")
    result = project.run_here()
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["ERROR: *config.yaml:4: sinks[[]slack].channel: found the unknown key 'channel'; did you mean 'channel_id'?*"]
    )


@pytest.mark.usefixtures("environ")
def test_preview(project: Project, slack: Slack) -> None:
    """What was sent is what is shown, by a process without a token; Slack is not asked."""
    project.config(CONFIG.format(api_url=slack.api_url))
    project.run()
    calls = len(slack.calls)
    shown = curator_bench(project, "preview", "slack", str(project.session_dir))
    assert (shown.returncode, shown.stderr) == (0, "")
    preview = json.loads(shown.stdout)
    assert preview["summary"] == {key: slack.summaries[0][key] for key in ("text", "blocks")}
    sent = [{key: reply[key] for key in ("text", "blocks")} for reply in slack.replies]
    assert [{key: entry[key] for key in ("text", "blocks")} for entry in preview["entries"]] == sent
    assert [entry["entry"] for entry in preview["entries"]] == ["good", "bad"]
    assert TOKEN not in shown.stdout
    assert len(slack.calls) == calls
    into = curator_bench(project, "preview", "slack", str(project.session_dir), "-o", "preview.json")
    assert (into.returncode, into.stdout) == (0, "")
    assert json.loads((project.path / "preview.json").read_text()) == preview


def test_preview_of_a_session_without_slack(project: Project) -> None:
    """The default settings show what it would be like."""
    project.config("entries: [{name: a, script: ok.py}]\n")
    project.run()
    preview = json.loads(curator_bench(project, "preview", "slack", str(project.session_dir)).stdout)
    assert problem_of_message(preview["summary"]) is None
    assert [entry["text"] for entry in preview["entries"]] == ["`a` passed"]


def test_preview_of_nothing(project: Project) -> None:
    """No session, a file that can't be written, another sink: one line each."""
    nothing = curator_bench(project, "preview", "slack", "nowhere")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert nothing.stderr == "no session at nowhere: give the directory that holds session.json\n"
    project.config("entries: [{name: a, script: ok.py}]\n")
    project.run()
    unwritable = curator_bench(project, "preview", "slack", str(project.session_dir), "-o", "no/such/file")
    assert (unwritable.returncode, unwritable.stderr) == (2, "can't write no/such/file: No such file or directory\n")
    assert curator_bench(project, "preview", "pigeon", "x").returncode == 2
    (project.session_dir / "config.yaml").unlink()
    incomplete = curator_bench(project, "preview", "slack", str(project.session_dir))
    assert (incomplete.returncode, incomplete.stdout) == (2, "")
    assert incomplete.stderr.endswith("config.yaml can't be read: the session has not recorded its settings\n")
