# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From configuration files to a :class:`BenchConfig`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_curator_bench.config import defaults
from pytest_curator_bench.config.defaults import otherwise
from pytest_curator_bench.config.fields.spellings import misread_numbers
from pytest_curator_bench.config.forms import in_one_form
from pytest_curator_bench.config.matrix.multiply import multiply_matrix
from pytest_curator_bench.config.merge import merge_all
from pytest_curator_bench.config.model import BenchConfig, SinkConfig
from pytest_curator_bench.config.older_keys import modernized
from pytest_curator_bench.config.paths import find_curator_repo
from pytest_curator_bench.config.placeholders import Substitution
from pytest_curator_bench.config.prepare import is_comment, prepare, without_disabled
from pytest_curator_bench.config.problems import ConfigError, Place, Problem
from pytest_curator_bench.config.resolve.paths import DirectoryResolver
from pytest_curator_bench.config.resolve.runs import LoadContext, RunResolver, SetupNeeds
from pytest_curator_bench.config.validate import validated, without_unknown_keys
from pytest_curator_bench.config.viewer import viewer_problems
from pytest_curator_bench.config.yaml.nodes import to_plain
from pytest_curator_bench.config.yaml.reader import SourceError, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_curator_bench.config.matrix.multiply import Multiplied
    from pytest_curator_bench.config.merge import Merged
    from pytest_curator_bench.config.model import ScriptRun
    from pytest_curator_bench.config.older_keys import ConfigFile
    from pytest_curator_bench.config.prepare import Sections
    from pytest_curator_bench.config.schema_models import ConfigModel, SinkModel
    from pytest_curator_bench.config.secrets import Secrets
    from pytest_curator_bench.config.yaml.nodes import YamlMapping


def load_config(
    files: Sequence[Path],
    *,
    environ: Mapping[str, str],
    strict: bool = False,
    strict_entries: bool = True,
    strict_keys: bool = True,
    root_dir: Path | None = None,
    display: Callable[[Path], str] = str,
) -> BenchConfig:
    """Read, merge, resolve and check configuration files.

    Relative paths in a file (``results_dir``, ``artifacts_dir``, ``host_path``, dataset paths,
    ``script_base_dir``) start from that file's own directory, wherever pytest runs.

    Args:
        files: the files, in the order in which they are merged; later ones override earlier ones.
        environ: the environment variables that ``${NAME}`` refers to.
        strict: whether an undefined variable in a sink is an error rather than a reason to switch the sink off.
        strict_entries: whether an undefined variable, placeholder, dataset or data setup in an entry is an error rather
            than one of the entry's own :attr:`~pytest_curator_bench.config.model.Entry.problems`.
        strict_keys: whether an unknown key, or an item that only adds to one that no other file has, is an error
            rather than a warning.
        root_dir: the project's directory, whose ``benchmarks/scripts`` is the last place to look for scripts; by
            default the current one.
        display: how to write a file's path in messages.

    Raises:
        ConfigError: with every problem that was found.
    """
    context = LoadContext(
        environ=environ,
        files=files,
        root_dir=root_dir or Path.cwd(),
        display=display,
        curator_repo=find_curator_repo(files, environ),
    )
    merged = _merged(files, display, strict_keys=strict_keys)
    sections = prepare(merged.data, environ=environ, strict=strict, strict_entries=strict_entries, display=display)
    sections.warnings += [*merged.warnings, *merged.strays]
    multiplied = multiply_matrix(sections.active, display, strict_entries=strict_entries)
    multiplied.data = without_disabled(multiplied.data)
    secrets = sections.secrets(environ)
    try:
        model = _checked(sections, multiplied, context, strict_entries=strict_entries)
        config = _resolved(model, sections, multiplied, context, secrets, strict_entries=strict_entries)
    except ConfigError as error:
        raise ConfigError([secrets.masker.mask(problem) for problem in error.problems]) from None
    return replace(config, differences=tuple(difference.shown(display) for difference in merged.differences))


def _refuse_if(problems: Sequence[Problem], display: Callable[[Path], str]) -> None:
    if problems:
        raise ConfigError.of(problems, display)


def _merged(files: Sequence[Path], display: Callable[[Path], str], *, strict_keys: bool) -> Merged:
    if not files:
        raise ConfigError(["no configuration file"])
    documents: list[YamlMapping] = []
    problems: list[Problem] = []
    unknown: list[Problem] = []
    for file in files:
        try:
            for document in read_yaml(file):
                in_form, found = in_one_form(document.without(is_comment))
                problems += found
                if not strict_keys:
                    in_form, ignored = without_unknown_keys(in_form)
                    unknown += ignored
                documents.append(in_form)
        except SourceError as error:
            problems += error.problems
    if not documents and not problems:
        text = "found nothing in the file, expected a mapping with results_dir and entries"
        problems.append(Problem(Place(files[-1], 0), "", text))
    _refuse_if(problems, display)
    merged = merge_all(documents, display)
    _refuse_if([*merged.problems, *(merged.strays if strict_keys else [])], display)
    merged.warnings += unknown
    return merged


