# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How modules of this package are run as programs: what needs Ray is loaded in processes of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.interpreter import script_python

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_curator_bench._util.interpreter import Interpreter

__all__ = ["module_command", "module_environment"]

_PACKAGE_PARENT = Path(__file__).parents[2]


def module_command(module: str, *args: str, interpreter: Interpreter | None = None) -> list[str]:
    """The command that runs a module of this package; the working directory hides none (``-P``)."""
    return [script_python(interpreter), "-P", "-m", f"pytest_curator_bench.clusters.{module}", *args]


def module_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with this very package on the path, wherever the command is run."""
    path = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": f"{_PACKAGE_PARENT}:{path}" if path else str(_PACKAGE_PARENT)}
