# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The panel on a terminal: drawn below pytest's line, redrawn in place, taken off without a trace."""

from __future__ import annotations

import os
import pty
import termios
from typing import TYPE_CHECKING

import pyte
import pytest
from rich.text import Text

from pytest_curator_bench.plugin.terminal.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLUMNS, ROWS = 40, 10
END = b"\x1b[0m."


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Panel, Callable[[], list[str]]]]:
    """A panel on a terminal, and a function that returns what is on its screen."""
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (ROWS, COLUMNS))
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)

    def shown() -> list[str]:
        os.write(writer, END)
        written = b""
        while not written.endswith(END):
            written += os.read(reader, 1 << 16)
        stream.feed(written)
        return [line.rstrip() for line in screen.display if line.strip()]

    with os.fdopen(writer, "w") as output:
        panel = Panel(output)
        yield panel, shown
        panel.close()
    os.close(reader)


def test_a_panel_is_redrawn_in_place(terminal: tuple[Panel, Callable[[], list[str]]]) -> None:
    """Its lines are cut, never wrapped; what pytest has written stays, and goes on where it stood."""
    panel, shown = terminal
    assert panel.is_possible
    assert panel.size() == (COLUMNS, ROWS)
    panel.write("a.yaml ")
    panel.draw([Text("[0/2]"), Text("a " * COLUMNS)], COLUMNS - 1, column=7)
    panel.draw([Text("[1/2]"), Text("b"), Text("c")], COLUMNS - 1, column=7)
    assert shown() == ["a.yaml", "[1/2]", "b", "c."]
    panel.erase(7)
    assert shown() == ["a.yaml ."]


def test_a_terminal_without_cursor_has_no_panel(
    terminal: tuple[Panel, Callable[[], list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Emacs, or in a CI that pretends to have a terminal."""
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal[0].is_possible
