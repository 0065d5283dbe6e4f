# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Write the data of a recipe into an empty directory, counting on the way what benchmarks must find."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, BinaryIO

from .corpus import documents
from .manifest import DataFile, Manifest
from .reference_filters import FILTERS, dropped_by
from .warc import gzip_member, warc_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from .manifest import Recipe


def build(directory: Path, recipe: Recipe) -> Manifest:
    """Write ``documents/``, ``duplicates/`` and ``warc/`` into the directory and tell what they hold."""
    counts: Counter[str] = Counter({f"dropped_by_{name}": 0 for name in FILTERS})
    files: list[DataFile] = []
    duplicates: list[int] = []

    lines = _document_lines(recipe.seed, counts, duplicates)
    for number in range(recipe.document_files):
        name = f"documents/part-{number:05d}.jsonl"
        share = _share(lines, counts, recipe, number + 1)
        files.append(_write(directory, name, share))

    ids = (json.dumps({"id": number}).encode() + b"\n" for number in duplicates)
    files.append(_write(directory, "duplicates/ids_to_remove.jsonl", ids))

    for number in range(recipe.warc_files):
        name = f"warc/CC-MAIN-20260115120000-20260115130000-{number:05d}.warc.gz"
        records = _records(f"{recipe.seed}/warc/{number}", recipe.pages_per_warc, counts)
        files.append(_write(directory, name, records, encode=gzip_member))

    (directory / "warc").mkdir(exist_ok=True)
    counts["warc_bytes"] = sum(file.bytes for file in files if file.path.startswith("warc/"))
    counts["duplicates"] = len(duplicates)
    files.sort(key=lambda file: file.path)
    return Manifest(recipe=recipe, counts=dict(sorted(counts.items())), files=tuple(files))


def _document_lines(seed: str, counts: Counter[str], duplicates: list[int]) -> Iterator[bytes]:
    """JSON lines of the documents, without end; counts each when it is taken."""
    seen: set[bytes] = set()
    for document in documents(seed):
        text = document.text.encode()
        digest = hashlib.sha256(text).digest()
        if digest in seen:
            duplicates.append(document.id)
        seen.add(digest)
        reason = dropped_by(document.text)
        counts["kept_by_filters" if reason is None else f"dropped_by_{reason}"] += 1
        record = {"id": document.id, "url": document.url, "text": document.text}
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        counts["documents"] += 1
        counts["document_bytes"] += len(line)
        counts["text_bytes"] += len(text)
        yield line


def _share(lines: Iterator[bytes], counts: Counter[str], recipe: Recipe, files: int) -> Iterator[bytes]:
    """Lines until the first ``files`` files hold their part of the documents or bytes asked for."""
    if recipe.documents is None:
        unit, whole = "document_bytes", int(recipe.size_mb * 1e6)
    else:
        unit, whole = "documents", recipe.documents
    until = whole * files // recipe.document_files
    while counts[unit] < until:
        yield next(lines)


def _records(label: str, pages: int, counts: Counter[str]) -> Iterator[bytes]:
    counts["warc_pages"] += pages
    for record, has_text in warc_records(label, pages):
        counts["warc_pages_with_text"] += has_text
        yield record


def _write(
    directory: Path, name: str, pieces: Iterable[bytes], *, encode: Callable[[bytes], bytes] | None = None
) -> DataFile:
    """Write pieces to a file, each encoded on its own, and take both digests on the way."""
    content, written, size = hashlib.sha256(), hashlib.sha256(), 0
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    file: BinaryIO
    with path.open("wb") as file:
        for piece in pieces:
            encoded = piece if encode is None else encode(piece)
            content.update(piece)
            written.update(encoded)
            size += file.write(encoded)
    return DataFile(path=name, bytes=size, sha256=written.hexdigest(), content_sha256=content.hexdigest())
