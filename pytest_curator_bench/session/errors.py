# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Errors about a session's directories."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BusyEntryError", "SessionError", "shown"]

MAX_SHOWN_CHARACTERS = 400
_REMEDIES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "choose shorter names",
    errno.ELOOP: "correct the links on its path",
    **dict.fromkeys((errno.EEXIST, errno.EISDIR), "remove what has this name"),
}


def shown(path: object) -> str:
    """Return a path for a message: of a very long one only its ends."""
    text = str(path)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:80]}…{text[-80:]}"


class SessionError(Exception):
    """A session's directory can't be made, joined or written; the message is one sentence with a remedy."""

    @classmethod
    def unwritable(cls, directory: Path, setting: str, error: OSError) -> SessionError:
        """Return the error for a directory that can't be written and that ``setting`` can put elsewhere."""
        why = error.strerror or str(error)
        at = f" at {shown(error.filename)}" if error.filename and str(error.filename) != str(directory) else ""
        remedy = _REMEDIES.get(error.errno or 0, "make it writable for this user")
        return cls(f"cannot write in {shown(directory)} ({why}{at}): {remedy}, or set {setting} to another directory")

    @classmethod
    def unusable(cls, directory: Path, error: OSError) -> SessionError:
        """Return the error for an entry that the system refused something, most likely in ``directory``."""
        remedy = _REMEDIES.get(error.errno or 0, "the script, or another process, has changed the entry's files")
        return cls(f"{error.strerror or error}: {shown(error.filename or directory)}: {remedy}")


class BusyEntryError(SessionError):
    """Another run, or another process of this one, is at work on the entry."""
