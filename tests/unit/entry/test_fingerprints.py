# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of datasets: real files, links, pipes; copies are alike, changes are seen, nothing raises."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_curator_bench.entry.digest_cache import DigestCache
from pytest_curator_bench.entry.fingerprints import Fingerprint, take_fingerprint

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=8)
PATHS = st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=3).map(tuple)
TREES = st.dictionaries(PATHS, st.binary(max_size=20), max_size=8)


def plant(root: Path, tree: dict[tuple[str, ...], bytes]) -> dict[tuple[str, ...], bytes]:
    """Write the files of a tree; gives those that found a place (``a`` may be a directory already)."""
    placed = {}
    for parts, content in tree.items():
        file = root.joinpath(*parts)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError:
            continue
        placed[parts] = content
    return placed


def with_content(path: Path) -> Fingerprint:
    """A fingerprint with a content digest, without a cache."""
    with DigestCache.opened(None) as cache:
        return take_fingerprint(path, cache)


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_the_digests_are_what_the_documentation_says(tree: dict[tuple[str, ...], bytes]) -> None:
    """Worked out here in another way, from what was written: paths in the order of their names' bytes."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory, "data")
        root.mkdir()
        placed = plant(root, tree)
        found = with_content(root)
    listing, content = hashlib.sha256(), hashlib.sha256()
    for parts in sorted(placed, key=lambda parts: [os.fsencode(part) for part in parts]):
        path = os.fsencode("/".join(parts))
        listing.update(path + b"\0" + str(len(placed[parts])).encode() + b"\n")
        content.update(path + b"\0" + hashlib.sha256(placed[parts]).hexdigest().encode() + b"\n")
    assert (found.files, found.bytes) == (len(placed), sum(map(len, placed.values())))
    assert (found.listing_digest, found.content_digest) == (listing.hexdigest(), content.hexdigest())
    assert (found.newest_change is None, found.warnings) == (not placed, ())


def test_a_copy_is_alike_and_a_change_is_not(tmp_path: Path) -> None:
    """Place and times don't matter; a name, a size and, with content, a byte do."""
    first, second = tmp_path / "first", tmp_path / "second"
    plant(first, {("a",): b"1", ("b", "c"): b"22"})
    shutil.copytree(first, second)
    os.utime(second / "a", (10, 10))
    before, copied = with_content(first), with_content(second)
    assert (before.listing_digest, before.content_digest) == (copied.listing_digest, copied.content_digest)
    (second / "a").write_bytes(b"2")
    same_size = with_content(second)
    assert same_size.listing_digest == before.listing_digest
    assert same_size.content_digest != before.content_digest
    (second / "a").rename(second / "z")
    assert with_content(second).listing_digest != before.listing_digest
    (first / "a").write_bytes(b"11")
    assert with_content(first).listing_digest != before.listing_digest


def test_newest_change(tmp_path: Path) -> None:
    """The latest modification of any file, in UTC; one before 1970 is no trouble."""
    plant(tmp_path, {("old",): b"", ("d", "new"): b""})
    os.utime(tmp_path / "old", (1_000_000_000, 1_000_000_000))
    os.utime(tmp_path / "d" / "new", (1_500_000_000, 1_500_000_000.5))
    assert take_fingerprint(tmp_path).newest_change == "2017-07-14T02:40:00.500000+00:00"
    os.utime(tmp_path / "old", (-86400, -86400))
    assert take_fingerprint(tmp_path / "old").newest_change == "1969-12-31T00:00:00+00:00"


def test_a_single_file(tmp_path: Path) -> None:
    """What it is called and where it lies don't matter."""
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / "link").symlink_to("a.json")
    found = take_fingerprint(tmp_path / "a.json")
    assert (found.files, found.bytes) == (1, 2)
    assert found.listing_digest == hashlib.sha256(b"\x002\n").hexdigest()
    assert take_fingerprint(tmp_path / "link") == found


def test_links(tmp_path: Path) -> None:
    """A file counts as what its link leads to; a directory counts once, so that no loop is endless."""
    plant(tmp_path / "blobs", {("x",): b"123"})
    plant(tmp_path / "data", {("own",): b"1"})
    (tmp_path / "data" / "file").symlink_to(tmp_path / "blobs" / "x")
    (tmp_path / "data" / "inner").symlink_to(tmp_path / "blobs")
    (tmp_path / "data" / "loop").symlink_to(".")
    found = take_fingerprint(tmp_path / "data")
    assert (found.files, found.bytes) == (3, 7)
    assert found.warnings == ("left out, because links lead to it a second time: loop",)


def test_what_can_not_be_looked_at_is_told(tmp_path: Path) -> None:
    """Broken links, pipes, names that are no UTF-8: warnings by kind, at most three by name."""
    plant(tmp_path, {("good",): b"1"})
    for number in range(5):
        (tmp_path / f"broken{number}").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / os.fsdecode(b"\xff")).symlink_to("nowhere")
    found = with_content(tmp_path)
    assert (found.files, found.bytes) == (1, 1)
    assert found.content_digest is not None
    assert found.warnings == (
        "left out, because it can't be looked at (No such file or directory): broken0, broken1, broken2 and 3 more",
        "left out, because it is neither file nor directory: pipe",
    )


def test_files_that_vanish_meanwhile(tmp_path: Path) -> None:
    """One that is gone before it is looked at is left out; one that can't be read leaves no content digest."""
    plant(tmp_path, {("a",): b"1", ("b",): b"2", ("c",): b"3"})
    with DigestCache.opened(None) as cache:

        def digester(path: bytes, status: os.stat_result) -> str:
            (tmp_path / "b").unlink(missing_ok=True)
            if path.endswith(b"/c"):
                (tmp_path / "c").unlink()
            return cache(path, status)

        found = take_fingerprint(tmp_path, digester)
    assert (found.files, found.content_digest) == (2, None)
    assert found.warnings == (
        "left out, because it can't be looked at (No such file or directory): b",
        "no content digest, because this can't be read (No such file or directory): c",
    )


def test_nothing_there(tmp_path: Path) -> None:
    """A dataset that is not there has no figures; one that is empty has zeros."""
    gone = take_fingerprint(tmp_path / "gone")
    assert (gone.files, gone.bytes, gone.listing_digest) == (None, None, None)
    assert gone.warnings == (f"left out, because it can't be looked at (No such file or directory): {tmp_path}/gone",)
    assert take_fingerprint(tmp_path) == Fingerprint(
        files=0, bytes=0, listing_digest=hashlib.sha256().hexdigest(), content_digest=None
    )
