# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The end of an xdist worker whose controller is gone."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["end_with_controller"]


def end_with_controller() -> None:
    """Have a worker that ignores SIGINT take it as an interrupt once its controller is gone.

    execnet ends such a worker by an interrupt that it sends to it, and by force only ten seconds later. Background jobs
    of a shell, cron jobs and those of some CI systems ignore SIGINT, and go on to do so while there is a controller.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        return
    controller = os.getppid()

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if os.getppid() != controller:
            signal.default_int_handler(signum, frame)

    signal.signal(signal.SIGINT, interrupt)
