# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Arguments and environment of a script, as the configuration gives them.

Numbers and words in ``args`` and ``env`` are taken as they are written: ``3.10`` stays ``3.10`` and ``yes``
stays ``yes``, because a command line knows no types.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_curator_bench.config.fields.checks import Around, Check, JsonSchema, expected
from pytest_curator_bench.config.yaml.values import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = r"""[^ \t\r\n'"\\]++|\\.|'[^']*+'|"(?:[^"\\]|\\.)*+\""""
_WORD = re.compile(rf"[ \t\r\n]*((?:{_PIECE})++)", re.DOTALL)
_PLAIN_WORD = re.compile(r"[^ \t\r\n]+")
_QUOTING = re.compile(r"['\"\\]")
_QUOTED_PIECE = re.compile(r"""\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r"""\\(["\\])""")

_ARGS = "one string or a list of strings and numbers"
_ENV = "a mapping of variable names to strings and numbers"
_SCALAR: JsonSchema = {"type": ["string", "number", "boolean"]}


def split(command: str) -> list[str]:
    """Split a string as ``shlex.split`` does, only faster: that one goes character by character.

    Raises:
        ValueError: for a quote that is never closed and for a backslash at the end.
    """
    if not _QUOTING.search(command):
        return _PLAIN_WORD.findall(command)
    words: list[str] = []
    position = 0
    while match := _WORD.match(command, position):
        words.append(_QUOTED_PIECE.sub(_unquoted, match[1]))
        position = match.end()
    if command[position:].strip(" \t\r\n"):
        raise ValueError(position)
    return words


def _unquoted(piece: re.Match[str]) -> str:
    """The text of one quoted piece; within double quotes a backslash only escapes these and itself."""
    escaped, single, double = piece.groups()
    if escaped is not None:
        return str(escaped)
    return str(single) if single is not None else _ESCAPED_IN_QUOTES.sub(r"\1", str(double))


def _arguments(value: object, validate: Callable[[object], object]) -> object:
    if isinstance(value, str):
        try:
            words = split(value)
        except ValueError:
            found = "a quote that is never closed, or a backslash at the end"
            raise expected("balanced quotes", found=found) from None
        return validate(words)
    if isinstance(value, YamlList):
        written = [_as_written(item, place.text) for item, place in zip(value, value.places, strict=True)]
        return validate(written)
    raise expected(_ARGS)


def _environment(value: object, validate: Callable[[object], object]) -> object:
    if not isinstance(value, YamlMapping):
        raise expected(_ENV)
    return validate({key: _as_written(item, value.places[key].text) for key, item in value.items()})


def _as_written(value: object, written: str | None) -> object:
    return written if isinstance(value, bool | int | float) and written is not None else value


def _word(value: object) -> object:
    if not isinstance(value, str):
        raise expected("a string or a number")
    if "\0" in value:
        raise expected("text without NUL characters", found="one")
    return str(value)


def _variable_name(value: object) -> object:
    if not isinstance(value, str) or not value or "=" in value or "\0" in value:
        raise expected("the name of an environment variable")
    return value


WORD = Check(_word, _SCALAR)
VARIABLE_NAME = Check(_variable_name, {"type": "string"})
ARGUMENTS = Around(_arguments, lambda _: {"anyOf": [{"type": "string"}, {"type": "array", "items": _SCALAR}]})
ENVIRONMENT = Around(_environment, lambda _: {"type": "object", "additionalProperties": _SCALAR})
