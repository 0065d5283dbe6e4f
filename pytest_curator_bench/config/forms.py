# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Forms in which the same may be written, brought into one before files are merged.

``environment`` is ``env``; ``requirements`` and ``sink_data`` may be mappings by metric and by sink's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.yaml.nodes import ListByName, NamedChoice, Removal, YamlList, YamlMapping

if TYPE_CHECKING:
    from pytest_curator_bench.config.problems import Place

__all__ = ["MAPPINGS_BY_NAME", "in_one_form", "is_choice"]

_WITH_ENVIRONMENT = ("entries", "data_setups")
# Lists of an entry that may be mappings, with the key of their items that the name goes to.
MAPPINGS_BY_NAME = {"requirements": "metric", "sink_data": "name"}


def in_one_form(document: YamlMapping) -> tuple[YamlMapping, list[Problem]]:
    """Return the content of one file in the form that all else knows, and what is wrong."""
    problems: list[Problem] = []
    whole = _with_env(document, "", problems)
    for section in _WITH_ENVIRONMENT:
        items = whole.get(section)
        if not isinstance(items, YamlList):
            continue
        changed = YamlList(items.place)
        for item, place in zip(items, items.places, strict=True):
            changed.put(_item(item, section, problems) if isinstance(item, YamlMapping) else item, place)
        if any(new is not old for new, old in zip(changed, items, strict=True)):
            whole = whole.copied()
            whole[section] = changed
    return whole, problems


def _item(item: YamlMapping, section: str, problems: list[Problem]) -> YamlMapping:
    path = f"{section}[{item.get('name')}]"
    changed = _with_env(item, f"{path}.", problems)
    for key, naming_key in MAPPINGS_BY_NAME.items():
        value = changed.get(key)
        if isinstance(value, YamlMapping) and not is_choice(value):
            if changed is item:
                changed = item.copied()
            if value:
                changed[key] = _as_list(value, naming_key, f"{path}.{key}", problems)
            else:
                changed.drop(key)  # a mapping adds its keys: an empty one changes nothing, unlike an empty list
    return changed


def _with_env(mapping: YamlMapping, path: str, problems: list[Problem]) -> YamlMapping:
    """Return the mapping with ``env`` in the place of ``environment``; its values must be text."""
    for key in ("env", "environment"):
        variables = mapping.get(key)
        if not isinstance(variables, YamlMapping):
            continue
        for name, value in variables.items():
            if isinstance(value, bool | int | float):
                place = variables.places[name]
                text = f"found {place.text}, expected text: write {name}: '{place.text}', in quotes"
                problems.append(Problem(place, f"{path}{key}.{name}", text))
    if "environment" not in mapping:
        return mapping
    if "env" in mapping:
        text = "found environment beside env, which means the same, expected one of the two"
        problems.append(Problem(mapping.places["environment"], f"{path}environment", text))
    changed = YamlMapping(mapping.place)
    for key in mapping:
        changed.put("env" if key == "environment" else key, mapping[key], mapping.places[key])
    return changed


def _as_list(value: YamlMapping, naming_key: str, path: str, problems: list[Problem]) -> YamlList:
    items = ListByName(value.place)
    for name, settings in value.items():
        place = value.places[name]
        if settings is None:
            removal = Removal(place)
            removal.put(naming_key, name, place)
            removal.put("enabled", False, place)  # it is a value of the data
            items.put(removal, place)
        else:
            items.put(_with_name(settings, name, naming_key, place, f"{path}.{name}", problems), place)
    return items


def _with_name(
    settings: object, name: str, naming_key: str, place: Place, path: str, problems: list[Problem]
) -> object:
    """Return the settings of an item with its name; of a choice by an axis, those of each value of the axis."""
    if not isinstance(settings, YamlMapping):
        return settings  # null in a choice leaves the item out; all else is refused when all is checked
    if is_choice(settings):
        (axis,) = settings
        branches = settings[axis]
        if not isinstance(branches, YamlMapping):
            return settings
        named = branches.copied()
        for branch, chosen in branches.items():
            named[branch] = _with_name(chosen, name, naming_key, branches.places[branch], path, problems)
        choice = NamedChoice(place, (naming_key, repr(name)))
        choice.put(axis, named, settings.places[axis])
        return choice
    if naming_key in settings:
        text = f"found {naming_key} within an item that has its {naming_key} as key, expected one of the two"
        problems.append(Problem(settings.places[naming_key], path, text))
    item = YamlMapping(place)
    item.put(naming_key, name, place)
    item.update(settings)
    item.places.update(settings.places)
    return item


def is_choice(value: YamlMapping) -> bool:
    """Whether it chooses by an axis of a matrix, and is no mapping by name."""
    return len(value) == 1 and next(iter(value)).startswith("matrix.")
