# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the sinks of a replay: from config files, or from the config that a session recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_curator_bench._util.atomic import read_regular
from pytest_curator_bench._util.links import as_named
from pytest_curator_bench._util.masking import MASK
from pytest_curator_bench.config.load import load_config
from pytest_curator_bench.config.model import SinkConfig, SwitchedOffSink
from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.config.yaml.nodes import to_plain
from pytest_curator_bench.config.yaml.reader import SourceError, parse_yaml
from pytest_curator_bench.session.names import CONFIG_NAME

__all__ = ["ReplaySettings", "from_config_files", "from_session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """The sinks of a configuration.

    Attributes:
        source: what it was read from, for messages.
        sinks: the sinks that are switched on.
        switched_off: sinks with an environment variable that is not defined.
        results_dir: where sessions are; ``None`` where that isn't known.
        module_dirs: where modules of ``class`` may be, besides Python's own path.
        secrets: strings that must appear in no output.
        display: how to write a file's path in messages.
        is_recorded: whether a session recorded them: reading results must run no code that they name.
    """

    source: str
    sinks: tuple[SinkConfig, ...]
    switched_off: tuple[SwitchedOffSink, ...] = ()
    results_dir: Path | None = None
    module_dirs: tuple[Path, ...] = ()
    secrets: frozenset[str] = frozenset()
    display: Callable[[Path], str] = str
    is_recorded: bool = False

    @staticmethod
    def is_incomplete(sink: SinkConfig) -> bool:
        """Whether a value of the sink's settings was masked, or not defined, when they were recorded."""
        return any(MASK in text or "${" in text for text in _texts(sink.settings))


def from_config_files(files: tuple[Path, ...], environ: Mapping[str, str]) -> ReplaySettings:
    """Return the sinks of config files, merged in order; raises ConfigError.

    What is wrong with single entries, and unknown keys, did not keep the session from running.
    """
    missing = [f"config file not found: {file}" for file in files if not os.path.exists(file)]  # noqa: PTH110
    if missing:
        raise ConfigError(missing)
    paths = [as_named(file) for file in files]
    names = {path: str(file) for path, file in zip(paths, files, strict=True)}
    config = load_config(
        paths,
        environ=environ,
        strict=False,
        strict_entries=False,
        strict_keys=False,
        root_dir=Path.cwd(),
        display=lambda path: names.get(path, str(path)),
    )
    return ReplaySettings(
        source=" + ".join(map(str, files)),
        sinks=config.sinks,
        switched_off=config.switched_off_sinks,
        results_dir=config.results_dir,
        module_dirs=config.file_dirs,
        secrets=config.secrets,
        display=lambda path: names.get(path, str(path)),
    )


def from_session(session_dir: Path) -> ReplaySettings:
    """The sinks of the config that the session recorded, secrets masked; raises ConfigError."""
    file = session_dir / CONFIG_NAME
    try:
        data: Any = to_plain(parse_yaml(read_regular(file), file)[0])
        sinks = tuple(_recorded(sink) for sink in data.get("sinks") or () if sink.get("enabled") is not False)
    except SourceError as error:
        raise _unreadable(file, error.problems[0].text) from None
    except (OSError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise _unreadable(file, error) from None
    return ReplaySettings(source=str(file), sinks=sinks, is_recorded=True)


def _unreadable(file: Path, why: object) -> ConfigError:
    return ConfigError([f"{file} can't be read ({why}): give the config files with --config FILE"])


def _recorded(sink: Mapping[str, Any]) -> SinkConfig:
    settings = {key: value for key, value in sink.items() if key not in {"name", "class", "enabled", "deliver"}}
    class_path = sink.get("class")
    return SinkConfig(
        name=str(sink["name"]), class_path=None if class_path is None else str(class_path), settings=settings
    )


def _texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
