# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From configuration files to a :class:`BenchConfig`."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from pytest_curator_bench.config.matrix.expand import expand
from pytest_curator_bench.config.merge import merge_all
from pytest_curator_bench.config.model import BenchConfig, SinkConfig, SwitchedOffSink
from pytest_curator_bench.config.paths import find_curator_repo_dir
from pytest_curator_bench.config.placeholders import Substitution
from pytest_curator_bench.config.prepare import is_comment, prepare
from pytest_curator_bench.config.problems import ConfigError, Place, Problem, one_line
from pytest_curator_bench.config.resolve.paths import DirectoryResolver
from pytest_curator_bench.config.resolve.runs import RunResolver, Surroundings
from pytest_curator_bench.config.resolve.setups import SetupNeeds
from pytest_curator_bench.config.validate import validated
from pytest_curator_bench.config.viewer import viewer_problems
from pytest_curator_bench.config.yaml.builder import SourceError
from pytest_curator_bench.config.yaml.source import read_yaml
from pytest_curator_bench.config.yaml.values import to_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.config.matrix.expand import Expanded
    from pytest_curator_bench.config.prepare import LackingSink, Sections
    from pytest_curator_bench.config.schema_models import ConfigModel, SinkModel
    from pytest_curator_bench.config.yaml.values import YamlMapping

DEFAULT_CLEANUP_S = 10.0
DEFAULT_INTERVAL_S = 1.0


def load_config(
    files: Sequence[Path],
    *,
    environ: Mapping[str, str],
    strict: bool,
    root_dir: Path,
    display: Callable[[Path], str] = str,
) -> BenchConfig:
    """Read, merge, resolve and check configuration files.

    Relative paths in a file (``results_dir``, ``artifacts_dir``, ``host_path``, dataset paths,
    ``script_base_dir``) start from that file's own directory, wherever pytest runs.

    Args:
        files: the files, in the order in which they are merged; later ones win.
        environ: the environment variables that ``${NAME}`` refers to.
        strict: whether a variable that a sink lacks is an error rather than a reason to switch the sink off.
        root_dir: the project's directory, whose ``benchmarks/scripts`` is the last place to look for scripts.
        display: how to write a file's path in messages.

    Raises:
        ConfigError: with every problem that was found.
    """
    surroundings = Surroundings(
        environ=environ,
        files=files,
        root_dir=root_dir,
        display=display,
        curator_repo_dir=find_curator_repo_dir(environ),
    )
    with _paused_collector():
        merged = _merged(files, display)
        sections = prepare(merged, environ=environ, strict=strict, display=display)
        expanded = expand(sections.active, display)
        model = _checked(sections, expanded, surroundings)
        return _resolved(model, sections, expanded, surroundings)


