# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Merged data made ready for checking: variables put in, disabled items set apart, double names found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pytest_curator_bench.config.env_vars import Expansion, Failure
from pytest_curator_bench.config.fields.checks import from_variable
from pytest_curator_bench.config.locate import Location, key_path
from pytest_curator_bench.config.masking import PUBLIC_VARIABLES, masked, masked_sink, secrets_of
from pytest_curator_bench.config.problems import Problem, place_text, quote
from pytest_curator_bench.config.yaml.values import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_curator_bench.config.problems import Place

# Lists whose items may say `enabled: false`.
_SWITCHED = ("entries", "sinks", "data_setups")
# Lists whose items have names of their own, with the key that names them: at the top, and within items.
_NAMED = {"entries": "name", "sinks": "name", "data_setups": "name", "datasets": "name", "paths": "name"}
_NAMED_WITHIN = {"requirements": "metric", "sink_data": "name", "formats": "type"}


@dataclass(frozen=True, kw_only=True)
class LackingSink:
    """A sink that is switched off because it lacks a variable.

    Attributes:
        name: the sink's name.
        place: where the variable is asked for.
        variable: the variable's name.
    """

    name: str
    place: Place
    variable: str


@dataclass(kw_only=True, repr=False)
class Sections:
    """Merged data, made ready; without ``repr()``, because it holds secrets.

    Attributes:
        whole: everything, in the order of the files; disabled items as they are written.
        active: what is enabled.
        disabled: the items that are not, in the same form.
        problems: what is wrong so far.
        lacking_sinks: sinks that lack a variable; they are among the disabled ones.
        sink_variables: names of the variables that sinks mention, defined or not.
        sink_values: values of those that are defined, by name.
    """

    whole: YamlMapping
    active: YamlMapping
    disabled: YamlMapping
    problems: list[Problem] = field(default_factory=list)
    lacking_sinks: list[LackingSink] = field(default_factory=list)
    sink_variables: set[str] = field(default_factory=set)
    sink_values: dict[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> frozenset[str]:
        """The strings that must not appear in any output."""
        return secrets_of(self._sinks(), self.sink_values.items())

    @property
    def secret_variables(self) -> frozenset[str]:
        """The environment variables that scripts must not inherit."""
        return frozenset(self.sink_variables - PUBLIC_VARIABLES)

    def masked(self) -> object:
        """Everything, secrets masked."""
        secrets = self.secrets
        return {
            key: [masked_sink(sink, secrets) for sink in self._sinks()] if key == "sinks" else masked(value, secrets)
            for key, value in self.whole.items()
        }

    def _sinks(self) -> list[object]:
        sinks = self.whole.get("sinks")
        return sinks if isinstance(sinks, list) else []


def prepare(
    merged: YamlMapping, *, environ: Mapping[str, str], strict: bool, display: Callable[[Path], str]
) -> Sections:
    """Put variables in, and set apart what is disabled.

    A variable that is not defined is a problem where it is needed: not in a disabled item, and in a sink
    only with ``strict``; the sink is switched off otherwise. In a sink an empty variable counts as
    undefined, because CI systems define a missing secret that way.
    """
    sections = Sections(
        whole=YamlMapping(merged.place), active=YamlMapping(merged.place), disabled=YamlMapping(merged.place)
    )
    preparer = _Preparer(sections, merged, environ, strict=strict)
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

    def __init__(self, sections: Sections, merged: YamlMapping, environ: Mapping[str, str], *, strict: bool) -> None:
        self._sections = sections
        self._merged = merged
        self._environ = environ
        self._strict = strict

    def common(self, key: str, value: object) -> None:
        """Take in a key whose value can't be disabled."""
        place = self._merged.places[key]
        expansion = Expansion(self._environ)
        expanded = expansion.value(value, place, (key,))
        self._report(expansion.failures)
        self._sections.whole.put(key, expanded, place)
        self._sections.active.put(key, expanded, place)

    def switched(self, key: str, items: YamlList) -> None:
        """Take in a list whose items can be disabled."""
        whole, active, disabled = (YamlList(items.place) for _ in range(3))
        for index, (item, place) in enumerate(zip(items, items.places, strict=True)):
            written = item.without(is_comment) if isinstance(item, YamlMapping) else item
            expansion = Expansion(self._environ, allow_empty=key != "sinks")
            expanded = expansion.value(written, place, (key, index))
            if _is_disabled(expanded):
                whole.put(written, place)
                disabled.put(expanded, place)
            elif key == "sinks" and self._lacks_variable(expanded, expansion):
                whole.put(expanded, place)
                disabled.put(expanded, place)
            else:
                self._report(expansion.failures)
                whole.put(expanded, place)
                active.put(expanded, place)
        place = self._merged.places[key]
        self._sections.whole.put(key, whole, place)
        self._sections.active.put(key, active, place)
        if disabled:
            self._sections.disabled.put(key, disabled, place)

    def _lacks_variable(self, sink: object, expansion: Expansion) -> bool:
        """Note the variables of an enabled sink; whether it must be switched off for lack of one."""
        self._sections.sink_variables |= expansion.named
        self._sections.sink_values.update(expansion.used)
        missing = next((failure for failure in expansion.failures if failure.variable), None)
        if self._strict or missing is None or missing.variable is None:
            return False
        self._report([failure for failure in expansion.failures if failure.variable is None])
        name = sink.get("name") if isinstance(sink, dict) else None
        self._sections.lacking_sinks.append(LackingSink(name=str(name), place=missing.place, variable=missing.variable))
        return True

    def _report(self, failures: list[Failure]) -> None:
        self._sections.problems += [
            Problem(failure.place, key_path(self._merged, failure.location), failure.text) for failure in failures
        ]


def _is_disabled(item: object) -> bool:
    return isinstance(item, dict) and from_variable(item.get("enabled")) is False


def _twice(whole: YamlMapping, display: Callable[[Path], str]) -> list[Problem]:
    """The names that a list has twice, disabled items included."""
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
    """The names that one item of a section has twice in its own lists: metrics, sinks, formats."""
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
            found = f"found the {key} {quote(name)} twice (first in {place_text(first[name], display)})"
            text = f"{found}, expected it once"
            problems.append(Problem(item.places[key], key_path(whole, location), text))
        first.setdefault(name, item.places[key])
    return problems
