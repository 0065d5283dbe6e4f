# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Pytest marks in the configuration: a name, or a name with arguments."""

from __future__ import annotations

import keyword
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.config.fields.checks import Check, expected
from pytest_curator_bench.config.yaml.values import to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFUSED = {
    "timeout": "timeout_s for the limit",
    "parametrize": "matrix for several variants",
    "usefixtures": "no fixtures: a benchmark is a script of its own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A pytest mark that the configuration gives to an entry.

    Attributes:
        name: the mark's name, an identifier.
        args: its positional arguments.
        kwargs: its keyword arguments.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def _mark(value: object) -> Mark:
    """Read ``name`` or ``{name: argument}``; a list gives several arguments, a mapping named ones."""
    argument: object = None
    name = value
    if isinstance(value, dict) and len(value) == 1:
        ((name, argument),) = value.items()
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise expected("a mark's name (letters, digits and _) or a mapping of one name to its arguments")
    if name in _REFUSED:
        raise expected(_REFUSED[name], found=f"the mark {name!r}")
    plain = to_plain(argument)
    if isinstance(plain, dict):
        return Mark(name=str(name), kwargs=plain)
    if isinstance(plain, list):
        return Mark(name=str(name), args=tuple(plain))
    return Mark(name=str(name), args=() if plain is None else (plain,))


MARK = Check(
    _mark,
    {
        "anyOf": [
            {"type": "string", "not": {"enum": sorted(_REFUSED)}},
            {"type": "object", "minProperties": 1, "maxProperties": 1},
        ]
    },
)
