#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Make the picture of a terminal that README shows, from a real run.

    python docs/picture.py docs/images/terminal.svg -- pytest benchmarks/

The command runs on a pseudo-terminal; what a terminal shows when it has ended is drawn. Nothing is changed by hand.
"""

from __future__ import annotations

import argparse
import itertools
import os
import pty
import struct
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

COLUMNS, LINES = 112, 400


class Terminal:
    """A terminal that runs one command.

    Args:
        command: the command and its arguments.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)

    def run(self) -> int:
        """Run the command to its end; its exit status."""
        pid, descriptor = pty.fork()
        if pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
            os.execvp(self._command[0], self._command)  # noqa: S606 - that is what this is for
        ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        while data := self._read(descriptor):
            self._stream.feed(data)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @staticmethod
    def _read(descriptor: int) -> bytes:
        try:
            return os.read(descriptor, 65536)
        except OSError:  # Linux says so when the other side is closed
            return b""

    def text(self) -> Text:
        """What the terminal shows, with its colours."""
        lines = []
        for row in range(LINES):
            line = Text()
            row_chars = [self._screen.buffer[row][column] for column in range(COLUMNS)]
            for (colour, is_bold), chars in itertools.groupby(row_chars, lambda char: (char.fg, char.bold)):
                style = Style(color=None if colour == "default" else _colour(colour), bold=is_bold)
                line.append("".join(char.data for char in chars), style)
            line.rstrip()
            lines.append(line)
        while lines and not lines[-1].plain:
            lines.pop()
        return Text("\n").join(lines)


def _colour(name: str) -> str:
    """A colour as rich calls it."""
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    return {"brown": "yellow"}.get(name, name.replace("bright", "bright_"))


def main() -> int:
    """Run the command and draw the picture."""
    parser = argparse.ArgumentParser(description="Draw what a command shows on a terminal.")
    parser.add_argument("output", type=Path, help="the picture, SVG")
    parser.add_argument("command", nargs="+", help="behind --: the command")
    options = parser.parse_args()
    terminal = Terminal(options.command)
    status = terminal.run()
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(terminal.text(), soft_wrap=True)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        console.save_svg(str(options.output), title=" ".join(options.command))
    return status


if __name__ == "__main__":
    sys.exit(main())
