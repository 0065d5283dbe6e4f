# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Requirements through pytest: outcomes, terminal, JUnit, results, expected failures, xdist."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.bench_project import Project

UNMET = "rate_per_sec = 1.5, must be at least 2 (25 % too low)"


def entries(project: Project, **requirements: str) -> None:
    """One entry for each list of requirements."""
    lines = [f"  - {{name: {name}, script: ok.py, requirements: [{text}]}}\n" for name, text in requirements.items()]
    project.config("entries:\n" + "".join(lines))


def junit(project: Project) -> dict[str, ET.Element]:
    """The test cases of junit.xml by name."""
    root = ET.parse(project.path / "junit.xml")  # noqa: S314  # our own file
    return {case.get("name", ""): case for case in root.iter("testcase")}


def properties(case: ET.Element) -> dict[str, str]:
    """The properties of a test case."""
    return {item.get("name", ""): item.get("value", "") for item in case.iter("property")}


@pytest.mark.parametrize("extra", [(), ("-n", "1")])
def test_a_broken_bound_is_one_line_everywhere(project: Project, extra: tuple[str, ...]) -> None:
    """Terminal, table, JUnit message and properties, results.json: the same sentence, with xdist and without."""
    entries(
        project,
        bad="{metric: rate_per_sec, min_value: 2}, {metric: nested.count, exact_value: 3}",
        good="{metric: rate_per_sec, max_value: 2, warn_above: 1}, {metric: resources.max_rss_bytes, min_value: 1}",
    )
    result = project.run("--junitxml=junit.xml", *extra)
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            UNMET,
            "command: *",
            "bad *failed*",
            f"    {UNMET}",
            "good: rate_per_sec = 1.5 is above 1 (warn_above)",
            f"FAILED *::bad - {UNMET}",
        ]
    )
    cases = junit(project)
    failure = cases["bad"].find("failure")
    assert failure is not None
    assert failure.get("message", "").splitlines()[0] == UNMET
    assert properties(cases["bad"])["requirement.rate_per_sec"] == f"not met: {UNMET}"
    assert properties(cases["bad"])["requirement.nested.count"] == "met: nested.count = 3, exactly 3"
    assert properties(cases["good"])["requirement.resources.max_rss_bytes"].startswith("met: ")
    bad, good = project.result("bad"), project.result("good")
    assert (bad["status"], bad["reason"], bad["success"], bad["error"]) == ("failed", "requirements", False, UNMET)
    assert [(record["metric"], record["met"]) for record in bad["requirements"]] == [
        ("rate_per_sec", False),
        ("nested.count", True),
    ]
    assert bad["requirements"][0]["margin_percent"] == -25
    assert (good["status"], project.warnings("good")) == ("passed", ["rate_per_sec = 1.5 is above 1 (warn_above)"])
    assert project.session()["counts"] == {"passed": 1, "failed": 1}


def test_many_unmet_requirements_stay_compact(project: Project) -> None:
    """The failure and the table have a line for each."""
    names = ["one", "two", "three", "four", "five"]
    entries(project, bad=", ".join(f"{{metric: m.{name}, min_value: 2}}" for name in names))
    result = project.run()
    result.stdout.fnmatch_lines(
        [f"m.{name} is missing*, must be at least 2" for name in names]
        + ["bad *failed*", *(f"    m.{name} is missing*" for name in names)]
        + [
            "FAILED *::bad - m.one is missing; m.two is missing; m.three is missing; m.four is missing; m.five is missing"
        ]
    )


def test_a_failed_script_is_not_judged(project: Project) -> None:
    """A script that failed says so; its requirements say nothing."""
    project.config(
        "entries: [{name: a, script: ok.py, args: --exit 3, requirements: [{metric: rate_per_sec, min_value: 9}]}]"
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    data = project.result("a")
    assert (data["reason"], data["requirements"]) == ("exit-code", [])
    result.stdout.no_fnmatch_line("*must be at least*")


@pytest.mark.parametrize("extra", [(), ("-n", "1")])
def test_expected_failures_are_pytests_own(project: Project, extra: tuple[str, ...]) -> None:
    """A known miss is xfailed, a marked one that is met xpassed; an unmarked miss beside it fails."""
    known = "{metric: rate_per_sec, min_value: 2, xfail: needs the new reader}"
    entries(
        project,
        known=known,
        surprise="{metric: rate_per_sec, min_value: 1, xfail: needs the new reader}",
        both=f"{known}, {{metric: nested.count, min_value: 5}}",
    )
    result = project.run("--junitxml=junit.xml", "-rxX", *extra)
    result.assert_outcomes(xfailed=1, xpassed=1, failed=1)
    data = project.result("known")
    assert (data["status"], data["reason"], data["success"]) == ("passed", "known-miss", True)
    assert (data["requirements"][0]["met"], data["requirements"][0]["xfail"]) == (False, "needs the new reader")
    assert project.warnings("known") == [f"known miss (needs the new reader): {UNMET}"]
    result.stdout.fnmatch_lines(
        [
            "known *xfailed*",
            f"known: known miss (needs the new reader): {UNMET}",
            "XFAIL *::known*needs the new reader*",
        ]
    )
    assert project.result("surprise")["status"] == "passed"
    assert "remove the mark" in project.warnings("surprise")[0]
    assert project.result("both")["error"] == "nested.count = 3, must be at least 5 (40 % too low)"
    assert properties(junit(project)["known"])["requirement.rate_per_sec"] == f"known miss: {UNMET}"


def test_strict_expected_failures(project: Project) -> None:
    """With pytest's xfail_strict, a marked requirement that is met fails the entry; --runxfail lifts marks."""
    entries(
        project,
        known="{metric: rate_per_sec, min_value: 2, xfail: slow}",
        surprise="{metric: rate_per_sec, min_value: 1, xfail: slow}",
    )
    (project.path / "pytest.ini").write_text("[pytest]\nxfail_strict = true\n")
    result = project.run()
    result.assert_outcomes(xfailed=1, failed=1)
    data = project.result("surprise")
    assert (data["status"], data["reason"]) == ("failed", "requirements")
    result.stdout.fnmatch_lines(["[[]XPASS(strict)[]] rate_per_sec = 1.5, at least 1*remove the mark"])
    for path in (project.path / "results").iterdir():
        path.rename(project.path / f"old-{path.name}")
    project.run("--runxfail").assert_outcomes(passed=1, failed=1)
    assert project.result("known")["status"] == "failed"


def test_a_strict_mark_of_the_users_own(project: Project) -> None:
    """An entry that its own mark expects to fail is recorded as what pytest reports."""
    project.config("entries: [{name: a, script: ok.py, marks: [{xfail: {reason: broken, strict: true}}]}]")
    project.run().assert_outcomes(failed=1)
    data = project.result("a")
    assert (data["status"], data["reason"], data["error"]) == ("failed", "mark", "[XPASS(strict)] broken")


def test_last_failed_knows_unmet_requirements(project: Project) -> None:
    """--lf runs the entry that missed a bound again, and no other."""
    entries(project, bad="{metric: rate_per_sec, min_value: 2}", good="{metric: rate_per_sec, min_value: 1}")
    run = project.pytester.runpytest_subprocess
    run("benchmarks", "--bench-config", "config.yaml").assert_outcomes(passed=1, failed=1)
    run("benchmarks", "--bench-config", "config.yaml", "--lf").assert_outcomes(failed=1)
