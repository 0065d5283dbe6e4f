# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Data setups: once a session, before the entries that need them, under the same supervision."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import LIMIT_S, eventually, marked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bench_project import Project

# Makes DIR/data.txt, and a line in DIR/runs.txt for each time it ran.
PREPARE = """
import os, pathlib, signal, sys, time
out = pathlib.Path(sys.argv[1])
words = sys.argv[2:]
out.mkdir(parents=True, exist_ok=True)
with (out / "runs.txt").open("a") as runs:
    runs.write("run\\n")
if "polite" in words:
    signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"cleaned up\\n"), sys.exit(0)))
os.write(1, f"preparing {' '.join(words)}\\n".encode())
if "hang" in words and not (out / "go").exists():
    time.sleep(300)
if "slow" in words:
    time.sleep(1.5)
if "fail" in words:
    sys.exit(3)
print(sorted(os.environ), flush=True)
(out / "data.txt").write_text("data")
"""

CONFIG = """
datasets: [{{name: d, formats: [{{type: txt, path: ../made/data.txt}}]}}]
data_setups:
  - {{name: prep, script: prepare.py, args: "{where} {words}", timeout_s: 60}}
entries:
  - {{name: a, script: ok.py, args: "{{dataset:d,txt}}"}}
  - {{name: b, script: ok.py, args: "{{dataset:d,txt}}"}}
"""


@pytest.fixture
def prepared(project: Project) -> Project:
    """A project with the script ``prepare.py`` beside its data, which the config's setup makes."""
    directory = project.path / "benchmarks" / "data_prep"
    directory.mkdir()
    (directory / "prepare.py").write_text(PREPARE)
    configure(project)
    return project


def configure(project: Project, words: str = "") -> None:
    """Give the setup these words."""
    project.config(CONFIG.format(where=project.path / "made", words=words))


def runs(project: Project, where: str = "made") -> int:
    """How often the setup that writes to ``where`` has run."""
    file = project.path / where / "runs.txt"
    return len(file.read_text().splitlines()) if file.exists() else 0


