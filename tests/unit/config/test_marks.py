# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Marks: names, arguments, and what pytest's own marks take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.config import Mark
from tests.support.config import MINIMAL, load, problem

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = {
    "{skip: {reason: no}}": "found the mark 'skip' with reason no, expected text; write it in quotes",
    "{skip: no}": "found the mark 'skip' with reason no, expected text",
    "{skip: {reason: }}": "found the mark 'skip' with reason nothing, expected text",
    "{skip: [a, b]}": "found the mark 'skip' with 2, expected one reason",
    "{skip: {raeson: x}}": "unknown argument 'raeson', expected one of reason",
    "{xfail: {reason: 5}}": "with reason 5, expected text",
    "{xfail: {raises: ValueError}}": "with raises, expected no exception",
    "{xfail: {run: 0}}": "with run 0, expected true or false",
    "{xfail: {strict: 'yes'}}": "with strict 'yes', expected true or false",
    "{xfail: the reason}": "with condition 'the reason', expected true, false or a Python expression",
    "{xfail: {}}, {xfail: {condition: 1}}": "with condition 1, expected true, false or a Python expression",
    "{skipif: {condition: [a]}}": "with condition a list, expected true, false or a Python expression",
    "{skipif: true}": "with a condition that is true or false, expected a reason beside it",
    "{skipif: [x, false]}": "with a condition that is true or false, expected a reason beside it",
    "{filterwarnings: 5}": "with filter 5, expected a warning filter",
    "filterwarnings": "found the mark 'filterwarnings' alone, expected a filter",
    "{filterwarnings: {error: x}}": "unknown argument 'error', expected a list",
    "{filterwarnings: 'error::NoWarning'}": "with filter 'error::NoWarning', expected a warning filter",
    "{filterwarnings: 'error::int'}": "with filter 'error::int'",
    "{filterwarnings: ['ignore', 'explode']}": "with filter 'explode'",
    "{filterwarnings: 'ignore:['}": "with filter 'ignore:['",
    "{filterwarnings: 'ignore::::x'}": "with filter 'ignore::::x'",
    "{filterwarnings: 'ignore:::::'}": "with filter 'ignore:::::'",
    "{timeout: abc}": "found the mark 'timeout', expected timeout_s",
    "{timeout: {method: thread}}": "found the mark 'timeout', expected timeout_s",
    "{usefixtures: 5}": "found the mark 'usefixtures', expected no fixtures",
    "{parametrize: [a, [1]]}": "found the mark 'parametrize', expected matrix",
    "_private": "found '_private' (text), expected a mark's name",
    "a-b": "expected a mark's name",
    "class": "expected a mark's name",
    "5": "found 5, expected a mark's name",
    "{a: 1, b: 2}": "found a mapping, expected a mark's name",
    "{mine: {self: 1}}": "found an argument called self, expected another one",
}
ACCEPTED = {
    "skip": Mark(name="skip"),
    "{skip: }": Mark(name="skip"),
    "{skip: 2024-01-01}": Mark(name="skip", args=("2024-01-01",)),
    "{skip: {reason: 'no'}}": Mark(name="skip", kwargs={"reason": "no"}),
    "{skipif: sys.maxsize > 9}": Mark(name="skipif", args=("sys.maxsize > 9",)),
    "{skipif: {condition: '${OFF}', reason: x}}": Mark(name="skipif", kwargs={"condition": True, "reason": "x"}),
    "{xfail: {reason: slow, strict: false}}": Mark(name="xfail", kwargs={"reason": "slow", "strict": False}),
    "{filterwarnings: ['error', 'ignore:a:DeprecationWarning', 'd::x.Y:m:3']}": Mark(
        name="filterwarnings", args=("error", "ignore:a:DeprecationWarning", "d::x.Y:m:3")
    ),
    "{flaky: {reruns: 2, only: [a]}}": Mark(name="flaky", kwargs={"reruns": 2, "only": ["a"]}),
    "{xdist_group: 5}": Mark(name="xdist_group", args=(5,)),
}


@pytest.mark.parametrize("marks", REFUSED)
def test_arguments_that_pytest_would_fail_on_are_refused_with_their_line(tmp_path: Path, marks: str) -> None:
    """Pytest itself sees them only when the entry runs, and answers with a traceback or ends the run."""
    text = problem(tmp_path, f"{MINIMAL}  marks: [{marks}]\n")
    assert text.startswith("a.yaml:5: entries[cc].marks[#")
    assert REFUSED[marks] in text


@pytest.mark.parametrize("marks", ACCEPTED)
def test_other_arguments_are_handed_over(tmp_path: Path, marks: str) -> None:
    """Those of other plugins' marks are not looked at."""
    config = load(tmp_path, f"{MINIMAL}  marks: [{marks}]\n", env={"OFF": "true"})
    assert config.entries[0].marks == (ACCEPTED[marks],)
