# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Counts of documents and bytes: those in files, and those that a manifest states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CheckFailedError", "count_documents", "read_counts", "total_bytes"]


class CheckFailedError(SystemExit):
    """A result is wrong: the script ends with this sentence on stderr and exit status 1.

    A SystemExit, so that the sentence stands alone at the end of the log, without a traceback.
    """


def count_documents(paths: Iterable[str | Path]) -> int:
    """Count the rows of Parquet files (by their footers) and the lines of JSON Lines files.

    Raises:
        OSError: a file can't be read.
        ValueError: a file of another kind.
    """
    count = 0
    for path in map(Path, paths):
        if path.suffix == ".parquet":
            import pyarrow.parquet

            count += pyarrow.parquet.ParquetFile(path).metadata.num_rows
        elif path.suffix in {".jsonl", ".json"}:
            with path.open("rb") as file:
                count += sum(1 for line in file if line.strip())
        else:
            raise ValueError(f"{path}: only .parquet, .jsonl and .json files can be counted")
    return count


def total_bytes(paths: Iterable[str | Path]) -> int:
    """Return the size of all files together, in bytes; raises OSError if one is missing."""
    return sum(Path(path).stat().st_size for path in paths)


def read_counts(manifest: Path | None) -> dict[str, int]:
    """Return the counts that a dataset's manifest states in its ``counts`` mapping; none without a manifest.

    Raises:
        CheckFailedError: the manifest can't be read.
    """
    if manifest is None:
        return {}
    try:
        counts = json.loads(manifest.read_text(encoding="utf-8"))["counts"]
        return {str(name): int(count) for name, count in counts.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckFailedError(f"The manifest {manifest} can't be read: {error!r}") from error
