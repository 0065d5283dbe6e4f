# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Digests of files' contents, remembered across sessions: 100 GB are read once, not every night."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["DigestCache", "cache_file"]

# A file that was changed this recently may change again without its times showing it.
SETTLED_NS = 2 * 10**9
BUSY_LIMIT_S = 10.0
COMMIT_S = 1.0  # other sessions wait for us no longer than this
_TABLE = """
create table if not exists digests (
    path blob primary key, inode integer, size integer, mtime_ns integer, ctime_ns integer, sha256 text
) without rowid
"""


def cache_file(environ: Mapping[str, str]) -> Path | None:
    """The cache's place in the user's cache directory (XDG base directory specification); ``None``: there is none."""
    base = environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):  # the specification has relative ones ignored
        home = environ.get("HOME", "")
        if not home.startswith("/"):
            return None
        base = f"{home}/.cache"
    return Path(base, "pytest-curator-bench", "content-digests.sqlite")


class DigestCache:
    """Digests files, and remembers them by path, inode, size and times; made by :meth:`opened`.

    Attributes:
        read_bytes: bytes that had to be read.
        problem: why nothing is remembered, one sentence; ``None`` if all is well.
    """

    def __init__(self, database: sqlite3.Connection | None, problem: str | None = None) -> None:
        self.read_bytes = 0
        self.problem = problem
        self._database = database
        self._committed = time.monotonic()

    @classmethod
    @contextmanager
    def opened(cls, file: Path | None) -> Iterator[DigestCache]:
        """The cache in ``file``, which is made where missing; without one it digests and remembers nothing."""
        cache = cls(None, "there is no directory for it: set XDG_CACHE_HOME or HOME")
        if file is not None:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                database = sqlite3.connect(file, timeout=BUSY_LIMIT_S)
                cache = cls(database)
                database.execute(_TABLE)
            except (OSError, sqlite3.Error) as error:
                cache._fail(error, file)
        try:
            yield cache
        finally:
            cache._close()

    def __call__(self, path: bytes, status: os.stat_result) -> str:
        """SHA-256 of a file's content, in hexadecimal digits.

        Args:
            path: the file.
            status: its status as it was found.

        Raises:
            OSError: it can't be read.
        """
        key = os.path.realpath(path)
        known = self._known(key, status)
        if known is not None:
            return known
        descriptor = open_regular(Path(os.fsdecode(path)), follow_links=True)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            before, now_ns = os.fstat(descriptor), time.time_ns()
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(descriptor)
        self.read_bytes += after.st_size
        settled = now_ns - max(before.st_mtime_ns, before.st_ctime_ns) > SETTLED_NS
        if settled and _identity(before) == _identity(after) == _identity(status):
            self._remember(key, after, digest)
        return digest

    def _known(self, key: bytes, status: os.stat_result) -> str | None:
        if self._database is None:
            return None
        question = "select sha256 from digests where (path, inode, size, mtime_ns, ctime_ns) = (?, ?, ?, ?, ?)"
        try:
            row = self._database.execute(question, (key, *_identity(status))).fetchone()
        except (sqlite3.Error, OverflowError) as error:
            self._fail(error)
            return None
        return str(row[0]) if row else None

    def _remember(self, key: bytes, status: os.stat_result, digest: str) -> None:
        if self._database is None:
            return
        order = "insert or replace into digests values (?, ?, ?, ?, ?, ?)"
        try:
            self._database.execute(order, (key, *_identity(status), digest))
            if time.monotonic() - self._committed > COMMIT_S:
                self._database.commit()
                self._committed = time.monotonic()
        except (sqlite3.Error, OverflowError) as error:
            self._fail(error)

    def _fail(self, error: Exception, file: Path | None = None) -> None:
        at = f" ({file})" if file else ""
        self.problem = f"the cache of content digests{at} can't be used ({error}): delete it, or set XDG_CACHE_HOME"
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _close(self) -> None:
        if self._database is None:
            return
        try:
            self._database.commit()
            self._database.close()
        except sqlite3.Error as error:
            self._fail(error)


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    # Inodes of some file systems have 64 bits, and SQLite's integers a sign.
    return status.st_ino - 2**64 if status.st_ino >= 2**63 else status.st_ino, *_times(status)


def _times(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
