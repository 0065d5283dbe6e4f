# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Text for people: suggestions, lists of words, quotes."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_QUOTE = 60
_MOST_WORDS = 40
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """Return ``text`` with control characters and line ends escaped, so that it stays one harmless line."""
    return _NOT_PRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def quote(text: str) -> str:
    """Return ``text`` in quotes, cut to a length that can be read in a message."""
    return repr(text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "...")


def near(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the known word most like ``word``, or nothing where none is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def one_of(words: Iterable[str]) -> str:
    """Return ``one of a, b, c``, sorted and cut after 40 words, to follow "expected"."""
    found = sorted(words)
    if not found:
        return "one that is defined; none are defined"
    more = [f"... ({len(found) - _MOST_WORDS} more)"] if len(found) > _MOST_WORDS else []
    return f"one of {', '.join([*found[:_MOST_WORDS], *more])}"
