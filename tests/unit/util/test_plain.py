# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Anything as plain data."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench._util.plain import to_plain


class Level(IntEnum):
    """An enum that is an integer, too."""

    HIGH = 3


class Colour(StrEnum):
    """An enum that is a string, too."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (10**100, 10**100),
        (Path("/a/b"), "/a/b"),
        (Level.HIGH, 3),
        (Colour.RED, "red"),
        ({3, 1, 2}, [1, 2, 3]),
        ({"b", 10, 9, "a", (1, "x"), (1, 2)}, [9, 10, [1, "x"], [1, 2], "a", "b"]),
        ((1, (2,)), [1, [2]]),
        (OrderedDict(a=1), {"a": 1}),
        ({1: "a", None: "b", Colour.RED: "c", Path("d"): "d"}, {"1": "a", "null": "b", "red": "c", "d": "d"}),
        ({False: "a", 1.5: "b", (1, 2): "c"}, {"false": "a", "1.5": "b", "[1, 2]": "c"}),
        (Path(b"/data/\xff".decode(errors="surrogateescape")), "/data/\\udcff"),
        (range(10**9), "range(0, 1000000000)"),
    ],
)
def test_what_values_become(value: object, plain: object) -> None:
    """Each kind of value becomes what the docstring says."""
    converted = to_plain(value)
    assert converted == plain
    assert type(converted) is type(plain)


def test_nan_is_kept_unless_strict() -> None:
    """Results in memory keep the float, to be compared; files get the string, because JSON has no NaN."""
    kept = to_plain({"a": math.nan, "b": -math.inf})
    assert isinstance(kept, dict)
    assert math.isnan(kept["a"])
    assert to_plain({"a": math.nan, "b": -math.inf, "c": math.inf}, strict=True) == {
        "a": "NaN",
        "b": "-Infinity",
        "c": "Infinity",
    }


def test_a_converter_may_give_what_is_not_plain_yet() -> None:
    """It is asked for values of other types alone, and what it gives is looked at like the rest."""
    assert to_plain([1, 2j], convert=lambda value: {"as": (repr(value), Path("p"))[0]}) == [1, {"as": "2j"}]


def test_depth_ends_somewhere() -> None:
    """What is nested too deeply for those who copy it, or within itself, is named by its type."""
    cycle: list[Any] = [1]
    cycle.append(cycle)
    text = json.dumps(to_plain(cycle))
    assert text.count("[1") == 64
    assert "<list, nested too deeply>" in text
    shared = [1]
    assert to_plain([shared, shared]) == [[1], [1]]


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.dates(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.none() | st.floats(), inner)
        | st.frozensets(st.text() | st.integers())
    ),
    max_leaves=20,
)


@given(_ANYTHING)
def test_what_comes_out_is_strict_json(value: object) -> None:
    """Whatever goes in, what comes out is strict JSON, and plain already."""
    plain = to_plain(value, strict=True)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert to_plain(plain, strict=True) == plain


@given(_ANYTHING)
def test_write_json_agrees(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    """The fast way for plain data and the careful way for other data write the same."""
    path = tmp_path_factory.getbasetemp() / "agrees.json"
    write_json(path, value, durable=False)
    assert json.loads(path.read_bytes()) == to_plain(value, strict=True)
