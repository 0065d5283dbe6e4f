# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The combinations of a matrix: axes multiplied, ``exclude`` removed, ``include`` added, each with its name.

- The combinations are the product of the axes in the order of the file, the last axis changing fastest.
- An item of ``exclude`` takes out every combination that has all of its values.
- An item of ``include`` goes, in the order of the file, into every combination whose axes it agrees with, those
  that earlier items added included: it adds names to them, and later items override earlier ones. It never changes the
  value of an axis. Where it agrees with none it is a combination of its own, and must give all axes.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

from pytest_curator_bench._util.text import instead_of, one_of, quote
from pytest_curator_bench.config.fields.types import LONGEST_NAME_BYTES
from pytest_curator_bench.config.fields.validators import from_variable
from pytest_curator_bench.config.locate import key_path, place_of
from pytest_curator_bench.config.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_curator_bench.config.locate import Location
    from pytest_curator_bench.config.problems import Place
    from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

Scalar = bool | int | float | str

MOST_COMBINATIONS = 10_000
"""How many combinations the matrices of one configuration may have together."""
_OWN_KEYS = ("include", "exclude")
# What stays in a name: characters that directories, shells and pytest's -k take as they are.
_UNSAFE = re.compile(r"(?:\.{2,}|[^\w.+-])+")


class MatrixValue(NamedTuple):
    """One value of a combination.

    Attributes:
        value: with its type.
        text: as it is written in the file (``3.10`` where the value is 3.1): what becomes part of a text.
    """

    value: Scalar
    text: str

    @property
    def identity(self) -> tuple[type, Scalar]:
        """What makes two values the same: 1 and 1.0 are, 1 and ``true`` or ``'1'`` are not."""
        return (float if type(self.value) is int else type(self.value), self.value)


def in_name(text: str) -> str:
    """Return a value in the form that it has in names."""
    return _UNSAFE.sub("_", text) or "_"


@dataclass(frozen=True, slots=True)
class Combination:
    """One combination.

    Attributes:
        axes: the value of each axis, in order: these name it.
        added: what ``include`` adds, by name.
    """

    axes: Mapping[str, MatrixValue]
    added: Mapping[str, MatrixValue]

    @property
    def values(self) -> dict[str, MatrixValue]:
        """The value of every name that ``{matrix.NAME}`` may use."""
        return {**self.axes, **self.added}

    @property
    def plain(self) -> dict[str, Scalar]:
        """The same without what is written."""
        return {name: value.value for name, value in self.values.items()}

    @property
    def label(self) -> str:
        """The values of the axes in a form fit for names: ``xenna-15``."""
        return "-".join(in_name(value.text) for value in self.axes.values())

    def agrees_with(self, values: Mapping[str, MatrixValue]) -> bool:
        """Whether it has the same values in all of its axes that ``values`` names."""
        return all(values[name].identity == own.identity for name, own in self.axes.items() if name in values)

    def described(self) -> str:
        """The values of the axes, for messages: ``executor: xenna, size: 15``."""
        return ", ".join(f"{name}: {value.text}" for name, value in self.axes.items())


