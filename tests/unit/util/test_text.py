# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbers for people, in one style."""

from __future__ import annotations

import math

import pytest

from pytest_curator_bench._util.text import (
    counted,
    format_duration,
    format_number,
    format_percent,
    format_ratio,
    format_seconds,
    format_size,
    harmless,
    instead_of,
    listed,
    one_of,
    printable,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (7, "7"), (60_000, "60,000"), (-1234, "-1,234"), (10**18, "1,000,000,000,000,000,000")),
        pytest.param(10**5000, "an integer of 16610 bits", id="long"),
        *((1.0, "1"), (60_000.0, "60,000"), (0.123456, "0.1235"), (3.14159, "3.142"), (999.949, "999.9")),
        *((999.96, "1,000"), (1234.56, "1,235"), (-1234567.8, "-1,234,568"), (1.5e-9, "1.5e-09"), (1e15, "1e+15")),
        *((math.inf, "inf"), (math.nan, "nan")),
    ],
)
def test_numbers(value: float, text: str) -> None:
    """Integers keep their digits; floats keep about four."""
    assert format_number(value) == text


def test_units() -> None:
    """Percentages, sizes, durations and counts."""
    assert [format_percent(value) for value in (12.345, 0.5, 1234.5)] == ["12.3 %", "0.5 %", "1,234 %"]
    sizes = (0, 20_000, 1_500_000, 4_800_000_000, 64_000_000_000, 5_000_000_000_000)
    assert [format_size(value) for value in sizes] == ["0 kB", "20 kB", "1.5 MB", "4.8 GB", "64 GB", "5,000 GB"]
    times = [format_seconds(value) for value in (0, 0.05, 1.23, 60, 3600.0)]
    assert times == [
        "0 s",
        "0.05 s",
        "1.2 s",
        "60 s",
        "3,600 s",
    ]
    assert [counted(1, "GPU"), counted(0, "GPU"), counted(2, "process", "processes")] == [
        *("1 GPU", "0 GPUs", "2 processes")
    ]


def test_what_has_grown_beyond_all_floats_is_told_as_that() -> None:
    """Rather than an infinity, or hundreds of digits."""
    assert [format_ratio(value) for value in (50, 1e300, math.inf)] == ["50×", "1e+300×", "over 2e+308×"]
    assert [format_percent(value) for value in (1e20, -math.inf)] == ["1e+20 %", "over -2e+308 %"]
    assert format_size(1e30) == "1e+21 GB"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m\x00\x07\r\x7f\x9b", r"\x1b[31m\x00\x07\r\x7f\x9b"),
        ("\u202e\u2066\u200f\u061c\ufeff\u2028", r"\u202e\u2066\u200f\u061c\ufeff\u2028"),
        ("\ud800\udcff\ufffe\uffff", r"\ud800\udcff\ufffe\uffff"),
        ("Köln \u00a0 \U0001f3ce\ufe0f \u200d 東京 \\x1b", "Köln \u00a0 \U0001f3ce\ufe0f \u200d 東京 \\x1b"),
    ],
)
def test_what_is_shown_does_no_harm(text: str, shown: str) -> None:
    """What terminals obey, what turns the direction, and what XML and UTF-8 can't hold is escaped; the rest stays."""
    assert harmless(text) == printable(text) == shown
    assert harmless(shown) == shown


def test_line_ends_and_tabs() -> None:
    """They stay in a text of several lines, and are escaped in one of a single line."""
    assert harmless("a\n\tb") == "a\n\tb"
    assert printable("a\n\tb") == r"a\n\tb"


def test_longer_durations() -> None:
    """Two units at most, and one of days."""
    times_s = (0, 48.4, 59.6, 65, 720, 17_880, 172_799, 8_640_000)
    texts = ["0 s", "48 s", "1 min", "1 min 5 s", "12 min", "4 h 58 min", "47 h 59 min", "100 days"]
    assert [format_duration(value) for value in times_s] == texts
    assert format_duration(17_880, units=1) == "4 h"


def test_what_was_meant_comes_before_what_there_is() -> None:
    """A list has at most eight words: those that are like the wrong one."""
    assert instead_of("tow", ["two", "one"]) == "; did you mean 'two'? Expected one of one, two"
    assert instead_of("x", ["two", "one"]) == ", expected one of one, two"
    assert instead_of("x", []) == ", expected one that is defined; none are defined"
    many = [f"{letter}{letter}{letter}_s" for letter in "abcdefghijkl"]
    assert instead_of("kkk", many).startswith("; did you mean 'kkk_s'? Expected one of ")
    assert instead_of("kkk", many).count("_s") == 9
    assert instead_of("kkk", many).endswith(", ... (4 more)")
    assert one_of(many) == f"one of {', '.join(many[:8])}, ... (4 more)"
    assert [listed("ab"), listed(many[:8])] == ["a, b", ", ".join(many[:8])]
