# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sinks in whole pytest runs: when they are called, what they can't change, and replays."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.delivery.replay import ReplayError, ReplayOptions
from pytest_curator_bench.delivery.replay import replay as replay_session
from tests.support.bench_project import TIMED_SCRIPT
from tests.support.processes import eventually
from tests.support.slack_server import CHANNEL, TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bench_project import Project
    from tests.support.slack_server import Slack
    from tests.support.webhook_receiver import Receiver

# Sinks for these tests. Each writes down its calls; while there is a file `down`, none of them works.
SINKS = """
import json, os, pathlib, time
from pytest_curator_bench.sinks import Sink, SinkConfigError

ROOT = pathlib.Path(__file__).parent.parent

class Recorder(Sink):
    trouble = None
    def __init__(self, config):
        if "wrong" in config:
            raise SinkConfigError("wrong", "found something wrong, expected nothing")
        if "broken" in config:
            raise KeyError(config["broken"])
    def note(self, what, value=None):
        with (ROOT / f"{self.name}.calls").open("a") as file:
            file.write(json.dumps([os.getpid(), what, value]) + "\\n")
    def check(self, what):
        if self.trouble == what and (ROOT / "down").exists():
            if self.trouble == "process_result" and self.name == "failing":
                raise ValueError("no\\nand more")
            time.sleep(3600)
    def initialize(self, session_name, env_data):
        self.check("initialize")
        self.note("initialize", {**env_data, "session_name": session_name})
    def entry_started(self, name):
        self.note("started", name)
    def process_result(self, result):
        self.check("process_result")
        self.note("result", result)
    def finalize(self):
        self.check("finalize")
        self.note("finalize")

class HangsAtFirst(Recorder):
    call_limit_s = 2.0
    trouble = "initialize"
class HangsAtResults(Recorder):
    call_limit_s = 2.0
    trouble = "process_result"
class HangsAtLast(Recorder):
    call_limit_s = 5.0
    trouble = "finalize"
"""


@pytest.fixture
def sinks(project: Project) -> Project:
    """A project with ``benchmarks/my_sinks.py``."""
    (project.path / "benchmarks" / "my_sinks.py").write_text(SINKS)
    return project


def calls(project: Project, sink: str = "mine") -> list[tuple[str, Any]]:
    """What a sink was told, in order."""
    file = project.path / f"{sink}.calls"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [(what, value) for _, what, value in lines]


def names(project: Project, sink: str = "mine") -> list[str]:
    """The same in short."""
    return [
        value["name"] if what == "result" else f">{value}" if what == "started" else what
        for what, value in calls(project, sink)
    ]


def replay(project: Project, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """``curator-bench replay`` of the only session."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_curator_bench", "replay", *args],
        cwd=project.path,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


TWO = """
sinks: [{name: mine, class: "my_sinks:Recorder"}]
run_reason: to see
entries:
  - {name: a, script: ok.py}
  - {name: b, script: ok.py, args: --exit 3}
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_sink_is_told(sinks: Project, workers: int) -> None:
    """In order, in the controller alone, with what results.json and env.json hold; the session is closed by then."""
    sinks.config(TWO)
    result = sinks.run("-n", str(workers))
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["sink mine: 2 delivered"])
    told = names(sinks)
    assert (told[0], told[-1]) == ("initialize", "finalize")
    if not workers:
        # A result that is not on its way when the next script starts waits for the end of that.
        assert sorted(told) == sorted(["initialize", ">a", "a", ">b", "b", "finalize"])
        assert told.index(">a") < told.index("a") < told.index("b")
    results = {value["name"]: value for what, value in calls(sinks) if what == "result"}
    assert results == {name: sinks.sent(name) for name in ("a", "b")}
    env_data = calls(sinks)[0][1]
    session = sinks.session()
    environment = json.loads((sinks.session_dir / "env.json").read_text())
    del environment["format"]  # of the file
    assert {key: env_data[key] for key in environment} == environment
    assert env_data["entries"] == ["a", "b"]
    assert (env_data["session_dir"], env_data["results_dir"]) == (str(sinks.session_dir), str(sinks.session_dir.parent))
    assert env_data["run_id"] == session["runs"][0]["run_id"]
    for key in ("reason", "viewer_url", "plugin_version", "config_digest"):
        assert env_data[key] == session[key]
    pids = {json.loads(line)[0] for line in (sinks.path / "mine.calls").read_text().splitlines()}
    assert len(pids) == 1


