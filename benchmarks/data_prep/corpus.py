# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Documents of an English-like text, of known kinds, the same on every machine.

All randomness comes from SHAKE-256 of a label, not from :mod:`random`: the bytes are fixed by a standard,
and document 4711 can be made without the 4710 before it.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from hashlib import shake_256
from typing import TYPE_CHECKING

from .vocabulary import word_table

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Lengths of a document in words, equally likely: roughly the long-tailed shape of web pages, mean 340.
_LENGTHS = (55, 70, 85, 105, 130, 160, 200, 245, 300, 370, 455, 560, 690, 1335)

#: How many of 256 documents copy an earlier one.
_DUPLICATES_OF_256 = 20


@dataclass(frozen=True, slots=True)
class Document:
    """One document of the corpus.

    Attributes:
        id: its number, rising from 0 through all files.
        url: where it might have come from.
        text: its text.
    """

    id: int
    url: str
    text: str


def random_numbers(label: str, count: int) -> array[int]:
    """``count`` numbers from 0 to 65535 that depend on nothing but the label."""
    numbers = array("H", shake_256(label.encode()).digest(2 * count))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def english_text(label: str, words: int) -> str:
    """A text of about ``words`` words in sentences and paragraphs."""
    table = word_table()
    numbers = random_numbers(label, words)
    chosen = [table[number] for number in numbers]
    paragraphs: list[str] = []
    sentences: list[str] = []
    at = 0
    while at < words:
        number = numbers[at]
        sentence = chosen[at : at + 6 + number % 19]
        if len(sentence) > 12:
            sentence[len(sentence) // 2] += ","
        joined = " ".join(sentence)
        sentences.append(joined[0].upper() + joined[1:] + ("." if number % 16 else "?"))
        at += len(sentence)
        if len(sentences) > 2 + number % 5:
            paragraphs.append(" ".join(sentences))
            sentences = []
    if sentences:
        paragraphs.append(" ".join(sentences))
    return "\n\n".join(paragraphs)


def _article(label: str, number: int) -> str:
    return english_text(label, _LENGTHS[number % len(_LENGTHS)] + number % 16)


def _teaser(label: str, number: int) -> str:
    return english_text(label, 5 + number % 60)


def _price_list(label: str, number: int) -> str:
    numbers = random_numbers(label, 60 + number % 100)
    table = word_table()
    return "\n".join(f"{table[n]} {n:05d} {n * 7 % 1000:03d}" for n in numbers)


def _navigation(label: str, number: int) -> str:
    table = word_table()
    return " | ".join(f">> {table[n]} :: ***" for n in random_numbers(label, 40 + number % 60))


def _script_remains(label: str, number: int) -> str:
    table = word_table()
    names = [table[n].title() for n in random_numbers(label, 4 * (60 + number % 60))]
    return " ".join("the" + "".join(names[at : at + 4]) for at in range(0, len(names), 4))


def _shouting(label: str, number: int) -> str:
    return english_text(label, 60 + number % 200).upper()


#: Where each kind begins among 256 equally likely numbers; the heuristic filters drop most but the articles.
_KIND_STARTS = (0, 166, 206, 220, 234, 244)
_KINDS = (_article, _teaser, _price_list, _navigation, _script_remains, _shouting)


def _text(seed: str, index: int) -> str:
    """The text of a document; a copy's is that of the earlier document that it copies, in the end."""
    while True:
        kind, detail, copied, source = random_numbers(f"{seed}/document/{index}", 4)
        if index == 0 or copied % 256 >= _DUPLICATES_OF_256:
            break
        index = source % index
    return _KINDS[bisect_right(_KIND_STARTS, kind % 256) - 1](f"{seed}/text/{index}", detail)


def documents(seed: str) -> Iterator[Document]:
    """The documents of a seed, without end."""
    index = 0
    while True:
        yield Document(index, f"https://site{index % 997}.example/page/{index}.html", _text(seed, index))
        index += 1
