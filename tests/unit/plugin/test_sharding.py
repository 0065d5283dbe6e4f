# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which shard a command line asks for."""

from __future__ import annotations

import pytest

from pytest_curator_bench.plugin.options import Shard


@pytest.mark.parametrize("text", ["0/3", "4/3", "a", "1", "1/0", "-1/3", "1/2/3", " 1/2", "1.5/3", ""])
def test_malformed(text: str) -> None:
    """Anything but K/N with K from 1 to N is refused by name."""
    with pytest.raises(pytest.UsageError, match=r"--bench-shard .*expected K/N with K from 1 to N"):
        Shard.parse(text)


def test_well_formed() -> None:
    """The first and the last of several."""
    assert Shard.parse("1/8") == Shard(number=1, count=8)
    assert Shard.parse("8/8") == Shard(number=8, count=8)
