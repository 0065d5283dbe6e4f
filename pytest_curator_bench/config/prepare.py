# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Merged data made ready for checking: variables substituted, disabled items set apart, double names found."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pytest_curator_bench._util.text import quote
from pytest_curator_bench.config.env_vars import EnvExpander, Unresolved
from pytest_curator_bench.config.fields.validators import from_variable
from pytest_curator_bench.config.locate import Location, key_path
from pytest_curator_bench.config.model import SwitchedOffSink
from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.secrets import Secrets
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_curator_bench.config.problems import Place

# Lists whose items may say `enabled: false`.
_SWITCHED = ("entries", "sinks", "data_setups")
# Lists whose items have names of their own, with the key that names them: at the top, and within items.
_NAMED = dict.fromkeys(("entries", "sinks", "data_setups", "datasets", "paths", "metrics"), "name")
_DATASET_PATH = re.compile(r"datasets\[.*\]\.formats\[.*\]\.path", re.DOTALL)
_NAMED_WITHIN = {"requirements": "metric", "sink_data": "name", "formats": "type"}


@dataclass(kw_only=True, repr=False)
class Sections:
    """Merged data, made ready; without ``repr()``, because it holds secrets.

    Attributes:
        whole: everything, in the order of the files; disabled items as they are written.
        active: what is enabled.
        disabled: the items that are not, in the same form; also entries of :attr:`entry_problems`, whose part that can
            be known is among the active ones.
        problems: what is wrong so far.
        warnings: the sinks that are switched off for want of a variable.
        switched_off_sinks: likewise; they are among the disabled items.
        sink_variables: names of the variables that sinks mention, defined or not.
        sink_values: values of those that are defined, by name.
        dataset_problems: variables that are not defined in paths of datasets, by the key path.
        entry_problems: what keeps single entries from running, by the entry's name: variables that are not defined.
    """

    whole: YamlMapping
    active: YamlMapping
    disabled: YamlMapping
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    switched_off_sinks: list[SwitchedOffSink] = field(default_factory=list)
    sink_variables: set[str] = field(default_factory=set)
    sink_values: dict[str, str] = field(default_factory=dict)
    dataset_problems: dict[str, Problem] = field(default_factory=dict)
    entry_problems: dict[str, list[Problem]] = field(default_factory=dict)

    def secrets(self, environ: Mapping[str, str]) -> Secrets:
        """Return what must be hidden."""
        return Secrets(self.whole, self.sink_variables, self.sink_values, environ)


def prepare(
    merged: YamlMapping,
    *,
    environ: Mapping[str, str],
    strict: bool,
    strict_entries: bool,
    display: Callable[[Path], str],
) -> Sections:
    """Substitute variables, and set apart what is disabled.

    A variable that is not defined is a problem where it is needed: not in a disabled item, and in a sink
    only with ``strict``; the sink is switched off otherwise. In a sink an empty variable counts as
    undefined, because CI systems define a missing secret that way.

    Args:
        merged: all files merged.
        environ: the environment variables.
        strict: whether an undefined variable in a sink is a problem.
        strict_entries: whether one in an entry, or in the path of a dataset, is a problem of the whole, and not of
            the entries alone that need it.
        display: how to write a file's path in messages.
    """
    sections = Sections(
        whole=YamlMapping(merged.place), active=YamlMapping(merged.place), disabled=YamlMapping(merged.place)
    )
    preparer = _Preparer(sections, merged, environ, strict=strict, strict_entries=strict_entries)
    for key, value in merged.items():
        if key in _SWITCHED and isinstance(value, YamlList):
            preparer.switched(key, value)
        else:
            preparer.common(key, value)
    sections.problems += _twice(sections.whole, display)
    return sections


def is_comment(key: str) -> bool:
    """Whether a key is a user's own, such as a home for anchors: ``x-...``."""
    return key.startswith("x-")


