# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Commands that run with less than the tests have: as an ordinary user, or with a small disk."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["as_ordinary_user", "on_small_disk"]


def as_ordinary_user(command: Sequence[str]) -> list[str]:
    """Return the command as one to which permissions apply: root without the right to go past them.

    Another user could not read the interpreter where that lies in root's home directory.
    """
    if os.geteuid() != 0:
        return list(command)
    rights = "-dac_override,-dac_read_search"
    prefix = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
    _try(prefix)
    return [*prefix, *command]


def on_small_disk(command: Sequence[str], directory: Path, size: str) -> list[str]:
    """Return the command with a file system of its own at ``directory``, whose content is there afterwards."""
    prefix = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    mount = f"mount -t tmpfs -o size={size} none"
    _try([*prefix, "sh", "-c", f"{mount} /mnt"])
    place = shlex.quote(str(directory))
    script = f'{mount} {place} && "$@"; status=$?; cp -a {place} {place}.kept; exit $status'
    return [*prefix, "sh", "-c", script, "sh", *command]


def _try(prefix: Sequence[str]) -> None:
    try:
        subprocess.run([*prefix, "true"] if prefix[-2:-1] != ["-c"] else prefix, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"{prefix[0]} is not possible here: {error}")
