# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What scripts may put into their parameters and metrics."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path

import pytest

from pytest_curator_bench._util.plain import to_plain
from pytest_curator_bench.script.values import plainer


class Colour(Enum):
    """An enum whose values are plain."""

    RED = "red"


@dataclass
class Point:
    """A dataclass with something inside that isn't plain."""

    x: float
    path: Path


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC), "2026-11-02T03:04:05+00:00"),
        (timedelta(minutes=2), 120.0),
        (Colour.RED, "red"),
        ({Colour.RED: 1}, {"red": 1}),
        (b"a\xffb", "a\ufffdb"),
        (Decimal("1.5"), 1.5),
        (Fraction(3, 2), 1.5),
        (deque([1, 2]), [1, 2]),
        (Point(1.0, Path("p")), {"x": 1.0, "path": "p"}),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_python_values(value: object, plain: object) -> None:
    """Each kind of value becomes what the docstring says."""
    converted = to_plain(value, convert=plainer)
    assert converted == plain
    assert type(converted) is type(plain)


def test_numpy_values() -> None:
    """Scalars, arrays with one element and with many, booleans, dates, and long doubles."""
    np = pytest.importorskip("numpy")
    values = [np.float32(1.5), np.int64(3), np.bool_(True), np.longdouble(1.5), np.array([2.5]), np.array([[1], [3]])]
    assert to_plain(values, convert=plainer) == [1.5, 3, True, 1.5, [2.5], [[1], [3]]]
    assert to_plain(np.datetime64("2026-11-02T03:04:05"), convert=plainer) == "2026-11-02T03:04:05"


def test_torch_values() -> None:
    """Tensors with one element and with many."""
    torch = pytest.importorskip("torch")
    assert to_plain([torch.tensor(2.5), torch.tensor([1, 2])], convert=plainer) == [2.5, [1, 2]]
