# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Where results go. What a sink of your own needs is here; ``docs/sinks.md`` shows how to write one."""

from __future__ import annotations

from pytest_curator_bench.results.compared import SinkResultDict
from pytest_curator_bench.results.json_files import ResultDict
from pytest_curator_bench.sinks.base import (
    PermanentSinkError,
    Sink,
    SinkConfigError,
    SinkSettings,
    TransientSinkError,
    delivery_key,
)

__all__ = [
    "PermanentSinkError",
    "ResultDict",
    "Sink",
    "SinkConfigError",
    "SinkResultDict",
    "SinkSettings",
    "TransientSinkError",
    "delivery_key",
]
