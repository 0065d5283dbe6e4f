# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether a session's file holds what its typed dictionary says: it may come from anywhere."""

from __future__ import annotations

import sys
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

from pytest_curator_bench.results.statistics import is_number

__all__ = ["check_types"]


def check_types(value: object, hint: Any, place: str = "") -> None:
    """Check what a file holds against one of the typed dictionaries, or a type within one.

    Args:
        value: what the file holds.
        hint: the type.
        place: the key path, for the message.

    Raises:
        ValueError: the key path, and what was found and expected there.
    """
    if hint is Any:
        return
    if get_origin(hint) is UnionType:
        hints = [one for one in get_args(hint) if one is not NoneType or value is None]
        hint = next((one for one in hints if _is_instance(value, one)), hints[-1])
    if not _is_instance(value, hint):
        expected = ", ".join(get_args(hint)) if get_origin(hint) is Literal else getattr(hint, "__name__", str(hint))
        found = repr(value)[:60] if isinstance(value, str | int | float) else type(value).__name__
        raise ValueError(f"{place}: found {found}, expected {expected}")
    for item, item_hint, step in _items(value, hint, place):
        check_types(item, item_hint, f"{place}{step}".removeprefix("."))


def _is_instance(value: object, hint: Any) -> bool:
    """Return whether a value is of the type, without a look at its items."""
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if hint is float:
        return is_number(value) and abs(value) <= sys.float_info.max
    if is_typeddict(hint):
        return isinstance(value, dict)
    return isinstance(value, origin or hint) and (hint is bool or not isinstance(value, bool))


def _items(value: Any, hint: Any, place: str) -> list[tuple[object, Any, str]]:
    """Return the items of a list or mapping, each with its type and its place."""
    arguments = get_args(hint)
    if is_typeddict(hint):
        missing = hint.__required_keys__ - value.keys()
        if missing:
            raise ValueError(f"{place}: {min(missing)} is missing".removeprefix(": "))
        return [(value[key], kind, f".{key}") for key, kind in _hints(hint).items() if key in value]
    if isinstance(value, list) and arguments[0] is str and {*map(type, value)} <= {str}:
        return []  # the names of a thousand sessions' entries are checked at once
    if isinstance(value, list):
        return [(item, arguments[0], f"[{number}]") for number, item in enumerate(value)]
    if isinstance(value, dict) and arguments[1] is not Any:
        return [(item, arguments[1], f".{key}") for key, item in value.items()]
    return []


@cache
def _hints(hint: Any) -> dict[str, Any]:
    return get_type_hints(hint)  # without Annotated and NotRequired
