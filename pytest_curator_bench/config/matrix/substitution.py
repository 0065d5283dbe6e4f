# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The values of a combination put into an entry, on the data as it was read, before its types are checked.

- ``{matrix.NAME}`` within a text becomes the value as it is written; alone it becomes the value itself, a number
  or a flag where it is one. Arguments that are written as one string are split first, so that a value with blanks
  stays one argument. ``{{matrix.NAME}}`` is a literal ``{matrix.NAME}``.
- ``{matrix.AXIS: {value: this, other value: that}}``, in the place of any value, chooses by the value of an axis;
  ``null`` leaves the key or the item out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_curator_bench.config.env_vars import Unresolved
from pytest_curator_bench.config.fields.commands import split
from pytest_curator_bench.config.problems import Place, nearest, one_of, quote
from pytest_curator_bench.config.yaml.values import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pytest_curator_bench.config.locate import Location
    from pytest_curator_bench.config.matrix.combinations import Cell

PREFIX = "matrix."
MARK = "{matrix."
# What says which entry it is can't depend on the combination.
FIXED_KEYS = ("name", "enabled", "matrix")
# Here literals are put in when the entry runs, with all other placeholders.
_RUN_KEYS = ("script", "script_base_dir", "args", "env")
_REFERENCE = re.compile(r"\{(?P<literal>\{matrix\.[^{}]*\})\}|\{matrix\.(?P<name>[^{}]*)\}")
# Says that a key or an item goes.
_LEFT_OUT = object()


class Filling:
    """Puts the values of one combination into one entry.

    Args:
        cell: the combination; ``None`` where the entry has no matrix, or a wrong one.
        report: takes what is wrong; the location is that within the entry.
        names: all names that some combination of the entry has a value for.
        lack: why nothing has a value, where there is no combination; ``None``: it is told elsewhere.
    """

    def __init__(
        self,
        cell: Cell | None,
        report: Callable[[Place, Location, str], None],
        *,
        names: Collection[str] = (),
        lack: str | None = None,
    ) -> None:
        self._values = cell.values if cell else {}
        self._axes = cell.axes if cell else {}
        self._label = cell.label if cell else ""
        self._has_cell = cell is not None
        self._names = names
        self._report = report
        self._lack = lack
        self._location: list[str | int] = []

    def entry(self, entry: YamlMapping) -> YamlMapping:
        """A copy of the entry with the values put in and without ``matrix``; parts without any are shared."""
        filled = YamlMapping(entry.place)
        for key, value in entry.items():
            if key in FIXED_KEYS:
                if key != "matrix":
                    filled.take(key, entry)
                continue
            self._location = [key]
            after, place = self._filled(value, entry.places[key])
            if after is not _LEFT_OUT:
                filled.put(key, after, place)
        return filled

    def _filled(self, value: object, place: Place) -> tuple[object, Place]:
        """A value and its place with the combination put in: both the same objects where nothing changes."""
        if isinstance(value, str):
            if MARK not in value:
                return value, place
            if self._location == ["args"]:
                return self._words(value, place)
            return self._text(value, place)
        if isinstance(value, YamlMapping):
            chosen_by = next((key for key in value if key.startswith(PREFIX)), None)
            return self._choice(value, chosen_by, place) if chosen_by else (self._mapping(value), place)
        return (self._list(value) if isinstance(value, YamlList) else value), place

    def _mapping(self, mapping: YamlMapping) -> YamlMapping:
        changed: YamlMapping | None = None
        for key, value in mapping.items():
            self._location.append(key)
            after, place = self._filled(value, mapping.places[key])
            self._location.pop()
            if after is value:
                continue
            if changed is None:
                changed = mapping.copied()
            if after is _LEFT_OUT:
                del changed[key], changed.places[key]
            else:
                changed.put(key, after, place)
        return mapping if changed is None else changed

    def _list(self, items: YamlList) -> YamlList:
        filled = YamlList(items.place)
        for index, value in enumerate(items):
            self._location.append(index)
            after, place = self._filled(value, items.places[index])
            self._location.pop()
            if after is not _LEFT_OUT:
                filled.put(after, place)
        same = len(filled) == len(items) and all(new is old for new, old in zip(filled, items, strict=True))
        return items if same else filled

    def _words(self, arguments: str, place: Place) -> tuple[object, Place]:
        """Arguments that are one string, as a list."""
        try:
            words = split(arguments)
        except ValueError:
            return arguments, place  # refused when the types are checked
        filled = YamlList(place)
        for word in words:
            filled.put(*(self._text(word, place) if MARK in word else (word, place)))
        return filled, place

    def _text(self, text: str, place: Place) -> tuple[object, Place]:
        whole = _REFERENCE.fullmatch(text)
        if whole and whole["name"] is not None:
            name = whole["name"]
            if not self._is_known(name, place):
                return Unresolved(text), place
            value = self._values[name]
            return value.value, Place(place.file, place.line, value.text)
        names = [match["name"] for match in _REFERENCE.finditer(text) if match["name"] is not None]
        if not all([self._is_known(name, place) for name in names]):  # noqa: C419  # each is to be reported
            return Unresolved(text), place
        return _REFERENCE.sub(self._put_in, text), place

    def _put_in(self, match: re.Match[str]) -> str:
        if match["name"] is not None:
            return self._values[match["name"]].text
        return match[0] if self._location[0] in _RUN_KEYS else match["literal"]

    def _is_known(self, name: str, place: Place) -> bool:
        if name in self._values:
            return True
        if self._has_cell:
            known = [f"{MARK}{word}}}" for word in self._names]
            if name in self._names:
                text = f"which has no value in the combination {self._label}, expected one (`include` can give it)"
            else:
                text = f"which nothing in the matrix gives, expected {one_of(known)}{nearest(f'{MARK}{name}}}', known)}"
            self._tell(place, f"found {MARK}{name}}}, {text}")
        elif self._lack:
            self._tell(place, f"found {MARK}{name}}} {self._lack}")
        return False

    def _choice(self, mapping: YamlMapping, key: str, place: Place) -> tuple[object, Place]:
        axis = key.removeprefix(PREFIX)
        given = mapping[key]
        here = mapping.places[key]
        if len(mapping) > 1:
            self._tell(here, f"found {key} beside other keys, expected it alone in the place of a value")
        elif not self._has_cell:
            if self._lack:
                self._tell(here, f"found {key} {self._lack}")
        elif axis not in self._axes:
            known = [f"{PREFIX}{word}" for word in self._axes]
            self._tell(here, f"found {key}, expected an axis: {one_of(known)}{nearest(key, known)}")
        elif not isinstance(given, YamlMapping):
            self._tell(here, f"found something else behind {key}, expected a mapping of its values")
        elif (text := self._axes[axis].text) not in given:
            found = f"found nothing for {quote(text)} ({one_of(given)})"
            expected = "expected something for each value of the axis, null to leave it out"
            self._tell(here, f"{found}, {expected}{nearest(text, given)}")
        elif given[text] is None:
            return _LEFT_OUT, place
        else:
            return self._filled(given[text], given.places[text])
        return Unresolved(key), place

    def _tell(self, place: Place, text: str) -> None:
        self._report(place, tuple(self._location), text)
