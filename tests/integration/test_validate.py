# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench validate`` on real files, scripts and processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pytest_curator_bench.cli import main
from pytest_curator_bench.cli.validate.scripts import HelpRun, run_helps

HELPFUL = "import argparse\nargparse.ArgumentParser().parse_args()\n"
HEAD = "results_dir: results\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to stand in, with a script that knows --help."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "ok.py").write_text(HELPFUL)
    return tmp_path


def validate(capsys: pytest.CaptureFixture[str], text: str, *options: str) -> tuple[int, list[str]]:
    """Exit status and lines of output for one file."""
    Path("a.yaml").write_text(text)
    status = main(["validate", "a.yaml", *options])
    output = capsys.readouterr()
    assert output.err == ""
    return status, output.out.splitlines()


def test_nothing_wrong(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each entry and data setup, combinations by name; nothing is made."""
    (project / "data").mkdir()
    status, lines = validate(
        capsys,
        HEAD + "datasets: [{name: d, formats: [{type: j, path: data}]}]\n"
        "data_setups: [{name: prep, script: ok.py}]\n"
        "entries:\n- {name: a, script: ok.py, args: '{dataset:d,j} {matrix.n}', matrix: {n: [1, 2]}, timeout_s: 60}\n",
    )
    rows = [line.split() for line in lines]
    assert ["a[1]", "ok", "ok", "1", "ok", "60", "s", "0"] in rows
    assert ["a[2]", "ok", "ok", "1", "ok", "60", "s", "0"] in rows
    assert ["prep", "(data", "setup)", "ok", "ok", "-", "7200", "s"] in rows
    assert lines[-1] == "2 entries and 1 data setup: 0 errors, 0 warnings"
    assert status == 0
    assert sorted(path.name for path in project.iterdir()) == ["a.yaml", "data", "scripts"]


def test_all_config_errors(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not the first twenty of them: all."""
    entries = "".join(f"- {{name: e{number}, script: s.py, repeat: 0}}\n" for number in range(30))
    status, lines = validate(capsys, f"{HEAD}entries:\n{entries}")
    assert [line.partition(": found")[0] for line in lines[:-1]] == [
        f"a.yaml:{number + 3}: entries[e{number}].repeat" for number in range(30)
    ]
    assert lines[-1] == "30 errors: nothing else was looked at"
    assert status == 1


ONE = "entries: [{name: a, script: ok.py}]"
WRONG = {
    "entries: [{name: a, script: no.py}]": "a.yaml:2: entries[a].script: no.py not found; did you mean 'ok.py'? ",
    "entries: [{name: a, script: bad.py}]": "a.yaml:2: entries[a].script: SCRIPTS/bad.py --help: exit status 3: no",
    "entries: [{name: a, script: dies.py}]": "a.yaml:2: entries[a].script: SCRIPTS/dies.py --help: ended by SIGKILL",
    "datasets: [{name: d, formats: [{type: j, path: gone}]}]\n"
    "entries: [{name: a, script: ok.py, args: '{dataset:d,j}'}]": "a.yaml:3: entries[a]: dataset d,j is not there: ",
    f"data_setups: [{{name: p, script: no.py}}]\n{ONE}": "a.yaml:2: data_setups[p].script: no.py not found",
    f"sinks: [{{name: slak}}]\n{ONE}": "a.yaml:2: sinks[slak].name: found the unknown sink 'slak'; did you mean ",
    f"sinks: [{{name: jsonl, paht: x}}]\n{ONE}": "a.yaml:2: sinks[jsonl].paht: ",
    f"sinks: [{{name: s, class: 'no_such.mod:C'}}]\n{ONE}": "a.yaml:2: sinks[s].class: the module no_such.mod ",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_one_thing_wrong(project: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    """One line that names it, and status 1."""
    scripts = project / "scripts"
    (scripts / "bad.py").write_text("import sys\nprint('usage')\nprint('no')\nsys.exit(3)\n")
    (scripts / "dies.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    status, lines = validate(capsys, f"{HEAD}{text}\n")
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: " + message.replace("SCRIPTS", str(scripts)))
    assert "1 error," in lines[-1]
    assert status == 1


def test_an_undefined_name_hides_nothing_else(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is reported with what is wrong elsewhere, and the script of that entry is not tried."""
    (project / "scripts" / "bad.py").write_text("raise SystemExit('no')\n")
    entries = "entries:\n- {name: a, script: bad.py, args: '{no_such}'}\n- {name: b, script: no.py}\n"
    status, lines = validate(capsys, f"{HEAD}sinks: [{{name: slak}}]\n{entries}")
    assert [line.partition(" found")[0] for line in lines if line.startswith("error: ")] == [
        "error: a.yaml:4: entries[a].args:",
        "error: a.yaml:5: entries[b].script: no.py not",
        "error: a.yaml:2: sinks[slak].name:",
    ]
    assert ["a", "no", "value", "-", "-", "7200", "s", "0"] in [line.split() for line in lines]
    assert status == 1


def test_what_is_not_to_be_looked_at(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file can be checked on a machine that has neither scripts nor data."""
    text = HEAD + "datasets: [{name: d, formats: [{type: j, path: gone}]}]\n"
    text += "entries: [{name: a, script: no.py, args: '{dataset:d,j}'}]\n"
    assert validate(capsys, text)[0] == 1
    assert validate(capsys, text, "--no-datasets")[0] == 1
    assert validate(capsys, text, "--no-scripts")[0] == 1
    status, lines = validate(capsys, text, "--no-datasets", "--no-scripts")
    assert ["a", "-", "-", "-", "7200", "s", "0"] in [line.split() for line in lines]
    assert status == 0


def test_strict(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning is only told, unless warnings count; a sink's variable is then an error of its own."""
    monkeypatch.delenv("NO_SUCH", raising=False)
    text = HEAD + "datasets_path: .\nentries: [{name: a, script: ok.py}]\n"
    status, lines = validate(capsys, text)
    assert (status, lines[-1]) == (0, "1 entry: 0 errors, 1 warning")
    assert lines[-2].startswith("warning: a.yaml:2: the key datasets_path is deprecated")
    assert validate(capsys, text, "--strict")[0] == 1
    text = HEAD + "sinks: [{name: slack, webhook_url: '${NO_SUCH}'}]\nentries: [{name: a, script: ok.py}]\n"
    assert validate(capsys, text)[0] == 0
    status, lines = validate(capsys, text, "--strict")
    assert status == 1
    assert lines[0].startswith("a.yaml:2: sinks[slack].webhook_url: found the environment variable NO_SUCH")


def test_secrets_are_not_given_to_scripts(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a run: a variable of a sink is not inherited; an entry's own variables are set."""
    monkeypatch.setenv("TOKEN_X", "very-secret")
    (project / "scripts" / "env.py").write_text(
        "import os, sys\nsys.exit(0 if (os.environ.get('TOKEN_X'), os.environ.get('MINE')) == (None, 'yes') else 1)\n"
    )
    text = (
        HEAD
        + "sinks: [{name: webhook, url: 'http://127.0.0.1:9/', secret: '${TOKEN_X}'}]\n"
        + "entries: [{name: a, script: env.py, env: {MINE: 'yes'}}]\n"
    )
    assert validate(capsys, text)[0] == 0


def test_a_sink_of_ones_own(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its module may lie beside the configuration; it checks its settings, and nothing more is asked of it."""
    (project / "my_validated_sink.py").write_text(
        "from pytest_curator_bench.sinks import Sink\n"
        "class S(Sink):\n"
        "    def initialize(self, session_name, env_data): raise SystemExit\n"
        "    def process_result(self, result): raise SystemExit\n"
        "    def finalize(self): raise SystemExit\n"
    )
    assert validate(capsys, f"{HEAD}sinks: [{{name: s, class: 'my_validated_sink:S'}}]\n{ONE}\n")[0] == 0


def test_command_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 where it can't be understood; a missing file is something wrong."""
    for arguments in (["validate"], ["validate", "a.yaml", "--nope"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    capsys.readouterr()
    assert main(["validate", "missing.yaml"]) == 1
    assert capsys.readouterr().out.startswith("missing.yaml: found no such file, expected a YAML file\n")


def test_several_files_and_the_root_directory(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Merged in order; scripts of the project are found from elsewhere."""
    (project / "root" / "benchmarks" / "scripts").mkdir(parents=True)
    (project / "root" / "benchmarks" / "scripts" / "far.py").write_text(HELPFUL)
    Path("b.yaml").write_text("entries: [{name: a, script: far.py}]\n")
    text = HEAD + "entries: [{name: a, script: no.py}]\n"
    assert validate(capsys, text, "b.yaml")[0] == 1
    assert validate(capsys, text, "b.yaml", "--rootdir", "root")[0] == 0


def test_without_pytest(project: Path) -> None:
    """The command needs none, and a log, however narrow, holds whole names."""
    name = "a_name_that_is_longer_than_what_a_narrow_terminal_can_show_in_one_line_of_a_table"
    (project / "a.yaml").write_text(f"{HEAD}entries: [{{name: {name}, script: ok.py}}]\n")
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "from pytest_curator_bench.cli import main; sys.exit(main(['validate', 'a.yaml']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "40"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert name in done.stdout


def test_scripts_that_never_answer(tmp_path: Path) -> None:
    """Each has its time; what it started goes with it, and the others are asked all the same."""
    (tmp_path / "hangs.py").write_text(
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    (tmp_path / "ok.py").write_text(HELPFUL)
    runs = [HelpRun(tmp_path / "hangs.py"), HelpRun(tmp_path / "ok.py"), HelpRun(tmp_path / "ok.py", (("A", "1"),))]
    found = run_helps(runs, environ=os.environ, cwd=tmp_path, parallel=2, limit_s=20)
    assert found == {runs[0]: "did not end within 20 s", runs[1]: None, runs[2]: None}
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
