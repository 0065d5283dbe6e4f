# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The last lines of a log, whatever its size, encoding and content."""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import open_regular

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["log_tail"]

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LINE_CHARACTERS = 1000


def log_tail(log: Path, count: int | None = None, *, max_bytes: int = 64 * 1024, begin: int = 0) -> list[str]:
    """Return the last lines that are not empty; an empty list where there is no such regular file.

    Colours are dropped, other control characters become spaces, and a line's first 1,000 characters are kept: a log
    can do nothing to the reader's terminal. Bytes that are no UTF-8 become replacement characters.

    Args:
        log: the file.
        count: how many lines, at most; ``None`` for all those in the bytes that are read.
        max_bytes: how much of the file's end is read.
        begin: position in bytes before which nothing is read.
    """
    try:
        with os.fdopen(open_regular(log), "rb") as file:
            file.seek(max(begin, file.seek(0, os.SEEK_END) - max_bytes))
            text = file.read(max_bytes).decode("utf-8", "replace")
    except OSError:
        return []
    lines = filter(None, map(_printable, reversed(text.splitlines())))
    return list(itertools.islice(lines, count))[::-1]


def _printable(line: str) -> str:
    if not line.isprintable():
        line = "".join(char if char.isprintable() else " " for char in _ESCAPE_SEQUENCE.sub("", line))
    return line.rstrip()[:_LINE_CHARACTERS]
