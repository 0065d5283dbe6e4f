# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of the values that have more than one form."""

from __future__ import annotations

import math
import re

from pytest_curator_bench.config.fields.checks import VARIABLE, Check, expected, from_variable

_SMALLEST_STORE_BYTES = 2**20
_LARGEST_STORE_BYTES = 2**60
_HIGHEST_PORT = 65535
_HOST_AND_PORT = r"(?:[^\s:/?#@]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})"
_ADDRESS = "auto, or the host:port of a cluster's head node, such as 10.0.0.1:6379"
_JOB_URL = "the URL of a cluster's dashboard, such as http://10.0.0.1:8265"
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _object_store_size(value: object) -> object:
    """Bytes as an int, a fraction of memory as a float, or ``default``: told apart by type, not by size."""
    value = from_variable(value)
    if value == "default":
        return "default"
    if type(value) is int and _SMALLEST_STORE_BYTES <= value <= _LARGEST_STORE_BYTES:
        return value
    if type(value) is float and 0 < value <= 1:
        return value
    raise expected("a whole number of bytes (at least 1048576), a fraction of memory such as 0.5, or default")


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
        raise expected("a percentage such as 2%, or a fraction between 0 and 1")
    return fraction


def _axis_value(value: object) -> object:
    value = from_variable(value)
    if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
        raise expected("a number, a text, true or false")
    if isinstance(value, str) and "{matrix." in value:
        raise expected("a value that does not refer to the matrix itself")
    return str(value) if isinstance(value, str) else value


OBJECT_STORE_SIZE = Check(
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
RAY_ADDRESS = Check(_ray_address, {"type": "string", "minLength": 1})
JOB_URL = Check(_job_url, {"anyOf": [{"type": "string", "pattern": "^https?://"}, VARIABLE]})
EXACT_VALUE = Check(_exact_value, {"type": ["number", "boolean", "string"]})
ACCURACY = Check(
    _accuracy,
    {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"},
            VARIABLE,
        ]
    },
)
AXIS_VALUE = Check(_axis_value, {"type": ["number", "boolean", "string"]})
