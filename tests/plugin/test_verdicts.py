# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One verdict: what pytest reports of an entry, its result, the session, the table, JUnit, sinks and the exit status."""

from __future__ import annotations

import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.delivery.results import session_results

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.bench_project import Project

CONFTEST = """
import pytest

@pytest.fixture(autouse=True)
def around(request):
    name = request.node.name
    if name.startswith("raises_before"):
        raise RuntimeError("broken before")
    if name == "skips":
        pytest.skip("not today")
    if name == "xfails":
        pytest.xfail("not today")
    yield
    if name.startswith("raises_after"):
        raise RuntimeError("broken after")
    if name.endswith("_then_skips"):
        pytest.skip("too late")
    if name.endswith("_then_xfails"):
        pytest.xfail("too late")

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    return True if pyfuncitem.name.startswith("uncalled") else None

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except BaseException:
        if item.name.startswith("swallowed"):
            return None
        if item.name == "skips_instead":
            pytest.skip("it failed")
        raise

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    phase, _, outcome = item.name.partition("_made_")
    if outcome and call.when == phase:
        report.outcome = outcome
    return report

def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "other_error":
            item.add_marker(pytest.mark.xfail(raises=ZeroDivisionError))
        if item.name == "marked_later":
            item.add_marker(pytest.mark.xfail(reason="known"))
"""

XFAIL = "marks: [{xfail: {reason: known}}]"
FAILS = "args: --exit 3"
MISSES = "requirements: [{metric: rate_per_sec, min_value: 9}]"
# Name: keys, the result's status and reason, what pytest says.
CASES = {
    "passes": ("", "passed", None, "passed"),
    "fails": (FAILS, "failed", "exit-code", "failed"),
    "expected": (f"{FAILS}, {XFAIL}", "xfailed", "exit-code", "xfailed"),
    "expected_with_retries": (f"{FAILS}, {XFAIL}, retries: 1, retry_on: [failed]", "xfailed", "exit-code", "xfailed"),
    "marked_later": (FAILS, "xfailed", "exit-code", "xfailed"),
    "other_error": (FAILS, "failed", "exit-code", "failed"),
    "unexpected": (XFAIL, "passed", None, "xpassed"),
    "strict": ("marks: [{xfail: {reason: known, strict: true}}]", "failed", "mark", "failed"),
    "not_run": ("marks: [{xfail: {reason: known, run: false}}]", "xfailed", "xfail", "xfailed"),
    "missed": (f"{MISSES}, {XFAIL}", "xfailed", "requirements", "xfailed"),
    "skipped_if": ("marks: [{skipif: {condition: 'True', reason: never}}]", "skipped", "skipped", "skipped"),
    "skips": ("", "skipped", "skipped", "skipped"),
    "xfails": ("", "xfailed", "xfail", "xfailed"),
    "raises_before": ("", "error", "internal", "error"),
    "raises_before_expected": (XFAIL, "xfailed", "internal", "xfailed"),
    "raises_before_expected_retried": (f"{XFAIL}, retries: 1", "xfailed", "internal", "xfailed"),
    "raises_after": ("", "error", "internal", "passed error"),
    "raises_after_expected": (XFAIL, "xfailed", "internal", "xpassed xfailed"),
    "raises_after_after_failure": (f"{FAILS}, {XFAIL}", "xfailed", "internal", "xfailed xfailed"),
    "passes_then_skips": ("", "passed", None, "passed skipped"),
    "passes_then_xfails": ("", "passed", None, "passed xfailed"),
    "fails_then_skips": (FAILS, "failed", "exit-code", "failed skipped"),
    "uncalled": ("", "error", "not-called", "failed"),
    "uncalled_expected": (XFAIL, "error", "not-called", "failed"),
    "uncalled_strict": ("marks: [{xfail: {strict: true}}]", "error", "not-called", "failed"),
    "swallowed": (FAILS, "failed", "exit-code", "failed"),
    "skips_instead": (FAILS, "skipped", "skipped", "skipped"),
    "call_made_failed": ("", "failed", "mark", "failed"),
    "call_made_passed": (FAILS, "failed", "exit-code", "failed"),
    "call_made_skipped": (FAILS, "skipped", "skipped", "skipped"),
    "teardown_made_failed": ("", "error", "mark", "passed error"),
}


