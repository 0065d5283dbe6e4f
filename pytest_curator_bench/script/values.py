# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What scripts put into their parameters and metrics, as plain data."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real

__all__ = ["plainer"]


def plainer(value: object) -> object:  # noqa: PLR0911  # one case a type
    """Convert a value of a type that JSON has not, for :func:`~pytest_curator_bench._util.plain.to_plain`.

    Scalars and arrays of numpy and tensors of torch become numbers and lists, members of enums their values,
    dataclasses dictionaries, dates ISO 8601, time spans seconds, bytes text; others their string.
    """
    match value:
        case Enum():
            return value.value
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode(errors="replace")
        case Integral():  # numpy's scalars are registered with these two
            return int(value)
        case Real() | Decimal():
            return float(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    tolist = getattr(value, "tolist", None)
    return tolist() if callable(tolist) else str(value)
