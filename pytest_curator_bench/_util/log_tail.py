# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The last lines of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["log_tail"]

TAIL_LINES = 20
TAIL_BYTES = 16 * 1024
LINE_CHARACTERS = 400


def log_tail(log: Path, count: int = TAIL_LINES) -> list[str]:
    """The last ``count`` lines of a log of any size and encoding; empty if there is none.

    Control characters are taken out, so that a log can do nothing to the reader's terminal.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            data = file.read()
    except OSError:
        return []
    lines = [_printable(line) for line in data.decode("utf-8", "replace").splitlines()]
    return [line for line in lines if line][-count:]


def _printable(line: str) -> str:
    import re

    plain = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", line)
    return "".join(char if char.isprintable() else " " for char in plain).rstrip()[:LINE_CHARACTERS]
