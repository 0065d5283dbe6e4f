# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Running entries: outcomes, results, reports, exit status."""

from __future__ import annotations

import json
import os
import signal
import textwrap
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from tests.support.bench_project import pytest_command
from tests.support.mounts import in_mount_namespace

if TYPE_CHECKING:
    from tests.support.bench_project import Project


def test_passing_entries(two: Project) -> None:
    """Both pass; results, environment, packages and config are kept in one session directory."""
    result = two.run("--bench-session-name", "mine", "--bench-reason", "a test")
    result.assert_outcomes(passed=2)
    assert result.ret == 0
    assert two.session_dir.name.startswith("mine__20")
    assert {"session.json", "env.json", "packages.txt", "config.yaml", "first", "second"} <= {
        path.name for path in two.session_dir.iterdir()
    }
    first = two.result("first")
    assert (first["status"], first["success"], first["timeout"], first["returncode"]) == (
        "passed",
        True,
        False,
        0,
    )
    assert first["script_metrics"] == {"rate_per_sec": 2.5, "nested": {"count": 3}}
    assert first["script_params"]["entry"] == "first"
    assert first["command"][1].endswith("benchmarks/scripts/ok.py")
    assert first["command"][-2] == "--benchmark-results-path"
    assert first["exec_time_s"] > 0
    assert first["resources"]["max_rss_bytes"] > 1_000_000
    session = two.session()
    assert session["status"] == "finished"
    assert session["counts"] == {"passed": 2}
    environment = json.loads((two.session_dir / "env.json").read_text())
    assert environment["reason"] == "a test"
    assert "pytest==" in (two.session_dir / "packages.txt").read_text()
    result.stdout.fnmatch_lines(
        [
            "*benchmarks*",
            "first: started, limit 7,200 s, log *first/stdouterr.log",
            "*time*limit*rate*",
            "entry*status*s*s*1/s*",
            "first*passed*7,200*2.5*",
            "*results: *mine__20*",
        ]
    )


def test_what_a_script_mounted_in_its_scratch_directory_is_not_deleted(project: Project) -> None:
    """Its result has one warning that says what was left; a tree that is deep beyond all limits goes as any other."""
    (project.path / "dataset").mkdir()
    (project.path / "dataset" / "rows").touch()
    project.script(
        "mounting.py",
        "import os, pathlib, subprocess, sys\n"
        "scratch = pathlib.Path(sys.argv[1])\n"
        "(scratch / 'view').mkdir()\n"
        f"subprocess.run(['mount', '--bind', '{project.path}/dataset', scratch / 'view'], check=True)\n"
        + (project.scripts / "ok.py").read_text(),
    )
    project.script(
        "deep.py",
        "import os, sys\nos.chdir(sys.argv[1])\n"
        "for _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\nos.chdir('/')\n"
        + (project.scripts / "ok.py").read_text(),
    )
    project.config(
        "entries:\n"
        "  - {name: mounting, script: mounting.py, args: '{scratch_dir}'}\n"
        "  - {name: deep, script: deep.py, args: '{scratch_dir}'}\n"
    )
    in_mount_namespace(f"cd {project.path}", pytest_command())
    artifacts = project.path / "results" / "artifacts" / project.session_dir.name
    (warning,) = project.warnings("mounting")
    assert warning.startswith(f"scratch directory {artifacts}/mounting/scratch was not deleted whole (")
    assert f"{artifacts}/mounting/scratch/view is a mount point (" in warning
    assert project.warnings("deep") == []
    assert not (artifacts / "deep").exists()
    assert (project.path / "dataset" / "rows").exists()


def test_scratch_is_deleted_or_kept(two: Project) -> None:
    """``delete_scratch`` decides; the link in the entry's directory leads to the artifacts."""
    two.script(
        "scratchy.py",
        "import sys, pathlib; pathlib.Path(sys.argv[1], 'big').write_text('x'); sys.argv[1:2] = []\n"
        + (two.scripts / "ok.py").read_text(),
    )
    two.config(
        "entries:\n"
        "  - {name: gone, script: scratchy.py, args: '{scratch_dir}'}\n"
        "  - {name: kept, script: scratchy.py, args: '{session_entry_dir}/scratch', delete_scratch: false}\n"
        "  - {name: empty, script: ok.py, delete_scratch: false}\n"
    )
    two.run().assert_outcomes(passed=3)
    assert not any(os.path.lexists(two.session_dir / name / "scratch") for name in ("gone", "empty"))
    kept = two.session_dir / "kept" / "scratch"
    assert kept.is_symlink()
    assert (kept / "big").read_text() == "x"
    assert [path.name for path in kept.resolve().parents[1].iterdir()] == ["kept"]
    assert kept.resolve() == two.path / "results" / "artifacts" / two.session_dir.name / "kept" / "scratch"


