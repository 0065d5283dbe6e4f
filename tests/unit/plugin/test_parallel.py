# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How items are dealt out to xdist workers."""

from __future__ import annotations

import pytest

from pytest_curator_bench.plugin.parallel import dealt


@pytest.mark.parametrize(
    ("items", "workers", "expected"),
    [
        ("abcd", 2, "acbd"),  # xdist sends "ac" and "bd"
        ("abcdefg", 2, "acbdefg"),
        ("abcdefg", 3, "adbecfg"),
        ("abc", 2, "abc"),  # xdist sends "a" and "b", then "c"
        ("abc", 1, "abc"),
        ("", 2, ""),
    ],
)
def test_workers_begin_with_the_first_items(items: str, workers: int, expected: str) -> None:
    """Each worker's two items are neighbours afterwards; the others keep their order."""
    assert "".join(dealt(items, workers)) == expected
