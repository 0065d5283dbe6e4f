# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A file that several processes add to, one at a time: each line is in it whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from pytest_curator_bench._util.locks import lock
from pytest_curator_bench.sinks.base import Sink, SinkConfigError, SinkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["FileSink", "append", "locked"]


class FileSettings(SinkSettings):
    """Settings of a sink that adds to a file."""

    path: str | None = Field(None, description="The file; relative to results_dir.")


class FileSink(Sink):
    """A sink that adds each result to a file, in the session's directory or wherever its setting ``path`` says.

    Raises:
        SinkConfigError: ``path`` names no file.
    """

    default_name: ClassVar[str]
    """Name of the file in the session's directory."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._path = path = FileSettings.read(config).path
        if path is not None and (not path.strip() or path.endswith("/") or "\0" in path):
            raise SinkConfigError("path", "found text that names no file, expected a file's path")
        self._file: Path | None = None

    def initialize(self, session_name: str, env_data: Mapping[str, Any]) -> None:
        """Find the file.

        Links are followed: the file that they lead to is what must not be replaced by another one.
        """
        del session_name
        self._file = self.destination(Path(env_data["session_dir"]), Path(env_data["results_dir"]))

    def destination(self, session_dir: Path, results_dir: Path) -> Path:
        """Return the file, links followed."""
        if self._path is None:
            return (session_dir / self.default_name).resolve()
        return (results_dir / Path(self._path).expanduser()).resolve()

    @property
    def file(self) -> Path:
        """The file, which is known from initialize() on."""
        if self._file is None:
            raise RuntimeError("initialize() comes first")
        return self._file


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Open ``path`` (made where missing, its directory too) and keep others that do the same out.

    Returns:
        a file descriptor for reading and appending.

    Raises:
        OSError: it can't be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            lock(descriptor)
            if _is_current(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def append(descriptor: int, data: bytes) -> None:
    """Add ``data`` to a file that is locked, and wait until it is on the disk.

    Raises:
        OSError: the disk is full, or something else; the file is as it was then.
    """
    size = os.fstat(descriptor).st_size
    try:
        written = 0
        while written < len(data):
            written += os.write(descriptor, data[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _is_current(descriptor: int, path: Path) -> bool:
    """Whether ``path`` still is the file that was opened, and not one that has taken its place."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), now)
