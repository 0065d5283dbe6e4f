# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which data set-ups an entry needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.config.problems import nearest, one_of, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_curator_bench.config.yaml.values import YamlMapping


class SetupNeeds:
    """Knows the data set-ups of a configuration, and which of them entries name.

    An entry that names none needs every set-up that no entry names: all, where none says anything. A disabled
    entry's word counts (switching it off must not give its data to others), and a disabled set-up may be named
    (it is switched off where the data is there already).
    """

    def __init__(self, active: YamlMapping, disabled: YamlMapping) -> None:
        self._enabled = _names(active)
        self._known = {*self._enabled, *_names(disabled)}
        claimed = {name for part in (active, disabled) for name in _claims(part)}
        self._unclaimed = tuple(name for name in self._enabled if name not in claimed)

    def of(self, named: Sequence[str] | None) -> tuple[str, ...]:
        """The enabled set-ups that an entry needs, in the order of the configuration.

        Args:
            named: what the entry says; ``None`` if nothing.
        """
        if named is None:
            return self._unclaimed
        return tuple(name for name in self._enabled if name in named)

    def problems(self, named: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Index of, and what is wrong with, each name that isn't that of a set-up."""
        for index, name in enumerate(named):
            if name not in self._known:
                known = sorted(self._known)
                found = f"found the unknown data set-up {quote(name)}"
                yield index, f"{found}, expected {one_of(known)}{nearest(name, known)}"


def _names(part: YamlMapping) -> tuple[str, ...]:
    return tuple(str(item["name"]) for item in _items(part, "data_setups") if "name" in item)


def _claims(part: YamlMapping) -> Iterator[str]:
    for entry in _items(part, "entries"):
        named = entry.get("data_setups")
        if isinstance(named, list):
            yield from map(str, named)


def _items(part: YamlMapping, section: str) -> Iterator[dict[str, object]]:
    items = part.get(section)
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))
