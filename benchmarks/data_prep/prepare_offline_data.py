# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Make the inputs of the offline benchmarks: JSON Lines documents, ids of duplicates, WARC files.

The content depends on the recipe alone (seed and sizes), not on the machine or the time::

    python benchmarks/data_prep/prepare_offline_data.py --output-dir benchmarks/data --size-mb 32

Layout of the directory, described by ``manifest.json``::

    documents/part-00000.jsonl …      {"id", "url", "text"} per line; ids rise from 0 through all files
    duplicates/ids_to_remove.jsonl    {"id"} of each document whose text an earlier one has
    warc/CC-MAIN-….warc.gz            pages, as Common Crawl publishes them

The manifest also tells what benchmarks must count: documents, those that the heuristic filters keep (by the
reference in :mod:`reference_filters`), duplicates, pages and those with text. It is written last: a
directory without a manifest that fits its files is made anew.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    # Run as a file, Python looks for modules beside it, not in the repository's root.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.data_prep.manifest import MANIFEST_NAME, DataError, Manifest, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LOCK_NAME = ".prepare.lock"
_BUILD_NAME = ".building"
_STAMPS_NAME = ".stamps.json"
_PARTS = ("documents", "duplicates", "warc")


def prepare(
    directory: Path,
    *,
    size_mb: float = 32.0,
    documents: int | None = None,
    warc_files: int = 4,
    pages_per_warc: int = 500,
    seed: str = "curator-bench",
) -> Manifest:
    """Make the data in a directory, or find that they are there.

    Several processes may call it at once: one makes the data, the others wait and use them. Files whose size
    and modification time are as they were left are taken as good; others are read and compared by digest.

    Args:
        directory: where the data go; created where missing. Other files in it are left alone.
        size_mb: see :class:`Recipe`, as the rest.
        documents: see :class:`Recipe`.
        warc_files: see :class:`Recipe`.
        pages_per_warc: see :class:`Recipe`.
        seed: see :class:`Recipe`.

    Returns:
        What the directory holds.

    Raises:
        ValueError: a size that makes no data.
        OSError: the directory can't be written.
    """
    recipe = Recipe(
        seed=seed,
        size_mb=float(size_mb),
        documents=documents,
        warc_files=warc_files,
        pages_per_warc=pages_per_warc,
    )
    directory.mkdir(parents=True, exist_ok=True)
    with _lock(directory):
        try:
            manifest = Manifest.read(directory)
            if manifest.recipe == recipe:
                _check_files(directory, manifest, trust_stamps=True)
                return manifest
        except DataError:
            pass  # made anew below
        return _build(directory, recipe)


def verify(directory: Path) -> Manifest:
    """Read every file and compare its digest; raises DataError that names the first file that differs."""
    manifest = Manifest.read(directory)
    _check_files(directory, manifest, trust_stamps=False)
    return manifest


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the kernel gives it back when the process ends, however it ends."""
    with (directory / _LOCK_NAME).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_files(directory: Path, manifest: Manifest, *, trust_stamps: bool) -> None:
    stamps = _read_stamps(directory) if trust_stamps else {}
    for file in manifest.files:
        path = directory / file.path
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror}") from error
        if status.st_size != file.bytes:
            raise DataError(f"{path} has {status.st_size} bytes, not {file.bytes} as the manifest says")
        if stamps.get(file.path) != status.st_mtime_ns:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != file.sha256:
                raise DataError(f"{path} has the digest {digest}, not {file.sha256} as the manifest says")
    if trust_stamps:
        _write_stamps(directory, manifest)


def _read_stamps(directory: Path) -> dict[str, int]:
    try:
        stamps = json.loads((directory / _STAMPS_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def _write_stamps(directory: Path, manifest: Manifest) -> None:
    """Remember the modification times of files that were found good; they are no part of the content."""
    stamps = {file.path: (directory / file.path).stat().st_mtime_ns for file in manifest.files}
    if stamps != _read_stamps(directory):
        _write_atomically(directory / _STAMPS_NAME, json.dumps(stamps, indent=2) + "\n")


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _build(directory: Path, recipe: Recipe) -> Manifest:
    """Make everything aside, then put it in place, the manifest last; the lock is held."""
    from benchmarks.data_prep.build import build  # not paid for where the data are there

    (directory / MANIFEST_NAME).unlink(missing_ok=True)
    aside = directory / _BUILD_NAME
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        manifest = build(aside, recipe)
        for part in _PARTS:
            shutil.rmtree(directory / part, ignore_errors=True)
            (aside / part).rename(directory / part)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _write_stamps(directory, manifest)
    _write_atomically(directory / MANIFEST_NAME, manifest.to_json())
    return manifest


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    default = Recipe()
    parser = argparse.ArgumentParser(description="Make the inputs of the offline benchmarks.")
    parser.add_argument("--output-dir", type=Path, default=Path(__file__).resolve().parents[1] / "data")
    parser.add_argument("--size-mb", type=float, default=default.size_mb, help="size of the JSON Lines files")
    parser.add_argument("--documents", type=int, help="number of documents, in place of --size-mb")
    parser.add_argument("--warc-files", type=int, default=default.warc_files)
    parser.add_argument("--pages-per-warc", type=int, default=default.pages_per_warc)
    parser.add_argument("--seed", default=default.seed)
    parser.add_argument("--verify", action="store_true", help="compare all digests and make nothing")
    options = parser.parse_args(arguments)
    try:
        if options.verify:
            manifest = verify(options.output_dir)
        else:
            manifest = prepare(
                options.output_dir,
                size_mb=options.size_mb,
                documents=options.documents,
                warc_files=options.warc_files,
                pages_per_warc=options.pages_per_warc,
                seed=options.seed,
            )
    except (DataError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    counts = manifest.counts
    print(
        f"{options.output_dir}: {counts['documents']} documents ({counts['document_bytes'] / 1e6:.1f} MB), "
        f"{counts['duplicates']} of them duplicates, {counts['warc_pages']} pages "
        f"({counts['warc_bytes'] / 1e6:.1f} MB of WARC files), content {manifest.content_digest[:16]}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
