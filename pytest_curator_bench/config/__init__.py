# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""YAML files to a frozen, checked :class:`BenchConfig`; knows nothing of pytest."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_curator_bench.config.fields.marks import Mark
    from pytest_curator_bench.config.load import load_config
    from pytest_curator_bench.config.model import (
        BenchConfig,
        DataSetup,
        DatasetUse,
        Entry,
        ResolvedCommand,
        ScriptRun,
        SinkConfig,
        SwitchedOffSink,
    )
    from pytest_curator_bench.config.problems import ConfigError
    from pytest_curator_bench.config.schema_models import RaySettings, Requirement

__all__ = [
    "BenchConfig",
    "ConfigError",
    "DataSetup",
    "DatasetUse",
    "Entry",
    "Mark",
    "RaySettings",
    "Requirement",
    "ResolvedCommand",
    "ScriptRun",
    "SinkConfig",
    "SwitchedOffSink",
    "load_config",
]

_MODULES = {
    "ConfigError": "problems",
    "Mark": "fields.marks",
    "RaySettings": "schema_models",
    "Requirement": "schema_models",
    "load_config": "load",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: commands that only read results need none, and no pydantic."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'model')}"), name)