def test_failing_script(two: Project) -> None:
    """A script that fails keeps its metrics; the failure shows status, log tail and place, and no traceback."""
    two.config("entries:\n  - {name: bad, script: ok.py, args: ['--exit', '7', '--print', 'last words']}\n")
    result = two.run()
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    data = two.result("bad")
    assert (data["status"], data["reason"], data["returncode"]) == ("failed", "exit-code", 7)
    assert data["script_metrics"]["rate_per_sec"] == 1.5
    result.stdout.fnmatch_lines(
        [
            "Exit status 7; the last line of its log: *last words*",
            "command: *ok.py*",
            "last lines of *bad/stdouterr.log:",
            "*last words*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*active.py*")


def test_each_missing_file_fails_by_name(two: Project) -> None:
    """A script that does not write one of the three files fails, and the message names it."""
    names = {"no_params": "params.json", "no_metrics": "metrics.json", "no_tasks": "tasks.pkl"}
    lines = [f"  - {{name: {name}, script: ok.py, args: --skip-file {file}}}\n" for name, file in names.items()]
    two.config("entries:\n" + "".join(lines))
    result = two.run()
    result.assert_outcomes(failed=3)
    for name, file in names.items():
        assert file in two.result(name)["error"]
        result.stdout.fnmatch_lines([f"*{file}*"])


def test_time_limit(two: Project) -> None:
    """A script over its limit is ended, also if it ignores SIGTERM; the next entry runs."""
    two.config(
        "cleanup_timeout_s: 0.5\nentries:\n"
        "  - {name: slow, script: ok.py, args: --sleep 60 --ignore-sigterm, timeout_s: 5}\n"
        "  - {name: next, script: ok.py}\n"
    )
    result = two.run("--timeout", "3000")
    result.assert_outcomes(passed=1, failed=1)
    data = two.result("slow")
    assert (data["status"], data["timeout"], data["signal"]) == ("timeout", True, "SIGKILL")
    assert 5 <= data["exec_time_s"] < 60
    result.stdout.fnmatch_lines(["*Timed out after 5 s; raise timeout_s*"])
    result.stdout.no_fnmatch_line("*+++ Timeout +++*")


def test_environment_of_the_script(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry's own variables are there; pytest's are not."""
    monkeypatch.setenv("INHERITED", "yes")
    two.config(
        "entries:\n  - name: a\n    script: ok.py\n    env: {OWN: '{session_entry_dir}/x y', INHERITED: changed}\n"
        "    args: --print-environment OWN --print-environment INHERITED --print-environment PYTEST_CURRENT_TEST\n"
    )
    two.run().assert_outcomes(passed=1)
    log = (two.session_dir / "a" / "stdouterr.log").read_text()
    assert f"OWN={two.session_dir}/a/x y" in log
    assert "INHERITED=changed" in log
    assert "PYTEST_CURRENT_TEST=None" in log


def test_junit_xml(two: Project) -> None:
    """The flat metrics are properties of the test case; a failure has its message."""
    two.config("entries: [{name: a, script: ok.py}, {name: b, script: ok.py, args: --exit 2}]")
    two.run("--junitxml=junit.xml", "-o", "junit_family=xunit2")
    cases = {case.get("name"): case for case in ET.parse(two.path / "junit.xml").iter("testcase")}  # noqa: S314  # our own file
    properties = {item.get("name"): item.get("value") for item in cases["a"].iter("property")}
    assert properties["rate_per_sec"] == "1.5"
    assert properties["nested.count"] == "3"
    assert properties["status"] == "passed"
    assert float(properties["exec_time_s"] or 0) > 0
    failure = cases["b"].find("failure")
    assert failure is not None
    assert "Exit status 2" in (failure.text or "")
    assert [item.get("value") for item in cases["b"].iter("property") if item.get("name") == "status"] == ["failed"]


def test_xdist_gives_the_same_results(two: Project) -> None:
    """Two workers fill one session, with the same set of results."""
    result = two.run("-n", "2", "--junitxml=junit.xml")
    result.assert_outcomes(passed=2)
    assert {name: two.result(name)["status"] for name in ("first", "second")} == {
        "first": "passed",
        "second": "passed",
    }
    assert two.session()["counts"] == {"passed": 2}
    cases = list(ET.parse(two.path / "junit.xml").iter("testcase"))  # noqa: S314  # our own file
    assert len(cases) == 2
    assert all(any(item.get("name") == "rate_per_sec" for item in case.iter("property")) for case in cases)
    result.stdout.fnmatch_lines(["*first*passed*"])


def test_a_dead_worker_is_an_error_with_a_result(two: Project) -> None:
    """An entry whose xdist worker dies is recorded as an error, and the other entry still passes."""
    two.script(
        "kill.py",
        "import os, signal, time\nfor pid in [int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('PPid')]: pass\n"
        "def parent(p): return int(open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()[1])\n"
        "worker = parent(parent(pid))\nos.kill(worker, signal.SIGKILL)\ntime.sleep(60)\n",
    )
    two.config("entries: [{name: killer, script: kill.py}, {name: other, script: ok.py}]")
    result = two.run("-n", "2", "--max-worker-restart", "1")
    assert result.ret != 0
    data = two.result("killer")
    assert (data["status"], data["reason"]) == ("error", "worker-lost")
    assert two.result("other")["status"] == "passed"


def test_first_failure_stops_with_x_and_last_failed_runs_it_again(two: Project) -> None:
    """-x, --maxfail and --lf behave as with tests."""
    two.config("entries: [{name: a, script: ok.py, args: --exit 1}, {name: b, script: ok.py}]")
    run = two.pytester.runpytest_subprocess
    run("benchmarks", "--bench-config", "config.yaml", "-x").assert_outcomes(failed=1)
    assert not (two.session_dir / "b").exists()
    again = run("benchmarks", "--bench-config", "config.yaml", "--lf", "--collect-only", "-q")
    again.stdout.fnmatch_lines(["benchmarks/config.yaml::a"])
    again.stdout.no_fnmatch_line("benchmarks/config.yaml::b")


def test_setup_show_and_durations(two: Project) -> None:
    """--setup-show lists our fixtures, --durations our items."""
    result = two.run("--setup-show", "--durations=2", "-vv", "-k", "first")
    result.stdout.fnmatch_lines(
        [
            "*SETUP*bench_session_dir*",
            "*SETUP*bench_scratch_dir*",
            "*slowest 2 durations*",
            "*call*config.yaml::first*",
        ]
    )


def test_quiet_says_little(two: Project) -> None:
    """-q prints neither live lines nor the table, but counts and where the results are."""
    result = two.run("-q")
    result.stdout.no_fnmatch_line("*started, limit*")
    result.stdout.no_fnmatch_line("*entry*status*")
    result.stdout.fnmatch_lines(["2 entries: 2 passed", "results: *session__*"])
    result.assert_outcomes(passed=2)


def test_plain_lines_without_a_terminal(two: Project) -> None:
    """In a log file each entry's start and end are lines of their own, with its usual time from the second run on."""
    for usual in ("", "usually 0:0?, "):
        two.run("-k", "first").stdout.fnmatch_lines(
            [
                f"first: started, {usual}limit 7,200 s, log *first/stdouterr.log",
                "first: passed in *, rate_per_sec 2.5 1/s",
            ]
        )


def test_a_wrong_heartbeat(two: Project) -> None:
    """One line, and nothing runs."""
    result = two.run_here("-o", "bench_heartbeat_s=soon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*bench_heartbeat_s in the ini file: found 'soon', expected a number of seconds*"])


def test_dry_run_prints_everything_and_runs_nothing(two: Project) -> None:
    """Command, environment, limits, resources; no directory, no need for the script to exist; xdist or not."""
    two.config(
        "entries: [{name: a, script: nope.py, args: '--x {session_entry_dir}/o', timeout_s: 12, env: {A: b}, ray: {num_cpus: 3}}]"
    )
    for extra in ((), ("-n", "2")):
        result = two.run_here("--bench-dry-run", *extra)
        assert result.ret == 0
        result.stdout.fnmatch_lines(
            [
                "a",
                f"  command: mkdir -p */a/scratch && A=b *python* {two.path}/benchmarks/scripts/nope.py --x */a/o *",
                "  by itself: curator-bench run-script a --bench-config benchmarks/config.yaml",
                "  environment: A=b",
                "  working directory: *",
                "  limits: 12 s,*",
                "  resources: Ray cluster with num_cpus=3*",
                "  from: benchmarks/config.yaml:2",
            ]
        )
        assert not (two.path / "results").exists()


def test_joining_a_session_by_its_exact_name(two: Project) -> None:
    """Two runs fill one session; an entry that runs again keeps what it had before."""
    two.run("--bench-session", "shared-1", "-k", "first").assert_outcomes(passed=1, deselected=1)
    two.run("--bench-session", "shared-1").assert_outcomes(passed=2)
    assert two.session_dir.name == "shared-1"
    assert two.result("second")["status"] == "passed"
    assert len(list(two.session_dir.glob("superseded/first-*/results.json"))) == 1
    (two.session_dir / "second" / "results.json").unlink()
    result = two.run("--bench-session", "shared-1", "-k", "first")
    result.stdout.fnmatch_lines(["interrupted when an earlier run was killed: second"])
    assert two.result("second")["status"] == "interrupted"


def test_tests_and_entries_in_one_run(two: Project) -> None:
    """Ordinary tests beside entries run as ever, and may ask for the session's directory."""
    (two.path / "benchmarks" / "test_beside.py").write_text(
        "def test_dir(bench_session_dir): assert (bench_session_dir / 'session.json').exists()\n"
        "def test_none(bench_entry): pass\n"
    )
    result = two.run()
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*bench_entry is for benchmark entries*"])


def test_config_outside_of_the_rootdir(two: Project) -> None:
    """Entries of a file elsewhere run as well, also under xdist, where only node IDs tell which they are."""
    root = two.path / "root"
    root.mkdir()
    (root / "pytest.ini").write_text("[pytest]\nmarkers =\n    nightly: at night\n")
    for extra in ((), ("-n", "1")):
        result = two.pytester.runpytest_subprocess(
            "--rootdir",
            str(root),
            "-c",
            "root/pytest.ini",
            "--bench-config",
            "benchmarks/config.yaml",
            "-v",
            *extra,
        )
        result.assert_outcomes(passed=2)
        result.stdout.fnmatch_lines(["*benchmarks/config.yaml::first*"])
    statuses = [path.parent.name for path in two.path.glob("results/*/*/results.json")]
    assert sorted(statuses) == ["first", "first", "second", "second"]


def test_an_entry_that_pytest_does_not_call(project: Project) -> None:
    """Without pytest's plugin for functions nothing would run: that is no pass."""
    entries = {"once": "", "retried": ", retries: 1", "repeated": ", repeat: 2", "too": ", repeat: 2"}
    lines = [f"  - {{name: {name}, script: ok.py{keys}}}\n" for name, keys in entries.items()]
    project.config("entries:\n" + "".join(lines))
    result = project.run("-p", "no:python", "--bench-interleave")
    result.assert_outcomes(failed=4)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*pytest did not run the entry: *(-p no:python)?"] * 4)
    for name in entries:
        assert (project.result(name)["status"], project.result(name)["reason"]) == ("error", "not-called")


def test_dist_each_is_refused(project: Project) -> None:
    """Each entry is measured once."""
    project.config("entries: [{name: a, script: ok.py}]")
    result = project.run("--dist", "each", "--tx", "2*popen")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--dist each would run each entry in every worker: *"])
    assert not (project.path / "results").exists()


def test_pytest_called_by_a_program_whose_stdout_has_no_descriptor(two: Project) -> None:
    """As in a notebook; twice in one process, the second time in a thread, which has no signals."""
    program = """
        import contextlib, io, threading, pytest
        def run():
            with contextlib.redirect_stdout(io.StringIO()) as output:
                status = pytest.main(["benchmarks", "--bench-config", "config.yaml", "-p", "no:cacheprovider"])
            assert status == 0 and "2 passed" in output.getvalue(), output.getvalue()
            assert "first: started, " in output.getvalue()
            print("passed")
        run()
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    """
    result = two.pytester.runpython_c(textwrap.dedent(program))
    result.stdout.fnmatch_lines(["passed", "passed"])
    assert len(list(two.path.glob("results/session__*/first/results.json"))) == 2


def test_looking_on_failing(two: Project, mark: str) -> None:
    """``pytest -f`` runs entries in a process whose stdout leads nowhere."""
    two.config("entries: [{name: a, script: ok.py, args: --exit 3}]")
    process = two.start("-f")
    assert process.stdout is not None
    text = ""
    while "waiting for changes" not in text:
        line = process.stdout.readline()
        assert line, text
        text += line
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert "1 failed" in text
    assert "INTERNALERROR" not in text
    statuses = {json.loads(path.read_text())["status"] for path in two.path.glob("results/*/a/results.json")}
    # It may look a second time, which the signal ends.
    assert {"failed"} <= statuses <= {"failed", "interrupted"}
