# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbers that YAML reads otherwise than people write them: ``1e-3`` is text, ``0010`` is 8, and ``1:30`` is 90."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_curator_bench.config.locate import key_path
from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_curator_bench.config.problems import Place

# YAML 1.1 wants a point and a sign in a number with an exponent.
_EXPONENT = re.compile(r"([-+]?)(\d+)(?:\.(\d*))?[eE]([-+]?)(\d+)")
_OCTAL_OF_YAML_1_2 = re.compile(r"0o([0-7]+)")
_DECIMAL = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")
_OCTAL = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_LARGEST_EXPONENT = 18
# What is taken as it is written.
_AS_WRITTEN = frozenset({"args", "env"})


def number_hint(value: object, *, whole: bool = False) -> str:
    """Return ``; write 1.0e-3`` for text that is a number to people, else nothing.

    Args:
        value: what was found where a number is expected.
        whole: whether a whole number is expected.
    """
    if not isinstance(value, str):
        return ""
    text = value.strip()
    if match := _EXPONENT.fullmatch(text):
        sign, digits, fraction, exponent_sign, exponent = match.groups()
        if whole and exponent_sign != "-" and int(exponent) <= _LARGEST_EXPONENT and float(text).is_integer():
            return f"; write {float(text):.0f}"
        return f"; write {sign}{digits}.{fraction or '0'}e{exponent_sign or '+'}{exponent}"
    if match := _OCTAL_OF_YAML_1_2.fullmatch(text):
        return f"; write {int(match[1], 8)}"
    if _DECIMAL.fullmatch(text):
        sign = "-" if text.startswith("-") else ""
        plain = text.lstrip("+-").replace(",", "").lstrip("0") or "0"
        return f"; write {sign}{plain if plain[0] != '.' else f'0{plain}'} without quotes"
    return ""


def misread_numbers(root: YamlMapping) -> list[Problem]:
    """Return a warning for each number that means something else than it seems to: octal and sexagesimal ones."""
    return list(_misread(root, root, []))


def _misread(root: YamlMapping, value: YamlMapping | YamlList, location: list[str | int]) -> Iterator[Problem]:
    items: Iterator[tuple[str | int, object]] = (
        iter(value.items()) if isinstance(value, YamlMapping) else enumerate(value)
    )
    for key, item in items:
        if isinstance(item, YamlMapping | YamlList):
            if key not in _AS_WRITTEN:
                yield from _misread(root, item, [*location, key])
        elif isinstance(item, int | float):
            place: Place = value.places[key]  # type: ignore[index]  # a key of the mapping or an index of the list
            how = _how_misread(place.text or "")
            if how:
                yield Problem(place, key_path(root, [*location, key]), f"{place.text} means {item}{how}")


def _how_misread(written: str) -> str:
    if _OCTAL.fullmatch(written):
        plain = written.lstrip("+-0").replace("_", "")
        return f": YAML reads a number that begins with 0 as an octal one; write {plain} if that is meant"
    if _SEXAGESIMAL.fullmatch(written):
        return ": YAML reads numbers with colons between them as minutes and seconds, in base 60"
    return ""
