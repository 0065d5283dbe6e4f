# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Mounts for tests, in a mount namespace of their own, which goes with the last process in it."""

from __future__ import annotations

import functools
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["in_mount_namespace"]

UNSHARE = ["unshare", "--mount", "--propagation", "private"]


@functools.cache
def _why_not() -> str | None:
    """Why nothing can be mounted here, if so."""
    try:
        done = subprocess.run(
            [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else f"nothing can be mounted here: {done.stderr.strip()}"


def in_mount_namespace(mount: str, command: Sequence[str], after: str = "true") -> str:
    """Run shell code that mounts, a command, and shell code that looks; return what the last two printed."""
    if reason := _why_not():
        pytest.skip(reason)
    code = f"{mount}\n{shlex.join(command)}\n{after}"
    return subprocess.run([*UNSHARE, "sh", "-ec", code], stdout=subprocess.PIPE, text=True, check=True).stdout
