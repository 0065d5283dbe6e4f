# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Merging of configuration files: the later one wins, piece by piece.

- Mappings merge key by key, recursively.
- Lists of mappings merge item by item: an item goes, in place, into the one with the same ``name`` or,
  where it has no name, the same value of its own first key. Items without a match are appended.
- Items of a matrix's ``include`` and ``exclude`` are always appended: they have no names, and in ``include``
  later items win.
- Everything else, lists of scalars and empty lists included, is replaced.
- An empty value (``sinks:`` with only comments below it) is ignored beside a mapping or a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeGuard

from pytest_curator_bench._util.text import quote
from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_Token = tuple[str, str]

# Keys whose value names an item: twice in one list is a mistake.
NAMING_KEYS = ("name", "metric", "type")
_APPENDED = re.compile(r"entries\[.*\]\.matrix\.(include|exclude)", re.DOTALL)


def merge_all(documents: Sequence[YamlMapping], display: Callable[[Path], str]) -> tuple[YamlMapping, list[Problem]]:
    """Merge whole files in order.

    Returns:
        the merged mapping, which shares unchanged parts with ``documents``, and the problems found.
    """
    merger = _Merger(display)
    merged = documents[0]
    for document in documents[1:]:
        merged = merger.mappings(merged, document, "")
    return merged, merger.problems


class _Merger:
    """One merge of several files.

    Attributes:
        problems: places where a mapping meets a list, and items that one file has twice.
    """

    def __init__(self, display: Callable[[Path], str]) -> None:
        self.problems: list[Problem] = []
        self._display = display

    def mappings(self, base: YamlMapping, over: YamlMapping, path: str) -> YamlMapping:
        merged = base.copied()
        for key, value in over.items():
            before = base.get(key)
            here = f"{path}.{key}" if path else key
            if isinstance(before, YamlMapping) and isinstance(value, YamlMapping):
                merged[key] = self.mappings(before, value, here)
            elif _all_mappings(before) and _all_mappings(value):
                merged[key] = self._lists(before, value, here)
            elif isinstance(before, dict | list) and value is None:
                continue
            elif isinstance(before, dict | list) and isinstance(value, dict | list):
                if isinstance(before, dict) != isinstance(value, dict):
                    self._conflict(base.places[key], before, over.places[key], value, here)
                merged.take(key, over)
            else:
                merged.take(key, over)
        return merged

    def _lists(self, base: list[YamlMapping], over: list[YamlMapping], path: str) -> YamlList:
        appended = _APPENDED.fullmatch(path) is not None
        items = list(base)
        positions = _Positions(base)
        own: dict[_Token, YamlMapping] = {}
        for item in over:
            token = None if appended else _token(item)
            if token and token[0] in NAMING_KEYS and token in own:
                self._twice(own[token], item, path, str(item[token[0]]))
            if token:
                own[token] = item
            position = positions.find(token) if token else None
            if position is None:
                items.append(item)
            else:
                name = item[token[0]] if token else ""
                items[position] = self.mappings(items[position], item, f"{path}[{name}]")
        merged = YamlList(items[0].place)
        for item in items:
            merged.put(item, item.place)
        return merged

    def _conflict(self, first: Place, before: object, second: Place, after: object, path: str) -> None:
        expected, found = ("a mapping" if isinstance(value, dict) else "a list" for value in (before, after))
        text = f"found {found}, expected {expected} as in {first.shown(self._display)}"
        self.problems.append(Problem(second, path, f"{text}: the two can't be merged"))

    def _twice(self, first: YamlMapping, second: YamlMapping, path: str, name: str) -> None:
        text = f"found {quote(name)} twice in one file (first in {first.place.shown(self._display)})"
        self.problems.append(Problem(second.place, path, f"{text}, expected it once"))


class _Positions:
    """Finds the item of a list that another file's item goes into."""

    def __init__(self, items: list[YamlMapping]) -> None:
        self._items = items
        self._by_key: dict[str, dict[_Token, int]] = {}

    def find(self, token: _Token) -> int | None:
        """The position of the first item with that value under that key."""
        key = token[0]
        if key not in self._by_key:
            found = ((_token(item, key), position) for position, item in enumerate(self._items) if key in item)
            self._by_key[key] = {token: position for token, position in reversed([*found]) if token}
        return self._by_key[key].get(token)


def _token(item: YamlMapping, key: str | None = None) -> _Token | None:
    """What an item is matched by: its ``name``, else its first key, and the value; ``None`` if it is empty.

    The value is taken as Python writes it: 1, ``true`` and ``'1'`` are different, and lists can be compared.
    """
    key = key or ("name" if "name" in item else next(iter(item), None))
    return (key, repr(item[key])) if key is not None else None


def _all_mappings(value: object) -> TypeGuard[list[YamlMapping]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, YamlMapping) for item in value)
