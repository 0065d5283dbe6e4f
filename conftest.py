# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the shipped benchmarks' offline input data before the first run that needs them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_curator_bench.config.model import Entry

BENCHMARKS = Path(__file__).parent / "benchmarks"


def pytest_bench_prepare(config: pytest.Config, entries: Sequence[Entry]) -> None:
    """Make, or check, ``benchmarks/data`` if an entry of the default config reads from it."""
    del config
    data_dir = BENCHMARKS / "data"
    if not any(use.path.is_relative_to(data_dir) for entry in entries for use in entry.datasets_used):
        return
    sys.path.insert(0, str(BENCHMARKS / "data_prep"))
    try:
        prepare = importlib.import_module("prepare_offline_data").prepare
    finally:
        sys.path.pop(0)
    prepare(data_dir)
