# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How far an entry has come, and who hears of it."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Listener", "State"]


class State(IntEnum):
    """How far an entry has come, in the order in which it goes; ``DIRECTORY`` to ``CLUSTER_UP`` are left in reverse."""

    PLANNED = 0
    DIRECTORY = 1
    SCRATCH = 2
    LEASED = 3
    MACHINE_CHECKED = 4
    CLUSTER_UP = 5
    RUNNING = 6
    JUDGED = 7
    CLOSED = 8


class Listener:
    """Receives what an execution reports; this one only remembers an interrupt.

    Attributes:
        was_interrupted: whether there was an interrupt.
    """

    was_interrupted = False

    def entered(self, state: State) -> None:
        """Note that the entry has reached ``state``."""

    def warned(self, text: str) -> None:
        """Show what changes no outcome and should be seen."""

    def interrupted(self) -> None:
        """Note an interrupt: the entry ends, and nothing is to follow it. Called at any point; must not raise."""
        self.was_interrupted = True

    def is_stopping(self) -> bool:
        """Return whether the whole run is about to end, so that nothing is retried."""
        return self.was_interrupted
