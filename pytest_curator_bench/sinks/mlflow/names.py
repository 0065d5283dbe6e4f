# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Names and texts within MLflow's rules, whatever a script calls things.

The rules are those of MLflow 3.17 (``mlflow/utils/validation.py``): keys of metrics, parameters and tags have at most
250 characters, word characters and ``/ . - :`` and blanks only, and are what POSIX path normalisation makes of them.
We keep to ASCII, and take names that differ in case alone for the same, as some databases do.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["MAX_PARAM_CHARACTERS", "MAX_TAG_CHARACTERS", "cut", "flat_items", "unique_keys"]

MAX_KEY_CHARACTERS = 250
MAX_PARAM_CHARACTERS = 6000
MAX_TAG_CHARACTERS = 8000

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_\-. :/]")
_DIGEST_DIGITS = 8


def flat_items(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | int | float | str]]:
    """The numbers, flags and texts in nested mappings, each with its dotted name; lists and nulls are left out.

    Unlike ``flat_scalars`` it gives both of two that have the same name (``{"a.b": 1, "a": {"b": 2}}``).
    """
    waiting: list[tuple[str, Mapping[str, Any]]] = [(prefix, mapping)]
    while waiting:
        before, level = waiting.pop(0)
        for name, value in level.items():
            if isinstance(value, dict):
                waiting.append((f"{before}{name}.", value))
            elif isinstance(value, bool | int | float | str):
                yield f"{before}{name}", value


def unique_keys(names: Sequence[str]) -> list[str]:
    """A valid key for each of ``names``, in their order, no two of them the same.

    A name that is valid is its own key, unless another one has it. A name that would get a key that is taken, or one
    that is too long, gets one that ends in a digest of the name. The same names always give the same keys.
    """
    keys: dict[int, str] = {}
    taken = _Taken()
    cleaned = [_cleaned(name) for name in names]
    # Names that need no cleaning go first: what is spelled like a key is the one that is looked for under it.
    for index in sorted(range(len(names)), key=lambda index: cleaned[index] != names[index]):
        key = cleaned[index]
        number = 0
        while len(key) > MAX_KEY_CHARACTERS or not taken.add(key):
            key = _with_digest(cleaned[index], f"{names[index]}\0{number}" if number else names[index])
            number += 1
        keys[index] = key
    return [keys[index] for index in range(len(names))]


def cut(text: str, limit: int) -> str:
    """``text`` with at most ``limit`` characters; MLflow itself cuts without a word."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class _Taken:
    """Keys in use. As file stores make files of keys, none may be the directory of another."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._directories: set[str] = set()

    def add(self, key: str) -> bool:
        """Take ``key``, if it is free."""
        folded = key.casefold()
        above = set(_directories_of(folded))
        if folded in self._keys or folded in self._directories or above & self._keys:
            return False
        self._keys.add(folded)
        self._directories |= above
        return True


def _directories_of(key: str) -> Iterable[str]:
    steps = key.split("/")[:-1]
    return ("/".join(steps[: number + 1]) for number in range(len(steps)))


def _cleaned(name: str) -> str:
    steps = [step.strip() for step in _FORBIDDEN.sub("_", name).split("/")]
    steps = ["__" if step == ".." else step for step in steps if step not in {"", "."}]
    return "/".join(steps) or "_"


def _with_digest(key: str, name: str) -> str:
    digest = hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()[:_DIGEST_DIGITS]
    kept = key.replace("/", "_")[: MAX_KEY_CHARACTERS - _DIGEST_DIGITS - 1].rstrip()
    return f"{kept}_{digest}"
