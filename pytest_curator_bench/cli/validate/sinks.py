# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether the sinks of a configuration exist and can take their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.config.problems import ConfigError, Problem
from pytest_curator_bench.sinks.registry import create_sinks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_curator_bench.config.model import BenchConfig

__all__ = ["sink_problems"]


def sink_problems(config: BenchConfig, display: Callable[[Path], str]) -> Iterator[Problem]:
    """What a run would say of its sinks; those that a project's conftest.py registers are unknown here."""
    try:
        create_sinks(config.sinks, module_dirs=config.file_dirs, display=display)
    except ConfigError as error:
        for problem in error.problems:
            yield Problem(None, "", problem, "sink")
