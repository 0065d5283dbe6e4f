# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Merging of files: by key, by name, in place; and what can't be merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.config.merge import merge_all
from pytest_curator_bench.config.problems import Place
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping, to_plain


def located(value: object, file: str) -> Any:
    """Plain data as if read from a file; lines count the values in order."""
    line = 0

    def convert(item: object) -> object:
        nonlocal line
        line += 1
        place = Place(Path(file), line)
        if isinstance(item, dict):
            mapping = YamlMapping(place)
            for key, inner in item.items():
                mapping.put(key, convert(inner), place)
            return mapping
        if isinstance(item, list):
            items = YamlList(place)
            for inner in item:
                items.put(convert(inner), place)
            return items
        return item

    return convert(value)


def merge(*texts: str) -> tuple[Any, list[str]]:
    """Merge YAML texts; the plain result and the problems' texts."""
    documents = [located(yaml.safe_load(text), f"{n}.yaml") for n, text in enumerate(texts)]
    merged = merge_all(documents, str)
    return to_plain(merged.data), [f"{problem.path}: {problem.text}" for problem in merged.problems]


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ("a: 1", "b: 2", "{a: 1, b: 2}"),
        ("a: 1", "a: 2", "a: 2"),
        ("a: 1", "a: x", "a: x"),
        ("{a: 1, b: 2}", "a: 3", "{a: 3, b: 2}"),
        ("a: {b: {c: 1, d: 2}}", "a: {b: {c: 3}, e: 4}", "a: {b: {c: 3, d: 2}, e: 4}"),
        ("a: [1, 2]", "a: [3]", "a: [3]"),
        ("a: [x, {y: 1}]", "a: [{y: 2}]", "a: [{y: 2}]"),
        ("a: [{y: 1}]", "a: [x]", "a: [x]"),
        ("a: x y", "a: [x, y]", "a: [x, y]"),
        ("a: [x, y]", "a: x y", "a: x y"),
        ("a: {b: 1}", "a: false", "a: false"),
        ("a: false", "a: {b: 1}", "a: {b: 1}"),
        # Items go by name, wherever it stands, in place; new ones are appended in order.
        (
            "e: [{name: a, v: 1}, {name: b, v: 1}]",
            "e: [{v: 2, name: b}, {name: d}, {name: c}]",
            "e: [{name: a, v: 1}, {name: b, v: 2}, {name: d}, {name: c}]",
        ),
        # Items without a name go by their own first key.
        ("r: [{metric: m, min: 1, max: 9}]", "r: [{metric: m, min: 2}]", "r: [{metric: m, min: 2, max: 9}]"),
        ("r: [{min: 1, metric: m}]", "r: [{metric: m, min: 2}]", "r: [{min: 2, metric: m}]"),
        (
            "r: [{metric: m, min: 1}]",
            "r: [{min: 2, metric: m}]",
            "r: [{metric: m, min: 1}, {min: 2, metric: m}]",
        ),
        ("f: [{type: j, path: x}]", "f: [{type: p, path: y}]", "f: [{type: j, path: x}, {type: p, path: y}]"),
        # Nested lists of mappings follow the same rule.
        (
            "e: [{name: a, r: [{metric: m, min: 1}]}]",
            "e: [{name: a, r: [{metric: n, min: 2}]}]",
            "e: [{name: a, r: [{metric: m, min: 1}, {metric: n, min: 2}]}]",
        ),
        # 1, true and '1' are different names.
        ("e: [{name: 1, v: 1}]", "e: [{name: true, v: 2}]", "e: [{name: 1, v: 1}, {name: true, v: 2}]"),
        # The first of several that match.
        ("e: [{k: 1, v: 1}, {k: 1, v: 2}]", "e: [{k: 1, w: 3}]", "e: [{k: 1, v: 1, w: 3}, {k: 1, v: 2}]"),
        ("e: [{k: [1], v: 1}]", "e: [{k: [1], v: 2}]", "e: [{k: [1], v: 2}]"),
        ("e: [{}]", "e: [{}, {a: 1}]", "e: [{}, {}, {a: 1}]"),
        # Nothing removes what was said before.
        ("e: [{name: a}]", "e: null", "{}"),
        ("e:", "e: [{name: a}]", "e: [{name: a}]"),
        ("r: {a: 1, b: 2}", "r: {a: null}", "r: {b: 2}"),
        ("{t: 5, u: 6}", "t:", "u: 6"),
        ("t: 5", "u:", "{t: 5, u: null}"),
        # But within a choice of a matrix it is a value.
        ("a: {matrix.x: {p: 1, q: 2}}", "a: {matrix.x: {p: null}}", "a: {matrix.x: {p: null, q: 2}}"),
        # An empty list is a list like any other.
        ("e: [{name: a}]", "e: []", "e: []"),
        ("e: []", "e: [{name: a}]", "e: [{name: a}]"),
    ],
)
def test_rules(base: str, over: str, expected: str) -> None:
    """The later file wins, piece by piece."""
    assert merge(base, over) == (yaml.safe_load(expected), [])


