# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Exclusive locks on files, between processes: flock(2), which the kernel opens when the holder ends, however it ends.

A lock belongs to the open file: it is free when the last copy of the descriptor is closed, in children that
inherited one too. It works between hosts on NFS (Linux 2.6.12 and later).
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LockedError", "lock", "locked_file"]

_POLL_S = 0.1


class LockedError(Exception):
    """Another process holds the lock."""


def lock(descriptor: int, *, timeout_s: float = math.inf) -> None:
    """Lock an open file, until all copies of the descriptor are closed.

    Args:
        descriptor: of the file.
        timeout_s: how long to wait for the lock; 0 to try once.

    Raises:
        LockedError: another process still holds it.
        OSError: the file system has no locks.
    """
    if timeout_s == math.inf:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise LockedError from error
            time.sleep(min(_POLL_S, left_s))
        else:
            return


@contextlib.contextmanager
def locked_file(path: Path, *, timeout_s: float = math.inf, mode: int = 0o666) -> Iterator[None]:
    """Hold the lock on a file, which is created if it is missing; raises as :func:`lock` and :func:`os.open` do."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        lock(descriptor, timeout_s=timeout_s)
        yield
    finally:
        os.close(descriptor)
