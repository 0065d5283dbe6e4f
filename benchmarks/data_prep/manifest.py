# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What offline data are made by, and what a data directory holds: the content of ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST_NAME = "manifest.json"

#: Raise it with every change of what a recipe makes: older data are then made anew.
GENERATOR_VERSION = 1


class DataError(Exception):
    """The data in a directory are not what their manifest says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What the content depends on.

    Attributes:
        seed: any string; another seed gives other documents and pages.
        size_mb: size of all JSON Lines files together, in megabytes (10**6 bytes), rounded up to documents.
        documents: number of documents; where given, it is used in place of the size.
        warc_files: number of WARC files.
        pages_per_warc: number of pages in each.
        generator_version: version of the code that makes it.
    """

    seed: str = "curator-bench"
    size_mb: float = 32.0
    documents: int | None = None
    warc_files: int = 4
    pages_per_warc: int = 500
    generator_version: int = GENERATOR_VERSION

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that make no data."""
        if self.size_mb <= 0 or (self.documents is not None and self.documents <= 0):
            raise ValueError("the size of the documents must be above 0")
        if self.warc_files < 0 or self.pages_per_warc < 0:
            raise ValueError("the number of WARC files and of their pages must not be negative")

    @property
    def document_files(self) -> int:
        """Number of JSON Lines files: about 4 MB in each, at least two so that work can be shared."""
        size_mb = self.size_mb if self.documents is None else self.documents * 0.0017
        return max(2, round(size_mb / 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of the data.

    Attributes:
        path: relative to the data directory.
        bytes: its size.
        sha256: digest of the file.
        content_sha256: digest of what is in it, before compression: the same whatever zlib compressed it.
    """

    path: str
    bytes: int
    sha256: str
    content_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a data directory holds.

    Attributes:
        recipe: what it was made by.
        counts: what benchmarks must find: ``documents``, ``document_bytes`` (the JSON Lines files),
            ``text_bytes``, ``kept_by_filters``, ``dropped_by_<filter>``, ``duplicates``, ``warc_pages``,
            ``warc_pages_with_text``, ``warc_bytes`` (compressed).
        files: every data file, sorted by path.
    """

    recipe: Recipe
    counts: Mapping[str, int]
    files: tuple[DataFile, ...]

    @property
    def content_digest(self) -> str:
        """One digest of all content; equal for equal recipes on every machine."""
        lines = "".join(f"{file.content_sha256}  {file.path}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()

    def to_json(self) -> str:
        """The text of ``manifest.json``."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def read(cls, directory: Path) -> Manifest:
        """Read the manifest of a directory; raises DataError where there is none or it can't be read."""
        path = directory / MANIFEST_NAME
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                recipe=Recipe(**data["recipe"]),
                counts={str(name): int(count) for name, count in data["counts"].items()},
                files=tuple(DataFile(**file) for file in data["files"]),
            )
        except FileNotFoundError:
            raise DataError(f"{path} is missing") from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{path} can't be read: {error}") from error
