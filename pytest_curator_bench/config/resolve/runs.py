# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries and data setups: defaults and global settings filled in, limits and placeholders checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pytest_curator_bench._util.text import instead_of, quote
from pytest_curator_bench.config import defaults
from pytest_curator_bench.config.defaults import otherwise
from pytest_curator_bench.config.locate import key_path, place_of
from pytest_curator_bench.config.matrix.combinations import combination_name
from pytest_curator_bench.config.model import DataSetup, DatasetUse, Entry
from pytest_curator_bench.config.paths import CURATOR_REPO_VARIABLES, base_dirs, home_expanded
from pytest_curator_bench.config.placeholders import RUN_PLACEHOLDERS, Scanner, Substitution
from pytest_curator_bench.config.problems import Place, Problem
from pytest_curator_bench.config.schema_models import NO_CLUSTER, RaySettings
from pytest_curator_bench.config.yaml.nodes import to_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.config.locate import Location
    from pytest_curator_bench.config.matrix.combinations import Combination
    from pytest_curator_bench.config.paths import CuratorRepo
    from pytest_curator_bench.config.placeholders import Dataset
    from pytest_curator_bench.config.resolve.paths import Directories
    from pytest_curator_bench.config.schema_models import (
        ConfigModel,
        DataSetupModel,
        EntryModel,
        SinkData,
    )
    from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

_IN_CURATOR_REPO = re.compile(r"\{curator_repo_dir\}/+([^\s,;:{}]+)")
_SCRIPT_DIRS = {"entries": ("scripts",), "data_setups": ("data_prep", "scripts")}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LoadContext:
    """Where a configuration is loaded; without ``repr()``, because the environment holds secrets.

    Attributes:
        environ: the environment variables.
        files: the configuration files.
        root_dir: the project's directory.
        display: how to write a file's path in messages.
        curator_repo: NeMo Curator's directory, if there is one.
    """

    environ: Mapping[str, str]
    files: Sequence[Path]
    root_dir: Path
    display: Callable[[Path], str]
    curator_repo: CuratorRepo | None

    @property
    def curator_repo_dir(self) -> Path | None:
        """The value of ``{curator_repo_dir}``."""
        return self.curator_repo.path if self.curator_repo else None


