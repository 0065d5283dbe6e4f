# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Retries, and runs that take turns: one item each, with nothing hidden."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_repeats_plugin import VARY

if TYPE_CHECKING:
    from tests.support.bench_project import Project

# Fails, or hangs, as often as the first argument says for this entry, then passes.
FLAKY = """
import json, pathlib, pickle, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
how, times, counter = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
scratch = pathlib.Path(sys.argv[4])
assert not any(scratch.iterdir()), "scratch is not empty"
(scratch / "left").write_text("x")
count = int(counter.read_text()) + 1 if counter.exists() else 1
counter.write_text(str(count))
print("go", count)
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps({"go": count}))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
if count <= times:
    time.sleep(300 if how == "hang" else 0)
    sys.exit(3)
"""


def flaky(project: Project, how: str, times: int, more: str, name: str = "a") -> str:
    """An entry in YAML that fails so often."""
    project.script("flaky.py", FLAKY)
    counter = project.path / f"{name}.count"
    args = f"['{how}', '{times}', '{counter}', '{{scratch_dir}}']"
    return f"  - {{name: {name}, script: flaky.py, args: {args}, {more}}}\n"


def case_of(project: Project, name: str) -> ET.Element:
    """The only test case of an entry in junit.xml."""
    root = ET.parse(project.path / "junit.xml")  # noqa: S314  # our own file
    (case,) = [case for case in root.iter("testcase") if case.get("name") == name]
    return case


def test_a_retry_hides_nothing(project: Project) -> None:
    """Under xdist, too: an entry that passes at its second attempt says so everywhere; the first attempt is kept whole."""
    project.config(
        "cleanup_timeout_s: 1\nentries:\n"
        + flaky(project, "hang", 1, "timeout_s: 10, retries: 2")
        + "  - {name: other, script: ok.py, retries: 2}\n"
    )
    result = project.run("-v", "--junitxml=junit.xml", "-n", "1")
    result.assert_outcomes(passed=2)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*PASSED (attempt 2)*", "a *passed (attempt 2)*", "a: attempt 1 of 2: timeout: Timed out after 10 s*", "*2 passed*"]
    )  # fmt: skip
    data = project.result("a")
    assert (data["status"], data["script_metrics"]) == ("passed", {"go": 2})
    assert [(attempt["attempt"], attempt["status"]) for attempt in data["attempts"]] == [(1, "timeout"), (2, "passed")]
    assert project.warnings("a")[0].startswith("attempt 1 of 2: timeout: Timed out after 10 s")
    first = project.session_dir / "a" / "attempt-1"
    assert "go 1" in (first / "stdouterr.log").read_text()
    assert "go 2" in (project.session_dir / "a" / "stdouterr.log").read_text()
    kept = json.loads((first / "results.json").read_text())
    assert (kept["status"], kept["stdouterr_file"]) == ("timeout", str(first / "stdouterr.log"))
    assert data["attempts"][0]["entry_dir"] == str(first)
    assert project.result("other")["attempts"] == []
    case = case_of(project, "a")
    assert case.find("failure") is None
    properties = [(item.get("name"), item.get("value")) for item in case.iter("property")]
    assert ("attempts", "2") in properties
    assert properties.count(("go", "2")) == 1
    assert not any(name == "status" and value == "timeout" for name, value in properties)
    assert project.session()["counts"] == {"passed": 2}


