# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Merging of configuration files: the later one takes precedence, piece by piece.

- Mappings merge key by key, recursively.
- Lists of mappings merge item by item: an item goes, in place, into the one with the same ``name`` or,
  where it has no name, the same value of its own first key. Items without a match are appended.
- Items of a matrix's ``include`` and ``exclude`` are always appended: they have no names, and in ``include``
  later items win.
- Everything else, lists of scalars and empty lists included, is replaced.
- ``null`` removes the key.

NeMo Curator's own runner differs in three of these: it appends to a list of scalars, keeps a list beside an empty one,
and replaces a list by a mapping. Where files depend on that is noted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard

from pytest_curator_bench._util.text import near, quote
from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.config.yaml.nodes import ListByName, NamedChoice, Removal, YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_Token = tuple[str, str]

# Keys whose value names an item: twice in one list is a mistake.
NAMING_KEYS = ("name", "metric", "type")
# Where null is the value that a combination of a matrix has.
_IN_CHOICE = re.compile(r"\bmatrix\.[A-Za-z_][A-Za-z0-9_]*$")
# Lists whose items need a script, with what one is called.
_RUNS = {"entries": "an entry", "data_setups": "a data setup"}
# Mappings whose keys are the user's own names, so that one which is not there is no mistake.
_ENV = re.compile(r"(?:^|\.)env$")
_APPENDED = re.compile(r"entries\[.*\]\.matrix\.(include|exclude)", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class Merged:
    """Files merged.

    Attributes:
        data: what came out; it shares unchanged parts with the documents.
        problems: places where a mapping meets a list, and items that one file has twice.
        strays: items that could only add to one of another file, where none has their name; they are left out.
        warnings: what is odd.
        differences: where NeMo Curator's own runner merges otherwise.
    """

    data: YamlMapping
    problems: list[Problem] = field(default_factory=list)
    strays: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    differences: list[Problem] = field(default_factory=list)


def merge_all(documents: Sequence[YamlMapping], display: Callable[[Path], str]) -> Merged:
    """Merge whole documents in order."""
    merger = _Merger(documents[0], display)
    for document in documents[1:]:
        merger.add(document)
    merger.leave_out_strays(documents[0].place.file)
    return merger.result


class _Merger:
    """One merge of several files."""

    def __init__(self, first: YamlMapping, display: Callable[[Path], str]) -> None:
        self.result = Merged(data=first)
        self._display = display

    def add(self, document: YamlMapping) -> None:
        self.result.data = self.mappings(self.result.data, document, "")

    def mappings(self, base: YamlMapping, over: YamlMapping, path: str) -> YamlMapping:
        merged = base.copied()
        for key, value in over.items():
            before = base.get(key)
            here = f"{path}.{key}" if path else key
            if isinstance(before, YamlMapping) and isinstance(value, YamlMapping):
                merged[key] = self.mappings(before, value, here)
            elif _all_mappings(before) and _all_mappings(value):
                self._compare(before, over.places[key], value, here)
                merged[key] = self._lists(before, value, here)
            elif value is None and not _IN_CHOICE.search(path) and (before is not None or _ENV.search(path)):
                if isinstance(before, dict | list) and not over.places[key].text:
                    self._emptied(base.places[key], over.places[key], here)
                merged.drop(key)
            elif isinstance(before, dict | list) and isinstance(value, dict | list):
                if isinstance(before, dict) != isinstance(value, dict):
                    self._conflict(base.places[key], before, over.places[key], value, here)
                elif isinstance(value, list):
                    self._compare(before, over.places[key], value, here)
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
            elif _begins_anew(items[position], item):
                items[position] = item
            else:
                name = item.get(*token) if token else ""  # of a choice, the name as its token has it
                items[position] = self.mappings(items[position], item, f"{path}[{name}]")
        merged = (ListByName if isinstance(over, ListByName) else YamlList)(items[0].place)
        for item in items:
            merged.put(item, item.place)
        return merged

    def leave_out_strays(self, first: Path) -> None:
        """Leave out what could only add to an item of another file, where none has its name.

        Args:
            first: the first file, whose own items add to nothing.
        """
        data = self.result.data
        for section, kind in _RUNS.items():
            items = data.get(section)
            if not isinstance(items, YamlList):
                continue
            whole = [item for item in items if isinstance(item, YamlMapping) and "script" in item]
            known = [str(item["name"]) for item in whole if "name" in item]
            kept = YamlList(items.place)
            for item, place in zip(items, items.places, strict=True):
                if _is_part(item) and item.place.file != first:
                    self.result.strays.append(_stray(item, section, kind, known))
                else:
                    kept.put(item, place)
            if len(kept) < len(items):
                data = data.copied()
                data[section] = kept
        self.result.data = data

    def _emptied(self, first: Place, second: Place, path: str) -> None:
        remedy = "write null if that is meant, else leave the key out"
        text = f"nothing stands behind it, which removes what {first.shown(self._display)} says: {remedy}"
        self.result.warnings.append(Problem(second, path, text))

    def _compare(self, before: object, second: Place, value: Sequence[object], path: str) -> None:
        """Note where NeMo Curator's own runner merges two lists otherwise."""
        same_form = isinstance(before, ListByName) == isinstance(value, ListByName)
        are_merged = _all_mappings(before) and _all_mappings(value)
        if not before or same_form == are_merged:
            return
        if are_merged:
            text = "merges a mapping by name and a list; run.py replaces the earlier one"
        else:
            text = "replaces the list; run.py appends to it" if value else "empties the list; run.py keeps it"
        self.result.differences.append(Problem(second, path, text))

    def _conflict(self, first: Place, before: object, second: Place, after: object, path: str) -> None:
        expected, found = ("a mapping" if isinstance(value, dict) else "a list" for value in (before, after))
        text = f"found {found}, expected {expected} as in {first.shown(self._display)}"
        self.result.problems.append(Problem(second, path, f"{text}: the two can't be merged"))

    def _twice(self, first: YamlMapping, second: YamlMapping, path: str, name: str) -> None:
        text = f"found {quote(name)} twice in one file (first in {first.place.shown(self._display)})"
        self.result.problems.append(Problem(second.place, path, f"{text}, expected it once"))


class _Positions:
    """Finds the item of a list that another file's item goes into."""

    def __init__(self, items: list[YamlMapping]) -> None:
        self._items = items
        self._by_key: dict[str, dict[_Token, int]] = {}

    def find(self, token: _Token) -> int | None:
        """The position of the first item with that value under that key."""
        key = token[0]
        if key not in self._by_key:
            found = ((_token(item, key), position) for position, item in enumerate(self._items))
            self._by_key[key] = {token: position for token, position in reversed([*found]) if token}
        return self._by_key[key].get(token)


def _stray(item: YamlMapping, section: str, kind: str, known: list[str]) -> Problem:
    name = str(item["name"])
    text = f"found {quote(name)} without a script, and no other file has {kind} of that name{near(name, known)}"
    return Problem(item.place, f"{section}[{name}]", text, "stray")


def _is_part(item: object) -> TypeGuard[YamlMapping]:
    """Whether an entry or a data setup is only a part of one."""
    return isinstance(item, YamlMapping) and "script" not in item and isinstance(item.get("name"), str)


def _token(item: YamlMapping, key: str | None = None) -> _Token | None:
    """What an item is matched by: its ``name``, else its first key, and the value; ``None`` if it is empty.

    The value is taken as Python writes it: 1, ``true`` and ``'1'`` are different, and lists can be compared.
    """
    if isinstance(item, NamedChoice):
        return item.token if key in (None, item.token[0]) else None
    key = key or ("name" if "name" in item else next(iter(item), None))
    return (key, repr(item[key])) if key is not None and key in item else None


def _begins_anew(before: YamlMapping, item: YamlMapping) -> bool:
    """Whether an item replaces the one of its name: a removal, or where only one of them chooses by that axis."""
    is_choice = isinstance(before, NamedChoice) or isinstance(item, NamedChoice)
    return isinstance(before, Removal) or isinstance(item, Removal) or (is_choice and before.keys() != item.keys())


def _all_mappings(value: object) -> TypeGuard[list[YamlMapping]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, YamlMapping) for item in value)