class SetupNeeds:
    """The data setups of a configuration, and which of them each entry needs.

    An entry that names none needs every setup that no entry names: all, if no entry names any. The names of a disabled
    entry count (switching it off must not give its data to others), and a disabled setup may be named
    (it is switched off where the data is there already).
    """

    def __init__(self, active: YamlMapping, disabled: YamlMapping) -> None:
        self._enabled = _names(active)
        self._known = {*self._enabled, *_names(disabled)}
        claimed = {name for part in (active, disabled) for name in _claims(part)}
        self._unclaimed = tuple(name for name in self._enabled if name not in claimed)

    def of(self, named: Sequence[str] | None) -> tuple[str, ...]:
        """Return the enabled setups that an entry needs, in the order of the configuration.

        Args:
            named: the names that the entry gives; ``None`` if it gives none.
        """
        if named is None:
            return self._unclaimed
        return tuple(name for name in self._enabled if name in named)

    def problems(self, named: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield the index of each name that is not defined, and the problem's text."""
        for index, name in enumerate(named):
            if name not in self._known:
                yield index, f"found the unknown data setup {quote(name)}{instead_of(name, self._known)}"


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


class RunResolver:
    """Resolves what runs scripts.

    Args:
        model: the checked configuration.
        data: the data that it was made of.
        combinations: for each entry, the combination of a matrix that it is.
        directories: what names and datasets stand for.
        context: where it is loaded.
        setups: which data setups an entry needs.

    Attributes:
        problems: what is wrong beside the entries' own problems.
        default_timeout_s: limit of what names none, in seconds.
        warnings: what is odd.
    """

    def __init__(
        self,
        model: ConfigModel,
        data: YamlMapping,
        combinations: Sequence[Combination | None],
        directories: Directories,
        context: LoadContext,
        setups: SetupNeeds,
    ) -> None:
        limit = model.default_timeout_s or defaults.TIMEOUT_S
        self._default = defaults.defaults_for(model.compat)
        self._max_timeout_s = otherwise(model.max_timeout_s, self._default.max_timeout_s)
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.default_timeout_s = limit if self._max_timeout_s is None else min(limit, self._max_timeout_s)
        self._model = model
        self._data = data
        self._combinations = combinations
        self._context = context
        self._setups = setups
        placeholders = directories.placeholders
        self._dataset_problems = directories.dataset_problems
        self._scanner = Scanner([*RUN_PLACEHOLDERS, *placeholders.paths], placeholders.datasets)
        repo_dir = context.curator_repo_dir
        known = {"curator_repo_dir": str(repo_dir)} if repo_dir else {}
        self._substitution = Substitution(placeholders, known)
        self._uses: dict[Dataset, DatasetUse] = {}
        self._dirs: dict[tuple[str, Path], tuple[Path, ...]] = {}

    def entries(
        self, known_problems: Mapping[str, Sequence[Problem]], undefined: Sequence[Sequence[Problem]]
    ) -> tuple[Entry, ...]:
        """Return the entries, in order.

        Args:
            known_problems: what is known to keep entries from running, by their name.
            undefined: the same for each entry by itself.
        """
        models = self._model.entries or ()
        entries = tuple(
            self._entry(model, index, [*known_problems.get(model.name, ()), *undefined[index]])
            for index, model in enumerate(models)
        )
        if self._context.curator_repo is not None and self._context.curator_repo.is_package:
            self._warn_of_missing_files(entries, self._context.curator_repo.path)
        return entries

    def _warn_of_missing_files(self, entries: Sequence[Entry], package_dir: Path) -> None:
        """Name the first file of NeMo Curator's repository that is not part of the installed package."""
        for entry in entries:
            for text in (entry.script, *entry.args, *entry.env.values()):
                match = _IN_CURATOR_REPO.search(text)
                if match and not (package_dir / match[1]).exists():
                    what = f"{match[0]} is not part of the installed package in {package_dir}"
                    remedy = f"set {CURATOR_REPO_VARIABLES[0]} to a checkout of NeMo Curator"
                    place = Place(entry.file, entry.line)
                    self.warnings.append(Problem(place, f"entries[{entry.name}]", f"{what}: {remedy}"))
                    return

    def data_setups(self) -> tuple[DataSetup, ...]:
        """Return the data setups, in order."""
        models = self._model.data_setups or ()
        return tuple(
            DataSetup(**self._run(model, ("data_setups", index), self.problems)) for index, model in enumerate(models)
        )

    def _entry(self, model: EntryModel, index: int, known_problems: Sequence[Problem]) -> Entry:
        whole = self._model
        combination = self._combinations[index]
        location: Location = ("entries", index)
        problems = [*known_problems]
        # Only a part of an entry is known whose variable is not defined: what is wrong with that may only follow.
        run = self._run(model, location, [] if known_problems else problems)
        if combination is not None:
            run["name"] = combination_name(model.name, combination)
        threshold = model.gpu_mem_use_warning_threshold
        sink_data = {data.name: _settings(data) for data in model.sink_data or ()}
        return Entry(
            **run,
            marks=model.marks or (),
            ray=self._ray(model),
            delete_scratch=otherwise(model.delete_scratch, otherwise(whole.delete_scratch, defaults.DELETE_SCRATCH)),
            object_store_size=otherwise(
                model.object_store_size, otherwise(whole.object_store_size, self._default.object_store_size)
            ),
            requirements=model.requirements or (),
            sink_data=sink_data,
            owner=model.owner or _pinged(sink_data.get("slack", {})),
            matrix=combination.plain if combination is not None else {},
            repeat=otherwise(model.repeat, defaults.REPEAT),
            warmup=otherwise(model.warmup, defaults.WARMUP),
            repeat_until_ci=model.repeat_until_ci,
            exclusive=model.exclusive,
            retries=otherwise(model.retries, defaults.RETRIES),
            retry_on=model.retry_on or defaults.RETRY_ON,
            gpu_mem_use_warning_threshold=otherwise(
                threshold, otherwise(whole.gpu_mem_use_warning_threshold, self._default.gpu_mem_use_warning_threshold)
            ),
            data_setups=self._needed_setups(model, location, problems),
            startup_timeout_s=otherwise(
                model.startup_timeout_s, otherwise(whole.startup_timeout_s, self._default.startup_timeout_s)
            ),
            slurm_max_time_s=otherwise(
                model.slurm_max_time_s, otherwise(whole.slurm_max_time_s, self._default.slurm_max_time_s)
            ),
            problems=tuple(problems),
        )

    def _run(self, model: EntryModel | DataSetupModel, location: Location, problems: list[Problem]) -> dict[str, Any]:
        """Return what entries and data setups have in common, as arguments of their class.

        Placeholders and datasets that are not defined are added to ``problems``.
        """
        item = self._item(location)
        base = model.script_base_dir
        file = item.places["script"].file
        return {
            "name": model.name,
            "file": item.place.file,
            "line": item.place.line,
            "script": model.script,
            "script_base_dir": home_expanded(base, self._context.environ) if base else "",
            "script_dirs": base_dirs(item.places["script_base_dir"].file) if base else self._dirs_of(file, location),
            "args": model.args or (),
            "env": {**(self._model.env or {}), **(model.env or {})},
            "timeout_s": self._timeout(model.timeout_s, item, location),
            "datasets_used": self._datasets(model, item, location, problems),
        }

    def _item(self, location: Location) -> YamlMapping:
        """Return the data of an item; the model was made of it, so it exists."""
        section, index = location
        return cast("YamlMapping", cast("YamlList", self._data[str(section)])[cast("int", index)])

    def _timeout(self, limit: float | None, item: YamlMapping, location: Location) -> float:
        if limit is None:
            return self.default_timeout_s
        most = self._max_timeout_s
        is_unbounded = location[0] == "data_setups" and self._model.max_timeout_s is None
        if most is not None and limit > most and not is_unbounded:
            key = "max_timeout_s" if self._model.max_timeout_s is not None else "compat"
            where = self._data.places[key].shown(self._context.display)
            whose = "max_timeout_s" if key == "max_timeout_s" else "the default of max_timeout_s, by compat"
            text = f"found {limit:g}, expected at most {most:g} ({whose} in {where})"
            self.problems.append(self._problem(item.places["timeout_s"], (*location, "timeout_s"), text))
        return limit

    def _needed_setups(self, model: EntryModel, location: Location, problems: list[Problem]) -> tuple[str, ...]:
        for index, problem in self._setups.problems(model.data_setups or ()):
            where = (*location, "data_setups", index)
            problems.append(self._problem(place_of(self._data, where), where, problem))
        return self._setups.of(model.data_setups)

    def _ray(self, model: EntryModel) -> RaySettings | None:
        """Return the cluster settings of an entry, with the defaults of the runner that is chosen."""
        default = self._default
        ray = self._written_ray(model)
        is_refused = any(written is NO_CLUSTER for written in (model.ray, self._model.ray))
        if ray is None and default.has_cluster and not is_refused:
            ray = RaySettings()
        if ray is None or ray.names_running_cluster:
            return ray
        return RaySettings(num_gpus=default.num_gpus, dashboard=default.dashboard).overlaid(ray)

    def _written_ray(self, model: EntryModel) -> RaySettings | None:
        """Return the cluster settings of an entry as written: the global ones, and its own on top, key by key."""
        own: RaySettings | None = model.ray
        common = self._model.ray
        if common is NO_CLUSTER:
            common = None
        if common is not None and model.object_store_size is not None:
            # The entry's own size of the store overrides the global one, in whichever form.
            common = common.model_copy(update={"object_store_memory": None})
        if own is None or own is NO_CLUSTER:
            return common if own is None else None
        if common is None:
            return own
        return common.overlaid(own)

    def _dirs_of(self, file: Path, location: Location) -> tuple[Path, ...]:
        """Return where to look for scripts that a file names: beside it, beside the other files, in the project."""
        kind = str(location[0])
        if (kind, file) not in self._dirs:
            parents = [parent for other in (file, *self._context.files) for parent in base_dirs(other)]
            parents.append(self._context.root_dir / "benchmarks")
            found = [parent / name for parent in parents for name in _SCRIPT_DIRS[kind]]
            self._dirs[kind, file] = tuple(dict.fromkeys(found))
        return self._dirs[kind, file]

    def _datasets(
        self, model: EntryModel | DataSetupModel, item: YamlMapping, location: Location, problems: list[Problem]
    ) -> tuple[DatasetUse, ...]:
        """Check all placeholders of a command; return the datasets that it uses, none of them if one is wrong."""
        found: dict[Dataset, None] = {}
        wrong: list[Problem] = []
        for text, inner in _texts(model):
            if "{" not in text:
                continue
            scan = self._scanner.scan(text)
            found.update(dict.fromkeys(scan.datasets))
            for problem in scan.problems:
                # Arguments that are written as one string have one place.
                where = (*location, *(inner if isinstance(item[str(inner[0])], dict | list) else inner[:1]))
                wrong.append(self._problem(place_of(self._data, where), where, problem))
        problems += wrong
        for dataset in found:
            problems += self._dataset_problems.get(dataset, ())
        for name, text in (self._model.env or {}).items():
            if name not in (model.env or {}) and "{" in text:
                scan = self._scanner.scan(text)
                found.update(dict.fromkeys(scan.datasets) if not scan.problems else {})
                where = ("env", name)
                self.problems += [self._problem(place_of(self._data, where), where, one) for one in scan.problems]
        if wrong or not found.keys().isdisjoint(self._dataset_problems):
            return ()
        return tuple(self._use(dataset) for dataset in found)

    def _use(self, dataset: Dataset) -> DatasetUse:
        if dataset not in self._uses:
            name, form = dataset
            path, how = self._substitution.dataset(dataset), self._substitution.fingerprint(dataset)
            self._uses[dataset] = DatasetUse(name=name, format=form, path=path, fingerprint=how)
        return self._uses[dataset]

    def _problem(self, place: Place, location: Location, text: str) -> Problem:
        return Problem(place, key_path(self._data, location), text)


def _texts(model: EntryModel | DataSetupModel) -> Iterator[tuple[str, Location]]:
    """Yield the texts that may hold placeholders, and where they are within the item."""
    yield model.script, ("script",)
    if model.script_base_dir:
        yield model.script_base_dir, ("script_base_dir",)
    for index, word in enumerate(model.args or ()):
        yield word, ("args", index)
    for name, value in (model.env or {}).items():
        yield value, ("env", name)


def _pinged(slack: Mapping[str, Any]) -> str | None:
    """Return whom Slack pings for an entry, as one text."""
    named = slack.get("ping_on_failure")
    names = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    return ", ".join(name for name in names if isinstance(name, str)) or None


def _settings(data: SinkData) -> dict[str, Any]:
    return cast("dict[str, Any]", to_plain(data.__pydantic_extra__))
