# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How a job's results come back where there is no shared file system: through the job's own log.

The log is the one channel that Ray's job submission always has. A hand-over is a run of lines in it, each with a
mark that holds a random word of this very job, so that nothing which a script prints can be taken for one::

    MARK summary {"exec_time_s": 1.5, ...}
    MARK file NAME SIZE SHA256             size in bytes and digest of the content
    MARK data BASE64                       the content, compressed with zlib, in pieces
    MARK end

Standard library only: it runs on both sides.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["MAX_FILE_BYTES", "HandoverReader", "Received", "handover_lines"]

MAX_FILE_BYTES = 256 * 1024**2
_PIECE_BYTES = 48 * 1024  # far below what Ray's dashboard can carry in one line


@dataclass(slots=True)
class Received:
    """What has come back so far.

    Attributes:
        summary: what the other side says about the script; ``None`` until it came.
        files: content by name.
        problems: one sentence for each file that did not come back whole.
        complete: whether the last line was seen.
    """

    summary: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    complete: bool = False


def handover_lines(word: str, summary: Mapping[str, Any], files: Mapping[str, bytes]) -> Iterator[str]:
    """The lines of a hand-over, each with its newline; the first ends whatever line the script left open."""
    mark = _mark(word)
    yield "\n"
    yield f"{mark}summary {json.dumps(summary)}\n"
    for name, content in files.items():
        yield f"{mark}file {name} {len(content)} {hashlib.sha256(content).hexdigest()}\n"
        packed = zlib.compress(content, level=1)
        for begin in range(0, len(packed), _PIECE_BYTES):
            yield f"{mark}data {base64.b64encode(packed[begin : begin + _PIECE_BYTES]).decode()}\n"
    yield f"{mark}end\n"


class HandoverReader:
    """Splits a job's log into what the script printed and what is handed over.

    Args:
        word: the job's random word.
        write: takes the text that is the script's, as it comes.
    """

    def __init__(self, word: str, write: Callable[[str], None]) -> None:
        self.received = Received()
        self._mark = _mark(word)
        self._write = write
        self._rest = ""
        self._held = ""  # the last line break: it may be the one that a hand-over begins with
        self._in_line = False
        self._open: _OpenFile | None = None

    def feed(self, text: str) -> None:
        """Take the next piece of the log, cut anywhere."""
        lines = _split(self._rest + text)
        self._rest = ""
        for line in lines:
            if line.endswith("\n") or self._in_line or not self._may_be_ours(line):
                self._line(line)
            else:
                self._rest = line

    def close(self) -> None:
        """The log has ended."""
        self._write(self._held + self._rest)
        self._held = self._rest = ""
        self._finish_file()

    def _may_be_ours(self, line: str) -> bool:
        """Whether a line that is not whole yet may turn out to be part of a hand-over."""
        return line.startswith(self._mark[: len(line)])

    def _line(self, line: str) -> None:
        if not self._in_line and line.startswith(self._mark):
            self._held = ""
            self._take(line.removeprefix(self._mark).rstrip("\n"))
        else:
            self._emit(line)

    def _emit(self, line: str) -> None:
        self._in_line = not line.endswith("\n")
        text, self._held = self._held + line.removesuffix("\n"), "" if self._in_line else "\n"
        if text:
            self._write(text)

    def _take(self, words: str) -> None:
        kind, _, rest = words.partition(" ")
        if kind != "data":
            self._finish_file()
        if kind == "summary":
            self.received.summary = json.loads(rest)
        elif kind == "file":
            name, size, digest = rest.split(" ")
            self._open = _OpenFile(name, int(size), digest)
        elif kind == "data" and self._open is not None:
            self._open.add(rest)
        elif kind == "end":
            self.received.complete = True

    def _finish_file(self) -> None:
        if self._open is None:
            return
        content = self._open.content()
        if content is None:
            self.received.problems.append(f"{self._open.name} did not come back whole from the cluster")
        else:
            self.received.files[self._open.name] = content
        self._open = None


class _OpenFile:
    """A file of which pieces are still coming."""

    def __init__(self, name: str, size: int, digest: str) -> None:
        self.name = name
        self._size = size
        self._digest = digest
        self._packed = bytearray()
        self._broken = False

    def add(self, piece: str) -> None:
        try:
            self._packed += base64.b64decode(piece, validate=True)
        except binascii.Error:
            self._broken = True

    def content(self) -> bytes | None:
        """The content, if it is what was sent."""
        if self._broken or self._size > MAX_FILE_BYTES:
            return None
        try:
            content = zlib.decompressobj().decompress(bytes(self._packed), self._size + 1)
        except zlib.error:
            return None
        return content if hashlib.sha256(content).hexdigest() == self._digest else None


def _mark(word: str) -> str:
    return f"@@curator-bench {word} "


def _split(text: str) -> list[str]:
    """Split at line feeds alone: progress bars live on carriage returns."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