SOME = (
    "expected",
    "marked_later",
    "skips",
    "raises_after_expected",
    "uncalled_expected",
    "swallowed",
    "call_made_failed",
)


def write(project: Project, names: Iterable[str]) -> None:
    """Write the config with these cases, and the hooks and fixtures."""
    keys = {name: CASES[name][0] for name in names}
    lines = [f"  - {{name: {name}, script: ok.py{', ' * bool(keys[name])}{keys[name]}}}\n" for name in keys]
    project.config("sinks: [{name: jsonl, path: ../sent.jsonl}]\nentries:\n" + "".join(lines))
    (project.path / "benchmarks" / "conftest.py").write_text(CONFTEST)


def sent(project: Project) -> list[tuple[str, str]]:
    """Names and statuses of the results that the sink was given."""
    results = [json.loads(line) for line in (project.path / "sent.jsonl").read_text().splitlines()]
    return [(result["name"], result["status"]) for result in results]


@pytest.mark.parametrize(("names", "extra"), [(tuple(CASES), ()), (SOME, ("-n", "1"))], ids=["all", "xdist"])
def test_pytest_and_the_result_agree(project: Project, names: tuple[str, ...], extra: tuple[str, ...]) -> None:
    """Marks, fixtures and hooks decide what pytest says; result, session, table, JUnit and sink say the same."""
    write(project, names)
    run = project.run("--junitxml=junit.xml", *extra)
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    words = Counter(word for name in names for word in CASES[name][-1].split())
    assert run.parseoutcomes() == {{"error": "errors"}.get(word, word): count for word, count in words.items()}
    outcomes = {name: (project.result(name)["status"], project.result(name)["reason"]) for name in names}
    assert outcomes == {name: CASES[name][1:3] for name in names}
    statuses = {name: status for name, (status, _) in outcomes.items()}
    assert project.session()["counts"] == Counter(statuses.values())
    assert sorted(sent(project)) == sorted(statuses.items())
    rows = [re.match(r"(\w+) +(\w+) .* / 7,200 s", line) for line in run.outlines]
    assert {row[1]: row[2] for row in rows if row} == statuses
    told = {
        case.get("name"): item.get("value")
        for case in ET.parse(project.path / "junit.xml").iter("testcase")  # noqa: S314  # our own file
        for item in case.iter("property")
        if item.get("name") == "status"
    }
    assert told == statuses


def test_expected_failures_alone_are_exit_status_0(project: Project) -> None:
    """A failure that a mark expects fails no run; its warning and the replay say what it is."""
    write(project, ["passes", "expected"])
    run = project.run()
    run.assert_outcomes(passed=1, xfailed=1)
    assert run.ret == pytest.ExitCode.OK
    assert project.session()["status"] == "finished"
    result = project.result("expected")
    assert (result["success"], result["returncode"]) == (False, 3)
    assert project.warnings("expected") == ["expected to fail: known"]
    (project.path / "sent.jsonl").unlink()
    shutil.rmtree(project.session_dir / "sinks")
    project.pytester.run(
        sys.executable,
        "-m",
        "pytest_curator_bench",
        "replay",
        str(project.session_dir),
        "--config",
        "benchmarks/config.yaml",
    )
    assert sorted(sent(project)) == [("expected", "xfailed"), ("passes", "passed")]


def test_no_mark_expects_an_interruption(project: Project) -> None:
    """Ctrl-C during an entry that is expected to fail interrupts it, and the run."""
    project.script(
        "interrupt.py",
        "import os, pathlib, signal, time\nos.kill(int(pathlib.Path('pid').read_text()), signal.SIGINT)\ntime.sleep(60)\n",
    )
    (project.path / "conftest.py").write_text("import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))\n")
    project.config(f"entries: [{{name: a, script: interrupt.py, {XFAIL}}}, {{name: b, script: ok.py}}]")
    run = project.run()
    assert run.ret == pytest.ExitCode.INTERRUPTED
    run.assert_outcomes(failed=1)
    assert (project.session()["status"], project.session()["counts"]) == ("interrupted", {"interrupted": 1})


