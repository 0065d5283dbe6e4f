# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Placeholders in commands and paths: ``{session_entry_dir}``, ``{dataset:NAME,FORMAT}``, ``{a_path}``.

What looks like a name in braces is a placeholder, and must be a known one; ``{{name}}`` is a literal
``{name}``. Every other brace (JSON, the ``{2,3}`` of a regular expression) is left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_curator_bench._util.text import instead_of, one_of, quote
from pytest_curator_bench.config import defaults
from pytest_curator_bench.config.paths import first_existing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

RUN_PLACEHOLDERS = ("session_entry_dir", "scratch_dir", "curator_repo_dir")

# A doubled brace; a reference to a dataset, checked further so that a malformed one is noticed; or a name.
_PLACEHOLDER = re.compile(
    r"\{\{(?P<literal>dataset:[^{}]*|[A-Za-z_][A-Za-z0-9_.-]*)\}\}"
    r"|\{dataset(?P<dataset>:[^{}]*\}?|\})"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\}"
)
_DATASET = re.compile(r":([^\s,{}]+),([^\s,{}]+)\}")

Dataset = tuple[str, str]
FingerprintMode = Literal["listing", "content", "none"]


class Scan(NamedTuple):
    """What a text refers to.

    Attributes:
        names: placeholders that are names, without braces.
        datasets: datasets, as name and format.
        problems: for each placeholder that is wrong, what was found and what was expected.
    """

    names: tuple[str, ...]
    datasets: tuple[Dataset, ...]
    problems: tuple[str, ...]


class Scanner:
    """Finds the placeholders of texts and checks them.

    Args:
        names: the names that are known.
        datasets: the datasets that are known, as name and format; ``None`` where none can be named.
    """

    def __init__(self, names: Collection[str], datasets: Collection[Dataset] | None = None) -> None:
        self._names = frozenset(names)
        self._with_datasets = datasets is not None
        self._datasets = frozenset(datasets or ())
        self._scans: dict[str, Scan] = {}

    def scan(self, text: str) -> Scan:
        """Return what ``text`` refers to."""
        # The same few arguments come back in entry after entry.
        if text not in self._scans:
            self._scans[text] = self._scan(text)
        return self._scans[text]

    def _scan(self, text: str) -> Scan:
        names: list[str] = []
        datasets: list[Dataset] = []
        problems: list[str | None] = []
        for match in _PLACEHOLDER.finditer(text):
            if match["name"] is not None:
                names.append(match["name"])
                problems.append(self._name_problem(match["name"]))
            elif match["dataset"] is not None:
                dataset = _dataset(match)
                datasets += [dataset] if dataset else []
                problems.append(self._dataset_problem(match[0], dataset))
        return Scan(tuple(names), tuple(datasets), tuple(filter(None, problems)))

    def _name_problem(self, name: str) -> str | None:
        if name in self._names:
            return None
        if name.startswith("matrix."):
            return f"found {{{name}}} where no matrix gives it a value, expected an entry whose matrix has this axis"
        words = [f"{{{word}}}" for word in self._names] + ["{dataset:NAME,FORMAT}"] * self._with_datasets
        return (
            f"found the unknown placeholder {{{name}}}{instead_of(f'{{{name}}}', words)} "
            f"(write {{{{{name}}}}} for a literal {{{name}}})"
        )

    def _dataset_problem(self, written: str, dataset: Dataset | None) -> str | None:
        if not self._with_datasets:
            words = [f"{{{word}}}" for word in self._names]
            return f"found {quote(written)}, but a dataset can't be named here; expected {one_of(words)}"
        if dataset is None:
            return f"found {quote(written)}, expected {{dataset:NAME,FORMAT}} without blanks"
        if dataset in self._datasets:
            return None
        name, form = dataset
        names = {known for known, _ in self._datasets}
        if name not in names:
            return f"found the unknown dataset {quote(name)}{instead_of(name, names)}"
        forms = {known for of, known in self._datasets if of == name}
        return f"found the unknown format {quote(form)} of the dataset {quote(name)}{instead_of(form, forms)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPath:
    """Where a dataset lies.

    Attributes:
        bases: the directories that ``written`` may be relative to; the first in which it exists counts.
        written: the path with its placeholders.
        fingerprint: how it is recorded with results; see :class:`~pytest_curator_bench.config.model.DatasetUse`.
    """

    bases: tuple[Path, ...]
    written: str
    fingerprint: FingerprintMode = defaults.FINGERPRINT


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """What the configuration defines placeholders to be.

    Attributes:
        paths: the value of each path's name.
        datasets: the path of each dataset.
    """

    paths: Mapping[str, str]
    datasets: Mapping[Dataset, DatasetPath]


class Substitution:
    """Substitutes placeholders.

    Args:
        placeholders: those that the configuration defines.
        values: the values of others, by name without braces.

    Attributes:
        unresolved: placeholders that had no value and were left as they are, braces included, each once.
    """

    def __init__(self, placeholders: Placeholders, values: Mapping[str, str]) -> None:
        self._names = {**placeholders.paths, **values}
        self._datasets = placeholders.datasets
        self.unresolved: dict[str, None] = {}

    def text(self, text: str) -> str:
        """Return ``text`` with its placeholders substituted; what comes out of one is never searched for others."""
        return _PLACEHOLDER.sub(self._value, text) if "{" in text else text

    def fingerprint(self, dataset: Dataset) -> FingerprintMode:
        """Return how a dataset is recorded; raises KeyError for one that isn't defined."""
        return self._datasets[dataset].fingerprint

    def dataset(self, dataset: Dataset) -> Path:
        """Return the path of a dataset; raises KeyError for one that isn't defined."""
        location = self._datasets[dataset]
        return first_existing(location.bases, self.text(location.written))

    def _value(self, match: re.Match[str]) -> str:
        if match["literal"] is not None:
            return f"{{{match['literal']}}}"
        if match["name"] is not None:
            value = self._names.get(match["name"])
        else:
            dataset = _dataset(match)
            value = str(self.dataset(dataset)) if dataset and dataset in self._datasets else None
        if value is None:
            self.unresolved[match[0]] = None
            return match[0]
        return value


def _dataset(match: re.Match[str]) -> Dataset | None:
    """Name and format of a reference to a dataset; ``None`` if it is malformed."""
    parts = _DATASET.fullmatch(match["dataset"])
    return (parts[1], parts[2]) if parts else None
