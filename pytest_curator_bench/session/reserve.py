# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Space on the disk that is set aside for small files, so that a full disk loses no result.

Each entry that runs, and the run itself, has a file of blocks that are allocated beforehand. A script that fills the
disk can't take them.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import create_new

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RESERVE_DIR", "reserve_space", "write_reserved"]

RESERVE_DIR = ".reserve"
RESERVED_BYTES = 256 * 1024


def reserve_space(file: Path) -> None:
    """Allocate the blocks of ``file``, unless it is there.

    A file system that can't allocate has no reserve.

    Raises:
        OSError: there is no space, or the directory can't be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = create_new(file)
    except FileExistsError:
        return
    try:
        os.posix_fallocate(descriptor, 0, RESERVED_BYTES)
    except OSError as error:
        with contextlib.suppress(OSError):
            file.unlink()
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
    finally:
        os.close(descriptor)


def write_reserved(file: Path, path: Path, content: bytes) -> None:
    """Write ``content`` into the blocks of ``file`` and rename that to ``path``; raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "wb") as writer:
        if len(content) > os.fstat(descriptor).st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        writer.write(content)
        writer.truncate()
        writer.flush()
        os.fsync(descriptor)
    file.replace(path)
