# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""YAML files to a frozen, checked :class:`BenchConfig`; knows nothing of pytest."""

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