@pytest.mark.parametrize(("deliver", "workers"), [("", 0), ("deliver: between, ", 2), ("deliver: during, ", 0)])
def test_sinks_are_quiet_while_something_is_measured(
    sinks: Project, receiver: Receiver, deliver: str, workers: int
) -> None:
    """No request arrives between the start and the end of a script, unless one asks for that; nothing is lost."""
    # The retry falls into the next entry, and so does the result of the second worker.
    receiver.faults = [(503, ("Retry-After", "1"))]
    sinks.script("timed.py", TIMED_SCRIPT)
    sinks.config(
        f"sinks: [{{name: webhook, {deliver}url: '{receiver.url}', secret: planted-secret-7}}]\n"
        "entries:\n"
        f"  - {{name: a, script: timed.py, args: '{3 if workers else 0}'}}\n"
        f"  - {{name: b, script: timed.py, args: '{0 if workers else 3}'}}\n"
        "  - {name: c, script: timed.py, args: '0'}\n"
    )
    result = sinks.run("-n", str(workers))
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["sink webhook: 3 delivered*"])
    assert sorted(value["name"] for value in receiver.received.values()) == ["a", "b", "c"]
    scripts = [map(float, (sinks.session_dir / name / "times.txt").read_text().split()) for name in "abc"]
    disturbed = [begun for begun, ended in scripts for at in receiver.times if begun < at < ended]
    assert bool(disturbed) == ("during" in deliver)


def test_slacks_running_line(sinks: Project, slack: Slack) -> None:
    """It is one request as an entry starts; replies and counts come when the script has ended."""
    sinks.script("timed.py", TIMED_SCRIPT)
    sinks.config(
        f"sinks: [{{name: slack, bot_token: {TOKEN}, channel_id: {CHANNEL}, api_url: '{slack.api_url}'}}]\n"
        "entries: [{name: a, script: timed.py, args: '2'}, {name: b, script: timed.py, args: '2'}]\n"
    )
    sinks.run().assert_outcomes(passed=2)
    assert len(slack.replies) == 2
    for name in "ab":
        begun, ended = map(float, (sinks.session_dir / name / "times.txt").read_text().split())
        during = [call for call, at in zip(slack.calls, slack.times, strict=True) if begun < at < ended]
        assert during in ([], ["chat.postMessage"], ["chat.update"])


def test_nothing_runs_no_sink(sinks: Project) -> None:
    """Without entries to run there is nothing to tell: not when collecting, not in a dry run, not with none selected."""
    sinks.config(TWO)
    for args in (["--collect-only"], ["--bench-dry-run"], ["-k", "nothing"]):
        sinks.run_here(*args)
    assert calls(sinks) == []


@pytest.mark.parametrize("args", [(), ("--collect-only",), ("-n", "2"), ("--bench-dry-run",)])
def test_wrong_sinks_are_config_errors(sinks: Project, args: tuple[str, ...]) -> None:
    """Each with its place, before anything runs; a sink that is off is not looked at."""
    sinks.config(
        """\
        sinks:
          - {name: slak}
          - name: mine
            class: my_sinks:Recorder
            wrong: planted-secret
          - {name: other, class: "my_sinks:Recoder"}
          - {name: gone, class: "no_such_module:Sink"}
          - {name: text, class: "json:loads"}
          - {name: broken, class: "my_sinks:Recorder", broken: planted-secret}
          - {name: jsonl, pth: x}
          - {name: 'a/b', class: "my_sinks:Recorder"}
          - {name: unused, enabled: false, class: "no_such_module:Sink"}
        entries: [{name: a, script: ok.py}]
        """
    )
    result = sinks.run_here(*args)
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        [
            "ERROR: benchmarks/config.yaml:3: sinks[[]slak].name: found the unknown sink 'slak'; did you mean 'slack'[?]*",
            "benchmarks/config.yaml:6: sinks[[]mine].wrong: found something wrong, expected nothing",
            "benchmarks/config.yaml:7: sinks[[]other].class: my_sinks has no Recoder; did you mean 'Recorder'[?]",
            "benchmarks/config.yaml:8: sinks[[]gone].class: the module no_such_module can't be imported: *",
            "benchmarks/config.yaml:9: sinks[[]text].class: json:loads is no subclass of *",
            "benchmarks/config.yaml:10: sinks[[]broken]: Recorder can't take these settings: it raised KeyError",
            "benchmarks/config.yaml:11: sinks[[]jsonl].pth: found the unknown key 'pth'; did you mean 'path'[?]*",
            "benchmarks/config.yaml:12: sinks[[]a/b].name: expected *",
        ]
    )
    assert "planted-secret" not in result.stderr.str() + result.stdout.str()
    assert not (sinks.path / "results").exists()


