# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The expressions of ``-k``."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench._util.keyword_expression import compile_keywords

NAMES = ("Minhash[xenna-15]", "nightly")


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("minhash", True),
        ("MINHASH and nightly", True),
        ("minhash and gpu", False),
        ("gpu or night", True),
        ("not gpu and not cpu", True),
        ("not (minhash or gpu)", False),
        ("not not minhash", True),
        ("gpu and gpu or minhash", True),
        ("gpu and (gpu or minhash)", False),
        ("xenna-15]", True),
        ("(minhash)and(nightly)", True),
    ],
)
def test_matching(expression: str, matches: bool) -> None:
    """Parts of names in either case; and binds tighter than or, not tightest."""
    assert compile_keywords(expression)(NAMES) is matches


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "'': found the end, expected a word, not, or an opening parenthesis"),
        ("a b", "'a b': found 'b', expected and, or, or the end"),
        ("a and", "'a and': found the end, expected a word"),
        ("(a or b", "'(a or b': found the end, expected and, or, or a closing parenthesis"),
        ("a)", "found ')', expected and, or, or the end"),
        ("a=b", "found '=', expected and, or, or the end"),
        ("not", "found the end, expected a word"),
    ],
)
def test_what_cannot_be_understood(expression: str, message: str) -> None:
    """The message has the expression, what was found, and what was expected."""
    with pytest.raises(ValueError, match=re.escape(message)):
        compile_keywords(expression)


@given(
    st.text("ab()& ", max_size=8) | st.lists(st.sampled_from(["a", "b", "and", "or", "not", "(", ")"])).map(" ".join)
)
def test_it_agrees_with_pytest(expression: str) -> None:
    """Whatever is written: the same answer, or refused by both."""
    from _pytest.mark.expression import Expression

    def ours() -> bool | None:
        try:
            return compile_keywords(expression)(["A"])
        except ValueError:
            return None

    def pytests() -> bool | None:
        try:
            return Expression.compile(expression).evaluate(lambda name, /, **_: name.lower() == "a")
        except SyntaxError:
            return None

    if expression.strip():  # pytest takes no expression for one that matches nothing
        assert ours() == pytests()