def test_the_last_attempt_fails(project: Project) -> None:
    """After the last attempt the entry fails once, also for --lf and -x; attempts are listed."""
    project.config("entries:\n" + flaky(project, "exit", 9, "retries: 1, retry_on: [failed]") + "  - {name: z, script: ok.py}\n")  # fmt: skip
    run = project.pytester.runpytest_subprocess
    result = run("benchmarks", "--bench-config", "config.yaml", "-x", "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["a: attempt 1 of 2: failed: *", "*1 failed*"])
    data = project.result("a")
    assert [(attempt["status"], attempt["reason"]) for attempt in data["attempts"]] == [("failed", "exit-code")] * 2
    assert case_of(project, "a").find("failure") is not None
    again = run("benchmarks", "--bench-config", "config.yaml", "--lf", "--collect-only", "-q")
    again.stdout.fnmatch_lines(["benchmarks/config.yaml::a"])
    again.stdout.no_fnmatch_line("*::z")


def test_what_is_not_tried_again(project: Project) -> None:
    """Failures that weren't named, and unmet requirements, whatever was named."""
    cases = {
        "default": "retries: 1",  # a script that fails is not tried again unless the entry says so
        "other": "retries: 1, retry_on: [timeout]",
        "unmet": "retries: 3, retry_on: [failed, error, timeout], requirements: [{metric: go, min_value: 9}]",
        "none": "timeout_s: 60",
    }
    entries = [flaky(project, "exit", 0 if name == "unmet" else 9, more, name) for name, more in cases.items()]
    project.config("entries:\n" + "".join(entries))
    project.run().assert_outcomes(failed=4)
    for name in cases:
        assert (project.path / f"{name}.count").read_text() == "1"
        assert project.result(name)["attempts"] == []
        assert not (project.session_dir / name / "attempt-1").exists()


def test_a_setup_that_fails_is_retried(project: Project) -> None:
    """An error before the script ran, as of a Ray cluster, counts as an attempt; each has fresh fixtures."""
    (project.path / "benchmarks" / "conftest.py").write_text(
        "import pytest\ntries = []\n"
        "@pytest.fixture(autouse=True)\ndef shaky(bench_scratch_dir):\n"
        "    tries.append(1)\n    assert len(tries) > 2, 'not yet'\n    yield\n"
        "@pytest.fixture(scope='session', autouse=True)\ndef once():\n    print('ONCE', len(tries))\n"
    )
    project.config("entries: [{name: a, script: ok.py, retries: 2}]")
    result = project.run("-s")
    result.assert_outcomes(passed=1)
    data = project.result("a")
    assert [attempt["status"] for attempt in data["attempts"]] == ["error", "error", "passed"]
    assert "not yet" in data["attempts"][0]["error"]
    assert result.stdout.str().count("ONCE") == 1
    assert (project.session_dir / "a" / "attempt-2" / "results.json").exists()


def test_users_fixtures_in_each_attempt(project: Project) -> None:
    """What a fixture puts into the scratch directory is there for each attempt; what it uses outlives it."""
    (project.path / "benchmarks" / "conftest.py").write_text(
        "import pytest\n"
        "@pytest.fixture(autouse=True)\ndef staged(bench_scratch_dir, bench_lease, tmp_path):\n"
        "    (bench_scratch_dir / 'input').write_text('x')\n    yield\n"
        "    assert (bench_scratch_dir / 'input').exists() and bench_lease.released_at is None\n"
    )
    project.script(
        "needs.py",
        "import pathlib, runpy, sys\n"
        "assert (pathlib.Path(sys.argv[1]) / 'input').read_text() == 'x'\n"
        "flag = pathlib.Path(sys.argv[2])\n"
        "first = not flag.exists()\nflag.touch()\n"
        "if first: sys.exit(3)\n"
        "runpy.run_path(__file__.replace('needs', 'ok'), run_name='__main__')\n",
    )
    entry = "{{name: {name}, script: needs.py, args: ['{{scratch_dir}}', {name}.flag], retries: 1, retry_on: [failed]}}"
    project.config(f"entries: [{entry.format(name='a')}, {entry.format(name='b')}]")
    result = project.run("--junitxml=junit.xml")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["a: attempt 1: failed: *; retrying"])
    assert [attempt["status"] for attempt in project.result("a")["attempts"]] == ["failed", "passed"]


