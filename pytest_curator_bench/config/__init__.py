# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""YAML files to a frozen, checked :class:`BenchConfig`; knows nothing of pytest."""

from pytest_curator_bench.config.errors import ConfigError
from pytest_curator_bench.config.load import load_config
from pytest_curator_bench.config.marks import Mark
from pytest_curator_bench.config.models import RaySettings, Requirement
from pytest_curator_bench.config.resolved import (
    BenchConfig,
    DataSetup,
    DatasetUse,
    Entry,
    ResolvedCommand,
    ScriptRun,
    SinkConfig,
    SwitchedOffSink,
)

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
