# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of a delivery are left out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.sinks import PermanentSinkError
from pytest_curator_bench.sinks.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def lines() -> list[str]:
    """What is reported as left out."""
    return []


@pytest.fixture
def parts(lines: list[str]) -> Parts:
    """Parts of deliveries."""
    return Parts(lines.append)


def fail() -> None:
    """A request that fails."""
    raise OSError("reset")


def refuse() -> None:
    """A request whose content the service refuses."""
    raise PermanentSinkError("too large", status=413)


def attempt(parts: Parts, delivery: str, *calls: Callable[[], object]) -> None:
    """One call of the sink: deliver a log with each of these requests."""
    parts.begin(delivery)
    with contextlib.suppress(OSError):
        for call in calls:
            parts.deliver("a.log", call)
        parts.end()


def test_a_part_that_fails_three_times_is_left_out(parts: Parts, lines: list[str]) -> None:
    """With the cause."""
    for _ in range(2):
        attempt(parts, "a", fail)
    assert lines == []
    attempt(parts, "a", fail)
    assert lines == ["a.log: reset (tried 3 times)"]


def test_parts_of_other_deliveries_count_for_themselves(parts: Parts, lines: list[str]) -> None:
    """Every entry has a log: a passing fault in each leaves out none."""
    for delivery in "abcd":
        attempt(parts, delivery, fail)
        attempt(parts, delivery, lambda: None)
    assert lines == []


def test_a_part_that_is_refused_is_left_out_at_once(parts: Parts, lines: list[str]) -> None:
    """And the next one is delivered."""
    attempt(parts, "a", refuse, lambda: None)
    assert lines == ["a.log: too large"]
    assert parts.left_out == ["a.log"]
