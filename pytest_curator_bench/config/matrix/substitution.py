# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Substitution of a combination's values in an entry, on the data as it was read, before its types are checked.

- ``{matrix.NAME}`` within a text becomes the value as it is written; alone it becomes the value itself, a number
  or a flag where it is one. Arguments that are written as one string are split first, so that a value with spaces
  stays one argument. ``{{matrix.NAME}}`` is a literal ``{matrix.NAME}``.
- ``{matrix.AXIS: {value: this, other value: that}}``, in the place of any value, chooses by the value of an axis;
  ``null`` leaves the key or the item out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import instead_of, near, one_of, quote
from pytest_curator_bench.config.env_vars import Unresolved
from pytest_curator_bench.config.fields.types import split_arguments
from pytest_curator_bench.config.problems import Place
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pytest_curator_bench.config.locate import Location
    from pytest_curator_bench.config.matrix.combinations import Combination

CHOICE_PREFIX = "matrix."
MATRIX_PREFIX = "{matrix."
# What identifies the entry can't depend on the combination.
FIXED_KEYS = ("name", "enabled", "matrix")
# Here literals are substituted when the entry runs, with all other placeholders.
_RUN_KEYS = ("script", "script_base_dir", "args", "env")
_REFERENCE = re.compile(r"\{(?P<literal>\{matrix\.[^{}]*\})\}|\{matrix\.(?P<name>[^{}]*)\}")
# Says that a key or an item goes.
_LEFT_OUT = object()


class MatrixSubstitution:
    """Substitutes the values of one combination in one entry.

    Args:
        combination: the combination; ``None`` where the entry has no matrix, or a wrong one.
        report: takes what is wrong: its place, the location within the entry, the text, and the kind, ``placeholder``
            where a name has no value.
        names: all names that some combination of the entry has a value for.
        missing_reason: why nothing has a value, where there is no combination; ``None`` if that is reported elsewhere.
    """

    def __init__(
        self,
        combination: Combination | None,
        report: Callable[[Place, Location, str, str], None],
        *,
        names: Collection[str] = (),
        missing_reason: str | None = None,
    ) -> None:
        self._values = combination.values if combination else {}
        self._axes = combination.axes if combination else {}
        self._label = combination.label if combination else ""
        self._has_combination = combination is not None
        self._names = names
        self._report = report
        self._missing_reason = missing_reason
        self._location: list[str | int] = []

    def entry(self, entry: YamlMapping) -> YamlMapping:
        """Return a copy of the entry with the values and without ``matrix``; parts that don't change are shared."""
        changed = YamlMapping(entry.place)
        for key, value in entry.items():
            if key in FIXED_KEYS:
                if key != "matrix":
                    changed.take(key, entry)
                continue
            self._location = [key]
            after, place = self._substituted(value, entry.places[key])
            if after is not _LEFT_OUT:
                changed.put(key, after, place)
        return changed

    def _substituted(self, value: object, place: Place) -> tuple[object, Place]:
        """Return a value and its place after substitution: both the same objects where nothing changes."""
        if isinstance(value, str):
            if MATRIX_PREFIX not in value:
                return value, place
            if self._location == ["args"]:
                return self._words(value, place)
            return self._text(value, place)
        if isinstance(value, YamlMapping):
            chosen_by = next((key for key in value if key.startswith(CHOICE_PREFIX)), None)
            return self._choice(value, chosen_by, place) if chosen_by else (self._mapping(value), place)
        return (self._list(value) if isinstance(value, YamlList) else value), place

    def _mapping(self, mapping: YamlMapping) -> YamlMapping:
        changed: YamlMapping | None = None
        for key, value in mapping.items():
            self._location.append(key)
            after, place = self._substituted(value, mapping.places[key])
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
        changed = YamlList(items.place)
        for index, value in enumerate(items):
            self._location.append(index)
            after, place = self._substituted(value, items.places[index])
            self._location.pop()
            if after is not _LEFT_OUT:
                changed.put(after, place)
        same = len(changed) == len(items) and all(new is old for new, old in zip(changed, items, strict=True))
        return items if same else changed

    def _words(self, arguments: str, place: Place) -> tuple[object, Place]:
        """Arguments that are one string, as a list."""
        try:
            words = split_arguments(arguments)
        except ValueError:
            return arguments, place  # refused when the types are checked
        changed = YamlList(place)
        for word in words:
            changed.put(*(self._text(word, place) if MATRIX_PREFIX in word else (word, place)))
        return changed, place

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
        return _REFERENCE.sub(self._replacement, text), place

    def _replacement(self, match: re.Match[str]) -> str:
        if match["name"] is not None:
            return self._values[match["name"]].text
        return match[0] if self._location[0] in _RUN_KEYS else match["literal"]

    def _is_known(self, name: str, place: Place) -> bool:
        if name in self._values:
            return True
        if self._has_combination:
            known = [f"{MATRIX_PREFIX}{word}}}" for word in self._names]
            if name in self._names:
                text = f"which has no value in the combination {self._label}, expected one (`include` can give it)"
            else:
                text = f"which nothing in the matrix gives{instead_of(f'{MATRIX_PREFIX}{name}}}', known)}"
            self._found_wrong(place, f"found {MATRIX_PREFIX}{name}}}, {text}", "placeholder")
        elif self._missing_reason:
            self._found_wrong(place, f"found {MATRIX_PREFIX}{name}}} {self._missing_reason}", "placeholder")
        return False

    def _choice(self, mapping: YamlMapping, key: str, place: Place) -> tuple[object, Place]:
        axis = key.removeprefix(CHOICE_PREFIX)
        given = mapping[key]
        here = mapping.places[key]
        if len(mapping) > 1:
            self._found_wrong(here, f"found {key} beside other keys, expected it alone in the place of a value")
        elif not self._has_combination:
            if self._missing_reason:
                self._found_wrong(here, f"found {key} {self._missing_reason}")
        elif axis not in self._axes:
            known = [f"{CHOICE_PREFIX}{word}" for word in self._axes]
            self._found_wrong(here, f"found {key}, which is no axis{instead_of(key, known)}")
        elif not isinstance(given, YamlMapping):
            self._found_wrong(here, f"found something else behind {key}, expected a mapping of its values")
        elif (text := self._axes[axis].text) not in given:
            found = f"found nothing for {quote(text)} ({one_of(given)})"
            expected = "expected something for each value of the axis, null to leave it out"
            self._found_wrong(here, f"{found}, {expected}{near(text, given)}")
        elif given[text] is None:
            return _LEFT_OUT, place
        else:
            return self._substituted(given[text], given.places[text])
        return Unresolved(key), place

    def _found_wrong(self, place: Place, text: str, kind: str = "config") -> None:
        self._report(place, tuple(self._location), text, kind)
