# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The heuristic filters of the score-filter benchmark, written a second time, in plain Python.

The benchmark counts what NeMo Curator keeps; these functions say what it should keep, from the filters'
published definitions (NeMo Curator 1.4: ``nemo_curator.stages.text.filters.heuristic.string``; the rules are
those of Gopher, Rae et al. 2021, and C4, Raffel et al. 2020). Two independent counts that agree are worth
more than one that is compared with itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COMMON_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
_ALPHANUMERIC = re.compile(r"[a-zA-Z0-9\n?!,.]")


def _word_count(text: str) -> bool:
    """Between 50 and 100,000 words."""
    return 50 <= len(text.split()) <= 100_000


def _alphanumeric(text: str) -> bool:
    """At most a quarter of the characters are neither letters, digits, newlines nor ``?!,.``."""
    return bool(text) and (len(text) - len(_ALPHANUMERIC.findall(text))) / len(text) <= 0.25


def _numbers(text: str) -> bool:
    """At most 15 % of the characters are decimal digits."""
    return bool(text) and sum(map(str.isdecimal, text)) / len(text) <= 0.15


def _mean_word_length(text: str) -> bool:
    """The mean word is 3 to 10 characters long."""
    words = text.split()
    return bool(words) and 3 <= sum(map(len, words)) / len(words) <= 10


def _common_words(text: str) -> bool:
    """At least two of the words are among the eight commonest English ones, in lower case."""
    return sum(word in _COMMON_WORDS for word in text.split()) >= 2


#: Filter name to predicate, in the order in which the benchmark applies them.
FILTERS: Mapping[str, Callable[[str], bool]] = {
    "word_count": _word_count,
    "alpha_numeric": _alphanumeric,
    "numbers_ratio": _numbers,
    "mean_word_length": _mean_word_length,
    "common_english_words": _common_words,
}


def dropped_by(text: str) -> str | None:
    """The name of the first filter that drops the text, or ``None`` if all keep it."""
    return next((name for name, keeps in FILTERS.items() if not keeps(text)), None)
