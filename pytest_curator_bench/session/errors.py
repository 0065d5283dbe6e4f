# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Errors about a session's directories."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SessionError"]


class SessionError(Exception):
    """A session's directory can't be made, joined or written; the message is one sentence with a remedy."""

    @classmethod
    def unwritable(cls, directory: Path, setting: str, error: OSError) -> SessionError:
        """Return the error for a directory that can't be written and that ``setting`` can put elsewhere."""
        why = error.strerror or str(error)
        at = f" at {error.filename}" if error.filename and str(error.filename) != str(directory) else ""
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        remedy = "free some space there" if full else "make it writable for this user"
        return cls(f"cannot write in {directory} ({why}{at}): {remedy}, or set {setting} to another directory")
