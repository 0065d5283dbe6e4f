# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From a location within the data (keys and indexes) to a key path for users, and to file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_curator_bench.config.merge import NAMING_KEYS
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.config.problems import Place

Location = tuple[str | int, ...]


def key_path(root: object, location: Sequence[str | int]) -> str:
    """The path as users write it: ``entries[cc].requirements[docs_per_s].min_value``.

    Items of lists go by their name, metric or type where they have one, else by number from 1 (``args[#2]``).
    """
    path = ""
    value = root
    for step in location:
        value = _child(value, step)
        if isinstance(step, int):
            path += f"[{_item_name(value, step)}]"
        else:
            path += f".{step}" if path else step
    return path


def place_of(root: YamlMapping, location: Sequence[str | int]) -> Place:
    """Where the key or item at ``location`` stands; for one that is missing, the nearest part above it."""
    place = root.place
    value: object = root
    for step in location:
        found = _place_in(value, step)
        if found is None:
            break
        place = found
        value = _child(value, step)
    return place


def without(root: YamlMapping, locations: Sequence[Location]) -> YamlMapping:
    """Return a copy of the data without the keys at these locations."""
    changed = root.copied()
    for location in locations:
        _drop(changed, location)
    return changed


def _drop(root: YamlMapping, location: Location) -> None:
    """Drop a key of a copy; what lies on the way to it becomes a copy, too."""
    parent: Any = root
    for step in location[:-1]:
        child = _child(parent, step)
        if not isinstance(child, YamlMapping | YamlList):
            return
        parent[step] = child.copied()
        parent = parent[step]
    if isinstance(parent, YamlMapping):
        parent.drop(str(location[-1]))


def _place_in(value: object, step: str | int) -> Place | None:
    if isinstance(value, YamlMapping) and isinstance(step, str):
        return value.places.get(step)
    if isinstance(value, YamlList) and isinstance(step, int) and step < len(value):
        return value.places[step]
    return None


def _child(value: object, step: str | int) -> object:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _item_name(item: object, index: int) -> str:
    if isinstance(item, dict):
        for key in NAMING_KEYS:
            if isinstance(item.get(key), str) and item[key]:
                return str(item[key])
    return f"#{index + 1}"
