# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Interrupts: where Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt, and where they are only noted."""

from __future__ import annotations

import atexit
import contextlib
import math
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["Interrupts"]

# Services and CI systems end a run with SIGTERM, a terminal that closes with SIGHUP.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# An interrupt that comes within so many seconds of another one is the same wish once more.
REPEATED_S = 2.0


class Interrupts:
    """The signals that interrupt a run of this process.

    Once taken, an interrupt raises KeyboardInterrupt, as in Python itself, but neither right after another one nor
    inside of :meth:`noting`, where a result or a clean-up would be lost. There it raises only within
    :meth:`raising`, or if it comes more than :data:`REPEATED_S` after the one before.

    Attributes:
        count: how many there have been.
        is_noted: whether one came in the present block of :meth:`noting`, or in the last one.
    """

    def __init__(self) -> None:
        self.count = 0
        self._taken = 0
        self._former: dict[signal.Signals, object] = {}
        self._last_s = -math.inf
        self._is_noting = False
        self._is_ending = False
        self.is_noted = False
        self._is_pending = False
        self._is_raising = False
        self._on_interrupt: Callable[[], None] = _nothing

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take the signals that are neither ignored nor handled; only the main thread can."""
        self._taken += 1
        if self._taken == 1 and threading.current_thread() is threading.main_thread():
            for signum in _SIGNALS:
                handler = signal.getsignal(signum)
                if handler in (signal.SIG_DFL, signal.default_int_handler) or isinstance(handler, _LateHandler):
                    self._former[signum] = signal.signal(signum, self._handle)
        try:
            yield
        finally:
            self._taken -= 1
            if self._taken == 0:
                self._give_back()

    def _give_back(self) -> None:
        if self._is_ending and self.count and self._former.get(signal.SIGINT, signal.SIG_DFL) is not signal.SIG_DFL:
            # A user who goes on pressing Ctrl-C does not change the exit status.
            self._former[signal.SIGINT] = _LateHandler()
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        while self._former:
            signum, handler = self._former.popitem()
            signal.signal(signum, handler)  # type: ignore[arg-type]  # what getsignal() returned
        self._is_noting = self._is_ending = False

    def note_until_end(self) -> None:
        """Only note interrupts from now on, as in a block of :meth:`noting`: the run ends."""
        self.is_noted = self._is_pending = False
        self._is_noting = self._is_ending = True

    @contextlib.contextmanager
    def noting(self, on_interrupt: Callable[[], None] | None = None) -> Iterator[None]:
        """Only note interrupts in this block; inside of another one it changes nothing.

        Args:
            on_interrupt: called for each. It may be called at any point of the block, and must not raise.
        """
        if self._is_noting:
            yield
            return
        with self.taken():
            self.is_noted = self._is_pending = self._is_raising = False
            self._on_interrupt = on_interrupt or _nothing
            self._is_noting = True
            try:
                yield
            finally:
                self._is_noting = False
                self._on_interrupt = _nothing

    @contextlib.contextmanager
    def raising(self, *, pending: bool = True) -> Iterator[None]:
        """Raise interrupts in this part of a block of :meth:`noting`, where one breaks off a wait and harms nothing.

        Args:
            pending: whether one raises that was noted before and has not raised yet.

        Raises:
            KeyboardInterrupt: there was one.
        """
        try:
            self._is_raising = True
            if pending and self._is_pending:
                raise KeyboardInterrupt  # noqa: TRY301 - as if it came now
            yield
        except KeyboardInterrupt:
            self._is_pending = False
            self._note()  # another handler than ours may have raised it
            raise
        finally:
            self._is_raising = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        del signum, frame
        self.count += 1
        now = time.monotonic()
        is_first, is_repeated = not self.is_noted, now - self._last_s < REPEATED_S
        if self._is_noting:
            self._is_pending = True
            self._note()
        if self._is_raising or not (is_repeated or (self._is_noting and is_first)):
            self._is_raising = False
            self._last_s = now
            raise KeyboardInterrupt
        if is_first and self._is_noting:
            self._last_s = now

    def _note(self) -> None:
        self.is_noted = True
        self._on_interrupt()


class _LateHandler:
    """Python's own handler of SIGINT, which begins a little later: an interrupted run has just ended."""

    def __init__(self) -> None:
        self._begins_s = time.monotonic() + REPEATED_S

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if time.monotonic() >= self._begins_s:
            signal.default_int_handler(signum, frame)


def _nothing() -> None:
    """Do nothing."""
