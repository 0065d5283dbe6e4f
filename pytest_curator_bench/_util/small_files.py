# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Reading the kernel's small files, below /proc and /sys, any of which may be missing or forbidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_small", "read_text"]


def read_small(path: Path | str) -> bytes:
    """Return a file's content; empty where it can't be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a hundred times a second, pathlib is slow
            return file.read()
    except OSError:
        return b""


def read_text(path: Path | str) -> str:
    """Return the same as text, without spaces at its ends."""
    return read_small(path).decode(errors="replace").strip()
