# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Secrets are hidden in every form that they take, and nothing else is changed."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench._util.masking import MASK, Masker

if TYPE_CHECKING:
    from collections.abc import Callable

HIDDEN = "pä@ss/<w>ord & 'so' on"

words = st.text(min_size=8, max_size=40).filter(lambda text: len(text.strip()) >= 8 and not set(text) <= set("* "))


@pytest.mark.parametrize(
    "written",
    [
        HIDDEN,
        quote(HIDDEN),
        quote(HIDDEN, safe=""),
        quote_plus(HIDDEN),
        re.sub("%..", lambda code: code[0].lower(), quote(HIDDEN, safe="")),
        json.dumps(HIDDEN),
        shlex.quote(HIDDEN),
        repr(HIDDEN),
        ascii(HIDDEN),
        repr(HIDDEN.encode())[1:],
        HIDDEN.encode("ascii", "backslashreplace").decode(),
        HIDDEN.encode().hex(),
        html.escape(HIDDEN),
        html.escape(HIDDEN, quote=False),
        json.dumps(json.dumps(HIDDEN)[1:-1]),
        quote(quote(HIDDEN, safe=""), safe=""),
    ],
)
def test_a_secret_is_hidden_however_it_is_encoded(written: str) -> None:
    """URL, JSON, HTML, hexadecimal, shell and repr forms all go, and what stands around them stays."""
    masked = Masker([HIDDEN]).mask(f"before {written} after")
    assert masked in {f"before {MASK} after", f'before "{MASK}" after', f"before '{MASK}' after"}


@given(secret=words, before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_given_secret_is_left_in_a_masked_text(secret: str, before: str, after: str) -> None:
    """Whatever the secret and its surroundings are; and masking again changes nothing."""
    masker = Masker([secret])
    masked = masker.mask(before + secret + after)
    assert secret.strip() not in masked
    assert masker.mask(masked) == masked


@given(secret=words)
def test_json_text_stays_json(secret: str) -> None:
    """A masked JSON file can still be read, and holds the mask."""
    text = json.dumps({"key": f"x {secret} y", "other": 1})
    masked = json.loads(Masker([secret]).mask(text))
    assert secret.strip() not in masked["key"]
    assert masked["other"] == 1


@given(secret=words, piecewise=st.booleans())
def test_no_given_secret_is_left_in_masked_data(secret: str, piecewise: bool) -> None:
    """Data that JSON can carry is searched as a whole first, other data piece by piece: no difference."""
    data = {"list": [{"text": f"a {secret} b"}], "other": {1} if piecewise else [1]}
    masked = Masker([secret]).mask_data(data)
    assert secret.strip() not in masked["list"][0]["text"]  # type: ignore[index]  # it is a mapping
    assert masked["other"] == data["other"]


@pytest.mark.parametrize("before", ["", "u:", "user:", "bench:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_in_base64_is_hidden(before: str, encode: Callable[[bytes], bytes]) -> None:
    """As HTTP's Basic authentication has it, behind any user's name, and in tokens."""
    secret = "~~s3cret~~?>with more"  # noqa: S105  # none
    encoded = encode(f"{before}{secret}".encode()).decode()
    masked = Masker([secret]).mask(f"Proxy header {encoded} sent")
    assert masked != f"Proxy header {encoded} sent"
    rest = masked.removeprefix("Proxy header ").removesuffix(" sent").replace(MASK, "")
    assert len(rest) <= len(before) * 2 + 6
    whole = base64.b64encode(b"me:pw12").decode()
    assert Masker(["http://me:pw12@host/"]).mask(f"{whole}!") == f"{MASK}!"


def test_a_secret_that_contains_another_goes_as_a_whole() -> None:
    """Longest first: no rest of the longer one stays."""
    assert Masker(["longsecret", "longsecret-with-more"]).mask("a longsecret-with-more b") == f"a {MASK} b"


@pytest.mark.parametrize("value", ["", "  ", "abc", "true", "NONE", "5000", "localhost"])
def test_values_that_would_garble_everything_are_ignored(value: str) -> None:
    """Too short, an ordinary word, or a short number."""
    text = f"{value} stays in 15000 and abcdef"
    assert Masker([value]).mask(text) == text


def test_a_short_secret_is_hidden_by_itself_but_not_inside_words() -> None:
    """``prod`` as a password doesn't turn every product into asterisks."""
    assert Masker(["prod"]).mask("prod: product_count=3, user:prod@") == f"{MASK}: product_count=3, user:{MASK}@"


def test_blanks_around_a_secret_dont_protect_it() -> None:
    """A variable that ends in a newline, as from a file, is found without it."""
    assert Masker(["hunter22hunter\n"]).mask("pw=hunter22hunter;") == f"pw={MASK};"


def test_the_lines_of_a_secret_are_secret() -> None:
    """Logs print a key line by line, indented."""
    key = "first-line-of-a-key\nsecond-line-of-a-key\nend"
    masked = Masker([key]).mask("  first-line-of-a-key\n  second-line-of-a-key\n  end")
    assert masked == f"  {MASK}\n  {MASK}\n  end"


def test_parts_of_a_secret_url_are_secret() -> None:
    """HTTP libraries log a URL's path, and database drivers its password, without the rest."""
    hook = Masker(["http://127.0.0.1:8080/hooks/k3y-0f-th3-w3bhook", "https://chat/hooks/the-only-key"])
    assert hook.mask("POST /hooks/the-only-key") == f"POST {MASK}"
    assert hook.mask('"POST /hooks/k3y-0f-th3-w3bhook HTTP/1.1" 200') == f'"POST {MASK} HTTP/1.1" 200'
    database = Masker(["postgresql://bench:s3cr%40t-word@db/results"])
    assert database.mask("password s3cr@t-word, s3cr%40t-word") == f"password {MASK}, {MASK}"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def-ghi_jkl", "Authorization: Bearer ***"),
        ('"authorization": "Basic dXNlcjpwYXNz"', '"authorization": "Basic ***"'),
        ("git+https://user:tok%40en@github.com/x/y", "git+https://***@github.com/x/y"),
        ("https://0123456789abcdef0123456789abcdef@host/x", "https://***@host/x"),
        ("http://:only-password@host", "http://***@host"),
    ],
)
def test_what_is_always_secret_is_hidden_without_being_given(text: str, masked: str) -> None:
    """Credentials in URLs and in HTTP's Authorization; and masking again changes nothing."""
    masker = Masker()
    assert masker.mask(text) == masked
    assert masker.mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@github.com/x/y",
        "mail to somebody@example.com, see https://host:8080/a",
        '{"a": "http://host:80", "b": "user@host"}',
        "the bearer of this",
    ],
)
def test_ordinary_text_comes_back_as_the_same_object(text: str) -> None:
    """Nothing is changed, and nothing copied."""
    assert Masker([HIDDEN]).mask(text) is text


