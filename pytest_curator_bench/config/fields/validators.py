# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Validators of single values: strict about types, and each with one phrase that says what is expected.

They are plain functions rather than pydantic's own types, because a value may have come out of an
environment variable (``${TIMEOUT}``), which is text that may stand for a number, and because one value must
give one message.
"""

from __future__ import annotations

import copy
import math
import os
import sys
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError, core_schema

from pytest_curator_bench.config.env_vars import FromEnvironment
from pytest_curator_bench.config.fields.spellings import number_hint
from pytest_curator_bench.config.yaml.reader import plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from re import Pattern

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

JsonSchema = dict[str, Any]
# A value that is one environment variable, or one value of a matrix, may stand for any type.
VARIABLE: JsonSchema = {"type": "string", "pattern": r"^\$?\{.+\}$"}


def expected(what: str, *, found: str | None = None) -> PydanticCustomError:
    """Return the error for a value: ``what`` completes "expected ...", ``found`` describes the value otherwise."""
    return PydanticCustomError("expected", "{expected}", {"expected": what, "found": found})


class FieldValidator:
    """Metadata for ``Annotated``: a function in place of pydantic's own validation, and its JSON Schema.

    Args:
        function: takes the value, returns the one to keep, or calls :func:`expected`.
        schema: the JSON Schema of what the function accepts.
    """

    def __init__(self, function: Callable[[object], object], schema: JsonSchema) -> None:
        self._function = function
        self._schema = schema

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._function)

    def __get_pydantic_json_schema__(self, _core: object, _handler: GetJsonSchemaHandler) -> JsonSchema:
        # A copy: pydantic writes each field's description into what it gets.
        return copy.deepcopy(self._schema)


class WrapFieldValidator:
    """Metadata for ``Annotated``: a function around pydantic's validation of the type.

    Args:
        function: takes the value and the validation, returns the value to keep, or calls :func:`expected`.
        schema: makes the JSON Schema of what the function accepts out of that of the type.
    """

    def __init__(
        self,
        function: Callable[[object, Callable[[object], object]], object],
        schema: Callable[[JsonSchema], JsonSchema],
    ) -> None:
        self._function = function
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._function, handler(source))

    def __get_pydantic_json_schema__(self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return self._schema(handler(core))


def number(
    what: str,
    *,
    whole: bool = False,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
) -> FieldValidator:
    """Accept a finite number within bounds; a boolean is none, and text is one only if it is a lone variable.

    Args:
        what: what is expected, for messages.
        whole: whether it must be a whole number; the value is then an ``int``, else a ``float``.
        above: bound that it must exceed.
        least: lowest value.
        most: highest value.
    """
    low = above if above is not None else -math.inf if least is None else least
    high = math.inf if most is None else most

    def check(value: object) -> object:
        value = from_variable(value)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise expected(what + number_hint(value, whole=whole))
        if not math.isfinite(value) or not low <= value <= high or value == above:
            raise expected(what)
        return value if whole else float(value)

    bounds = {"exclusiveMinimum": above, "minimum": least, "maximum": most}
    schema = {"type": "integer" if whole else "number", **{k: v for k, v in bounds.items() if v is not None}}
    return FieldValidator(check, {"anyOf": [schema, VARIABLE]})


def flag() -> FieldValidator:
    """Accept ``true`` or ``false``."""

    def check(value: object) -> object:
        value = from_variable(value)
        if not isinstance(value, bool):
            raise expected("true or false")
        return value

    return FieldValidator(check, {"anyOf": [{"type": "boolean"}, VARIABLE]})


def text(what: str, *, pattern: Pattern[str] | None = None, for_system: bool = False) -> FieldValidator:
    """Accept text that isn't blank.

    Args:
        what: what is expected, for messages.
        pattern: what it must match from end to end.
        for_system: whether it becomes part of a path.
    """

    def check(value: object) -> object:
        refuse_unquoted(value, what)
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise expected(what)
        if pattern is not None and not pattern.fullmatch(value):
            raise expected(what)
        if for_system:
            refuse_unencodable(value)
        return str(value)

    return FieldValidator(check, {"type": "string", "minLength": 1})


def refuse_unencodable(value: str) -> None:
    """Refuse text that can't be part of a path or a command, because the locale's encoding does not have it."""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        encoding = sys.getfilesystemencoding()
        remedy = "" if encoding == "utf-8" else "; set PYTHONUTF8=1, or a locale such as LC_ALL=C.UTF-8"
        raise expected(f"text in this system's encoding, which is {encoding}{remedy}") from None


def refuse_unquoted(value: object, what: str) -> None:
    """Refuse a number or boolean where text is wanted, with the remedy: ``off`` and ``1.0`` are text in quotes."""
    if isinstance(value, bool | int | float):
        raise expected(f"{what}; write it in quotes")


def choice(words: Sequence[str]) -> FieldValidator:
    """Accept one of a few words."""

    def check(value: object) -> object:
        if not isinstance(value, str) or value not in words:
            raise expected(f"one of {', '.join(words)}")
        return str(value)

    return FieldValidator(check, {"anyOf": [{"enum": list(words)}, VARIABLE]})


def from_variable(value: object) -> object:
    """Return the number or boolean that a lone environment variable spells, else the value itself."""
    if isinstance(value, FromEnvironment) and value.alone:
        try:
            return plain_value(str(value))
        except ValueError:
            return str(value)
    return value
