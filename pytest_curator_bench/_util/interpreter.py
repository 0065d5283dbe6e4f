# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The Python that runs scripts and Ray, where it is not the one that runs the harness."""

from __future__ import annotations

import os
import sys

__all__ = ["PYTHON_VARIABLE", "script_python"]

PYTHON_VARIABLE = "CURATOR_BENCH_PYTHON"
"""Environment variable with the path of an interpreter; ``benchmarks/tools/in_image.sh`` sets it.

The package ``pytest_curator_bench`` must be importable there, its dependencies need not be. Ray and NeMo Curator must
be found by the harness, too, which looks for them without importing them.
"""


def script_python() -> str:
    """Return the interpreter of scripts, of Ray and of the programs that import Ray."""
    return os.environ.get(PYTHON_VARIABLE) or sys.executable
