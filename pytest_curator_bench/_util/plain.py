# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Values as plain data, which JSON, xdist and sinks can carry."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

__all__ = ["plain_integer", "spell_out", "to_plain"]

# Deeper values are cut: dataclasses.asdict and the json module recurse over what leaves this module.
MAX_DEPTH = 64
_PRINTABLE_BITS = 1000


def to_plain(value: object, *, strict: bool = False, convert: Callable[[object], object] = str) -> object:
    """Return ``value`` made of ``None``, booleans, numbers, strings, lists and string-keyed dictionaries alone.

    Sets become sorted lists, and keys what JSON makes of them. Lone surrogates, as Python has in file names and
    arguments that are no UTF-8, are spelled out. What is nested deeper than 64 levels is named by its type.

    Args:
        value: anything.
        strict: NaN and infinities become strings, as JSON has no numbers for them.
        convert: turns a value of another type into a plainer one; by default into its string.
    """

    def plain(value: object, depth: int) -> object:  # noqa: PLR0911  # one case a type
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return spell_out(value)
        if isinstance(value, int):
            return plain_integer(value)
        if isinstance(value, float):
            return _constant(value) if strict and not math.isfinite(value) else float(value)
        if depth == MAX_DEPTH:
            return f"<{type(value).__name__}, nested too deeply>"
        if isinstance(value, Mapping):
            keys = (plain(key, depth + 1) for key in value)
            texts = (key if isinstance(key, str) else json.dumps(key) for key in keys)
            return dict(zip(texts, (plain(item, depth + 1) for item in value.values()), strict=True))
        if isinstance(value, AbstractSet):
            return sorted((plain(item, depth + 1) for item in value), key=_order)
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview | range):
            return [plain(item, depth + 1) for item in value]
        return plain(convert(value), depth + 1)

    return plain(value, 0)


def spell_out(value: str) -> str:
    r"""Return the string with lone surrogates spelled out (``\udcff``), so that it can be encoded."""
    text = str.__str__(value)  # a member of an enum becomes its value
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def plain_integer(value: int) -> int | str:
    """Return the integer; a text that says how long it is where Python refuses to print it.

    (``sys.set_int_max_str_digits``; JSON, a report and the channel to a worker all print numbers.)
    """
    number = int(value)  # a member of an enum becomes its value
    if number.bit_length() > _PRINTABLE_BITS:
        try:
            str(number)
        except ValueError:
            return f"an integer of {number.bit_length()} bits"
    return number


def _constant(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _order(plain: object) -> tuple[bool, float, str]:
    """Key by which numbers come first, then the rest by its text."""
    return (False, plain, "") if isinstance(plain, int | float) else (True, 0, str(plain))