class _Preparer:
    """Fills :class:`Sections` from merged data."""

    def __init__(
        self,
        sections: Sections,
        merged: YamlMapping,
        environ: Mapping[str, str],
        *,
        strict: bool,
        strict_entries: bool,
    ) -> None:
        self._sections = sections
        self._merged = merged
        self._environ = environ
        self._strict = strict
        self._strict_entries = strict_entries

    def common(self, key: str, value: object) -> None:
        """Take in a key whose value can't be disabled as a whole."""
        place = self._merged.places[key]
        self._sections.whole.put(key, EnvExpander(self._merged, self._environ).value(value, place, (key,)), place)
        section = YamlMapping(place)
        section.put(key, value, place)
        section = without_disabled(section)
        expander = EnvExpander(section, self._environ)
        self._sections.active.put(key, expander.value(section[key], place, (key,)), place)
        for problem in expander.problems:
            is_of_dataset = problem.kind == "variable" and _DATASET_PATH.fullmatch(problem.path) is not None
            if is_of_dataset and not self._strict_entries:
                self._sections.dataset_problems[problem.path] = problem
            else:
                self._sections.problems.append(problem)

    def switched(self, key: str, items: YamlList) -> None:
        """Take in a list whose items can be disabled."""
        whole, active, disabled = (YamlList(items.place) for _ in range(3))
        for index, (item, place) in enumerate(zip(items, items.places, strict=True)):
            written = item.without(is_comment) if isinstance(item, YamlMapping) else item
            expander = EnvExpander(self._merged, self._environ, allow_empty=key != "sinks")
            expanded = expander.value(written, place, (key, index))
            if _is_disabled(expanded):
                whole.put(written, place)
                disabled.put(expanded, place)
                continue
            whole.put(expanded, place)
            if key == "sinks" and self._is_switched_off(expanded, expander):
                disabled.put(expanded, place)
            elif key == "entries" and self._is_entry_kept_from_running(expanded, expander):
                disabled.put(expanded, place)
                active.put(known_part(cast("YamlMapping", expanded)), place)
            else:
                self._sections.problems += expander.problems
                active.put(expanded, place)
        place = self._merged.places[key]
        self._sections.whole.put(key, whole, place)
        self._sections.active.put(key, active, place)
        if disabled:
            self._sections.disabled.put(key, disabled, place)

    def _is_switched_off(self, sink: object, expander: EnvExpander) -> bool:
        """Note the variables of an enabled sink; return whether it is switched off because one is not defined."""
        self._sections.sink_variables |= expander.named
        self._sections.sink_values.update(expander.used)
        if self._strict or not expander.undefined:
            return False
        self._sections.problems += [problem for problem in expander.problems if problem.kind != "variable"]
        name = str(sink.get("name") if isinstance(sink, dict) else None)
        variable, place = next(iter(expander.undefined.items()))
        reason = f"the environment variable {variable} is not defined, or empty"
        self._sections.switched_off_sinks.append(SwitchedOffSink(name=name, reason=reason))
        self._sections.warnings.append(Problem(place, "", f"the sink {name} is switched off: {reason}"))
        return True

    def _is_entry_kept_from_running(self, entry: object, expander: EnvExpander) -> bool:
        """Note what keeps an enabled entry from running; return whether something does."""
        if self._strict_entries or not expander.undefined or not isinstance(entry, YamlMapping):
            return False
        name = entry.get("name")
        if not isinstance(name, str) or isinstance(name, Unresolved):
            return False
        self._sections.problems += [problem for problem in expander.problems if problem.kind != "variable"]
        problems = [problem for problem in expander.problems if problem.kind == "variable"]
        self._sections.entry_problems.setdefault(str(name), []).extend(problems)
        return True


# What selects, reports and delivers an entry that can't run; keys that depend on each other are not among it.
_KNOWN_KEYS = ("name", "script", "timeout_s", "marks", "ray", "sink_data", "data_setups", "matrix")
_REFERS_TO_MATRIX = re.compile(r"\{?matrix\.")


def known_part(entry: YamlMapping) -> YamlMapping:
    """Return what is known of an entry in which a variable, or a value of its matrix, is missing."""
    is_whole = not has_unresolved(entry.get("matrix"))
    # Without its matrix nothing that refers to it has a value.
    is_unknown = _is_unresolved if is_whole else _is_unresolved_or_refers
    known = YamlMapping(entry.place)
    for key in _KNOWN_KEYS:
        if key not in entry:
            continue
        value = entry[key] if key in ("name", "script") else _without_unknown(entry[key], is_unknown)
        if (key != "matrix" or is_whole) and value is not None:
            known.put(key, value, entry.places[key])
    return known