def test_data_is_masked_at_every_depth() -> None:
    """Values, keys, paths, bytes, items of lists, tuples and sets; the rest is as it was."""
    masker = Masker(["t0p-s3cret", "424242"])
    data = {
        "t0p-s3cret": 1,
        "list": [{"x": ("a", "is t0p-s3cret")}, None, True, 1.5],
        "set": {"t0p-s3cret"},
        "path": Path("/data/t0p-s3cret/x"),
        "bytes": b"\xff t0p-s3cret",
        "number": 424242,
    }
    assert masker.mask_data(data) == {
        MASK: 1,
        "list": [{"x": ("a", f"is {MASK}")}, None, True, 1.5],
        "set": {MASK},
        "path": Path(f"/data/{MASK}/x"),
        "bytes": b"\xff " + MASK.encode(),
        "number": MASK,
    }


def test_data_without_secrets_comes_back_as_the_same_object() -> None:
    """No copy is made of the thousands of task records that hold no secret."""
    data = {"tasks": [{"stage": "read", "time_s": 1.0, "path": Path("/x")}], "marks": ("gpu",), "n": {1, 2}}
    assert Masker([HIDDEN]).mask_data(data) is data


def test_keys_that_differ_only_in_a_secret_keep_both_values() -> None:
    """Neither value gets lost when both keys become the mask."""
    masked = Masker(["first-secret", "second-secret"]).mask_data({"first-secret": 1, "second-secret": 2})
    assert sorted(masked.values()) == [1, 2]


@pytest.mark.parametrize("mark", ["…", "..."])
def test_a_secret_that_was_cut_in_its_middle_is_hidden(mark: str) -> None:
    """As pytest shortens long values in assertions: neither end of the secret stays."""
    secret = "".join(f"key{number}" for number in range(100))
    masked = Masker([secret]).mask(f"assert 'a {secret[:100]}{mark}{secret[-100:]} b' == 'x{mark}y'")
    assert masked == f"assert 'a {MASK}{mark}{MASK} b' == 'x{mark}y'"
