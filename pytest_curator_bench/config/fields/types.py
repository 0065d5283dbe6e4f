# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The types of configuration values that have rules of their own: names, commands, sizes, addresses."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING

from pytest_curator_bench.config.fields.spellings import number_hint
from pytest_curator_bench.config.fields.validators import (
    VARIABLE,
    FieldValidator,
    JsonSchema,
    WrapFieldValidator,
    expected,
    from_variable,
    refuse_unencodable,
    refuse_unquoted,
    text,
)
from pytest_curator_bench.config.reserved_names import RESERVED_ENTRY_NAMES, RESERVED_PATH_NAMES
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_NAME_BYTES = 200
_FORBIDDEN = re.compile(r"[/\\\[\]]|\.\.|::|^\.|^\s|\s$")
_EXPECTED_NAME = (
    "a name of 1 to 200 bytes without / \\ [ ] .. :: and control characters, "
    "no dot at the beginning and no blanks at the ends"
)


def _entry_name(value: object) -> object:
    refuse_unquoted(value, "a name")
    if not isinstance(value, str) or not value or not value.isprintable() or _FORBIDDEN.search(value):
        raise expected(_EXPECTED_NAME)
    if len(value.encode()) > LONGEST_NAME_BYTES:
        raise expected(_EXPECTED_NAME)
    if value in RESERVED_ENTRY_NAMES:
        raise expected("another name", found=f"{value!r}, which session directories use themselves")
    refuse_unencodable(value)
    return str(value)


def _path_name(value: object) -> object:
    if not isinstance(value, str) or not _PLACEHOLDER_NAME.fullmatch(value):
        raise expected("a name that can be a placeholder: letters, digits, _ . -, no digit first")
    if value in RESERVED_PATH_NAMES:
        raise expected("another name", found=f"{value!r}, which is a placeholder of its own")
    return str(value)


_PLACEHOLDER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

