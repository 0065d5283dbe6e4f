# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Create the sinks of a configuration, or errors that name file, line and key."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import instead_of, near, quote
from pytest_curator_bench.config.locate import key_path, place_of
from pytest_curator_bench.config.problems import ConfigError, Problem
from pytest_curator_bench.sinks.base import Sink, SinkConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.config.model import SinkConfig

__all__ = ["BUILT_IN", "ENTRY_POINT_GROUP", "create_sinks"]

ENTRY_POINT_GROUP = "pytest_curator_bench.sinks"
"""Packages that bring sinks name them under this group of entry points."""

BUILT_IN: Mapping[str, str] = {
    "csv": "pytest_curator_bench.sinks.files.csv:CsvSink",
    "gdrive": "pytest_curator_bench.sinks.gdrive.sink:GoogleDriveSink",
    "jsonl": "pytest_curator_bench.sinks.files.jsonl:JsonLinesSink",
    "mlflow": "pytest_curator_bench.sinks.mlflow.sink:MlflowSink",
    "slack": "pytest_curator_bench.sinks.slack.sink:SlackSink",
    "webhook": "pytest_curator_bench.sinks.webhook:WebhookSink",
}
"""The sinks that come along, by name; a module is imported only when its sink is on."""

# A sink's name becomes a directory in the session's.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def create_sinks(
    configs: Iterable[SinkConfig],
    *,
    registered: Mapping[str, Any] | None = None,
    module_dirs: Sequence[Path] = (),
    display: Callable[[Path], str] = str,
) -> list[Sink]:
    """Find each sink's class, which checks its settings. Nothing else happens: no connection, no file.

    A sink's class is the one that ``class`` names, else one registered under its name (``registered``), else a
    built-in one, else that of an entry point of the group :data:`ENTRY_POINT_GROUP`.

    Args:
        configs: the sinks that are switched on.
        registered: classes by name, as the hook ``pytest_bench_sinks`` gives them.
        module_dirs: where modules of ``class`` are looked for after Python's own path, while they are imported.
        display: how to write a file's path in messages.

    Raises:
        ConfigError: with every problem of every sink.
    """
    sinks: list[Sink] = []
    problems: list[Problem] = []
    for config in configs:
        try:
            sinks.append(_create(config, registered or {}, module_dirs))
        except SinkConfigError as error:
            problems += [_problem(config, key, text) for key, text in error.problems]
    if problems:
        raise ConfigError.of(problems, display)
    return sinks


def _create(config: SinkConfig, registered: Mapping[str, Any], module_dirs: Sequence[Path]) -> Sink:
    if not _NAME.fullmatch(config.name):
        raise SinkConfigError("name", "expected at most 100 letters, digits, '_', '-' and '.', the first no '-' or '.'")
    sink_class = _class_of(config, registered, module_dirs)
    try:
        sink = sink_class({**config.settings, "name": config.name})
    except SinkConfigError:
        raise
    except Exception as error:
        # Its message may hold the value of a setting.
        raise SinkConfigError(
            "", f"{sink_class.__name__} can't take these settings: it raised {type(error).__name__}"
        ) from error
    sink.name, sink.deliver = config.name, config.deliver
    return sink


def _class_of(config: SinkConfig, registered: Mapping[str, Any], module_dirs: Sequence[Path]) -> type[Sink]:
    if config.class_path is not None:
        return _checked(_load(config.class_path, "class", module_dirs), "class", config.class_path)
    if config.name in registered:
        return _checked(registered[config.name], "name", "what the hook pytest_bench_sinks gives for it")
    if config.name in BUILT_IN:
        path = BUILT_IN[config.name]
        return _checked(_load(path, "name", ()), "name", path)
    points = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if config.name in points:
        path = points[config.name].value
        return _checked(_load(path, "name", ()), "name", path)
    known = sorted({*BUILT_IN, *registered, *points})
    found = f"found the unknown sink {quote(config.name)}{instead_of(config.name, known)}"
    raise SinkConfigError("name", f"{found}, or `class: package.module:Class`")


def _load(path: str, key: str, module_dirs: Sequence[Path]) -> object:
    module_name, _, attribute = path.partition(":")
    try:
        with _import_path(module_dirs):
            found: object = importlib.import_module(module_name)
    except Exception as error:  # a user's module may raise anything
        text = f"the module {module_name} can't be imported: {type(error).__name__}: {error}"
        raise SinkConfigError(key, f"{text}; looked for it on Python's path and beside the config files") from error
    for part in attribute.split("."):
        inner = getattr(found, part, None)
        if inner is None:
            raise SinkConfigError(key, f"{module_name} has no {attribute}{near(part, dir(found))}")
        found = inner
    return found


@contextlib.contextmanager
def _import_path(directories: Sequence[Path]) -> Iterator[None]:
    """Let imports find modules in ``directories``, too; last, so that nothing that is installed is shadowed."""
    added = [directory for directory in map(str, directories) if directory not in sys.path]
    sys.path += added
    try:
        yield
    finally:
        for directory in added:
            with contextlib.suppress(ValueError):  # the module itself may have changed the path
                sys.path.remove(directory)


def _checked(found: object, key: str, what: str) -> type[Sink]:
    if not isinstance(found, type) or not issubclass(found, Sink):
        raise SinkConfigError(key, f"{what} is no subclass of pytest_curator_bench.sinks.Sink")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise SinkConfigError(key, f"{what} is abstract: missing {missing}")
    return found


def _problem(config: SinkConfig, key: str, text: str) -> Problem:
    location = [int(step) if step.isdigit() else step for step in key.split(".")] if key else []
    path = f"sinks[{config.name}]" + (f".{key_path(config.written, location)}" if key else "")
    return Problem(place_of(config.written, location) if config.written is not None else None, path, text)
