# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Virtual environments with nothing in them, made by hand: venv takes seconds on a loaded machine."""

from __future__ import annotations

import sys
from pathlib import Path


def make_environment(directory: Path) -> Path:
    """Make an empty virtual environment and return its interpreter."""
    base = Path(sys.base_prefix, "bin")
    python = directory / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(base / "python3")
    (directory / "pyvenv.cfg").write_text(f"home = {base}\n")
    packages_of(python).mkdir(parents=True)
    return python


def packages_of(python: Path) -> Path:
    """Where the packages of an environment lie."""
    return python.parents[1] / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
