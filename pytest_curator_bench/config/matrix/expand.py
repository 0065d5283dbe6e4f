# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries with a matrix multiplied: one entry for each combination, so that nothing later knows of matrices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_curator_bench.config.locate import key_path, place_of
from pytest_curator_bench.config.matrix.combinations import MOST_CELLS, Cells
from pytest_curator_bench.config.matrix.substitution import MARK, Filling
from pytest_curator_bench.config.prepare import twice_within
from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.schema_models import Matrix
from pytest_curator_bench.config.yaml.values import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_curator_bench.config.locate import Location
    from pytest_curator_bench.config.matrix.combinations import Cell
    from pytest_curator_bench.config.problems import Place

_ENTRIES = "entries"
# Where a text without a value would pass unseen: elsewhere types and placeholders are checked anyway.
_FREE_KEYS = ("sink_data", "requirements", "marks")
_NO_MATRIX = "in an entry without a matrix, expected a matrix with this axis, or no reference to it"
_IN_NAME = "found a placeholder in the name, expected none: the combination is added to it in brackets"


@dataclass(kw_only=True)
class Expanded:
    """Data whose entries have no matrix any more.

    Attributes:
        data: the data; entries that came out of one matrix still have one name, so that messages name what the
            user wrote.
        cells: for each entry, the combination that it is; ``None`` where it has no matrix.
        problems: what is wrong.
        warnings: what is odd.
    """

    data: YamlMapping
    cells: list[Cell | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def expand(data: YamlMapping, display: Callable[[Path], str]) -> Expanded:
    """Multiply the entries of ``data`` by their matrices; one with a wrong matrix stays as it is."""
    expanded = Expanded(data=data)
    entries = data.get(_ENTRIES)
    if isinstance(entries, YamlList):
        _Expander(data, expanded, display).expand(entries)
    return expanded


class _Expander:
    """Fills :class:`Expanded`."""

    def __init__(self, data: YamlMapping, expanded: Expanded, display: Callable[[Path], str]) -> None:
        self._data = data
        self._expanded = expanded
        self._display = display
        self._allowance = MOST_CELLS

    def expand(self, entries: YamlList) -> None:
        changed = YamlList(entries.place)
        for index, (entry, place) in enumerate(zip(entries, entries.places, strict=True)):
            for filled, cell in self._multiplied(entry, index):
                changed.put(filled, place)
                self._expanded.cells.append(cell)
        self._expanded.data = self._data.copied()
        self._expanded.data.put(_ENTRIES, changed, self._data.places[_ENTRIES])
        for index, cell in enumerate(self._expanded.cells):
            if cell is not None:
                self._expanded.problems += twice_within(self._expanded.data, (_ENTRIES, index), self._display)

    def _multiplied(self, entry: object, index: int) -> list[tuple[object, Cell | None]]:
        if not isinstance(entry, YamlMapping):
            return [(entry, None)]
        report = self._reporter((_ENTRIES, index))
        matrix = entry.get("matrix")
        if matrix is None:
            if any(key in entry for key in _FREE_KEYS):
                # Only to find what refers to a matrix: the result is not wanted.
                Filling(None, report, lack=_NO_MATRIX).entry(_part(entry, _FREE_KEYS))
            return [(entry, None)]
        name = entry.get("name")
        if isinstance(name, str) and MARK in name:
            report(entry.places["name"], ("name",), _IN_NAME)
        cells = self._cells(matrix, str(name), index)
        if not cells:
            # What refers to the matrix has no value, which is told already.
            filled = Filling(None, report).entry(entry)
            filled.take("matrix", entry)
            return [(filled, None)]
        names = dict.fromkeys(name for cell in cells for name in cell.values)
        return [(Filling(cell, report, names=names).entry(entry), cell) for cell in cells]

    def _cells(self, matrix: object, name: str, index: int) -> list[Cell]:
        """The combinations; none where the matrix is wrong."""
        try:
            Matrix.model_validate(matrix)
        except ValidationError:
            return []  # told when all entries are checked, of which this is then one
        if not isinstance(matrix, YamlMapping):
            return []
        found = Cells(matrix, name, self._allowance)
        self._allowance -= len(found.cells)
        for complaints, told in (
            (found.problems, self._expanded.problems),
            (found.warnings, self._expanded.warnings),
        ):
            for inner, text in complaints:
                location = (_ENTRIES, index, "matrix", *inner)
                told.append(Problem(place_of(self._data, location), key_path(self._data, location), text))
        return found.cells

    def _reporter(self, start: Location) -> Callable[[Place, Location, str], None]:
        def report(place: Place, inner: Location, text: str) -> None:
            self._expanded.problems.append(Problem(place, key_path(self._data, (*start, *inner)), text))

        return report


def _part(entry: YamlMapping, keys: tuple[str, ...]) -> YamlMapping:
    part = YamlMapping(entry.place)
    for key in keys:
        if key in entry:
            part.take(key, entry)
    return part
