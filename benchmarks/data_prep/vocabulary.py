# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The words that the offline texts are made of, and how often each comes.

English function words stand at the front, because frequency falls with rank (Zipf's law): language
detection, stop-word densities and the filters for common words then behave as they do on real text.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from pathlib import Path

#: Size of the table that a random 16-bit number is looked up in.
TABLE_SIZE = 1 << 16

_HERE = Path(__file__).parent

#: The commonest words, the commonest first.
FUNCTION_WORDS = tuple((_HERE / "function_words.txt").read_text(encoding="ascii").split())

#: What the rest of the vocabulary is derived from.
CONTENT_STEMS = tuple((_HERE / "content_stems.txt").read_text(encoding="ascii").split())

SUFFIXES = ("", "s", "ing", "ed", "er", "ly", "ment", "less")

#: A little of what a crawl has besides plain English words.
ODDITIES = ("1998", "2024", "37", "café", "naïve", "Zürich", "Müller", "e-mail", "U.S.", "co-operate")


@cache
def vocabulary() -> tuple[str, ...]:
    """All words, the most frequent first, each once."""
    derived = [
        (stem[:-1] if stem.endswith("e") and suffix[:1] in {"i", "e"} else stem) + suffix
        for suffix in SUFFIXES
        for stem in CONTENT_STEMS
    ]
    return tuple(dict.fromkeys([*FUNCTION_WORDS, *CONTENT_STEMS[:200], *ODDITIES, *derived]))


@cache
def word_table() -> tuple[str, ...]:
    """``TABLE_SIZE`` words, each as often as it is frequent: a random index gives a random word.

    The frequency of the word of rank r is proportional to 1 / (r + 2.7), the Zipf-Mandelbrot law with
    exponent 1. Integers only, so that the table is the same on every machine.
    """
    words = vocabulary()
    weights = [10**12 // (10 * rank + 27) for rank in range(len(words))]
    total = sum(weights)
    ends = [end * TABLE_SIZE // total for end in accumulate(weights)]
    starts = [0, *ends]
    return tuple(word for word, start, end in zip(words, starts, ends, strict=False) for _ in range(start, end))
