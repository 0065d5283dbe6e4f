# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The one masker: hides secrets in text and data before they are written, shown or sent."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ANYWHERE", "MASK", "ORDINARY", "Masker", "spells_number"]

MASK = "***"

# Shorter values (a flag, a digit) stand everywhere: hiding them would garble every number and hide nothing.
SHORTEST = 4
# From this length on a value is hidden inside words too; shorter ones only where they stand by themselves.
ANYWHERE = 8
# Lines and URL parts of a secret are hidden by themselves from this length on.
SHORTEST_PART = 12
# Words and round numbers that come out of environment variables and keep no secret.
ORDINARY = frozenset({"true", "false", "none", "null", "default", "http", "https", "info", "debug", "localhost"})

_CUT = re.compile(r"…|\.\.\.")

_Value = TypeVar("_Value")

# What is secret by the syntax of URLs and of HTTP, whatever the configuration says. The tokens of services are not
# listed: their forms change. Each pattern has words of which one is in any text that it matches, so that text
# without secrets costs a few substring searches and no regular expression.
_ALWAYS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    # A user name by itself (ssh://git@host) stays, unless it is as long as a token.
    (("@",), re.compile(r"://(?:[^\s/@:\"'<>,\\]*:[^\s/\"'<>,\\]*|[^\s/@:\"'<>,\\]{20,})@"), f"://{MASK}@"),
    (
        ("earer", "EARER", "uthorization", "UTHORIZATION"),
        re.compile(
            r"(\bbearer(?:\s|%20|\+)+|authorization[\"']?\s*[:=]\s*[\"']?(?:basic|token)\s+)[A-Za-z0-9._~+/=-]{6,}",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)


class Masker:
    """Replaces secrets by ``***``.

    Given values are found as they are, URL-encoded, in Base64 and hexadecimal digits, escaped for JSON, HTML, a shell
    or ``repr``, and where a text was cut; the password and the path of a secret URL and the lines of a secret of
    several lines also by themselves. Credentials in URLs and in HTTP's ``Authorization`` are hidden whether they were
    given or not.

    Values shorter than four characters, ordinary words such as ``true`` and numbers of up to five digits are
    ignored; values shorter than eight characters are hidden where they stand by themselves, not inside words.
    Masking twice changes nothing.
    """

    __slots__ = ("_clues", "_literals", "_needles", "_numbers")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        needles = {form for secret in secrets for part in _parts(secret.strip()) for form in _forms(part)}
        # Longest first: a secret that contains another one goes as a whole.
        ordered = sorted(needles, key=lambda text: (-len(text), text))
        self._needles = tuple(ordered)
        self._clues = (*ordered, *(hint for hints, _, _ in _ALWAYS for hint in hints))
        self._numbers = frozenset(text for text in ordered if spells_number(text))
        self._literals = re.compile("|".join(map(_literal, ordered))) if ordered else None

    def mask(self, text: str) -> str:
        """Return ``text`` with every secret replaced; the same object where there is none."""
        text = self._without_cut_secret(text)
        if not self._is_suspicious(text):
            return text
        if self._literals is not None and any(needle in text for needle in self._needles):
            text = self._literals.sub(MASK, text)
        for hints, pattern, replacement in _ALWAYS:
            if any(hint in text for hint in hints):
                text = pattern.sub(replacement, text)
        return text

    def _without_cut_secret(self, text: str) -> str:
        """Mask what is left of a secret where a text was cut: ``'planted-sec…``, ``…ecret-of-ours'``."""
        for cut in reversed([*_CUT.finditer(text)] if "…" in text or "..." in text else []):
            for needle in self._needles:
                if len(needle) <= ANYWHERE:
                    break  # they come in order of their lengths
                end = text.find(needle[-ANYWHERE:], cut.end(), cut.end() + len(needle)) + ANYWHERE
                if end >= ANYWHERE and needle.endswith(text[cut.end() : end]):
                    text = f"{text[: cut.end()]}{MASK}{text[end:]}"
                begin = text.rfind(needle[:ANYWHERE], 0, cut.start())
                if begin >= 0 and needle.startswith(text[begin : cut.start()]):
                    text = f"{text[:begin]}{MASK}{text[cut.start() :]}"
                    break
        return text

    def _is_suspicious(self, text: str) -> bool:
        # A bare loop: any() with a generator takes twice as long, one regular expression of all still longer.
        for clue in self._clues:  # see above
            if clue in text:
                return True
        return bool(self._needles) and ("…" in text or "..." in text)

    def mask_data(self, value: _Value) -> _Value:
        """Return ``value`` with the secrets in its strings, keys, paths and bytes replaced, at any depth.

        Mappings, lists, tuples and sets are rebuilt as plain ones where something in them changes, and given
        back as they are elsewhere. A number that is a secret becomes ``"***"``. Other objects are left alone.
        """
        # One long text is searched ten times as fast as thousands of short ones, and clues look the same in
        # JSON: most data is done with here. What JSON can't carry is gone through piece by piece.
        with contextlib.suppress(TypeError, ValueError, RecursionError):
            if not self._is_suspicious(json.dumps(value, ensure_ascii=False)):
                return value
        return cast("_Value", self._masked(value))

    def _masked(self, value: object) -> object:  # noqa: PLR0911  # one case a type
        if isinstance(value, str):
            return self.mask(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return MASK if self._numbers and str(value) in self._numbers else value
        if isinstance(value, Mapping):
            return self._masked_mapping(value)
        if isinstance(value, bytes):
            before = value.decode("utf-8", "surrogateescape")
            after = self.mask(before)
            return value if after is before else after.encode("utf-8", "surrogateescape")
        if isinstance(value, PurePath):
            before = str(value)
            after = self.mask(before)
            return value if after == before else type(value)(after)
        if isinstance(value, Sequence | AbstractSet):
            return self._masked_items(value)
        return value

    def _masked_mapping(self, value: Mapping[object, object]) -> Mapping[object, object]:
        masked: dict[object, object] = {}
        changed = False
        for key, item in value.items():
            new_key, new_item = self._masked(key), self._masked(item)
            changed = changed or new_key is not key or new_item is not item
            while new_key in masked:
                # Two keys that differ in a secret only: neither value may get lost.
                new_key = f"{new_key}*"
            masked[new_key] = new_item
        return masked if changed else value

    def _masked_items(self, value: Sequence[object] | AbstractSet[object]) -> Sequence[object] | AbstractSet[object]:
        masked = [self._masked(item) for item in value]
        if all(new is old for new, old in zip(masked, value, strict=True)):
            return value
        if isinstance(value, AbstractSet):
            return frozenset(masked) if isinstance(value, frozenset) else set(masked)
        return tuple(masked) if isinstance(value, tuple) else masked


def _parts(secret: str) -> Iterator[str]:
    if len(secret) < SHORTEST or secret.lower() in ORDINARY or (secret.isdigit() and len(secret) < 6):
        return
    yield secret
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= SHORTEST_PART)
    elif "://" in secret:
        yield from _url_parts(secret)


def _url_parts(url: str) -> Iterator[str]:
    try:
        split = urlsplit(url)
        password = split.password or ""
    except ValueError:
        return
    for text in (password, unquote(password)):
        if len(text) >= SHORTEST:
            yield text
    if split.username is not None:
        yield base64.b64encode(f"{unquote(split.username)}:{unquote(password)}".encode()).decode()
    # HTTP libraries log the path of a webhook without its host; its last part is the key.
    path = split.path + (f"?{split.query}" if split.query else "")
    last = path.rsplit("/", 1)[-1]
    if len(path) >= SHORTEST_PART:
        yield path
    if len(last) >= SHORTEST_PART and any(map(str.isdigit, last)):
        yield last


def _forms(text: str) -> Iterator[str]:
    yield text
    for encoded in (quote(text), quote(text, safe=""), quote_plus(text), quote(quote(text, safe=""), safe="")):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), encoded)
    for is_ascii in (True, False):
        escaped = json.dumps(text, ensure_ascii=is_ascii)[1:-1]
        yield escaped
        yield json.dumps(escaped, ensure_ascii=is_ascii)[1:-1]  # JSON as a string in JSON
    raw = text.encode(errors="surrogatepass")
    yield from (raw.hex(), raw.hex().upper(), *_base64_forms(raw))
    yield shlex.quote(text).removeprefix("'").removesuffix("'")
    yield from (repr(text)[1:-1], ascii(text)[1:-1], repr(raw)[2:-1])
    yield text.encode("ascii", "backslashreplace").decode()  # what Python prints where the locale has no such letters
    yield from (
        html.escape(text),
        html.escape(text, quote=False),
        html.escape(text, quote=False).replace('"', "&quot;"),
    )


def _base64_forms(secret: bytes) -> Iterator[str]:
    """What Base64 makes of a secret, wherever it stands in what is encoded (``user:secret`` in HTTP's ``Basic``)."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret).decode()
        # Digits that are made of its neighbours' bits as well are not its own.
        own = encoded[(0, 2, 3)[before] : -4 if encoded.endswith("=") else None]
        if len(own) >= ANYWHERE:
            yield own
            yield own.replace("+", "-").replace("/", "_")


def _literal(text: str) -> str:
    escaped = re.escape(text)
    return escaped if len(text) >= ANYWHERE else rf"(?<![A-Za-z0-9_]){escaped}(?![A-Za-z0-9_])"


def spells_number(text: str) -> bool:
    """Return whether a text is that of a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
