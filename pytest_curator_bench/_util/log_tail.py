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
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["log_tail"]

# Colours and cursor movements; titles and links.
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
# tqdm with a total, tqdm's times, tqdm without a total, and bars of blocks such as rich's.
_PROGRESS = re.compile(r"\d%\||\[\d+:\d\d(?::\d\d)?<|\dit \[\d+:\d\d|[━╸╺█-▏]{5}")
_LINE_CHARACTERS = 1000
_MOST_BYTES = 1024**2


def log_tail(log: Path, count: int | None = None, *, max_bytes: int = 64 * 1024, begin: int = 0) -> list[str]:
    """Return the last lines that are not empty; an empty list where there is no such regular file.

    A line that was rewritten (carriage returns, as progress bars do) is what it showed last, and of progress bars in a
    row only the last one counts. Colours are dropped, other control characters become spaces, and a line's first 1,000
    characters are kept: a log can do nothing to the reader's terminal. Bytes that are no UTF-8 become replacement
    characters.

    Args:
        log: the file.
        count: how many lines, at most; ``None`` for all those in the bytes that are read.
        max_bytes: how much of the file's end is read; up to 1 MiB where that has fewer than ``count`` lines.
        begin: position in bytes before which nothing is read.
    """
    found: list[str] = []
    try:
        with os.fdopen(open_regular(log), "rb") as file:
            end = file.seek(0, os.SEEK_END)
            while True:
                start = file.seek(max(begin, end - max_bytes))
                data = file.read(max(end - start, 0))
                is_last = count is None or start <= begin or max_bytes >= _MOST_BYTES
                if not is_last:  # without the part of a line that it begins with
                    data = data[data.find(b"\n") + 1 :]
                found = list(itertools.islice(_lines_backwards(data), count))[::-1]
                if is_last or (count is not None and len(found) >= count):
                    return found
                max_bytes = min(max_bytes * 8, _MOST_BYTES)
    except OSError:
        return found


def _lines_backwards(data: bytes) -> Iterator[str]:
    end, is_after_progress = len(data), False
    while end >= 0:
        begin = data.rfind(b"\n", 0, end) + 1
        line = _shown_last(data, begin, end)
        is_progress = _PROGRESS.search(line) is not None
        if line and not (is_progress and is_after_progress):
            yield line
        is_after_progress = is_progress or (is_after_progress and not line)
        end = begin - 1


def _shown_last(data: bytes, begin: int, end: int) -> str:
    """Return what the line shows last: what follows the last carriage return, if that is anything."""
    while end > begin:
        start = max(data.rfind(b"\r", begin, end) + 1, begin)
        if text := _printable(data[start:end].decode("utf-8", "replace")):
            return text
        end = start - 1
    return ""


def _printable(line: str) -> str:
    if not line.isprintable():
        line = "".join(char if char.isprintable() else " " for char in _ESCAPE_SEQUENCE.sub("", line))
    return line.rstrip()[:_LINE_CHARACTERS]