def _without_unknown(value: object, is_unknown: Callable[[str], bool]) -> object:
    """Return a value without the keys and items that are unknown; ``None`` where nothing is left."""
    if not _any_text(value, is_unknown):
        return value
    if isinstance(value, YamlMapping):
        mapping = value.copied()
        for key, item in value.items():
            if is_unknown(key) or _any_text(item, is_unknown):
                mapping.drop(key)
        return mapping or None
    if isinstance(value, YamlList):
        items = YamlList(value.place)
        for item, place in zip(value, value.places, strict=True):
            if not _any_text(item, is_unknown):
                items.put(item, place)
        return items
    return None


def has_unresolved(value: object) -> bool:
    """Whether something in ``value`` waits for a variable."""
    return _any_text(value, _is_unresolved)


def _any_text(value: object, is_unknown: Callable[[str], bool]) -> bool:
    """Whether a text or key anywhere in ``value`` is unknown."""
    if isinstance(value, dict):
        return any(is_unknown(key) or _any_text(item, is_unknown) for key, item in value.items())
    if isinstance(value, list):
        return any(_any_text(item, is_unknown) for item in value)
    return isinstance(value, str) and is_unknown(value)


def _is_unresolved(text: str) -> bool:
    return isinstance(text, Unresolved)


def _is_unresolved_or_refers(text: str) -> bool:
    return isinstance(text, Unresolved) or _REFERS_TO_MATRIX.search(text) is not None


# Lists within items that may say `enabled: false`, too.
_SWITCHED_WITHIN = {"entries": ("requirements", "sink_data"), "datasets": ("formats",)}


def without_disabled(data: YamlMapping) -> YamlMapping:
    """Return the data without the items of lists that say ``enabled: false``."""
    changed = data.copied()
    for section in ("datasets", "paths", "metrics"):
        _keep_enabled(changed, section)
    for section, inner in _SWITCHED_WITHIN.items():
        items = changed.get(section)
        if isinstance(items, YamlList) and any(map(_holds_disabled, items)):
            copies = items.copied()
            for index, item in enumerate(items):
                if isinstance(item, YamlMapping):
                    copies[index] = copy = item.copied()
                    for key in inner:
                        _keep_enabled(copy, key)
            changed[section] = copies
    return changed


def _holds_disabled(item: object) -> bool:
    values = item.values() if isinstance(item, dict) else ()
    return any(_is_disabled(inner) for value in values if isinstance(value, list) for inner in value)


def _keep_enabled(mapping: YamlMapping, key: str) -> None:
    items = mapping.get(key)
    if isinstance(items, YamlList) and any(map(_is_disabled, items)):
        kept = YamlList(items.place)
        for item, place in zip(items, items.places, strict=True):
            if not _is_disabled(item):
                kept.put(item, place)
        mapping[key] = kept


def _is_disabled(item: object) -> bool:
    return isinstance(item, dict) and from_variable(item.get("enabled")) is False


def _twice(whole: YamlMapping, display: Callable[[Path], str]) -> list[Problem]:
    """Return a problem for each name that a list has twice, disabled items included."""
    problems: list[Problem] = []
    for section, key in _NAMED.items():
        items = whole.get(section)
        if not isinstance(items, YamlList):
            continue
        problems += _twice_in(whole, (section,), items, key, display)
        for index in range(len(items)):
            problems += twice_within(whole, (section, index), display)
    return problems


def twice_within(whole: YamlMapping, location: tuple[str, int], display: Callable[[Path], str]) -> list[Problem]:
    """Return a problem for each metric, sink or format that one item of a section has twice in its own lists."""
    section, index = location
    item = cast("YamlList", whole[section])[index]
    problems: list[Problem] = []
    for inner, key in _NAMED_WITHIN.items():
        found = item.get(inner) if isinstance(item, YamlMapping) else None
        if isinstance(found, YamlList):
            problems += _twice_in(whole, (section, index, inner), found, key, display)
    return problems


def _twice_in(
    whole: YamlMapping, location: Location, items: YamlList, key: str, display: Callable[[Path], str]
) -> list[Problem]:
    first: dict[str, Place] = {}
    problems: list[Problem] = []
    for item in items:
        name = item.get(key) if isinstance(item, YamlMapping) else None
        if not isinstance(item, YamlMapping) or not isinstance(name, str):
            continue
        if name in first:
            found = f"found the {key} {quote(name)} twice (first in {first[name].shown(display)})"
            text = f"{found}, expected it once"
            problems.append(Problem(item.places[key], key_path(whole, location), text))
        first.setdefault(name, item.places[key])
    return problems
