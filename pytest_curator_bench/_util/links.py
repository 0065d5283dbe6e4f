# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Names of files that are symbolic links, or lie behind some."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["as_named", "in_real_dir"]


def as_named(file: Path) -> Path:
    """Return the absolute path of a file by the name that it was given, which may be a link.

    Where ``..`` is in it the directory's links are resolved, because ``LINK/..`` is not where the link lies.
    """
    path = file.absolute()
    return in_real_dir(path) if ".." in path.parts else path


def in_real_dir(file: Path) -> Path:
    """Return the path of a file with the links of its directory resolved, but not the file's own."""
    return Path(os.path.realpath(file.parent), file.name)