LEAVES_OUT = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    return True if item.name == "left_out" else None
"""


def test_an_entry_that_is_left_out_is_an_error(project: Project) -> None:
    """A hook that runs nothing and reports nothing leaves no exit status 0."""
    project.config("entries: [{name: left_out, script: ok.py}, {name: b, script: ok.py}]")
    (project.path / "conftest.py").write_text(LEAVES_OUT)
    run = project.run("-n", "1", "-q")
    run.assert_outcomes(passed=1, warnings=1)
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    run.stdout.fnmatch_lines(["*left_out: pytest ended without running the entry*"])
    assert (project.result("left_out")["status"], project.result("left_out")["reason"]) == ("error", "not-run")
    assert (project.session()["exit_status"], project.session()["counts"]) == (1, {"error": 1, "passed": 1})


@pytest.mark.parametrize("hook", ["collection_finish", "sessionfinish"])
def test_a_hook_that_ends_pytest_makes_nothing_green(project: Project, hook: str) -> None:
    """``pytest.exit(returncode=0)`` before the first entry, and at the end of a session in which one has failed."""
    project.config("entries: [{name: a, script: ok.py, args: --exit 3}]")
    (project.path / "conftest.py").write_text(
        f"import pytest\ndef pytest_{hook}(): pytest.exit('enough', returncode=0)\n"
    )
    assert project.run().ret == pytest.ExitCode.TESTS_FAILED


# What pytest-rerunfailures and flaky do.
RERUNS = """
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    while True:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        is_final = not any(report.failed for report in reports)
        for report in reports:
            if report.failed:
                report.outcome = "rerun"
            if report.outcome != "rerun" or item.name == "loud":
                item.ihook.pytest_runtest_logreport(report=report)
        if is_final:
            return True

def pytest_report_teststatus(report):
    return ("rerun", "R", "RERUN") if report.outcome == "rerun" else None
"""


def test_sinks_get_the_last_of_several_runs_by_another_plugin(project: Project) -> None:
    """Whether the plugin logs the failures of earlier runs or not; a replay delivers as much."""
    project.script(
        "second.py",
        "import pathlib, sys\nflag = pathlib.Path(sys.argv.pop(1))\n"
        "if not flag.exists():\n    flag.touch()\n    sys.exit(3)\n" + (project.scripts / "ok.py").read_text(),
    )
    entries = [f"{{name: {name}, script: second.py, args: flag-{name}}}" for name in ("loud", "silent")]
    project.config(f"sinks: [{{name: jsonl, path: ../sent.jsonl}}]\nentries: [{', '.join(entries)}]")
    (project.path / "conftest.py").write_text(RERUNS)
    assert project.run().ret == pytest.ExitCode.OK
    expected = [("loud", "passed"), ("silent", "passed")]
    assert sorted(sent(project)) == expected
    assert project.session()["counts"] == {"passed": 2}
    assert len(list(project.session_dir.glob("superseded/*/results.json"))) == 2
    results, problems = session_results(project.session_dir)
    assert sorted((result["name"], result["status"]) for result in results) == expected
    assert not problems


@pytest.mark.parametrize(
    "options",
    [("--setup-only",), ("--setup-plan",), ("--setup-only", "-n", "1"), ("--collect-only",), ("--fixtures",),
     ("--bench-session", "mine", "--setup-only")],
    ids=" ".join,
)  # fmt: skip
def test_what_only_shows_makes_no_session(project: Project, options: tuple[str, ...]) -> None:
    """Nothing is run, prepared, written or delivered, whatever the entries miss."""
    project.config(
        "sinks: [{name: jsonl, path: ../sent.jsonl}]\ndata_setups: [{name: data, script: nope.py}]\n"
        "entries: [{name: a, script: ok.py, retries: 1}, {name: b, script: nope.py, data_setups: [data], repeat: 2}]"
    )
    run = project.run(*options) if "-n" in options else project.run_here(*options)
    assert run.ret == pytest.ExitCode.OK
    assert not (project.path / "results").exists()
    assert not (project.path / "sent.jsonl").exists()
    if "--setup-only" in options and "-n" not in options:
        run.stdout.fnmatch_lines(["*SETUP*bench_ray_cluster*", "*TEARDOWN*bench_ray_cluster*"])


def test_without_pytests_skips_benchmarks_are_refused(project: Project) -> None:
    """Shortages and known misses rest on them."""
    project.config("entries: [{name: a, script: ok.py}]")
    run = project.run_here("-p", "no:skipping")
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["*don't switch them off (-p no:skipping)*"])
