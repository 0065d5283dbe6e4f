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

__all__ = ["is_progress", "log_tail"]

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


def is_progress(line: str) -> bool:
    """Return whether a line is a progress bar."""
    return _PROGRESS.search(line) is not None


def _lines_backwards(data: bytes) -> Iterator[str]:
    is_after_progress = False
    for rewritten in reversed(data.split(b"\n")):
        if not rewritten.strip() or not (line := _shown_last(rewritten)):
            continue
        is_bar = is_progress(line)
        if not (is_bar and is_after_progress):
            yield line
        is_after_progress = is_bar


def _shown_last(rewritten: bytes) -> str:
    """Return what a line shows last: what follows the last carriage return, if that is anything."""
    shown = (_printable(text.decode("utf-8", "replace")) for text in reversed(rewritten.split(b"\r")) if text)
    return next(filter(None, shown), "")


def _printable(line: str) -> str:
    if not line.isprintable():
        line = "".join(char if char.isprintable() else " " for char in _ESCAPE_SEQUENCE.sub("", line))
    return line.rstrip()[:_LINE_CHARACTERS]