def test_sinks_of_a_hook(sinks: Project) -> None:
    """A conftest.py names a class; it goes before a built-in sink of the same name."""
    (sinks.path / "conftest.py").write_text(
        "import sys; sys.path.append('benchmarks')\n"
        "from my_sinks import Recorder\n"
        "def pytest_bench_sinks(config):\n    return {'slack': Recorder, 'mine': Recorder}\n"
    )
    sinks.config("sinks: [{name: slack}, {name: mine}]\nentries: [{name: a, script: ok.py}]\n")
    assert sinks.run().ret == 0
    assert names(sinks, "slack") == names(sinks) == ["initialize", ">a", "a", "finalize"]


def test_a_hook_that_gives_nonsense(sinks: Project) -> None:
    """It is told as what it is."""
    (sinks.path / "conftest.py").write_text("def pytest_bench_sinks(config):\n    return ['mine']\n")
    sinks.config(TWO)
    result = sinks.run_here()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: a hook pytest_bench_sinks returned list, expected *"])


def test_sinks_of_installed_packages(sinks: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of a real distribution names a class."""
    site = sinks.path / "site"
    (site / "their_package-1.0.dist-info").mkdir(parents=True)
    (site / "their_package-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n"
    )
    (site / "their_package-1.0.dist-info" / "entry_points.txt").write_text(
        "[pytest_curator_bench.sinks]\ntheirs = their_package:Theirs\n"
    )
    (site / "their_package.py").write_text(
        "from pytest_curator_bench.sinks import Sink\n"
        "class Theirs(Sink):\n"
        "    def process_result(self, result):\n        (self.state_dir / result['name']).touch()\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    sinks.config("sinks: [{name: theirs}]\nentries: [{name: a, script: ok.py}]\n")
    assert sinks.run().ret == 0
    assert (sinks.session_dir / "sinks/theirs/state/a").exists()


def test_all_sinks_down_and_hanging(sinks: Project, receiver: Receiver, closed_port: int) -> None:
    """Ten entries run, nothing changes but one line a sink, nothing is lost, and a replay delivers all of it, once."""
    entries = "".join(f"  - {{name: e{n}, script: ok.py, args: --exit {3 if n == 5 else 0}}}\n" for n in range(10))
    receiver.faults = [("hang",)] * 100
    sinks.config(
        "sinks:\n"
        '  - {name: at-first, class: "my_sinks:HangsAtFirst"}\n'
        '  - {name: at-results, class: "my_sinks:HangsAtResults"}\n'
        '  - {name: failing, class: "my_sinks:HangsAtResults"}\n'
        '  - {name: at-last, class: "my_sinks:HangsAtLast"}\n'
        f"  - {{name: webhook, url: '{receiver.url}', secret: planted-secret-7}}\n"
        f"  - {{name: dead, class: 'pytest_curator_bench.sinks.webhook:WebhookSink', url: 'http://127.0.0.1:{closed_port}/', secret: planted-secret-7}}\n"
        f"entries:\n{entries}"
    )
    (sinks.path / "down").touch()
    result = sinks.run()
    result.assert_outcomes(passed=9, failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "sink at-first: 0 delivered; 10 kept for replay (e0, *initialize: no sign of life for *",
            "sink at-results: 0 delivered; 10 kept for replay (*process_result: no sign of life for *",
            "sink failing: 0 delivered; 10 kept for replay (*process_result: ValueError: no",
            "sink at-last: 10 delivered; not finalized; *finalize: no sign of life for *",
            "sink webhook: 0 delivered; 10 kept for replay *no answer from 127.0.0.1*",
            "sink dead: 0 delivered; 10 kept for replay *no answer from 127.0.0.1: ConnectionRefusedError*",
            "to deliver what is left: curator-bench replay results/* --config benchmarks/config.yaml",
        ]
    )
    expected = [f"e{number}" for number in range(10)]
    assert [sinks.result(name)["status"] == "passed" for name in expected] == [number != 5 for number in range(10)]
    assert sinks.session()["status"] == "finished"

    (sinks.path / "down").unlink()
    receiver.faults = []
    for attempt in range(2):
        # The one that nobody listens for stays dead: the others don't care.
        done = replay(sinks, str(sinks.session_dir), "--config", "benchmarks/config.yaml")
        assert done.returncode == 1, done.stderr
        assert ("sink at-first: has everything already" in done.stdout) == bool(attempt)
        for sink in ("at-first", "at-results", "failing", "at-last"):
            told = names(sinks, sink)
            assert [name for name in told if name.startswith("e")] == expected
            # What came to its end at first, without any result, does so again, with all of them.
            assert told.count("finalize") == (2 if sink == "failing" else 1)
        assert [value["name"] for value in receiver.received.values()] == expected
        assert receiver.doubled == []
    assert [value for what, value in calls(sinks, "failing") if what == "result"] == [
        sinks.sent(name) for name in expected
    ]


def test_a_sink_that_did_not_exist_at_the_time(sinks: Project) -> None:
    """A replay with its settings feeds it all results, and again nothing; others are left alone."""
    sinks.config("entries: [{name: a, script: ok.py}, {name: b, script: ok.py, args: --exit 3}]\n")
    sinks.run()
    sinks.config(TWO.replace("sinks: [", "sinks: [{name: jsonl}, "), "benchmarks/later.yaml")
    for _ in range(2):
        done = replay(sinks, str(sinks.session_dir), "--sink", "mine", "--config", "benchmarks/later.yaml")
        assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "sink mine: has everything already\n"
    assert names(sinks) == ["initialize", "a", "b", "finalize"]
    assert [value for what, value in calls(sinks) if what == "result"] == [sinks.sent(name) for name in ("a", "b")]
    env_data = calls(sinks)[0][1]
    assert (env_data["entries"], env_data["session_dir"]) == (["a", "b"], str(sinks.session_dir))
    assert not (sinks.session_dir / "results.jsonl").exists()


def test_a_replay_without_config_files(sinks: Project) -> None:
    """What the session recorded does, for sinks without secrets; the session may have been moved since."""
    sinks.config("sinks: [{name: jsonl}]\nentries: [{name: a, script: ok.py}]\n")
    sinks.run()
    moved = sinks.path / "elsewhere"
    sinks.session_dir.rename(moved)
    for file in ["results.jsonl", *(str(path.relative_to(moved)) for path in moved.glob("sinks/jsonl/delivered/*"))]:
        (moved / file).unlink()
    assert replay(sinks, "elsewhere").stdout == "sink jsonl: 1 delivered\n"
    (line,) = (moved / "results.jsonl").read_text().splitlines()
    assert json.loads(line)["entry_dir"] == str(moved / "a")
    assert json.loads(line)["stdouterr_file"] == str(moved / "a" / "stdouterr.log")


def test_a_replay_imports_no_class_that_the_session_names(sinks: Project) -> None:
    """A session may be a stranger's: its config.yaml names a module beside it, which nobody has asked for."""
    sinks.config(
        'sinks: [{name: mine, class: "my_sinks:Recorder"}, {name: jsonl}]\nentries: [{name: a, script: ok.py}]\n'
    )
    sinks.run()
    (sinks.session_dir / "my_sinks.py").write_text("import pathlib\npathlib.Path('imported').touch()\n")
    for place, session in ((sinks.session_dir, "."), (sinks.path, str(sinks.session_dir))):
        done = subprocess.run(
            [shutil.which("curator-bench") or "curator-bench", "replay", session],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert "config.yaml names a class for mine" in done.stderr
        assert "--config FILE" in done.stderr
    assert not list(sinks.path.rglob("imported"))
    assert replay(sinks, str(sinks.session_dir), "--sink", "jsonl").stdout == "sink jsonl: has everything already\n"
    done = replay(sinks, str(sinks.session_dir), "--config", "benchmarks/config.yaml")
    assert done.stdout.startswith("sink mine: has everything already\n")


def test_a_replay_runs_no_module_that_lies_in_the_session(sinks: Project) -> None:
    """``cd SESSION; python -m pytest_curator_bench replay .``: libraries come from where they are installed."""
    sinks.config("sinks: [{name: jsonl}]\nentries: [{name: a, script: ok.py}]\n")
    sinks.run()
    (sinks.session_dir / "yaml.py").write_text("import pathlib\npathlib.Path('imported').touch()\n")
    command = [sys.executable, "-m", "pytest_curator_bench", "replay", "."]
    done = subprocess.run(command, cwd=sinks.session_dir, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "sink jsonl: has everything already\n", done.stderr
    assert not (sinks.session_dir / "imported").exists()


@pytest.mark.parametrize("way", ["path", "link"])
def test_a_replay_writes_no_file_that_only_the_session_names(sinks: Project, way: str) -> None:
    """A line of JSON in ``~/.bashrc`` is a command: a shell runs what stands in ``$()``."""
    sinks.config("sinks: [{name: jsonl}]\nentries: [{name: a, script: ok.py}]\n")
    sinks.run()
    victim = sinks.path / ".bashrc"
    victim.write_text("# mine\n")
    shutil.rmtree(sinks.session_dir / "sinks")
    (sinks.session_dir / "results.jsonl").unlink()
    if way == "path":
        (sinks.session_dir / "config.yaml").write_text(f"sinks: [{{name: jsonl, path: {victim}}}]\n")
    else:
        (sinks.session_dir / "results.jsonl").symlink_to(victim)
    done = replay(sinks, str(sinks.session_dir))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"config.yaml has the sink jsonl write {victim}, and a file outside of the session " in done.stderr
    assert victim.read_text() == "# mine\n"


@pytest.mark.parametrize(
    "recorded",
    [
        "sinks: [{name: jsonl, class: [a]}]",
        "sinks: [{name: jsonl, size: !!float _}]",
        f"sinks: {'[' * 3000}",
    ],
    ids=["class", "number", "deep"],
)
def test_recorded_settings_that_are_broken(tmp_path: Path, recorded: str) -> None:
    """One sentence each, and what to give instead."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "config.yaml").write_text(recorded)
    with pytest.raises(ReplayError, match="--config FILE"):
        replay_session(ReplayOptions(session=tmp_path), {}, print)


def test_a_replay_of_every_go(sinks: Project) -> None:
    """Results of all runs that filled the session are delivered, superseded ones too."""
    sinks.config("entries: [{name: a, script: ok.py}]\n")
    for _ in range(2):
        sinks.run("--bench-session", "one")
    sinks.config(TWO, "benchmarks/later.yaml")
    done = replay(sinks, "one", "--config", "benchmarks/later.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    told = [value for what, value in calls(sinks) if what == "result"]
    assert [value["entry_dir"] for value in told] == [
        str(sinks.session_dir / place) for place in ("superseded/a-1", "a")
    ]


def test_a_replay_of_a_killed_run(sinks: Project) -> None:
    """SIGKILL in the middle of an entry, while the sink is down: what had ended and what had not, all is delivered."""
    sinks.config(
        'sinks: [{name: failing, class: "my_sinks:HangsAtResults"}]\n'
        "entries: [{name: a, script: ok.py}, {name: b, script: ok.py, args: --sleep 300}]\n"
    )
    (sinks.path / "down").touch()
    command = [sys.executable, "-m", "pytest", "benchmarks", "--bench-config", "config.yaml", "--bench-session", "one"]
    run = subprocess.Popen(command, cwd=sinks.path, stdout=subprocess.DEVNULL)
    try:
        begun = sinks.path / "results/one/b/stdouterr.log"
        eventually(lambda: begun.exists() and "hello" in begun.read_text())
    finally:
        run.kill()
        run.wait()
    (sinks.path / "down").unlink()
    done = replay(sinks, "results/one", "--config", "benchmarks/config.yaml")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "sink failing: 2 delivered\n")
    told = {value["name"]: value["status"] for what, value in calls(sinks, "failing") if what == "result"}
    assert told == {"a": "passed", "b": "interrupted"}


def test_two_replays_at_once(sinks: Project) -> None:
    """The second one is refused."""
    sinks.config("sinks: [{name: jsonl}]\nentries: [{name: a, script: ok.py}]\n")
    sinks.run()
    with (sinks.session_dir / "sinks" / "replay.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = replay(sinks, str(sinks.session_dir))
    assert done.returncode == 2
    assert done.stderr == f"another replay of {sinks.session_dir} is at work: wait for its end\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nowhere"], "no session at nowhere: give the directory that holds session.json\n"),
        (["nowhere", "--config", "benchmarks/config.yaml"], "no session at nowhere or *results/nowhere: *\n"),
        (["SESSION", "--config", "nowhere.yaml"], "config file not found: nowhere.yaml\n"),
        (["SESSION", "--config", "wrong.yaml"], "wrong.yaml:1: *entries*"),
        (
            ["SESSION", "--sink", "min"],
            "no sink min in *config.yaml; did you mean 'mine'[?] Expected one of lacking, mine\n",
        ),
        (["SESSION"], "the settings of mine, lacking in *config.yaml are incomplete, *--config FILE*\n"),
        (
            ["SESSION", "--sink", "lacking", "--config", "benchmarks/config.yaml"],
            "the sink lacking is switched off: the environment variable NOT_THERE is not defined, or empty\n",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_replays_that_can_not_be(
    sinks: Project, monkeypatch: pytest.MonkeyPatch, args: list[str], message: str
) -> None:
    """Each is refused with what to do, and nothing is delivered."""
    monkeypatch.setenv("THERE", "planted-secret-value")
    sinks.config(
        """\
        sinks:
          - {name: mine, class: "my_sinks:Recorder", url: '${THERE}'}
          - {name: lacking, class: "my_sinks:Recorder", url: '${NOT_THERE}'}
        entries: [{name: a, script: ok.py}]
        """
    )
    (sinks.path / "wrong.yaml").write_text("entries: 3\n")
    sinks.run()
    (sinks.path / "mine.calls").unlink()
    done = replay(sinks, *(str(sinks.session_dir) if arg == "SESSION" else arg for arg in args))
    assert done.returncode == 2
    assert done.stdout == ""
    assert fnmatchcase(done.stderr, message), done.stderr
    assert "planted-secret" not in done.stderr
    assert calls(sinks) == []


def test_no_replay_while_the_session_runs(sinks: Project) -> None:
    """It would deliver what is being delivered."""
    sinks.config('sinks: [{name: mine, class: "my_sinks:Recorder"}]\nentries: [{name: a, script: ask.py}]\n')
    sinks.script(
        "ask.py",
        """
        import pathlib, subprocess, sys
        out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
        done = subprocess.run([sys.executable, "-m", "pytest_curator_bench", "replay", out.parent], capture_output=True, text=True)
        (out / "said").write_text(f"{done.returncode} {done.stderr}")
        """,
    )
    sinks.run()
    said = (sinks.session_dir / "a" / "said").read_text()
    assert said.startswith("2 the session is still running (process ")
    assert names(sinks) == ["initialize", ">a", "a", "finalize"]


def test_a_quiet_run_still_tells_of_trouble(sinks: Project) -> None:
    """With -q a sink that has everything is not mentioned; one that has not is."""
    sinks.config(
        'sinks: [{name: mine, class: "my_sinks:Recorder"}, {name: failing, class: "my_sinks:HangsAtResults"}]\n'
        "entries: [{name: a, script: ok.py}]\n"
    )
    (sinks.path / "down").touch()
    result = sinks.run("-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["sink failing: 0 delivered; 1 kept for replay (a)*"])
    result.stdout.no_fnmatch_line("sink mine: *")
