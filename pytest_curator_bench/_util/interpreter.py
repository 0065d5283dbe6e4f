# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What runs a script: mostly the Python that also runs Ray, which need not be the one that runs the harness."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PYTHON_VARIABLE", "runs_itself", "script_command", "script_python", "why_not_executable"]

PYTHON_VARIABLE = "CURATOR_BENCH_PYTHON"
"""Environment variable with the path of an interpreter; ``benchmarks/tools/in_image.sh`` sets it.

The package ``pytest_curator_bench`` must be importable there, its dependencies need not be. Ray and NeMo Curator must
be found by the harness, too, which looks for them without importing them.
"""


def script_python() -> str:
    """Return the interpreter of scripts, of Ray and of the programs that import Ray."""
    return os.environ.get(PYTHON_VARIABLE) or sys.executable


def runs_itself(script: Path) -> bool:
    """Return whether a script is a program of its own, such as a shell script, and not one that Python runs."""
    if script.suffix == ".py":
        return False
    head = _first_line(script)
    if head.startswith(b"#!"):
        return b"python" not in head
    return head.startswith(b"\x7fELF") or script.suffix in {".sh", ".bash"}


def script_command(script: Path, python: str | None = None) -> list[str]:
    """Return the beginning of the command that runs a script: by the interpreter that it names, or by Python.

    Args:
        script: its path.
        python: the interpreter, if it is not to be that of :func:`script_python`.
    """
    return [str(script)] if runs_itself(script) else [python or script_python(), str(script)]


def why_not_executable(script: Path) -> str | None:
    """Return what is missing to a script that :func:`runs_itself`, and the remedy; ``None`` if it can be run."""
    if script.suffix in {".sh", ".bash"} and not _first_line(script).startswith(b"#!"):
        return "has no interpreter line: begin it with #!/bin/bash or the like"
    return None if os.access(script, os.X_OK) else "is not executable: chmod +x it"


def _first_line(script: Path) -> bytes:
    try:
        with script.open("rb") as file:
            return file.readline(256)
    except OSError:
        return b""
