# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Lines below what pytest writes, redrawn in place and taken off again."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, TextIO

from pytest_curator_bench._util.streams import RenderBuffer, encodable, encoding_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

__all__ = ["Panel"]


class Panel:
    """Writes to where a stream leads, also while pytest captures it.

    Args:
        stream: standard output.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._descriptor = _duplicate(stream)
        self._encoding = encoding_of(stream)
        self._frame: list[str] = []

    @property
    def is_possible(self) -> bool:
        """Whether the stream leads to a terminal that can move its cursor."""
        is_terminal = self._descriptor is not None and os.isatty(self._descriptor)
        return is_terminal and os.environ.get("TERM", "dumb") != "dumb"

    def size(self) -> os.terminal_size:
        """Return the terminal's present size: of our descriptor, because pytest captures those that Python looks at."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                size = os.get_terminal_size(self._descriptor)
                if size.columns and size.lines:
                    return size
        return shutil.get_terminal_size()

    def draw(self, lines: Sequence[Text], width: int, column: int) -> None:
        """Draw lines in place of the former ones.

        Args:
            lines: what to draw.
            width: what is longer is cut.
            column: where pytest has left its line: the panel starts below it, and erasing goes back to it.
        """
        frame = self._rendered(lines, width)
        if frame == self._frame:
            return
        # All in one write: between two, the terminal would show no panel.
        self.write(f"{self._erasure(column)}\n" + "\n".join(frame))
        self._frame = frame

    def erase(self, column: int) -> None:
        """Take the lines off, and go back to pytest's column."""
        self.write(self._erasure(column))
        self._frame = []

    def _erasure(self, column: int) -> str:
        """Return what takes the present frame off the terminal."""
        if not self._frame:
            return ""
        return "\r" + "\x1b[A" * (len(self._frame) - 1) + f"\x1b[J\x1b[A\x1b[{column + 1}G"

    def write(self, text: str) -> None:
        """Write text; a terminal that went away must not end a benchmark."""
        with contextlib.suppress(OSError, ValueError):
            if self._descriptor is None:
                self._stream.write(encodable(text, self._stream))
            else:
                os.write(self._descriptor, text.encode(self._encoding, "backslashreplace"))

    def close(self) -> None:
        """Write no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _rendered(self, lines: Sequence[Text], width: int) -> list[str]:
        from rich.console import Console

        buffer = RenderBuffer(self._encoding)
        console = Console(file=buffer, width=width, force_terminal=True, color_system="standard", highlight=False)
        for line in lines:
            console.print(line, no_wrap=True, crop=True)
        return buffer.text().rstrip("\n").split("\n")


def _duplicate(stream: TextIO) -> int | None:
    """Return a copy of the stream's descriptor, or ``None`` where it has none, as in a notebook.

    pytest captures descriptor 1 while an item runs; the copy keeps leading to the terminal.
    """
    try:
        return os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
