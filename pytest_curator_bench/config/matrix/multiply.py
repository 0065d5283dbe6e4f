# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries with a matrix multiplied: one entry for each combination, so that nothing later knows of matrices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_curator_bench.config.locate import key_path
from pytest_curator_bench.config.matrix.combinations import MOST_COMBINATIONS, MatrixCombinations
from pytest_curator_bench.config.matrix.substitution import MATRIX_PREFIX, MatrixSubstitution
from pytest_curator_bench.config.prepare import twice_within
from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.schema_models import Matrix
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_curator_bench.config.locate import Location
    from pytest_curator_bench.config.matrix.combinations import Combination
    from pytest_curator_bench.config.problems import Place

_ENTRIES = "entries"
# Where a text without a value would pass unseen: elsewhere types and placeholders are checked anyway.
_FREE_KEYS = ("sink_data", "requirements", "marks")
_NO_MATRIX = "in an entry without a matrix, expected a matrix with this axis, or no reference to it"
_IN_NAME = "found a placeholder in the name, expected none: the combination is added to it in brackets"


@dataclass(kw_only=True)
class Multiplied:
    """Data whose entries have no matrix any more.

    Attributes:
        data: the data; entries that came out of one matrix still have one name, so that messages name what the
            user wrote.
        combinations: for each entry, the combination that it is; ``None`` where it has no matrix.
        problems: what is wrong.
        warnings: what is odd.
    """

    data: YamlMapping
    combinations: list[Combination | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def multiply_matrix(data: YamlMapping, display: Callable[[Path], str]) -> Multiplied:
    """Multiply the entries of ``data`` by their matrices; one with a wrong matrix stays as it is."""
    multiplied = Multiplied(data=data)
    entries = data.get(_ENTRIES)
    if isinstance(entries, YamlList):
        _Multiplier(data, multiplied, display).multiply(entries)
    return multiplied


class _Multiplier:
    """Fills :class:`Multiplied`."""

    def __init__(self, data: YamlMapping, multiplied: Multiplied, display: Callable[[Path], str]) -> None:
        self._data = data
        self._result = multiplied
        self._display = display
        self._allowance = MOST_COMBINATIONS

    def multiply(self, entries: YamlList) -> None:
        changed = YamlList(entries.place)
        for index, (entry, place) in enumerate(zip(entries, entries.places, strict=True)):
            for changed_entry, combination in self._multiplied(entry, index):
                changed.put(changed_entry, place)
                self._result.combinations.append(combination)
        self._result.data = self._data.copied()
        self._result.data.put(_ENTRIES, changed, self._data.places[_ENTRIES])
        for index, combination in enumerate(self._result.combinations):
            if combination is not None:
                self._result.problems += twice_within(self._result.data, (_ENTRIES, index), self._display)

    def _multiplied(self, entry: object, index: int) -> list[tuple[object, Combination | None]]:
        if not isinstance(entry, YamlMapping):
            return [(entry, None)]
        report = self._reporter((_ENTRIES, index))
        matrix = entry.get("matrix")
        if matrix is None:
            if any(key in entry for key in _FREE_KEYS):
                # Only to find what refers to a matrix: the result is not wanted.
                MatrixSubstitution(None, report, missing_reason=_NO_MATRIX).entry(_part(entry, _FREE_KEYS))
            return [(entry, None)]
        name = entry.get("name")
        if isinstance(name, str) and MATRIX_PREFIX in name:
            report(entry.places["name"], ("name",), _IN_NAME)
        combinations = self._combinations(matrix, str(name), index)
        if not combinations:
            # What refers to the matrix has no value, which is reported already.
            changed = MatrixSubstitution(None, report).entry(entry)
            changed.take("matrix", entry)
            return [(changed, None)]
        names = dict.fromkeys(name for combination in combinations for name in combination.values)
        return [
            (MatrixSubstitution(combination, report, names=names).entry(entry), combination)
            for combination in combinations
        ]

    def _combinations(self, matrix: object, name: str, index: int) -> list[Combination]:
        """Return the combinations; none where the matrix is wrong."""
        try:
            Matrix.model_validate(matrix)
        except ValidationError:
            return []  # reported when all entries are checked, this one among them
        if not isinstance(matrix, YamlMapping):
            return []
        found = MatrixCombinations(matrix, name, self._data, (_ENTRIES, index, "matrix"), self._allowance)
        self._allowance -= len(found.combinations)
        self._result.problems += found.problems
        self._result.warnings += found.warnings
        return found.combinations

    def _reporter(self, start: Location) -> Callable[[Place, Location, str], None]:
        def report(place: Place, inner: Location, text: str) -> None:
            self._result.problems.append(Problem(place, key_path(self._data, (*start, *inner)), text))

        return report


def _part(entry: YamlMapping, keys: tuple[str, ...]) -> YamlMapping:
    part = YamlMapping(entry.place)
    for key in keys:
        if key in entry:
            part.take(key, entry)
    return part
