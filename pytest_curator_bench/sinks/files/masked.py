# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Files as sinks send them: what a script has written itself may hold secrets that its arguments share with a sink."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["TEXT_SUFFIXES", "masked_copy"]

TEXT_SUFFIXES = frozenset({".csv", ".json", ".log", ".txt", ".yaml"})
"""Of the files that are masked; others would be spoiled."""
_BLOCK_BYTES = 1 << 20


@contextlib.contextmanager
def masked_copy(
    file: Path, copy: Path, mask: Callable[[bytes], bytes], on_progress: Callable[[], None]
) -> Iterator[Path]:
    """Find secrets in a text file, and write a copy without them if there are any.

    Args:
        file: the file.
        copy: where to write the copy, which is removed again.
        mask: hides secrets; it is given whole lines.
        on_progress: called again and again.

    Returns:
        ``file`` itself where it holds no secret, or is no text, else ``copy``.

    Raises:
        OSError: the file can't be read, or the copy not written.
    """
    os.close(open_regular(file))  # a pipe or a device has no end
    if file.suffix not in TEXT_SUFFIXES or not _holds_secrets(file, mask, on_progress):
        yield file
        return
    try:
        with copy.open("wb") as target:
            os.fchmod(target.fileno(), 0o600)
            for lines in _blocks(file, on_progress):
                target.write(mask(lines))
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _holds_secrets(file: Path, mask: Callable[[bytes], bytes], on_progress: Callable[[], None]) -> bool:
    return any(mask(lines) != lines for lines in _blocks(file, on_progress))


def _blocks(file: Path, on_progress: Callable[[], None]) -> Iterator[bytes]:
    with os.fdopen(open_regular(file), "rb") as source:
        while block := source.read(_BLOCK_BYTES):
            yield block + source.readline()
            on_progress()