def _checked(sections: Sections, multiplied: Multiplied, context: LoadContext, *, strict_entries: bool) -> ConfigFile:
    """Return the model of what is enabled; disabled items are checked too, and then forgotten."""
    model, problems = validated(multiplied.data)
    problems += sections.problems + multiplied.problems
    disabled = multiply_matrix(sections.disabled, context.display, strict_entries=strict_entries)
    problems += disabled.problems
    for apart in filter(None, (disabled.data, disabled.incomplete, multiplied.incomplete)):
        problems += validated(without_disabled(apart))[1]
    if problems or model is None:
        raise ConfigError.of(problems, context.display)
    return model


def _resolved(
    written: ConfigFile,
    sections: Sections,
    multiplied: Multiplied,
    context: LoadContext,
    secrets: Secrets,
    *,
    strict_entries: bool,
) -> BenchConfig:
    model, data, warnings = modernized(written, multiplied.data)
    directories = DirectoryResolver(
        model, data, context.environ, context.files, sections.dataset_problems
    ).directories()
    setups = SetupNeeds(data, sections.disabled)
    runs = RunResolver(model, data, multiplied.combinations, directories, context, setups)
    entries, data_setups = runs.entries(sections.entry_problems, multiplied.undefined), runs.data_setups()
    if strict_entries:
        runs.problems += [problem for found in directories.dataset_problems.values() for problem in found]
        runs.problems += [problem for entry in entries for problem in entry.problems]
    problems = [*directories.problems, *runs.problems, *_missing_parts(model, sections, context.files)]
    problems += [_secret_name(run) for run in (*entries, *data_setups) if secrets.is_in_name(run.name)]
    results_dir, artifacts_dir = directories.results_dir, directories.artifacts_dir
    if problems or results_dir is None or artifacts_dir is None:
        raise ConfigError.of(problems, context.display)
    repo_dir = context.curator_repo_dir
    default = defaults.defaults_for(model.compat)
    cleanup_timeout_s = otherwise(model.cleanup_timeout_s, default.cleanup_timeout_s)
    least_s = 0.0 if default.min_timeout_s is None else otherwise(written.min_timeout_s, default.min_timeout_s)
    warnings += runs.warnings
    datasets = Substitution(directories.placeholders, {"curator_repo_dir": str(repo_dir)} if repo_dir else {})
    warnings += [*multiplied.warnings, *sections.warnings, *misread_numbers(sections.whole)]
    return BenchConfig(
        files=tuple(context.files),
        results_dir=results_dir,
        artifacts_dir=artifacts_dir,
        entries=entries,
        placeholders=directories.placeholders,
        delete_scratch=otherwise(model.delete_scratch, defaults.DELETE_SCRATCH),
        default_timeout_s=runs.default_timeout_s,
        max_timeout_s=otherwise(model.max_timeout_s, default.max_timeout_s),
        compat=model.compat,
        cleanup_timeout_s=cleanup_timeout_s,
        grace_s=cleanup_timeout_s if default.cleanup_is_grace else defaults.CLEANUP_TIMEOUT_S,
        min_timeout_s=least_s,
        telemetry_interval_s=otherwise(
            model.telemetry.interval_s if model.telemetry else None, defaults.TELEMETRY_INTERVAL_S
        ),
        object_store_size=otherwise(model.object_store_size, default.object_store_size),
        gpu_mem_use_warning_threshold=otherwise(
            model.gpu_mem_use_warning_threshold, default.gpu_mem_use_warning_threshold
        ),
        sinks=_sinks(model, data),
        switched_off_sinks=tuple(sections.switched_off_sinks),
        datasets={
            dataset: datasets.dataset(dataset)
            for dataset in directories.placeholders.datasets
            if dataset not in directories.dataset_problems
        },
        paths=directories.paths,
        mounts=directories.mounts,
        data_setups=data_setups,
        metric_rules=tuple(metric.model_dump(exclude_none=True, exclude={"enabled"}) for metric in model.metrics or ()),
        machine_class=model.machine_class,
        run_reason=model.run_reason,
        viewer_url=model.viewer_url,
        viewer_url_template=model.viewer_url_template,
        curator_repo_dir=repo_dir,
        secrets=secrets.values,
        secret_variables=secrets.variables,
        merged_json=json.dumps(secrets.masked()),
        # What comes out of a matrix may be wrong many times at one place.
        warnings=tuple(dict.fromkeys(secrets.masker.mask(warning.shown(context.display)) for warning in warnings)),
    )


def _secret_name(run: ScriptRun) -> Problem:
    text = "found a secret of a sink in a name, expected a name without it: directories and tests are called so"
    return Problem(Place(run.file, run.line), "name", text)


def _missing_parts(model: ConfigModel, sections: Sections, files: Sequence[Path]) -> Iterator[Problem]:
    """Yield what is missing, or given twice, in the whole."""
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


def _sinks(model: ConfigModel, data: YamlMapping) -> tuple[SinkConfig, ...]:
    written = cast("list[YamlMapping]", data.get("sinks") or [])
    return tuple(_sink(sink, place) for sink, place in zip(model.sinks or (), written, strict=True))


def _sink(model: SinkModel, written: YamlMapping) -> SinkConfig:
    settings = cast("dict[str, Any]", to_plain(model.__pydantic_extra__))
    return SinkConfig(
        name=model.name,
        class_path=model.class_path,
        deliver=model.deliver or defaults.DELIVER,
        settings=settings,
        written=written,
    )
