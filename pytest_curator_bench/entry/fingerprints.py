# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a dataset on disk is, in a few figures: so that data which has changed is seen to have changed.

A fingerprint is the same for every copy of the data: only the files' paths within the dataset, their sizes and
their contents go into its digests, not where the dataset lies, who owns it and when it was copied.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FileDigester", "Fingerprint", "take_fingerprint"]

NAMED_AT_MOST = 3  # files that one warning names
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FileDigester(Protocol):
    """Knows, or works out, the digest of a file's content."""

    def __call__(self, path: bytes, status: os.stat_result) -> str:
        """SHA-256 in hexadecimal digits; raises OSError where the file can't be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The figures of one dataset; ``None`` for what could not be found out, or was not asked for.

    Attributes:
        files: number of regular files. Links count as what they lead to; a directory counts once, however
            many links lead to it.
        bytes: sum of the files' sizes.
        newest_change: latest modification of a file, UTC, ISO 8601.
        listing_digest: SHA-256 over the path within the dataset, a NUL, the size in decimal digits and a line
            feed of each file. Directories are walked in the order of their names' bytes; the path of a
            dataset that is one file is empty.
        content_digest: the same with the SHA-256 of the content, in hexadecimal digits, in place of the size.
        warnings: sentences about what could not be looked at.
    """

    files: int | None = None
    bytes: int | None = None
    newest_change: str | None = None
    listing_digest: str | None = None
    content_digest: str | None = None
    warnings: tuple[str, ...] = ()


class _Troubles:
    """What could not be looked at, by kind, a few of each by name."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._named: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, path: bytes) -> None:
        self._counts[kind] += 1
        if len(self._named[kind]) < NAMED_AT_MOST:
            inner = os.path.relpath(path, self._root) if path != self._root else path
            self._named[kind].append(os.fsdecode(inner).encode(errors="backslashreplace").decode())

    def sentences(self) -> tuple[str, ...]:
        return tuple(self._sentence(kind) for kind in self._counts)

    def _sentence(self, kind: str) -> str:
        count, named = self._counts[kind], self._named[kind]
        more = f" and {count - len(named)} more" if count > len(named) else ""
        return f"{kind}: {', '.join(named)}{more}"


def take_fingerprint(path: Path, digester: FileDigester | None = None) -> Fingerprint:
    """Look at every file of a dataset; never raises for what lies there or vanishes meanwhile.

    It takes one ``stat`` a file, and memory for the names of one directory and of those that it lies in.

    Args:
        path: a directory or a file.
        digester: gives digests of contents; ``None`` leaves the contents unread.
    """
    root = os.fsencode(path)
    troubles = _Troubles(root)
    listing, contents = hashlib.sha256(), hashlib.sha256()
    files = size = 0
    newest_ns: int | None = None
    complete = digester is not None
    for inner, file, status in _files(root, troubles):
        files += 1
        size += status.st_size
        newest_ns = status.st_mtime_ns if newest_ns is None else max(newest_ns, status.st_mtime_ns)
        listing.update(b"%b\0%d\n" % (inner, status.st_size))
        if digester is not None and complete:
            try:
                contents.update(b"%b\0%b\n" % (inner, digester(file, status).encode()))
            except OSError as error:
                troubles.add(f"no content digest, because this can't be read ({error.strerror or error})", file)
                complete = False
    warnings = troubles.sentences()
    if not files and warnings and not path.exists():
        return Fingerprint(warnings=warnings)
    return Fingerprint(
        files=files,
        bytes=size,
        newest_change=None if newest_ns is None else _iso(newest_ns),
        listing_digest=listing.hexdigest(),
        content_digest=contents.hexdigest() if complete else None,
        warnings=warnings,
    )


def _files(root: bytes, troubles: _Troubles) -> Iterator[tuple[bytes, bytes, os.stat_result]]:
    """Path within the dataset, whole path and status of each file, in an order that depends on names alone."""
    seen: set[tuple[int, int]] = set()
    levels: list[Iterator[bytes]] = []  # whole paths yet to be looked at, one level of the tree each
    following: Iterator[bytes] = iter((root,))
    while True:
        path = next(following, None)
        if path is None:
            if not levels:
                return
            following = levels.pop()
            continue
        try:
            status = os.stat(path)  # noqa: PTH116  # bytes: a million Path objects would take most of the time
            if stat.S_ISREG(status.st_mode):
                yield path[len(root) + 1 :], path, status
            elif not stat.S_ISDIR(status.st_mode):
                troubles.add("left out, because it is neither file nor directory", path)
            elif (identity := (status.st_dev, status.st_ino)) in seen:
                troubles.add("left out, because links lead to it a second time", path)
            else:
                seen.add(identity)
                names = sorted(os.listdir(path))  # noqa: PTH208  # as above
                levels.append(following)
                following = iter([os.path.join(path, name) for name in names])  # noqa: PTH118  # as above
        except OSError as error:
            troubles.add(f"left out, because it can't be looked at ({error.strerror or error})", path)


def _iso(moment_ns: int) -> str | None:
    try:
        return (_EPOCH + timedelta(microseconds=moment_ns // 1000)).isoformat()
    except OverflowError:  # a file system may claim any year
        return None
