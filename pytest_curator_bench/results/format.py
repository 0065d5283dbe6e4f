# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The formats of a session's JSON files, and how files of any format are read.

A file says its format under the key ``format``; one without the key has format 1. Readers ignore keys that they
don't know, and refuse a format that is newer than theirs with one sentence.
"""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FORMATS", "NewerFormatError", "read_file", "read_file_or_skip", "skip", "with_format"]

_LOG = logging.getLogger("pytest_curator_bench")

FORMATS = MappingProxyType(
    {"results.json": 2, "session.json": 2, "env.json": 2, "run.json": 2, "tasks.json": 2},
)
"""The format of each kind of file that this version writes, by file name."""


class NewerFormatError(ValueError):
    """A file was written by a newer version; the message names the file, its format and the newest readable one."""


def with_format(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``data`` with the format of files called ``name`` as its first key."""
    return {"format": FORMATS[name], **data}


def read_file(file: Path) -> dict[str, Any]:
    """Read one of the files that :data:`FORMATS` names.

    Raises:
        OSError: there is none, or it can't be read.
        NewerFormatError: a newer version wrote it.
        ValueError: it holds no JSON object; the message names the file.
    """
    content = read_regular(file)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: not JSON ({error})") from error
    if not isinstance(data, dict):
        raise ValueError(f"{file}: a JSON {type(data).__name__} instead of an object")  # noqa: TRY004  # no argument's
    newest = FORMATS[file.name]
    found = data.get("format", 1)
    if not isinstance(found, int) or found > newest:
        raise NewerFormatError(
            f"{file}: has format {found}, newer than {newest}, the newest that this version reads: "
            "upgrade pytest-curator-bench"
        )
    return data


def read_file_or_skip(file: Path) -> dict[str, Any]:
    """Read a file that may well be missing or damaged: nothing then, and a line in the log if its format is newer."""
    try:
        return read_file(file)
    except NewerFormatError as error:
        skip(error)
    except (OSError, ValueError):
        pass
    return {}


def skip(error: ValueError) -> None:
    """Log that a file is left out: once for each file."""
    _log_skipped(str(error))


@lru_cache(maxsize=1024)
def _log_skipped(problem: str) -> None:
    _LOG.warning("skipped %s", problem)
