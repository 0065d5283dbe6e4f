# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One metric of one entry over time, in stretches of sessions that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench.history.setting import describe_differences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_curator_bench.history.index import Index
    from pytest_curator_bench.history.records import Record

__all__ = ["Series", "Stretch", "series_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive results that can be compared.

    Attributes:
        records: those that passed and have the metric, by age.
        began_with: what differs from the stretch before; empty for the first.
    """

    records: Sequence[Record]
    began_with: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric of one entry.

    Attributes:
        entry: the entry.
        metric: the metric.
        records: all results by age, whatever became of them.
        stretches: the comparable ones.
    """

    entry: str
    metric: str
    records: Sequence[Record]
    stretches: Sequence[Stretch]

    @property
    def values(self) -> list[float]:
        """The values of all stretches, by age."""
        return [record.figures[self.metric] for stretch in self.stretches for record in stretch.records]


def series_of(
    index: Index, entry: str, metric: str, *, is_wanted: Callable[[str], bool], limit: int | None = None
) -> Series:
    """Return a metric of an entry over time.

    Args:
        index: where to look.
        entry: the entry.
        metric: the metric.
        is_wanted: says of a session's name whether it counts.
        limit: the newest so many results; all by default.
    """
    records = [record for record in index.past(entry) if is_wanted(record.session)][:limit][::-1]
    stretches: list[Stretch] = []
    begun: list[Record] = []
    for record in records:
        if not record.passed or metric not in record.figures:
            continue
        if begun and record.setting != begun[-1].setting:
            began_with = describe_differences(begun[-1].setting, record.setting)
            begun = []
            stretches.append(Stretch(records=begun, began_with=began_with))
        elif not begun:
            stretches.append(Stretch(records=begun, began_with=()))
        begun.append(record)
    return Series(entry=entry, metric=metric, records=records, stretches=stretches)
