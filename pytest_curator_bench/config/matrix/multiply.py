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
from pytest_curator_bench.config.prepare import has_unresolved, known_part, twice_within
from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.schema_models import Matrix
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
        undefined: for each entry, its references to a matrix that have no value.
        incomplete: those entries as they are written; of them the data has the part that is known.
        problems: what else is wrong.
        warnings: what is odd.
    """

    data: YamlMapping
    incomplete: YamlMapping
    combinations: list[Combination | None] = field(default_factory=list)
    undefined: list[list[Problem]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def multiply_matrix(data: YamlMapping, display: Callable[[Path], str], *, strict_entries: bool) -> Multiplied:
    """Multiply the entries of ``data`` by their matrices; one with a wrong matrix stays as it is.

    Args:
        data: the data.
        display: how to write a file's path in messages.
        strict_entries: whether a reference without a value is a problem of the whole, and not of its entry alone.
    """
    multiplied = Multiplied(data=data, incomplete=YamlMapping(data.place))
    entries = data.get(_ENTRIES)
    if isinstance(entries, YamlList):
        _Multiplier(data, multiplied, display, strict_entries=strict_entries).multiply(entries)
    return multiplied


class _Multiplier:
    """Fills :class:`Multiplied`."""

    def __init__(
        self, data: YamlMapping, multiplied: Multiplied, display: Callable[[Path], str], *, strict_entries: bool
    ) -> None:
        self._strict_entries = strict_entries
        self._data = data
        self._result = multiplied
        self._display = display
        self._allowance = MOST_COMBINATIONS

    def multiply(self, entries: YamlList) -> None:
        changed = YamlList(entries.place)
        incomplete = YamlList(entries.place)
        for index, (entry, place) in enumerate(zip(entries, entries.places, strict=True)):
            for changed_entry, combination, undefined in self._multiplied(entry, index):
                if not undefined or self._strict_entries or not isinstance(changed_entry, YamlMapping):
                    changed.put(changed_entry, place)
                    self._result.problems += undefined
                else:
                    changed.put(known_part(changed_entry), place)
                    incomplete.put(changed_entry, place)
                self._result.combinations.append(combination)
                self._result.undefined.append(undefined)
        if incomplete:
            self._result.incomplete.put(_ENTRIES, incomplete, self._data.places[_ENTRIES])
        self._result.data = self._data.copied()
        self._result.data.put(_ENTRIES, changed, self._data.places[_ENTRIES])
        for index, combination in enumerate(self._result.combinations):
            if combination is not None:
                self._result.problems += twice_within(self._result.data, (_ENTRIES, index), self._display)

    def _multiplied(self, entry: object, index: int) -> Iterator[tuple[object, Combination | None, list[Problem]]]:
        """Yield each combination of an entry, with its references that have no value."""
        undefined: list[Problem] = []
        if not isinstance(entry, YamlMapping):
            yield entry, None, undefined
            return
        report = self._reporter((_ENTRIES, index), undefined)
        matrix = entry.get("matrix")
        if matrix is None:
            free = MatrixSubstitution(None, report, missing_reason=_NO_MATRIX).entry(_part(entry, _FREE_KEYS))
            yield _overlaid(entry, free) if undefined else entry, None, undefined
            return
        name = entry.get("name")
        if isinstance(name, str) and MATRIX_PREFIX in name:
            report(entry.places["name"], ("name",), _IN_NAME, "config")
        combinations = self._combinations(matrix, str(name), index)
        if not combinations:
            # What refers to the matrix has no value, which is reported already.
            changed = MatrixSubstitution(None, report).entry(entry)
            changed.take("matrix", entry)
            yield changed, None, undefined
        names = dict.fromkeys(name for combination in combinations for name in combination.values)
        for combination in combinations:
            own: list[Problem] = []
            report = self._reporter((_ENTRIES, index), own)
            yield MatrixSubstitution(combination, report, names=names).entry(entry), combination, own

    def _combinations(self, matrix: object, name: str, index: int) -> list[Combination]:
        """Return the combinations; none where the matrix is wrong or a variable is missing."""
        try:
            Matrix.model_validate(matrix)
        except ValidationError:
            return []  # reported when all entries are checked, this one among them
        if not isinstance(matrix, YamlMapping) or has_unresolved(matrix):
            return []
        found = MatrixCombinations(matrix, name, self._data, (_ENTRIES, index, "matrix"), self._allowance)
        self._allowance -= len(found.combinations)
        self._result.problems += found.problems
        self._result.warnings += found.warnings
        return found.combinations

    def _reporter(self, start: Location, undefined: list[Problem]) -> Callable[[Place, Location, str, str], None]:
        def report(place: Place, inner: Location, text: str, kind: str) -> None:
            problems = undefined if kind == "placeholder" else self._result.problems
            problems.append(Problem(place, key_path(self._data, (*start, *inner)), text, kind))

        return report


def _part(entry: YamlMapping, keys: tuple[str, ...]) -> YamlMapping:
    part = YamlMapping(entry.place)
    for key in keys:
        if key in entry:
            part.take(key, entry)
    return part


def _overlaid(entry: YamlMapping, part: YamlMapping) -> YamlMapping:
    whole = entry.copied()
    for key in part:
        whole.take(key, part)
    return whole
