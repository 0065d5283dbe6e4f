# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The time that entries usually take, and from it the time that a run still needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from pytest_curator_bench._util.atomic import read_json_object, write_json
from pytest_curator_bench.results.statistics import is_number
from pytest_curator_bench.session.names import EXPECTED_NAME
from pytest_curator_bench.session.runs import run_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Expected", "TimeLeft", "expect", "read_expected", "time_left", "write_expected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is expected of an entry.

    Attributes:
        share: the share of the machine that it takes while others run: 1 where nothing runs beside it.
        usual_s: how long one run of its script usually takes, in seconds; ``None`` where that is not known.
        usual_total_s: how long it usually holds its lease: all runs, and its cluster's start and stop.
    """

    share: float = 1.0
    usual_s: float | None = None
    usual_total_s: float | None = None


class TimeLeft(NamedTuple):
    """How long a run takes from now on.

    Attributes:
        time_s: seconds.
        is_whole: false where a part of it is not known, so that it takes longer.
    """

    time_s: float
    is_whole: bool


def expect(results_dir: Path, shares: Mapping[str, float], *, besides: str) -> dict[str, Expected]:
    """Return what is expected of entries, from the newest sessions.

    Args:
        results_dir: where the sessions are.
        shares: each entry's share of the machine.
        besides: the session that is being filled.
    """
    from pytest_curator_bench.session.history import past_times  # slow to import, and not for those who watch

    usual = past_times(results_dir, shares, besides=besides)
    return {
        name: Expected(share=share, **(usual[name]._asdict() if name in usual else {}))
        for name, share in shares.items()
    }


def time_left(parts: Iterable[tuple[float | None, float]]) -> TimeLeft | None:
    """Return how long it takes to run entries, each with its remaining time, if that is known, and its share.

    Nothing runs beside an entry that takes the whole machine; others share it, and none of them is split. ``None``
    where nothing is known.
    """
    parts = list(parts)
    known = [(time_s, share) for time_s, share in parts if time_s is not None]
    if not any(time_s for time_s, _ in known):
        return None
    beside = [(time_s, share) for time_s, share in known if share < 1]
    alone_s = sum(time_s for time_s, share in known if share >= 1)
    longest_s = max((time_s for time_s, _ in beside), default=0.0)
    return TimeLeft(
        alone_s + max(longest_s, sum(time_s * share for time_s, share in beside)), is_whole=len(known) == len(parts)
    )


def write_expected(session_dir: Path, run_id: str, expected: Mapping[str, Expected]) -> None:
    """Write what a run expects of its entries, for those who watch it; raises OSError."""
    data = {name: asdict(one) for name, one in expected.items()}
    write_json(run_file(session_dir, run_id).with_name(EXPECTED_NAME), data, durable=False)


def read_expected(session_dir: Path, run_id: str) -> dict[str, Expected]:
    """Return what :func:`write_expected` wrote, as far as it can be read."""
    data = read_json_object(run_file(session_dir, run_id).with_name(EXPECTED_NAME))
    expected = {}
    for name, one in data.items():
        if isinstance(one, dict):
            known = {key: value for key, value in one.items() if key in Expected.__slots__ and is_number(value)}
            expected[name] = Expected(**known)
    return expected
