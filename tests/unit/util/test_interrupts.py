# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Where an interrupt raises, and where it is only noted."""

from __future__ import annotations

import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util import interrupts as module
from pytest_curator_bench._util.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of interrupts."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def interrupts(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Interrupts]:
    """Interrupts of this process, taken."""
    del clock
    monkeypatch.setattr(module, "atexit", SimpleNamespace(register=lambda *_: None))
    interrupts = Interrupts()
    with interrupts.taken():
        yield interrupts


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_raises_and_is_given_back(signum: signal.Signals) -> None:
    """All three raise as Ctrl-C does, as long as they are taken."""
    before = signal.signal(signum, signal.SIG_DFL)
    try:
        interrupts = Interrupts()
        with interrupts.taken():
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signum)
            assert interrupts.count == 1
        assert signal.getsignal(signum) is signal.SIG_DFL
    finally:
        signal.signal(signum, before)


def test_what_somebody_ignores_stays_ignored() -> None:
    """Nohup ignores SIGHUP, a shell in the background SIGINT."""
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts().taken():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_one_key_pressed_often_raises_once(interrupts: Interrupts, clock: Clock) -> None:
    """Those that follow at once do not break off what the first one has begun; one that comes later does."""
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    clock.now_s += module.REPEATED_S
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interrupts.count == 4


def test_noting(interrupts: Interrupts, clock: Clock) -> None:
    """In such a block an interrupt is only noted, also a second one at once; asking again later raises."""
    noted = []
    with interrupts.noting(lambda: noted.append(1)):
        assert not interrupts.is_noted
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert interrupts.is_noted
        clock.now_s += module.REPEATED_S
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert len(noted) == 3


def test_noting_long_after_an_interrupt(interrupts: Interrupts, clock: Clock) -> None:
    """The first interrupt of a block is noted, however long ago another one was."""
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    clock.now_s += 100
    with interrupts.noting():
        signal.raise_signal(signal.SIGINT)
    clock.now_s += 100
    with interrupts.noting():
        assert not interrupts.is_noted
        signal.raise_signal(signal.SIGINT)


def test_raising_within_noting(interrupts: Interrupts) -> None:
    """A wait can be broken off, by each interrupt, and by one that came before it."""
    with interrupts.noting():
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt), interrupts.raising():
                signal.raise_signal(signal.SIGINT)
        with interrupts.raising():
            pass
        signal.raise_signal(signal.SIGINT)
        with interrupts.raising(pending=False):
            pass
        with pytest.raises(KeyboardInterrupt), interrupts.raising():
            pytest.fail("an interrupt was pending")
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_while_a_wait_begins() -> None:
    """It raises there and not once more in the next wait."""

    class Interrupted(Interrupts):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "_is_raising" and value and not self.count:
                signal.raise_signal(signal.SIGINT)

    interrupts = Interrupted()
    with interrupts.noting():
        with pytest.raises(KeyboardInterrupt), interrupts.raising():
            pass
        with interrupts.raising():
            pass
    assert interrupts.is_noted


def test_noting_takes_signals_itself() -> None:
    """A program that runs an entry without pytest needs nothing else; a handler of its own is left alone."""
    interrupts = Interrupts()
    with interrupts.noting():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_noting_until_the_end(interrupts: Interrupts) -> None:
    """Blocks within it change nothing."""
    interrupts.note_until_end()
    with interrupts.noting():
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    assert interrupts.is_noted


def test_an_interrupt_right_after_an_interrupted_run(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ignored at first; the next run of the process takes the signal again."""
    monkeypatch.setattr(module, "atexit", SimpleNamespace(register=lambda *_: None))
    for _ in range(2):
        interrupts = Interrupts()
        with interrupts.taken():
            clock.now_s += module.REPEATED_S
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            interrupts.note_until_end()
        assert interrupts.count == 1
    try:
        signal.raise_signal(signal.SIGINT)
        clock.now_s += module.REPEATED_S
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_interrupt_while_python_ends() -> None:
    """The exit status of an interrupted run stays what it is."""
    program = (
        "import atexit, os, signal\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pytest_curator_bench._util.interrupts import Interrupts\n"
        "interrupts = Interrupts()\nwith interrupts.taken():\n"
        "    interrupts.note_until_end()\n    signal.raise_signal(signal.SIGTERM)\n"
        "raise SystemExit(2)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (2, "")