def setup_result(project: Project, name: str = "prep") -> dict[str, Any]:
    """The setup's results.json."""
    data: dict[str, Any] = json.loads((project.session_dir / "data_setup" / name / "results.json").read_text())
    return data


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_runs_once_before_the_entries_that_need_it(prepared: Project, workers: tuple[str, ...]) -> None:
    """Both entries find the data; the setup ran once, with its own arguments only, and left a result and a log."""
    result = prepared.run(*workers)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["data setup prep: started, limit 60 s, log *", "data setup prep: passed, *"])
    assert runs(prepared) == 1
    record = setup_result(prepared)
    assert (record["status"], record["reason"], record["timeout_s"]) == ("passed", None, 60)
    assert record["session_name"] == prepared.session_dir.name
    assert record["command"][1:] == [
        str(prepared.path / "benchmarks" / "data_prep" / "prepare.py"),
        str(prepared.path / "made"),
    ]
    assert "preparing" in (prepared.session_dir / "data_setup" / "prep" / "stdouterr.log").read_text()
    assert prepared.session()["entries"] == ["a", "b"]
    assert prepared.session()["counts"] == {"passed": 2}


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "a worker"])
def test_a_failing_one_makes_its_dependents_errors(prepared: Project, workers: tuple[str, ...]) -> None:
    """They name it, say why and where; what needs only another setup, or none, goes on; nothing runs in vain."""
    made = prepared.path / "made"
    prepared.config(
        f"""
        data_setups:
          - {{name: bad, script: prepare.py, args: '{made} fail'}}
          - {{name: vain, script: prepare.py, args: '{made}-vain'}}
          - {{name: good, script: prepare.py, args: '{made}-good'}}
        entries:
          - {{name: needs_bad, script: ok.py, data_setups: [bad, vain]}}
          - {{name: needs_both, script: ok.py, data_setups: [bad, good]}}
          - {{name: needs_good, script: ok.py, data_setups: [good]}}
          - {{name: needs_none, script: ok.py}}
        """
    )
    result = prepared.run(*workers)
    result.assert_outcomes(passed=2, errors=2)
    assert (runs(prepared), runs(prepared, "made-vain"), runs(prepared, "made-good")) == (1, 0, 1)
    result.stdout.fnmatch_lines(
        [
            "data setup bad: failed, * s: Exit status 3; the last line of its log: *; log: */bad/stdouterr.log",
            "data setup vain: not run, because nothing could use it (bad failed)",
        ]
    )
    result.stdout.fnmatch_lines(
        [
            "Data setup bad, which the entry needs, ended as failed: Exit status 3*",
            "last lines of *bad/stdouterr.log:",
            "  preparing fail",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    result.stdout.no_fnmatch_line("*def pytest_runtest_setup*")
    for name in ("needs_bad", "needs_both"):
        record = prepared.result(name)
        assert (record["status"], record["reason"]) == ("error", "data-setup")
        assert record["error"].startswith("Data setup bad, which the entry needs")
    assert setup_result(prepared, "bad")["returncode"] == 3


def test_only_what_the_selected_entries_need(prepared: Project) -> None:
    """A deselected, skipped or GPU-less entry's setup does not run; who says nothing needs what nobody names."""
    made = prepared.path / "made"
    prepared.config(
        f"""
        data_setups:
          - {{name: one, script: prepare.py, args: '{made}-1'}}
          - {{name: two, script: prepare.py, args: '{made}-2'}}
          - {{name: three, script: prepare.py, args: '{made}-3'}}
          - {{name: four, script: prepare.py, args: '{made}-4'}}
        entries:
          - {{name: a, script: ok.py, data_setups: [one]}}
          - {{name: b, script: ok.py, data_setups: [two], marks: [skip]}}
          - {{name: c, script: ok.py, data_setups: [three], ray: {{num_gpus: 999}}}}
          - {{name: d, script: ok.py}}
        """
    )
    prepared.run("--bench-entry", "a", "--bench-entry", "b", "--bench-entry", "c").assert_outcomes(passed=1, skipped=2)
    assert [runs(prepared, f"made-{number}") for number in (1, 2, 3, 4)] == [1, 0, 0, 0]
    prepared.run("--bench-entry", "d").assert_outcomes(passed=1)
    assert [runs(prepared, f"made-{number}") for number in (1, 2, 3, 4)] == [1, 0, 0, 1]


def test_skipping(prepared: Project) -> None:
    """``--bench-skip-setup`` runs entries without; missing data is then told before anything runs."""
    result = prepared.run_here("--bench-skip-setup")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*entries?a?: dataset d,txt is not there: *made/data.txt; prepare it*"])
    (prepared.path / "made").mkdir()
    (prepared.path / "made" / "data.txt").write_text("mine")
    prepared.run("--bench-skip-setup").assert_outcomes(passed=2)
    assert runs(prepared) == 0


def test_data_that_a_set_up_should_have_made(prepared: Project) -> None:
    """An entry whose data is still not there fails by itself, and says so."""
    prepared.config(CONFIG.format(where=prepared.path / "elsewhere", words=""))
    result = prepared.run()
    result.assert_outcomes(errors=2)
    record = prepared.result("a")
    assert (record["status"], record["reason"]) == ("error", "dataset")
    assert re.match(r"Dataset d,txt is not there: \S+, though its data setups passed \(prep\)", record["error"])


def test_a_missing_set_up_script_is_told_before_anything_runs(prepared: Project) -> None:
    """With file, line and places tried."""
    (prepared.path / "benchmarks" / "data_prep" / "prepare.py").unlink()
    result = prepared.run_here()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*config.yaml:4: data_setups?prep?.script: prepare.py not found; looked for *"])
    assert not list(prepared.path.glob("results/*/session.json"))


def test_dry_run_prints_the_set_up(prepared: Project) -> None:
    """Its command, limits and who needs it; nothing runs."""
    result = prepared.run_here("--bench-dry-run")
    result.stdout.fnmatch_lines(
        [
            "data setup prep",
            "  command: *prepare.py */made",
            "  limits: 60 s*",
            "  needed by: a, b",
            "a",
            "  command: *",
        ]
    )
    assert runs(prepared) == 0
    prepared.run_here("--bench-dry-run", "--bench-skip-setup").stdout.no_fnmatch_line("data setup*")


def test_its_limit_ends_it(prepared: Project) -> None:
    """The time limit of the setup, not pytest-timeout's, counts; dependents name it."""
    text = CONFIG.format(where=prepared.path / "made", words="hang").replace("timeout_s: 60", "timeout_s: 0.5")
    prepared.config(text)
    prepared.run("--bench-entry", "a").assert_outcomes(errors=1)
    assert setup_result(prepared)["status"] == "timeout"
    assert "ended as timeout" in prepared.result("a")["error"]


def test_secrets_are_hidden_from_it(prepared: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is that of entries: without what sinks use, and without pytest's own variables."""
    monkeypatch.setenv("TOKEN_FOR_TEST", str(prepared.path / "secret.jsonl"))
    monkeypatch.setenv("PLAIN_FOR_TEST", "1")
    text = CONFIG.format(where=prepared.path / "made", words="")
    prepared.config(text + "sinks: [{name: jsonl, path: '${TOKEN_FOR_TEST}'}]\n")
    prepared.run().assert_outcomes(passed=2)
    log = (prepared.session_dir / "data_setup" / "prep" / "stdouterr.log").read_text()
    assert "PLAIN_FOR_TEST" in log
    assert "TOKEN_FOR_TEST" not in log
    assert "PYTEST_CURRENT_TEST" not in log


def test_runs_that_join_a_session_share_it(prepared: Project, mark: str) -> None:
    """Two at once: one runs it while the other waits; a third finds it done; changed arguments run it again."""
    configure(prepared, "slow")
    processes = [prepared.start("--bench-session", "s", "--bench-entry", name) for name in ("a", "b")]
    outputs = [process.communicate(timeout=LIMIT_S)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert runs(prepared) == 1
    assert sum("passed before in this session" in output for output in outputs) == 1
    third = prepared.run("--bench-session", "s", "--bench-entry", "a")
    third.assert_outcomes(passed=1)
    third.stdout.fnmatch_lines(["data setup prep: passed before in this session"])
    configure(prepared, "slow anew")
    prepared.run("--bench-session", "s", "--bench-entry", "a").assert_outcomes(passed=1)
    assert runs(prepared) == 2
    assert (prepared.session_dir / "data_setup" / "superseded" / "prep-1" / "results.json").exists()


def test_one_that_failed_runs_again_when_the_session_is_joined(prepared: Project) -> None:
    """What failed may have been the network."""
    configure(prepared, "fail")
    prepared.run("--bench-session", "s").assert_outcomes(errors=2)
    configure(prepared)
    prepared.run("--bench-session", "s").assert_outcomes(passed=2)
    assert runs(prepared) == 2
    assert setup_result(prepared)["status"] == "passed"


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "a worker"])
def test_an_interrupt_ends_it_cleanly(prepared: Project, mark: str, workers: tuple[str, ...]) -> None:
    """One Ctrl-C: SIGTERM for the script, a result, no entry begun, the session closed, nothing left."""
    configure(prepared, "polite hang")
    process = prepared.start(*workers)
    log = eventually_log(prepared)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "cleaned up" in log.read_text()
    assert setup_result(prepared)["status"] == "interrupted"
    assert not (prepared.session_dir / "a").exists()
    assert prepared.session()["status"] == "interrupted"
    assert "Traceback" not in output
    eventually(lambda: not marked(mark))


def test_a_killed_pytest_wedges_nobody(prepared: Project, mark: str) -> None:
    """Its setup ends with it; a run that waited for it takes over; the record says interrupted."""
    configure(prepared, "hang")
    first = prepared.start("--bench-session", "s", "--bench-entry", "a")
    eventually_log(prepared)
    second = prepared.start("--bench-session", "s", "--bench-entry", "b")
    (prepared.path / "made" / "go").touch()
    first.kill()
    first.communicate(timeout=LIMIT_S)
    output, _ = second.communicate(timeout=LIMIT_S)
    assert second.returncode == 0, output
    assert runs(prepared) == 2
    assert setup_result(prepared)["status"] == "passed"
    eventually(lambda: not marked(mark))


def test_the_record_of_a_killed_one_is_put_right(prepared: Project, mark: str) -> None:
    """The next run of the session says that it was interrupted, also if it needs no setup itself."""
    configure(prepared, "hang")
    process = prepared.start("--bench-session", "s")
    eventually_log(prepared)
    process.kill()
    process.communicate(timeout=LIMIT_S)
    (prepared.path / "made" / "data.txt").write_text("data")
    prepared.run("--bench-session", "s", "--bench-skip-setup").assert_outcomes(passed=2)
    record = setup_result(prepared)
    assert (record["status"], record["reason"], record["session_name"]) == ("interrupted", "harness-lost", "s")


def test_an_unknown_name_is_an_error_of_its_entry(prepared: Project) -> None:
    """With the nearest one."""
    prepared.config(
        "data_setups: [{name: prep, script: prepare.py}]\nentries:\n  - {name: a, script: ok.py, data_setups: [pre]}\n"
    )
    result = prepared.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*config.yaml:4: entries?a?.data_setups?#1?: found the unknown data setup 'pre'; did you mean 'prep'?*"]
    )


def test_the_hook_comes_first(prepared: Project) -> None:
    """A project's pytest_bench_prepare can still make what setups need."""
    (prepared.path / "benchmarks" / "conftest.py").write_text(
        "import pathlib\n"
        "def pytest_bench_prepare(config, entries):\n"
        "    made = pathlib.Path(config.rootpath, 'made')\n"
        "    assert not made.exists()\n"
        "    made.mkdir()\n"
        "    (made / 'go').touch()\n"
    )
    configure(prepared, "hang")
    prepared.run().assert_outcomes(passed=2)


def eventually_log(project: Project) -> Path:
    """The setup's log, once it holds something."""
    pattern = "results/*/data_setup/prep/stdouterr.log"

    def logs() -> list[Path]:
        return [path for path in project.path.glob(pattern) if path.stat().st_size]

    eventually(logs)
    return logs()[0]