@pytest.mark.parametrize("phase", ["setup", "teardown"])
def test_a_users_fixture_that_fails_in_a_turn(project: Project, phase: str) -> None:
    """The entry is an error, at once, and the others take their turns."""
    turns(project)
    body = {"setup": "assert fine\n    yield", "teardown": "yield\n    assert fine"}[phase]
    (project.path / "benchmarks" / "conftest.py").write_text(
        "import pytest\nseen = []\n"
        "@pytest.fixture(autouse=True)\ndef shaky(request):\n"
        "    seen.append(request.node.name)\n    fine = seen.count('b') != 2 or request.node.name != 'b'\n"
        f"    {body}\n"
    )
    result = project.run(*TWO, "--bench-interleave", "--junitxml=junit.xml", config=None)
    passed = 3 if phase == "setup" else 4  # the call itself has passed
    result.assert_outcomes(passed=passed, errors=1)
    assert result.ret == 1
    assert project.result("b")["status"] == "error"
    assert order(project)[-1] == "a run-3"
    runs = [name for name in order(project) if name.startswith("b")]
    assert len(runs) == (1 if phase == "setup" else 2)
    assert [f"b {run['run']}" for run in project.result("b")["runs"]] == runs


def test_a_cluster_of_the_users_own_in_turns(project: Project) -> None:
    """Between turns nothing is held, whatever fixtures there are: the next entry gets its lease."""
    turns(project)
    (project.path / "benchmarks" / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef bench_ray_cluster(): return None\n"
    )
    project.run(*TWO, "--bench-interleave", config=None).assert_outcomes(passed=4)
    assert order(project)[:4] == ["a warmup-1", "a run-1", "b run-1", "a run-2"]


def test_setup_only_runs_nothing(project: Project) -> None:
    """Neither rounds nor retries are made of it."""
    turns(project, ", retries: 1")
    project.run(*TWO, "--bench-interleave", "--setup-only", config=None)
    assert not (project.path / "order.txt").exists()


def test_the_time_of_all_turns(project: Project) -> None:
    """JUnit's time of an entry is that of all its turns."""
    turns(project)
    project.run(*TWO, "--bench-interleave", "--junitxml=junit.xml", config=None).assert_outcomes(passed=4)
    runs = project.result("a")["runs"]
    assert float(case_of(project, "a").get("time", "0")) > sum(run["exec_time_s"] for run in runs)


def test_retries_of_entries_with_several_runs(project: Project) -> None:
    """An attempt begins anew, with its first run; what the failed one measured is kept with it."""
    project.config("entries:\n" + flaky(project, "exit", 1, "retries: 1, retry_on: [failed], repeat: 2"))
    project.run().assert_outcomes(passed=1)
    data = project.result("a")
    assert [run["metrics"]["go"] for run in data["runs"]] == [2, 3]
    assert (project.session_dir / "a" / "attempt-1" / "run-1" / "stdouterr.log").read_text() == "go 1\n"


def order(project: Project) -> list[str]:
    """Which runs there were, in order."""
    return (project.path / "order.txt").read_text().splitlines()


def turns(project: Project, first: str = "", second: str = "") -> None:
    """Two entries with three runs each, in two files, and others between them."""
    project.script("vary.py", VARY)
    args = "['{scratch_dir}', order.txt]".replace("[", "['[1, 2, 3]', ")
    project.config(
        f"entries:\n  - {{name: a, script: vary.py, args: {args}, repeat: 3, warmup: 1{first}}}\n"
        "  - {name: single, script: ok.py}\n",
        "benchmarks/one.yaml",
    )
    project.config(
        f"entries:\n  - {{name: b, script: vary.py, args: {args}, repeat: 3{second}}}\n  - {{name: last, script: ok.py}}\n",
        "benchmarks/two.yaml",
        head=False,
    )


TWO = ("--bench-config", "one.yaml", "--bench-config", "two.yaml")


def test_runs_take_turns(project: Project) -> None:
    """A1 B1 A2 B2 ...; each entry is one item with one result, one test case, all its runs and its scratch in order."""
    turns(project)
    result = project.run(*TWO, "--bench-interleave", "--junitxml=junit.xml", config=None)
    result.assert_outcomes(passed=4)
    result.stdout.no_fnmatch_line("*retried*")
    assert order(project) == ["a warmup-1", "a run-1", "b run-1", "a run-2", "b run-2", "a run-3", "b run-3"]
    for name, count in {"a": 4, "b": 3}.items():
        data = project.result(name)
        assert (data["status"], data["script_metrics"]["rate"], len(data["runs"])) == ("passed", 2, count)
        assert case_of(project, name).find("failure") is None
        assert [
            item.get("value") for item in case_of(project, name).iter("property") if item.get("name") == "runs"
        ] == ["3"]
    assert project.session()["counts"] == {"passed": 4}
    assert not (project.session_dir / "a" / "scratch").exists()


