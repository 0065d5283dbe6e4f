# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Mappings and lists that remember where in which file each of their parts is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_curator_bench.config.problems import Place


class YamlMapping(dict[str, object]):
    """A mapping with the place of each key. Never changed once it is read, because aliases share it.

    Attributes:
        place: where the mapping begins; for an item of a list, the line of its dash.
        places: where each key is; ``Place.text`` is its value as written, if that is no string.
    """

    __slots__ = ("place", "places")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.places: dict[str, Place] = {}

    def put(self, key: str, value: object, place: Place) -> None:
        """Set a key and its place."""
        self[key] = value
        self.places[key] = place

    def take(self, key: str, source: YamlMapping) -> None:
        """Copy one key from another mapping, value and place."""
        self[key] = source[key]
        self.places[key] = source.places[key]

    def drop(self, key: str) -> None:
        """Remove a key, if it is there."""
        self.pop(key, None)
        self.places.pop(key, None)

    def copied(self) -> YamlMapping:
        """Return a mapping of its own with the same keys, values and places."""
        copy = YamlMapping(self.place)
        copy.update(self)
        copy.places.update(self.places)
        return copy

    def without(self, unwanted: Callable[[str], bool]) -> YamlMapping:
        """Return the mapping without the keys that are ``unwanted``; itself if there are none."""
        if not any(map(unwanted, self)):
            return self
        kept = YamlMapping(self.place)
        for key in self:
            if not unwanted(key):
                kept.take(key, self)
        return kept


class Removal(YamlMapping):
    """An item of a list that stands for the removal of the one of its name: it says ``enabled: false``.

    Whatever a later file says of that name begins anew.
    """

    __slots__ = ()


class NamedChoice(YamlMapping):
    """A choice by the axis of a matrix whose values are all items of one name.

    Attributes:
        token: the key that names them, and the name as Python writes it.
    """

    __slots__ = ("token",)

    def __init__(self, place: Place, token: tuple[str, str]) -> None:
        super().__init__(place)
        self.token = token

    def copied(self) -> NamedChoice:
        """Return a choice of its own with the same keys, values and places."""
        copy = NamedChoice(self.place, self.token)
        copy.update(self)
        copy.places.update(self.places)
        return copy


class YamlList(list[object]):
    """A list with the place of each item. Never changed once it is read.

    Attributes:
        place: where the list begins.
        places: where each item is; ``Place.text`` is the item as written, if that is no string.
    """

    __slots__ = ("place", "places")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.places: list[Place] = []

    def put(self, value: object, place: Place) -> None:
        """Append an item and its place."""
        self.append(value)
        self.places.append(place)

    def copied(self) -> YamlList:
        """Return a list of its own with the same items and places."""
        copy = type(self)(self.place)
        copy.extend(self)
        copy.places.extend(self.places)
        return copy


class ListByName(YamlList):
    """A list that is written as a mapping by the names of its items."""

    __slots__ = ()


def to_plain(value: object) -> object:
    """Return a copy of ``value`` made of plain dicts, lists and strings, without places."""
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value