@contextmanager
def _paused_collector() -> Iterator[None]:
    """Keep the garbage collector from searching a tree that only grows: it would take most of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _refuse_if(problems: Sequence[Problem], display: Callable[[Path], str]) -> None:
    if problems:
        raise ConfigError.of(problems, display)


def _merged(files: Sequence[Path], display: Callable[[Path], str]) -> YamlMapping:
    if not files:
        raise ConfigError(["no configuration file"])
    documents: list[YamlMapping] = []
    problems: list[Problem] = []
    for file in files:
        try:
            documents.append(read_yaml(file).without(is_comment))
        except SourceError as error:
            problems += error.problems
    _refuse_if(problems, display)
    merged, problems = merge_all(documents, display)
    _refuse_if(problems, display)
    return merged


def _checked(sections: Sections, expanded: Expanded, surroundings: Surroundings) -> ConfigModel:
    """The model of what is enabled; disabled items are checked too, and then forgotten."""
    model, problems = validated(expanded.data)
    problems += sections.problems + expanded.problems
    if sections.disabled:
        disabled = expand(sections.disabled, surroundings.display)
        problems += validated(disabled.data)[1] + disabled.problems
    if problems or model is None:
        raise ConfigError.of(problems, surroundings.display)
    return model


def _resolved(model: ConfigModel, sections: Sections, expanded: Expanded, surroundings: Surroundings) -> BenchConfig:
    data = expanded.data
    directories = DirectoryResolver(model, data, surroundings.environ, surroundings.files).directories()
    setups = SetupNeeds(data, sections.disabled)
    runs = RunResolver(model, data, expanded.cells, directories.placeholders, surroundings, setups)
    entries, data_setups = runs.entries(), runs.data_setups()
    problems = [*directories.problems, *runs.problems, *_missing_parts(model, sections, surroundings.files)]
    results_dir, artifacts_dir = directories.results_dir, directories.artifacts_dir
    if problems or results_dir is None or artifacts_dir is None:
        raise ConfigError.of(problems, surroundings.display)
    repo_dir = surroundings.curator_repo_dir
    datasets = Substitution(directories.placeholders, {"curator_repo_dir": str(repo_dir)} if repo_dir else {})
    off = [
        Problem(sink.place, "", f"the sink {sink.name} is switched off: {_reason(sink)}")
        for sink in sections.lacking_sinks
    ]
    told = [one_line(warning, surroundings.display) for warning in (*directories.warnings, *expanded.warnings, *off)]
    return BenchConfig(
        files=tuple(surroundings.files),
        results_dir=results_dir,
        artifacts_dir=artifacts_dir,
        entries=entries,
        placeholders=directories.placeholders,
        delete_scratch=model.delete_scratch is not False,
        default_timeout_s=runs.default_timeout_s,
        max_timeout_s=model.max_timeout_s,
        min_timeout_s=model.min_timeout_s,
        cleanup_timeout_s=DEFAULT_CLEANUP_S if model.cleanup_timeout_s is None else model.cleanup_timeout_s,
        telemetry_interval_s=_interval(model),
        gpu_mem_use_warning_threshold=model.gpu_mem_use_warning_threshold,
        sinks=_sinks(model, data),
        switched_off_sinks=tuple(
            SwitchedOffSink(name=sink.name, reason=_reason(sink)) for sink in sections.lacking_sinks
        ),
        datasets={dataset: datasets.dataset(dataset) for dataset in directories.placeholders.datasets},
        paths=directories.paths,
        mounts=directories.mounts,
        data_setups=data_setups,
        run_reason=model.run_reason,
        viewer_url=model.viewer_url,
        viewer_url_template=model.viewer_url_template,
        curator_repo_dir=repo_dir,
        secrets=sections.secrets,
        secret_variables=sections.secret_variables,
        merged_json=json.dumps(sections.masked()),
        warnings=tuple(told),
    )


def _missing_parts(model: ConfigModel, sections: Sections, files: Sequence[Path]) -> Iterator[Problem]:
    """What only the whole can lack, or have too much of."""
    places = sections.active.places
    if not model.entries:
        disabled = "entries" in sections.disabled
        found = "none that is enabled" if disabled else "none"
        place = places.get("entries", Place(files[-1], 0))
        yield Problem(place, "entries", f"found {found}, expected at least one entry")
    for problem in viewer_problems(model.viewer_url_template or ""):
        yield Problem(places["viewer_url_template"], "viewer_url_template", problem)
    if model.viewer_url is not None and model.viewer_url_template is not None:
        text = "found it beside viewer_url, expected one of the two"
        yield Problem(places["viewer_url_template"], "viewer_url_template", text)


def _interval(model: ConfigModel) -> float:
    for telemetry in (model.telemetry, model.gpu_stats_recorder):
        if telemetry is not None and telemetry.interval_s is not None:
            return telemetry.interval_s
    return DEFAULT_INTERVAL_S


def _sinks(model: ConfigModel, data: YamlMapping) -> tuple[SinkConfig, ...]:
    written = cast("list[YamlMapping]", data.get("sinks") or [])
    return tuple(_sink(sink, place) for sink, place in zip(model.sinks or (), written, strict=True))


def _sink(model: SinkModel, written: YamlMapping) -> SinkConfig:
    settings = cast("dict[str, Any]", to_plain(model.__pydantic_extra__))
    return SinkConfig(
        name=model.name,
        class_path=model.class_path,
        deliver=model.deliver or "between",
        settings=settings,
        written=written,
    )


def _reason(sink: LackingSink) -> str:
    return f"the environment variable {sink.variable} is not defined, or empty"