ENTRY_NAME = FieldValidator(_entry_name, {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME_BYTES})
PATH_NAME = FieldValidator(_path_name, {"type": "string", "pattern": f"^{_PLACEHOLDER_NAME.pattern}$"})
DATASET_NAME = text("a name without blanks, commas and braces", pattern=re.compile(r"[^\s,{}]+"))
CLASS_PATH = text("package.module:Class", pattern=re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*"))


def is_identifier(name: str) -> bool:
    """Whether ``name`` is made of ASCII letters, digits and ``_``, with no digit first."""
    return _IDENTIFIER.fullmatch(name) is not None


# Numbers and words in `args` are taken as they are written, because a command line knows no types: `3.10` stays `3.10`
# and `yes` stays `yes`.
_QUOTING = re.compile(r"['\"\\]")
_PLAIN_WORD = re.compile(r"[^ \t\r\n]+")
_ARGS = "one string or a list of strings and numbers"
_ENV = "a mapping of variable names to strings"
_SCALAR: JsonSchema = {"type": ["string", "number", "boolean"]}


def split_arguments(arguments: str) -> list[str]:
    """Split a string as a shell does.

    Raises:
        ValueError: for a quote that is never closed and for a backslash at the end.
    """
    # shlex goes character by character: 0.16 s for 10,000 entries, a fifth of all that loading them takes.
    return shlex.split(arguments) if _QUOTING.search(arguments) else _PLAIN_WORD.findall(arguments)


def _arguments(value: object, validate: Callable[[object], object]) -> object:
    if isinstance(value, str):
        try:
            words = split_arguments(value)
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


def _word(value: object, what: str = "a string or a number") -> object:
    if not isinstance(value, str):
        raise expected(what)
    if "\0" in value:
        raise expected("text without NUL characters", found="one")
    refuse_unencodable(value)
    return str(value)


def _variable_value(value: object) -> object:
    return _word(value, "text, in quotes; '' for an empty one")


def _variable_name(value: object) -> object:
    if not isinstance(value, str) or not value or "=" in value or "\0" in value:
        raise expected("the name of an environment variable")
    refuse_unencodable(value)
    return value


WORD = FieldValidator(_word, _SCALAR)
VARIABLE_VALUE = FieldValidator(_variable_value, {"type": "string"})
VARIABLE_NAME = FieldValidator(_variable_name, {"type": "string"})
ARGUMENTS = WrapFieldValidator(
    _arguments, lambda _: {"anyOf": [{"type": "string"}, {"type": "array", "items": _SCALAR}]}
)
# Numbers reach it from a matrix alone: in files they are refused.
ENVIRONMENT = WrapFieldValidator(_environment, lambda _: {"type": "object", "additionalProperties": {"type": "string"}})


_SMALLEST_STORE_BYTES = 2**20
_LARGEST_STORE_BYTES = 2**60
_HIGHEST_PORT = 65535
_HOST_AND_PORT = r"(?:[^\s:/?#@]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})"
_ADDRESS = "auto, or the host:port of a cluster's head node, such as 10.0.0.1:6379"
_JOB_URL = "the URL of a cluster's dashboard, such as http://10.0.0.1:8265"
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _object_store_size(value: object) -> object:
    """Bytes as an int, a fraction of memory as a float, or ``default``: distinguished by type, not by size."""
    value = from_variable(value)
    if value == "default":
        return "default"
    if type(value) is int and _SMALLEST_STORE_BYTES <= value <= _LARGEST_STORE_BYTES:
        return value
    if type(value) is float and 0 < value <= 1:
        return value
    hint = number_hint(value, whole=True)
    raise expected(f"a whole number of bytes (at least 1048576), a fraction of memory such as 0.5, or default{hint}")


def _ray_address(value: object) -> object:
    if isinstance(value, str) and value.startswith("ray://"):
        raise expected(f"{_ADDRESS}; for a cluster elsewhere use ray.job instead of Ray Client")
    return _matching(value, _ADDRESS, re.compile(rf"auto|{_HOST_AND_PORT}"))


def _job_url(value: object) -> object:
    # Neither user nor password: a token does not belong into a configuration.
    return _matching(value, _JOB_URL, re.compile(rf"https?://({_HOST_AND_PORT}|[^\s:/?#@]+)(/[^\s?#@]*)?"))


def _matching(value: object, what: str, pattern: re.Pattern[str]) -> str:
    match = pattern.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match["port"] or 1) <= _HIGHEST_PORT:
        raise expected(what)
    return match[0].rstrip("/")


def _exact_value(value: object) -> object:
    value = from_variable(value)
    if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
        raise expected("a number, true, false or a text")
    return str(value) if isinstance(value, str) else value


def _accuracy(value: object) -> object:
    """A relative width, as a fraction or as a percentage with its sign; returned as a fraction."""
    value = from_variable(value)
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    fraction = float(match[1]) / 100 if match else value
    if type(fraction) is not float or not 0 < fraction < 1:
        raise expected(f"a percentage such as 2%, or a fraction between 0 and 1{number_hint(value)}")
    return fraction


def _axis_value(value: object) -> object:
    value = from_variable(value)
    if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
        raise expected("a number, a text, true or false")
    if isinstance(value, str) and "{matrix." in value:
        raise expected("a value that does not refer to the matrix itself")
    if isinstance(value, str):
        refuse_unencodable(value)
    return str(value) if isinstance(value, str) else value


OBJECT_STORE_SIZE = FieldValidator(
    _object_store_size,
    {
        "anyOf": [
            {"type": "integer", "minimum": _SMALLEST_STORE_BYTES, "maximum": _LARGEST_STORE_BYTES},
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            {"const": "default"},
            VARIABLE,
        ]
    },
)
RAY_ADDRESS = FieldValidator(_ray_address, {"type": "string", "minLength": 1})
JOB_URL = FieldValidator(_job_url, {"anyOf": [{"type": "string", "pattern": "^https?://"}, VARIABLE]})
EXACT_VALUE = FieldValidator(_exact_value, {"type": ["number", "boolean", "string"]})
ACCURACY = FieldValidator(
    _accuracy,
    {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"},
            VARIABLE,
        ]
    },
)
AXIS_VALUE = FieldValidator(_axis_value, {"type": ["number", "boolean", "string"]})
