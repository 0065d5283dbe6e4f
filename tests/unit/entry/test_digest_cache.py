# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Digests of contents: read once, read again after any change, and a broken cache only costs time."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_curator_bench.entry import digest_cache
from pytest_curator_bench.entry.digest_cache import SETTLED_NS, DigestCache, cache_file

# A file that has not been changed for a while.
DATA = Path(os.__file__)
SIZE = DATA.stat().st_size


def digest(cache: DigestCache, file: Path) -> str:
    """The file's digest, by the cache."""
    return cache(os.fsencode(file), file.stat())


def read_by(database: Path, file: Path) -> int:
    """Bytes that a new cache had to read for the file's digest, which is right."""
    with DigestCache.opened(database) as cache:
        assert digest(cache, file) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert cache.problem is None
    return cache.read_bytes


def test_read_once(tmp_path: Path) -> None:
    """The next session reads nothing; a link to the file is the same file."""
    database = tmp_path / "cache" / "digests.sqlite"
    assert [read_by(database, DATA) for _ in range(2)] == [SIZE, 0]
    (tmp_path / "link").symlink_to(DATA)
    assert read_by(database, tmp_path / "link") == 0


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Even one of the same size with its old modification time: the change time tells, and can't be set."""
    database, data = tmp_path / "digests.sqlite", tmp_path / "data"
    data.write_bytes(b"content")
    os.utime(data, (1_000_000_000, 1_000_000_000))
    time.sleep(max(0, data.stat().st_ctime_ns + SETTLED_NS + 10**8 - time.time_ns()) / 1e9)
    assert [read_by(database, data) for _ in range(2)] == [7, 0]
    data.write_bytes(b"CONTENT")
    os.utime(data, (1_000_000_000, 1_000_000_000))
    assert read_by(database, data) == 7


def test_a_file_of_this_moment_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may change again within the resolution of its times; this moment lasts an hour here."""
    monkeypatch.setattr(digest_cache, "SETTLED_NS", 3600 * 10**9)
    file = tmp_path / "new"
    file.write_bytes(b"1")
    assert [read_by(tmp_path / "digests.sqlite", file) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("content", [b"no database at all, but long enough" * 100, b""])
def test_a_cache_that_can_not_be_used(tmp_path: Path, content: bytes) -> None:
    """A broken one is told of, an empty one is filled; the digest is right in both cases."""
    database = tmp_path / "digests.sqlite"
    database.write_bytes(content)
    with DigestCache.opened(database) as cache:
        assert digest(cache, DATA) == hashlib.sha256(DATA.read_bytes()).hexdigest()
    assert (cache.problem is None) == (content == b"")
    if content:
        assert str(database) in str(cache.problem)


def test_a_locked_cache_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that holds it for long costs the memory, not the digest."""
    monkeypatch.setattr("pytest_curator_bench.entry.digest_cache.BUSY_LIMIT_S", 0.05)
    database = tmp_path / "digests.sqlite"
    read_by(database, DATA)
    other = sqlite3.connect(database)
    other.execute("begin exclusive")
    try:
        with DigestCache.opened(database) as cache:
            assert digest(cache, DATA) == hashlib.sha256(DATA.read_bytes()).hexdigest()
        assert "locked" in str(cache.problem)
    finally:
        other.close()


def test_no_place_for_it() -> None:
    """Without a cache directory it says so, and digests all the same."""
    with DigestCache.opened(None) as cache:
        assert digest(cache, DATA) == hashlib.sha256(DATA.read_bytes()).hexdigest()
    assert cache.problem == "there is no directory for it: set XDG_CACHE_HOME or HOME"


def test_several_at_once(tmp_path: Path) -> None:
    """Runs that start at the same moment share one file."""
    database = tmp_path / "digests.sqlite"
    with ThreadPoolExecutor(8) as pool:
        reads = list(pool.map(lambda _: read_by(database, DATA), range(16)))
    assert set(reads) <= {0, SIZE}
    assert read_by(database, DATA) == 0


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/pytest-curator-bench/content-digests.sqlite"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/pytest-curator-bench/content-digests.sqlite"),
        ({"HOME": "/h"}, "/h/.cache/pytest-curator-bench/content-digests.sqlite"),
        ({}, None),
    ],
)
def test_where_it_lies(environ: dict[str, str], expected: str | None) -> None:
    """In the user's cache directory; relative ones are ignored, as the specification says."""
    assert cache_file(environ) == (None if expected is None else Path(expected))
