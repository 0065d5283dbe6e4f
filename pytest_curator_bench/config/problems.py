# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Problems in a configuration, and the one exception that tells them."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

SHOWN_PROBLEMS = 20
_LONGEST_QUOTE = 60
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Place(NamedTuple):
    """Where something stands in a configuration file.

    Attributes:
        file: the file.
        line: line within it, from 1.
        text: a scalar as it is written (``3.10`` where the value is 3.1); ``None`` for anything else.
    """

    file: Path
    line: int
    text: str | None = None


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        place: where; ``None`` where no single line is to blame.
        path: the key path, as users write it (``entries[cc].timeout_s``); empty for a whole file.
        text: what was found and what was expected, one line.
    """

    place: Place | None
    path: str
    text: str


class ConfigError(Exception):
    """A configuration that can't be used; ``str()`` of it is the whole message for the user.

    Attributes:
        problems: all problems, one line each, in the order of files and lines, also those that the message
            leaves out because it shows at most 20.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        shown = list(self.problems[:SHOWN_PROBLEMS])
        if len(self.problems) > SHOWN_PROBLEMS:
            shown.append(f"... and {len(self.problems) - SHOWN_PROBLEMS} more")
        super().__init__("\n".join(shown))

    @classmethod
    def of(cls, problems: Iterable[Problem], display: Callable[[Path], str]) -> ConfigError:
        """The exception for ``problems``, in the order of files as they first appear, and of lines."""
        found = list(dict.fromkeys(problems))
        files = {problem.place.file: None for problem in found if problem.place}
        order = {file: number for number, file in enumerate(files)}
        found.sort(key=lambda p: (order[p.place.file], p.place.line) if p.place else (-1, 0))
        return cls([one_line(problem, display) for problem in found])


def one_line(problem: Problem, display: Callable[[Path], str]) -> str:
    """``FILE:LINE: key.path: text`` without the parts that the problem lacks."""
    parts = [place_text(problem.place, display)] if problem.place else []
    parts += [problem.path] if problem.path else []
    return printable(": ".join([*parts, problem.text]))


def place_text(place: Place, display: Callable[[Path], str]) -> str:
    """``FILE:LINE``, or ``FILE`` alone where the line is 0, that is unknown."""
    return f"{display(place.file)}:{place.line}" if place.line else display(place.file)


def printable(text: str) -> str:
    """``text`` with control characters and line ends escaped, so that it stays one harmless line."""
    return _NOT_PRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def quote(text: str) -> str:
    """``text`` in quotes, cut to a length that can be read in a message."""
    return repr(text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "...")


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the known word most like ``word``, or nothing where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def one_of(words: Iterable[str]) -> str:
    """``one of a, b, c``, sorted, cut after 40 words; ``none, as there are none`` for no words."""
    found = sorted(words)
    more = [f"... ({len(found) - 40} more)"] if len(found) > 40 else []
    return f"one of {', '.join(found[:40] + more)}" if found else "none, as there are none"
