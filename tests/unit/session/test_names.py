# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Names of sessions and entries: readable, unique, and safe as directories."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest

from pytest_curator_bench.session.names import (
    RESERVED_ENTRY_NAMES,
    candidate_names,
    validate_entry_name,
    validate_session_name,
)


def test_names_carry_the_time_and_then_a_number() -> None:
    """The guide's form first, then the ones for conflicts."""
    names = candidate_names("nightly-run", datetime(2025, 1, 23, 14, 30, 0))
    assert list(itertools.islice(names, 3)) == [
        "nightly-run__2025-01-23__14-30-00",
        "nightly-run__2025-01-23__14-30-00-2",
        "nightly-run__2025-01-23__14-30-00-3",
    ]


@pytest.mark.parametrize("name", ["nightly", "a b", "ünïcödé-名前", "x" * 150, "release-1.4", "-x", "a.b"])
def test_ordinary_names_are_taken_as_they_are(name: str) -> None:
    """Spaces inside, dots and letters of any script are fine."""
    assert validate_session_name(name) == name


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("a/b", "has a slash"),
        ("..", "has '..' in it"),
        ("a..b", "has '..' in it"),
        (".hidden", "begins with a dot"),
        ("a\nb", "control or other invisible"),
        ("a\x1b[31m", "control or other invisible"),
        ("a\u202eb", "control or other invisible"),
        ("a\udc80", "control or other invisible"),
        ("a\0b", "null character"),
        (" a", "begins or ends with a space"),
        ("ü" * 76, "has 152 bytes, at most 150 are allowed"),
    ],
)
def test_unsafe_names_are_refused_in_one_sentence(name: str, problem: str) -> None:
    """The sentence shows the name without printing what is invisible in it."""
    with pytest.raises(ValueError, match=r"^session name ") as raised:
        validate_session_name(name)
    message = str(raised.value)
    assert problem in message
    assert message.isprintable()
    assert len(message) < 200


def test_a_bad_prefix_is_refused_with_its_time() -> None:
    """What is too long only together with the time is refused, too."""
    with pytest.raises(ValueError, match="at most 150"):
        next(candidate_names("x" * 140, datetime(2025, 1, 23)))


@pytest.mark.parametrize("name", sorted(RESERVED_ENTRY_NAMES))
def test_an_entry_cant_take_the_place_of_the_sessions_own_files(name: str) -> None:
    """Their directory is the session's: the names would meet."""
    with pytest.raises(ValueError, match="is the name of something else"):
        validate_entry_name(name)


def test_entry_names_may_carry_brackets() -> None:
    """Repeats and matrix entries are called so."""
    assert validate_entry_name("dedup[size=10,rep=2]") == "dedup[size=10,rep=2]"