class MatrixCombinations:
    """The combinations of one matrix.

    Args:
        matrix: the matrix as it was read, its structure already checked.
        base: the entry's name.
        root: the data that it is part of, for places and key paths.
        location: where in the data it is.
        allowance: how many combinations it may have at most.

    Attributes:
        combinations: in order; none where there are problems.
        problems: what is wrong.
        warnings: what is odd: items of ``exclude`` that remove nothing.
    """

    def __init__(
        self,
        matrix: YamlMapping,
        base: str,
        root: YamlMapping,
        location: Location,
        allowance: int = MOST_COMBINATIONS,
    ) -> None:
        self.combinations: list[Combination] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._root = root
        self._location = location
        self._matrix = matrix
        self._axes = {
            name: list(_listed(cast("YamlList", values))) for name, values in matrix.items() if name not in _OWN_KEYS
        }
        self._refuse_double_values()
        if self.problems:
            return
        number = math.prod(len(values) for values in self._axes.values())
        if number > allowance:
            text = f"found {number:,} combinations, expected at most {MOST_COMBINATIONS:,} in all matrices together"
            self.problems.append(self._problem((), text))
            return
        self.combinations = [
            Combination(dict(zip(self._axes, values, strict=True)), {})
            for values in itertools.product(*self._axes.values())
        ]
        self._exclude()
        self._include()
        if not self.combinations and not self.problems:
            self.problems.append(self._problem((), "found no combination that is left, expected at least one"))
        self._refuse_bad_names(base)
        if self.problems:
            self.combinations = []

    def _problem(self, inner: Location, text: str) -> Problem:
        """Return the problem at a location within the matrix."""
        location = (*self._location, *inner)
        return Problem(place_of(self._root, location), key_path(self._root, location), text)

    def _items(self, key: str) -> Iterator[tuple[Location, dict[str, MatrixValue]]]:
        for index, item in enumerate(cast("list[YamlMapping]", self._matrix.get(key) or [])):
            yield (key, index), {name: matrix_value(value, item.places[name]) for name, value in item.items()}

    def _refuse_double_values(self) -> None:
        for axis, values in self._axes.items():
            seen: dict[object, str] = {}
            for index, value in enumerate(values):
                if value.identity in seen:
                    text = f"found {value.text} behind {seen[value.identity]}, expected each value once"
                    self.problems.append(self._problem((axis, index), text))
                seen.setdefault(value.identity, value.text)

    def _exclude(self) -> None:
        for location, values in self._items("exclude"):
            unknown = [name for name in values if name not in self._axes]
            if unknown or not values:
                if unknown:
                    text = f"found the unknown axis {quote(unknown[0])}{instead_of(unknown[0], self._axes)}"
                else:
                    text = f"found nothing, expected values of axes: {one_of(self._axes)}"
                self.problems.append(self._problem((*location, *unknown[:1]), text))
                continue
            left = [
                combination
                for combination in self.combinations
                if any(combination.axes[name].identity != value.identity for name, value in values.items())
            ]
            if len(left) == len(self.combinations):
                self.warnings.append(self._problem(location, "takes out no combination: none has these values"))
            self.combinations = left

    def _include(self) -> None:
        for location, values in self._items("include"):
            added = {name: value for name, value in values.items() if name not in self._axes}
            fitting = {
                number for number, combination in enumerate(self.combinations) if combination.agrees_with(values)
            }
            if fitting:
                self.combinations = [
                    Combination(combination.axes, {**combination.added, **added}) if number in fitting else combination
                    for number, combination in enumerate(self.combinations)
                ]
                continue
            missing = [name for name in self._axes if name not in values]
            if missing:
                text = (
                    f"found no value for the axis {missing[0]} and no combination that has the other values, "
                    "expected those of a combination, or of all axes to add one"
                )
                self.problems.append(self._problem(location, text))
                continue
            self.combinations.append(Combination({name: values[name] for name in self._axes}, added))

    def _refuse_bad_names(self, base: str) -> None:
        seen: dict[str, Combination] = {}
        for combination in self.combinations:
            label = combination.label
            name = combination_name(base, combination)
            if label in seen:
                text = (
                    f"found two combinations that would both be called {quote(name)} "
                    f"({seen[label].described()}, and {combination.described()}), expected values that stay different "
                    "when all but letters, digits and _ . + - is replaced by _"
                )
                self.problems.append(self._problem((), text))
            seen.setdefault(label, combination)
            if len(name.encode()) > LONGEST_NAME_BYTES:
                text = (
                    f"found a combination whose name has {len(name.encode())} bytes ({quote(name)}), "
                    f"expected at most {LONGEST_NAME_BYTES}: shorten values, or give long ones in include"
                )
                self.problems.append(self._problem((), text))


def combination_name(base: str, combination: Combination) -> str:
    """Return the name of the entry that a combination makes: ``minhash[xenna-15]``."""
    return f"{base}[{combination.label}]"


def matrix_value(value: object, place: Place) -> MatrixValue:
    """Return a scalar of the file as a value: a number or flag also where a variable stands for it."""
    if isinstance(value, str):
        return MatrixValue(cast("Scalar", from_variable(value)), str(value))
    return MatrixValue(cast("Scalar", value), place.text or str(value))


def _listed(values: YamlList) -> Iterator[MatrixValue]:
    for value, place in zip(values, values.places, strict=True):
        yield matrix_value(value, place)
