# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A session's files as content to upload: which there are, and one archive of them all."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import open_regular
from pytest_curator_bench.session.names import RUNS_NAME, SCRATCH_NAME, SCRIPT_ENV_NAME, SINKS_NAME, SUPERSEDED_NAME
from pytest_curator_bench.session.reserve import RESERVE_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import BinaryIO

__all__ = ["Content", "content_of", "session_files", "write_archive"]

BLOCK_BYTES = 1 << 20
_LeaveOut = Callable[[PurePosixPath, OSError], None]
# Level 6 (gzip's own default) takes half the time of 9 for logs and is within a few percent of its size.
COMPRESSION_LEVEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file as it was when it was read.

    Attributes:
        path: where it is.
        size_bytes: its length; what was added since does not count.
        md5: its MD5 in hexadecimal digits, which is what Google Drive tells of a file.
    """

    path: Path
    size_bytes: int
    md5: str


def session_files(session_dir: Path, leave_out: _LeaveOut) -> Iterator[PurePosixPath]:
    """The regular files of a session, relative to its directory, in a fixed order.

    Left out are scratch directories (those of superseded goes too), records of scripts' environments, ``sinks`` (notes
    on what was delivered, which change by delivering), reserved space, files that are being written, symbolic links,
    pipes, sockets and devices; and directories that can't be read, for each of which ``leave_out`` is called.
    """

    def unreadable(error: OSError) -> None:
        leave_out(PurePosixPath(os.path.relpath(error.filename, session_dir)), error)

    for name, directories, files in os.walk(session_dir, onerror=unreadable):
        relative = PurePosixPath(name).relative_to(session_dir)
        directories[:] = sorted(name for name in directories if not _is_left_out(relative / name))
        for file in sorted(files):
            is_temporary = file.startswith(".") and file.endswith(".tmp")
            if not is_temporary and file != SCRIPT_ENV_NAME and _is_regular(Path(name, file)):
                yield relative / file


def content_of(path: Path, on_progress: Callable[[], None]) -> Content:
    """Read a file; ``on_progress`` is called again and again. Raises OSError."""
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with os.fdopen(open_regular(path), "rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
            on_progress()
    return Content(path=path, size_bytes=size, md5=digest.hexdigest())


def write_archive(
    session_dir: Path,
    target: Path,
    masked_copy: Callable[[Path], AbstractContextManager[Path]],
    leave_out: _LeaveOut,
    on_progress: Callable[[], None],
) -> Content:
    """Write all :func:`session_files` to a tar.gz archive, below one directory with the session's name.

    The same files make the same bytes, whoever owns them and whenever they were copied: times and owners are left
    out, and of the modes only whether a file is executable is kept.

    Args:
        session_dir: the session's directory.
        target: the archive, in the pax format of POSIX.1-2001; an older file is replaced.
        masked_copy: gives for each file the one to read, without secrets.
        leave_out: called with each file that can't be read.
        on_progress: called again and again.

    Raises:
        OSError: something can't be written.
    """
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=COMPRESSION_LEVEL) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for relative in session_files(session_dir, leave_out):
            with contextlib.ExitStack() as stack:
                try:
                    copy = stack.enter_context(masked_copy(session_dir / relative))
                    mode = (session_dir / relative).stat().st_mode
                    file = stack.enter_context(os.fdopen(open_regular(copy), "rb"))
                except FileNotFoundError:
                    continue  # another run of the session has just moved it away
                except PermissionError as error:
                    leave_out(relative, error)
                    continue
                info = tarfile.TarInfo(str(PurePosixPath(session_dir.name) / relative))
                info.size = os.fstat(file.fileno()).st_size
                info.mode = 0o755 if mode & stat.S_IXUSR else 0o644
                archive.addfile(info, _Watched(file, on_progress))  # type: ignore[arg-type]  # it only reads
    return content_of(target, on_progress)


class _Watched:
    """A file that tells of each read."""

    def __init__(self, file: BinaryIO, on_read: Callable[[], None]) -> None:
        self._file = file
        self._on_read = on_read

    def read(self, size: int) -> bytes:
        self._on_read()
        return self._file.read(size)


def _is_left_out(relative: PurePosixPath) -> bool:
    parts = relative.parts
    if parts[0] == SINKS_NAME or (parts[0] == RUNS_NAME and parts[-1] == RESERVE_DIR):
        return True
    if parts[0] == SUPERSEDED_NAME:
        parts = parts[1:]
    return len(parts) == 2 and parts[1] == SCRATCH_NAME


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
    except PermissionError:  # in a directory that can't be entered: opening it reports that
        return True
