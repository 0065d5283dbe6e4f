# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Problems in what a user wrote or prepared, and the one exception that reports those of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pytest_curator_bench._util.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

SHOWN_PROBLEMS = 20


class Place(NamedTuple):
    """A position in a configuration file.

    Attributes:
        file: the file.
        line: line within it, from 1; 0 where it is unknown.
        text: a number, boolean or null as it is written (``3.10`` for 3.1); ``None`` for anything else.
    """

    file: Path
    line: int
    text: str | None = None

    def shown(self, display: Callable[[Path], str]) -> str:
        """Return ``FILE:LINE``, or ``FILE`` alone where the line is unknown."""
        return f"{display(self.file)}:{self.line}" if self.line else display(self.file)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        place: where; ``None`` where no single line is to blame.
        path: the key path, as users write it (``entries[cc].timeout_s``); empty for a whole file.
        text: what was found and what was expected.
        kind: what was looked at: ``config``, ``variable`` for an environment variable that is not defined, and what
            preflight looks at, such as ``dataset``, ``script``, ``data-setup``, ``placeholder``.
        excerpt: the line of the file and a caret below it, two lines; empty where nobody needs to see them.
    """

    place: Place | None
    path: str
    text: str
    kind: str = "config"
    excerpt: str = ""

    def shown(self, display: Callable[[Path], str] = str) -> str:
        """Return ``FILE:LINE: key.path: text`` on one line, without the parts that are empty, and then the excerpt.

        Args:
            display: how to write a file's path.
        """
        parts = [self.place.shown(display) if self.place else "", self.path, self.text]
        excerpt = "".join(f"\n    {printable(line)}" for line in self.excerpt.splitlines())
        return printable(": ".join(filter(None, parts))) + excerpt


class ConfigError(Exception):
    """A configuration that can't be used; ``str()`` of it is the whole message for the user.

    Attributes:
        problems: all problems, one line each with an excerpt of the file where that helps, in the order of files and
            lines, also those that the message leaves out because it shows at most 20.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        shown = list(self.problems[:SHOWN_PROBLEMS])
        if len(self.problems) > SHOWN_PROBLEMS:
            shown.append(f"... and {len(self.problems) - SHOWN_PROBLEMS} more")
        super().__init__("\n".join(shown))

    @classmethod
    def of(cls, problems: Iterable[Problem], display: Callable[[Path], str]) -> ConfigError:
        """Return the exception for ``problems``, in the order of files as they first appear, and of lines."""
        found = list(dict.fromkeys(problems))
        files = {problem.place.file: None for problem in found if problem.place}
        order = {file: number for number, file in enumerate(files)}
        found.sort(key=lambda p: (order[p.place.file], p.place.line) if p.place else (-1, 0))
        return cls([problem.shown(display) for problem in found])
