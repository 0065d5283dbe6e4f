# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Processes that tests start through others: told by a mark in their environment, and waited for."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

# Marks every process of a test, so that what is left can be found whatever its parent is.
MARK = "CURATOR_BENCH_TEST_MARK"
# Far longer than anything takes: only what never comes is to fail, however slow the machine is. A wait of a test, and a
# test: the wait ends first, and says what it waited for.
LIMIT_S = 240.0
TIMEOUT_S = 300.0
INTEGRATION_TIMEOUT_S = 900.0
# All tests together, if one of those limits does not end what hangs.
RUN_TIMEOUT_S = 2400.0


def end_after(limit_s: float, tell: Callable[[str], object]) -> None:
    """End this process after so many seconds, whatever it waits for and whichever signals it ignores."""

    def end() -> None:
        try:
            tell(f"ended after {limit_s:g} s: something hangs")
        finally:
            os._exit(1)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()


def marked(value: str, variable: str = MARK) -> dict[psutil.Process, list[str]]:
    """Living processes that carry the mark in their environment, with their command lines."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(variable) == value:
                found[process] = process.cmdline()
    return found


def kill_marked(value: str) -> None:
    """End what still carries the mark."""
    for process in marked(value):
        with contextlib.suppress(psutil.Error):
            process.kill()


def eventually(condition: Callable[[], object], what: str = "what did not come true") -> None:
    """Wait until ``condition`` holds; fail after :data:`LIMIT_S`."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
