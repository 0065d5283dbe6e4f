# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Text for streams that can't hold all of it: terminals and logs in an encoding older than UTF-8."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

__all__ = ["RenderBuffer", "encodable", "encoding_of", "escape_unknown", "in_encoding"]

_IN_ASCII = str.maketrans(
    {"≥": ">=", "≤": "<=", "≠": "!=", "±": "+-", "×": "x", "…": "...", "→": "->", "·": "-"}
    | dict.fromkeys("▲△", "^")
    | dict.fromkeys("▼▽", "v")
    | {"■": "#", "✓": "*"}
)


def encoding_of(stream: IO[str]) -> str:
    """Return the encoding of a stream; UTF-8 for one that has none, such as a ``StringIO``."""
    return getattr(stream, "encoding", None) or "utf-8"


def encodable(text: str, stream: IO[str]) -> str:
    """Return text with the characters escaped that the encoding of a stream does not have."""
    encoding = encoding_of(stream)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def in_encoding(text: str, encoding: str) -> str:
    """Return text of ours as an encoding can hold it: our signs are spelled in ASCII, all else is escaped."""
    try:
        text.encode(encoding)
    except UnicodeError:
        return text.translate(_IN_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def escape_unknown(stream: IO[str]) -> None:
    """Have a stream escape the characters that its encoding does not have, instead of raising an error."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors in {"strict", "surrogateescape"}:
        stream.reconfigure(errors="backslashreplace")


class RenderBuffer(io.TextIOWrapper):
    """A buffer to which Rich renders as to a stream of this encoding: with boxes and escapes that it can hold."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="backslashreplace", newline="\n", write_through=True)

    def text(self) -> str:
        """Return what was written."""
        self.seek(0)
        return self.read()
