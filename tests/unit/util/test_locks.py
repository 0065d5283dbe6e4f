# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""File locks: tried, waited for, and released."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.locks import LockedError, locked_file

if TYPE_CHECKING:
    from pathlib import Path


def test_try_and_wait(tmp_path: Path) -> None:
    """A held lock fails at once without a wait, late with one; a free one is taken."""
    path = tmp_path / "lock"
    with locked_file(path):
        for timeout_s in (0.0, 0.15):
            begun = time.monotonic()
            with pytest.raises(LockedError), locked_file(path, timeout_s=timeout_s):
                pass
            assert time.monotonic() - begun >= timeout_s
    with locked_file(path, timeout_s=0):
        pass


def test_a_lock_released_meanwhile(tmp_path: Path) -> None:
    """Who waits gets it."""
    path, held = tmp_path / "lock", threading.Event()

    def hold() -> None:
        with locked_file(path):
            held.set()
            time.sleep(0.2)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with locked_file(path, timeout_s=30):
        pass
    holder.join()
