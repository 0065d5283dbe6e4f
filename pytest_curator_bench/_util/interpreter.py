# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What runs a script: mostly the Python that also runs Ray, which need not be the one that runs the harness."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PYTHON_VARIABLE", "Interpreter", "runs_itself", "script_command", "script_python", "why_not_executable"]

PYTHON_VARIABLE = "CURATOR_BENCH_PYTHON"
"""Environment variable with the path of an interpreter; ``benchmarks/tools/in_image.sh`` sets it.

The package ``pytest_curator_bench`` must be importable there, its dependencies need not be. Ray and NeMo Curator must
be found by the harness, too, which looks for them without importing them.
"""

# What the environment of the harness says of itself, and must not say of another one.
_OF_AN_ENVIRONMENT = frozenset({"VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONHOME"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One of several Python environments that entries run in (``--bench-ab``).

    Attributes:
        name: what the user calls it; entries that run in it are called ``ENTRY@NAME``.
        position: its place on the command line, from 1; the others are compared with the first.
        python: its path.
        prefix: the directory of its environment.
        is_virtual: whether that is a virtual environment.
        version: Python's version.
        ray_version: Ray's; ``None`` if it is not installed.
        ray_dir: where the package ``ray`` is installed.
        curator_version: NeMo Curator's; ``None`` if it is not installed.
        curator_commit: the commit that NeMo Curator comes from, if that is known.
        curator_is_dirty: whether files of that checkout were changed.
        curator_repo_dir: the value of ``{curator_repo_dir}``; ``None`` where there is none.
    """

    name: str
    position: int
    python: str
    prefix: str
    is_virtual: bool
    version: str
    ray_version: str | None = None
    ray_dir: str | None = None
    curator_version: str | None = None
    curator_commit: str | None = None
    curator_is_dirty: bool = False
    curator_repo_dir: Path | None = None

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the variables as they are where this environment is activated, and that of the harness is not."""
        environment = {name: value for name, value in inherited.items() if name not in _OF_AN_ENVIRONMENT}
        own_bin = str(Path(sys.prefix, "bin")) if sys.prefix != sys.base_prefix else None
        others = [place for place in inherited.get("PATH", os.defpath).split(os.pathsep) if place != own_bin]
        environment["PATH"] = os.pathsep.join([str(Path(self.python).parent), *others])
        if self.is_virtual:
            environment["VIRTUAL_ENV"] = self.prefix
        return environment

    def record(self, entry: str) -> dict[str, Any]:
        """Return what ``results.json`` says of it.

        Args:
            entry: name of the entry without the interpreter's.
        """
        return {
            "name": self.name,
            "position": self.position,
            "entry": entry,
            "python": self.python,
            "versions": {"python": self.version, "ray": self.ray_version, "nemo_curator": self.curator_version},
            "nemo_curator_commit": self.curator_commit,
            "nemo_curator_dirty": self.curator_is_dirty,
        }


def script_python(interpreter: Interpreter | None = None) -> str:
    """Return the path of the interpreter of scripts, of Ray and of the programs that import Ray.

    Args:
        interpreter: the one that an entry names; by default that of all entries.
    """
    if interpreter is not None:
        return interpreter.python
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