def test_three_files_in_order() -> None:
    """Each goes onto the result of those before it."""
    merged, _ = merge("e: [{name: a, v: 1, w: 1}]", "e: [{name: a, v: 2}]", "e: [{name: a, v: 3}, {name: b}]")
    assert merged == {"e": [{"name": "a", "v": 3, "w": 1}, {"name": "b"}]}


@pytest.mark.parametrize(
    ("base", "over", "problem"),
    [
        (
            "a: [{b: 1}]",
            "a: {b: 1}",
            "a: found a mapping, expected a list as in 0.yaml:1: the two can't be merged",
        ),
        (
            "a: {b: 1}",
            "a: [1]",
            "a: found a list, expected a mapping as in 0.yaml:1: the two can't be merged",
        ),
        (
            "e: [{name: x, ray: {a: 1}}]",
            "e: [{name: x, ray: []}]",
            "e[x].ray: found a list, expected a mapping as in 0.yaml:3: the two can't be merged",
        ),
        (
            "e: [{name: y}]",
            "e: [{name: x}, {name: x}]",
            "e: found 'x' twice in one file (first in 1.yaml:3), expected it once",
        ),
        (
            "r: [{metric: y}]",
            "r: [{metric: y}, {metric: y}]",
            "r: found 'y' twice in one file (first in 1.yaml:3), expected it once",
        ),
    ],
)
def test_conflicts(base: str, over: str, problem: str) -> None:
    """What can't be merged is told with both places."""
    assert merge(base, over)[1] == [problem]


def test_places_survive() -> None:
    """A merged mapping knows for each key which file said it; an item keeps the place of its first definition."""
    documents = [
        located({"e": [{"name": "a", "script": "s", "t": 1}]}, "base.yaml"),
        located({"e": [{"name": "a", "t": 2}, {"name": "b"}]}, "over.yaml"),
    ]
    entries = merge_all(documents, str).data["e"]
    assert isinstance(entries, YamlList)
    first, second = entries
    assert isinstance(first, YamlMapping)
    assert isinstance(second, YamlMapping)
    assert first.place.file.name == "base.yaml"
    assert first.places["script"].file.name == "base.yaml"
    assert first.places["t"].file.name == "over.yaml"
    assert second.place.file.name == "over.yaml"
    assert [place.file.name for place in entries.places] == ["base.yaml", "over.yaml"]


def test_inputs_are_left_alone() -> None:
    """Documents may share parts by alias: merging changes none of them."""
    base = located({"a": {"b": 1}, "e": [{"name": "x", "v": 1}]}, "base.yaml")
    over = located({"a": {"b": 2}, "e": [{"name": "x", "v": 2}]}, "over.yaml")
    before = (to_plain(base), to_plain(over))
    merge_all([base, over], str)
    assert (to_plain(base), to_plain(over)) == before


SCALARS = st.one_of(st.integers(0, 3), st.sampled_from(["x", "y"]))
ITEMS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcdef")}, optional={"v": SCALARS, "w": SCALARS}),
    max_size=4,
    unique_by=lambda item: item["name"],
)
DOCUMENTS = st.fixed_dictionaries({}, optional={"s": SCALARS, "m": st.dictionaries(st.sampled_from("pqr"), SCALARS)})


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, ITEMS, ITEMS, ITEMS)
def test_merging_is_associative(
    a: dict[str, Any], b: dict[str, Any], c: dict[str, Any], x: list[Any], y: list[Any], z: list[Any]
) -> None:
    """It makes no difference whether the first two or the last two of three files are merged first."""
    one, two, three = (
        located(document | ({"e": items} if items else {}), "f") for document, items in ((a, x), (b, y), (c, z))
    )
    left = merge_all([merge_all([one, two], str).data, three], str)
    right = merge_all([one, merge_all([two, three], str).data], str)
    assert to_plain(left.data) == to_plain(right.data)


@given(DOCUMENTS, ITEMS)
def test_merging_a_file_with_itself_changes_nothing(document: dict[str, Any], items: list[Any]) -> None:
    """A file that is named twice counts once."""
    data = located(document | {"e": items}, "f")
    merged = merge_all([data, data], str)
    assert to_plain(merged.data) == to_plain(data)
    assert not merged.problems
