# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How entries are split into shards, and what is pinned for the shards of a session."""

from __future__ import annotations

import json
import random
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.shards import assign, expected_durations, pin_durations, pinned_durations

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.text(min_size=1, max_size=5)
TIMES = st.floats(min_value=0, max_value=1e5)


@given(durations_s=st.dictionaries(NAMES, TIMES), count=st.integers(1, 12))
def test_every_entry_is_in_exactly_one_shard(durations_s: dict[str, float], count: int) -> None:
    """Each name has one part, and all parts are among those there are."""
    parts = assign(durations_s, count)
    assert parts.keys() == durations_s.keys()
    assert all(1 <= part <= count for part in parts.values())


@given(durations_s=st.dictionaries(NAMES, TIMES), count=st.integers(1, 12), seed=st.integers())
def test_the_split_does_not_depend_on_the_order(durations_s: dict[str, float], count: int, seed: int) -> None:
    """Jobs that collect in another order come to the same split."""
    shuffled = list(durations_s.items())
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - nothing secret
    assert assign(dict(shuffled), count) == assign(durations_s, count)


@given(durations_s=st.dictionaries(NAMES, st.integers(0, 1000), min_size=1), count=st.integers(1, 12))
def test_balance(durations_s: dict[str, int], count: int) -> None:
    """No part takes more than 4/3 - 1/(3n) of the best possible, here its lower bound plus what is indivisible."""
    parts = assign({name: float(time_s) for name, time_s in durations_s.items()}, count)
    loads = [sum(durations_s[name] for name, part in parts.items() if part == number + 1) for number in range(count)]
    times = sorted(durations_s.values(), reverse=True)
    # Two of the count+1 longest must share a part, whatever the split.
    bound = max(sum(times) / count, times[0], sum(times[count - 1 : count + 1]) if len(times) > count else 0)
    assert max(loads) <= bound * (4 / 3 - 1 / (3 * count)) + times[-1] + 1e-6


def test_the_longest_first() -> None:
    """A worked example: 9 alone, then 5 with 4, then 3, 2 and 2 to whoever has least."""
    durations_s = {"a": 9.0, "b": 5.0, "c": 4.0, "d": 3.0, "e": 2.0, "f": 2.0}
    assert assign(durations_s, 3) == {"a": 1, "b": 2, "c": 3, "d": 3, "e": 2, "f": 2}


def test_what_is_not_known() -> None:
    """Entries without a past take the median of those with one; where there is no past, their limit."""
    limits_s = {"a": 10.0, "b": 20.0, "c": 30.0}
    assert expected_durations({"a": 1.0, "b": 3.0, "other": 99.0}, limits_s) == {"a": 1.0, "b": 3.0, "c": 2.0}
    assert expected_durations({"other": 99.0}, limits_s) == limits_s


def test_the_first_to_pin_decides(tmp_path: Path) -> None:
    """Later ones get what is there, whatever they know themselves; nothing else is left in the directory."""
    assert pin_durations(tmp_path, {"a": 1.0}, 4) == {"a": 1.0}
    assert pin_durations(tmp_path, {"a": 2.0, "b": 3.0}, 4) == {"a": 1.0}
    assert pinned_durations(tmp_path, 4) == {"a": 1.0}
    assert [path.name for path in tmp_path.iterdir()] == ["shards.json"]


def _pin(arguments: tuple[Path, float]) -> dict[str, float]:
    directory, time_s = arguments
    return pin_durations(directory, {"a": time_s}, 8)


def test_many_pin_at_once(tmp_path: Path) -> None:
    """All of eight processes go by the same figures."""
    with ProcessPoolExecutor(8) as pool:
        answers = list(pool.map(_pin, [(tmp_path, float(number)) for number in range(8)]))
    assert all(answer == answers[0] for answer in answers)


def test_a_session_is_split_in_one_way_only(tmp_path: Path) -> None:
    """A job that counts the parts differently is told so, and so is one that finds the file broken."""
    pin_durations(tmp_path, {}, 4)
    with pytest.raises(SessionError, match=r"is split into 4 shards, and this run was told 5: give --bench-shard K/4"):
        pin_durations(tmp_path, {}, 5)
    (tmp_path / "shards.json").write_text(json.dumps({"count": 4}))
    with pytest.raises(SessionError, match=r"shards\.json can't be read"):
        pinned_durations(tmp_path, 4)
