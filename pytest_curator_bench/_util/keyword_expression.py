# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The expressions of ``-k`` as in pytest, whose own evaluation is private: ``minhash and not (xenna or gpu)``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Matcher = Callable[[list[str]], bool]

__all__ = ["compile_keywords"]

# A parenthesis, a word as pytest takes it, or a character that is neither.
_TOKEN = re.compile(r"\s*([()]|[\w:+\-.\[\]\\/]+|\S)")
_OPERATORS = frozenset({"", "and", "or", ")"})


def compile_keywords(expression: str) -> Callable[[Iterable[str]], bool]:
    """Return a function that says whether names match: a word matches if one of them contains it, in either case.

    Raises:
        ValueError: one sentence that says what is wrong with the expression.
    """
    parser = _Parser(expression)
    matches = parser.any_of()
    if parser.token:
        raise parser.error("and, or, or the end")
    return lambda names: matches([name.lower() for name in names])


class _Parser:
    """A descent through ``or``, ``and``, ``not`` and parentheses, loosest first."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = iter([*_TOKEN.findall(expression), ""])
        self.token = next(self._tokens)

    def error(self, expected: str) -> ValueError:
        found = quote(self.token) if self.token else "the end"
        return ValueError(f"{quote(self._expression)}: found {found}, expected {expected}")

    def any_of(self) -> _Matcher:
        parts = [self._all_of()]
        while self._took("or"):
            parts.append(self._all_of())
        return lambda names: any(part(names) for part in parts)

    def _all_of(self) -> _Matcher:
        parts = [self._one()]
        while self._took("and"):
            parts.append(self._one())
        return lambda names: all(part(names) for part in parts)

    def _one(self) -> _Matcher:
        if self._took("not"):
            negated = self._one()
            return lambda names: not negated(names)
        if self._took("("):
            inner = self.any_of()
            if not self._took(")"):
                raise self.error("and, or, or a closing parenthesis")
            return inner
        word = self.token.lower()
        if word in _OPERATORS or not re.match(r"[\w:+\-.\[\]\\/]", word):
            raise self.error("a word, not, or an opening parenthesis")
        self.token = next(self._tokens)
        return lambda names: any(word in name for name in names)

    def _took(self, token: str) -> bool:
        if self.token != token:
            return False
        self.token = next(self._tokens)
        return True