def test_a_session_fixture_ends_with_the_last_item_that_runs(project: Project) -> None:
    """The last item collected has run already, in its turn: what fails in the fixture's teardown is still reported."""
    keys = "script: ok.py, repeat: 2"
    project.config(f"entries: [{{name: a, {keys}}}, {{name: single, script: ok.py}}, {{name: b, {keys}}}]")
    (project.path / "benchmarks" / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(scope='session', autouse=True)\n"
        "def service():\n    yield\n    raise RuntimeError('does not stop')\n"
    )
    result = project.run("--bench-interleave")
    result.assert_outcomes(passed=3, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*ERROR at teardown of single*"])
    assert (project.result("single")["status"], project.session()["counts"]) == ("error", {"error": 1, "passed": 2})


def test_without_the_option_runs_follow_one_another(project: Project) -> None:
    """All runs of one entry, then those of the next."""
    turns(project)
    project.run(*TWO, config=None).assert_outcomes(passed=4)
    assert order(project) == ["a warmup-1", *(f"a run-{n}" for n in (1, 2, 3)), *(f"b run-{n}" for n in (1, 2, 3))]


def test_a_failure_among_turns(project: Project) -> None:
    """An entry whose second run fails has no third turn, and the other goes on; a bound is judged at the end."""
    turns(project, ", requirements: [{metric: rate, min_value: 5}]")
    text = (project.path / "benchmarks" / "two.yaml").read_text()
    (project.path / "benchmarks" / "two.yaml").write_text(text.replace("[1, 2, 3]", '[1, "bad", 3]'))
    result = project.run(*TWO, "--bench-interleave", config=None)
    result.assert_outcomes(passed=2, failed=2)
    assert order(project) == ["a warmup-1", "a run-1", "b run-1", "a run-2", "b run-2", "a run-3"]
    assert project.result("b")["error"].startswith("Run 2 of 3: Exit status 3")
    assert project.result("a")["error"] == "rate = 2 (median of 3 runs), must be at least 5 (60 % too low)"


def test_stopping_at_the_first_failure_among_turns(project: Project) -> None:
    """With -x, an entry that had not had all its runs is recorded as interrupted."""
    turns(project)
    text = (project.path / "benchmarks" / "two.yaml").read_text()
    (project.path / "benchmarks" / "two.yaml").write_text(text.replace("[1, 2, 3]", '["bad", 2, 3]'))
    project.run(*TWO, "--bench-interleave", "-x", config=None).assert_outcomes(failed=1)
    assert (project.result("a")["status"], project.result("b")["status"]) == ("interrupted", "failed")
    assert (project.session_dir / "a" / "run-1" / "results.json").exists()


def test_turns_need_one_process(project: Project) -> None:
    """With xdist the option is refused in one sentence, before anything runs."""
    turns(project)
    result = project.run_here(*TWO, "--bench-interleave", "-n", "2", config=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--bench-interleave needs one process, in which runs take turns: leave -n out*"])
    assert not (project.path / "results").exists()


def test_a_plugin_that_runs_items_again(project: Project) -> None:
    """What other plugins run twice begins anew: nothing of the first go is taken for the second's."""
    (project.path / "benchmarks" / "conftest.py").write_text(
        "from _pytest.runner import runtestprotocol\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    runtestprotocol(item, nextitem=item.parent, log=False)\n"
    )
    project.script("vary.py", VARY)
    project.config("entries: [{name: a, script: vary.py, args: ['[1, 2]'], repeat: 2}]")
    project.run().assert_outcomes(passed=1)
    assert [run["run"] for run in project.result("a")["runs"]] == ["run-1", "run-2"]
    assert len(list(project.session_dir.glob("superseded/a-1/run-2/results.json"))) == 1
