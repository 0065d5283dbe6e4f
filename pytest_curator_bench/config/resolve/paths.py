# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The directories and datasets of a configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_curator_bench._util.container import IN_CONTAINER_VARIABLE, MOUNT_DIR, mounted_path, to_host_path
from pytest_curator_bench._util.text import quote
from pytest_curator_bench.config import defaults
from pytest_curator_bench.config.locate import key_path, place_of
from pytest_curator_bench.config.paths import (
    base_dirs,
    home_expanded,
    located,
    uses_container_paths,
)
from pytest_curator_bench.config.placeholders import DatasetPath, Placeholders, Scanner, Substitution
from pytest_curator_bench.config.problems import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.config.locate import Location
    from pytest_curator_bench.config.placeholders import Dataset
    from pytest_curator_bench.config.schema_models import ConfigModel
    from pytest_curator_bench.config.yaml.nodes import YamlMapping

_RESULTS = "results_path"


@dataclass(kw_only=True)
class Directories:
    """Where a configuration's things are.

    Attributes:
        paths: path by name.
        placeholders: what names and datasets stand for.
        results_dir: where sessions go; ``None`` where that is a problem.
        artifacts_dir: where scratch directories go; likewise.
        mounts: in a container, container path and host path of each path; empty on the host.
        problems: what is wrong.
        dataset_problems: what is wrong with single datasets: names of paths and variables that are not defined.
    """

    paths: Mapping[str, Path]
    placeholders: Placeholders
    results_dir: Path | None = None
    artifacts_dir: Path | None = None
    mounts: tuple[tuple[Path, Path], ...] = ()
    problems: list[Problem] = field(default_factory=list)
    dataset_problems: dict[Dataset, list[Problem]] = field(default_factory=dict)


class DirectoryResolver:
    """Works out the directories of one configuration.

    Args:
        model: the checked configuration.
        data: the data that it was made of.
        environ: the environment variables.
        files: the configuration files.
        undefined: variables that are not defined in paths of datasets, by the key path.
    """

    def __init__(
        self,
        model: ConfigModel,
        data: YamlMapping,
        environ: Mapping[str, str],
        files: Sequence[Path],
        undefined: Mapping[str, Problem],
    ) -> None:
        self._undefined = undefined
        self._model = model
        self._data = data
        self._environ = environ
        self._files = files
        self._mounts: tuple[tuple[Path, Path], ...] = ()
        self._problems: list[Problem] = []
        self._dataset_problems: dict[Dataset, list[Problem]] = {}

    def directories(self) -> Directories:
        """Everything that can be worked out, and what can't."""
        paths = self._paths()
        found = Directories(
            paths=paths,
            placeholders=Placeholders(
                paths={name: str(path) for name, path in paths.items()}, datasets=self._datasets(paths)
            ),
            mounts=self._mounts,
            problems=self._problems,
            dataset_problems=self._dataset_problems,
        )
        found.results_dir = self._directory("results_dir", found.placeholders, {}) or paths.get(_RESULTS)
        if found.results_dir is None and self._model.results_dir is None:
            text = "found nothing, expected a directory here, or an item results_path in paths"
            self._problems.append(Problem(Place(self._files[-1], 0), "results_dir", text))
        artifacts = self._directory("artifacts_dir", found.placeholders, {"results_dir": str(found.results_dir)})
        if found.results_dir is not None:
            found.artifacts_dir = artifacts or found.results_dir / defaults.ARTIFACTS_DIR
        return found

    def _paths(self) -> dict[str, Path]:
        """The path of each name, on the host or in the container, whichever this is."""
        hosts: dict[str, Path] = {}
        containers: dict[str, Path] = {}
        for index, item in enumerate(self._model.paths or ()):
            location = ("paths", index)
            host = located(item.host_path, place_of(self._data, (*location, "host_path")), self._environ)
            hosts[item.name] = host
            # What is relative to a file of the container's own lies there, too: the host has no path for it.
            is_own = not item.host_path.startswith(("/", "~")) and not host.is_relative_to(MOUNT_DIR)
            containers[item.name] = host if is_own else mounted_path(to_host_path(host))
            if item.container_path is not None:
                place = place_of(self._data, (*location, "container_path"))
                if not item.container_path.startswith("/"):
                    found = f"found {quote(item.container_path)}, expected an absolute path"
                    self._report((*location, "container_path"), [found])
                containers[item.name] = located(item.container_path, place, self._environ)
        try:
            inside = uses_container_paths(self._environ, containers.values())
        except ValueError:
            found = quote(self._environ[IN_CONTAINER_VARIABLE])
            text = f"found {found} in the environment variable {IN_CONTAINER_VARIABLE}, expected 1 or 0"
            self._problems.append(Problem(None, "", text))
            return hosts
        if not inside:
            return hosts
        # A relative path starts at its file, which lies in the container too: the host calls both otherwise.
        self._mounts = tuple((containers[name], to_host_path(host)) for name, host in hosts.items())
        return containers

    def _datasets(self, paths: Mapping[str, Path]) -> dict[Dataset, DatasetPath]:
        scanner = Scanner([*paths, "curator_repo_dir"])
        found: dict[Dataset, DatasetPath] = {}
        for index, dataset in enumerate(self._model.datasets or ()):
            for number, form in enumerate(dataset.formats):
                location = ("datasets", index, "formats", number, "path")
                problems = self._problems_at(location, scanner.scan(form.path).problems)
                undefined = self._undefined.get(key_path(self._data, location))
                if undefined is not None:
                    problems = [undefined]  # what is left of its text is no path
                if problems:
                    self._dataset_problems[dataset.name, form.type] = problems
                found[dataset.name, form.type] = DatasetPath(
                    bases=base_dirs(place_of(self._data, location).file),
                    written=home_expanded(form.path, self._environ),
                    fingerprint=form.fingerprint or defaults.FINGERPRINT,
                )
        return found

    def _directory(self, key: str, placeholders: Placeholders, values: Mapping[str, str]) -> Path | None:
        """The directory that a key at the top level names; ``None`` if it names none or a wrong one."""
        written: str | None = getattr(self._model, key)
        if written is None:
            return None
        problems = Scanner([*placeholders.paths, *values]).scan(written).problems
        self._report((key,), problems)
        if problems:
            return None
        return located(Substitution(placeholders, values).text(written), self._data.places[key], self._environ)

    def _report(self, location: Location, texts: Sequence[str]) -> None:
        self._problems += self._problems_at(location, texts)

    def _problems_at(self, location: Location, texts: Sequence[str]) -> list[Problem]:
        return [Problem(place_of(self._data, location), key_path(self._data, location), text) for text in texts]
