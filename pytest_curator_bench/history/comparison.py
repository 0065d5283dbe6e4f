# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sessions compared with what is usual, or with other sessions: outcomes, metrics, and what can't be compared."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from pytest_curator_bench.history.baseline import BASELINE_SESSIONS, Baseline, Change, judge_change
from pytest_curator_bench.history.setting import describe_differences
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.record import HARMLESS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_curator_bench.history.index import Index
    from pytest_curator_bench.history.records import Record

__all__ = ["Comparison", "EntryComparison", "EntryVerdict", "compare", "past_among", "past_of"]

# How many earlier results of an entry are looked at for comparable ones.
_LOOK_BACK = 200

EntryVerdict = Literal[
    "broken", "worse", "worse?", "differs", "not comparable", "better", "better?", "fixed", "new", "not run", "usual"
]
"""From the gravest to what is of least interest. ``broken`` did not pass; ``fixed`` passed where it did not before;
``new`` has no earlier result; ``not run`` was skipped, or is on the other side alone."""

_ORDER: tuple[EntryVerdict, ...] = get_args(EntryVerdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryComparison:
    """One entry on both sides.

    Attributes:
        entry: its name.
        verdict: the gravest of its outcome and its metrics' verdicts.
        now: its newest result on the new side; ``None`` where it did not run.
        then: its newest result on the other side, or before; ``None`` where there is none.
        failing: how many of its newest results in a row did not pass, this one included.
        changes: its judged metrics by name, the gravest first.
        differences: why its results can't be compared.
    """

    entry: str
    verdict: EntryVerdict
    now: Record | None = None
    then: Record | None = None
    failing: int = 0
    changes: Mapping[str, Change] = field(default_factory=dict)
    differences: Sequence[str] = ()

    @property
    def is_worse(self) -> bool:
        """Whether it broke, or a judged metric is worse."""
        return self.verdict in {"broken", "worse"}

    def unit(self, metric: str) -> str | None:
        """Return the unit of one of its metrics."""
        record = self.now or self.then
        return record.meaning(metric).unit if record is not None else None

    @property
    def severity(self) -> float:
        """How far its most changed metric has moved, in widths of the usual band."""
        return max((change.severity for change in self.changes.values()), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All entries of both sides.

    Attributes:
        entries: what became of each entry, the gravest first.
        suite_change: median relative change of the entries' times; ``None`` where nothing could be compared.
    """

    entries: Sequence[EntryComparison]
    suite_change: float | None

    @property
    def is_anything_compared(self) -> bool:
        """Whether at least one entry had something to be compared with."""
        return any(entry.verdict not in {"not comparable", "new", "not run"} for entry in self.entries)

    @property
    def is_worse(self) -> bool:
        """Whether anything is worse."""
        return any(entry.is_worse for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """The results of one entry, each list by age.

    Attributes:
        now: those of the new side.
        passed: those of them that passed, in the setting of the newest.
        earlier: those of the other side, or of the past.
        reference: those of them that can be compared.
        baseline: those that tell how noisy it is.
    """

    entry: str
    now: Sequence[Record]
    passed: Sequence[Record]
    earlier: Sequence[Record]
    reference: Sequence[Record]
    baseline: Sequence[Record]

    def time_shift(self) -> float | None:
        """Return the logarithm of how many times as long the entry takes; ``None`` where nothing can be compared."""
        now, then = _values(self.passed, EXEC_TIME), _values(self.reference, EXEC_TIME)
        if not now or not then or min(*now, *then) <= 0:
            return None
        return math.log(statistics.median(now) / statistics.median(then))


def compare(index: Index, new: Iterable[Record], other: Iterable[Record] | None = None) -> Comparison:
    """Compare results with what is usual, or with other results.

    Args:
        index: where earlier results are.
        new: results of one session, or of several, which are pooled.
        other: those of the other side; ``None`` for the baseline of each entry.
    """
    now, then = _by_entry(new), _by_entry(other or ())
    sessions = {record.session for records in now.values() for record in records}
    pairs = [
        _sides(index, name, now.get(name, []), then.get(name, []) if other is not None else None, sessions)
        for name in dict.fromkeys([*now, *then])
    ]
    shifts = [shift for sides in pairs if (shift := sides.time_shift()) is not None]
    # Most entries of a suite don't change: how far they move is noise. Of two, one may be what changed.
    suite_scale = 1.4826 * statistics.median(map(abs, shifts)) if len(shifts) > 2 else 0.0
    entries = [_compared(sides, suite_scale) for sides in pairs]
    return Comparison(
        entries=sorted(entries, key=lambda entry: (_ORDER.index(entry.verdict), -entry.severity, entry.entry)),
        suite_change=math.expm1(statistics.median(shifts)) if shifts else None,
    )


def past_of(index: Index, record: Record, *, besides: Iterable[str] = ()) -> tuple[list[Record], list[Record]]:
    """Return earlier results of the same entry, by age.

    Args:
        index: where to look.
        record: the result.
        besides: sessions that are left out.

    Returns:
        as :func:`past_among`.
    """
    return past_among(index.past(record.entry, before=record.started_at or None, limit=_LOOK_BACK), record, besides)


def past_among(
    earlier: Iterable[Record], record: Record, besides: Iterable[str] = ()
) -> tuple[list[Record], list[Record]]:
    """Return earlier results of the same entry, by age.

    Args:
        earlier: results of the entry, the newest first.
        record: the result.
        besides: sessions that are left out.

    Returns:
        the newest comparable ones that passed, as many as a baseline takes; and all that were looked at for them.
    """
    left_out = {record.session, *besides}
    comparable: list[Record] = []
    looked_at: list[Record] = []
    for past in itertools.islice(earlier, _LOOK_BACK):
        if past.session in left_out:
            continue
        looked_at.append(past)
        if past.passed and past.setting == record.setting:
            comparable.append(past)
            if len(comparable) == BASELINE_SESSIONS:
                break
    return comparable[::-1], looked_at[::-1]


def _by_entry(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda one: one.started_at):
        found.setdefault(record.entry, []).append(record)
    return found


def _sides(
    index: Index, entry: str, now: Sequence[Record], then: Sequence[Record] | None, sessions: Iterable[str]
) -> _Sides:
    newest = next((record for record in reversed(now) if record.passed), None) or (now or then or ())[-1]
    baseline, looked_at = past_of(index, newest, besides=sessions)
    earlier = looked_at if then is None else then
    comparable = [record for record in earlier if record.passed and record.setting == newest.setting]
    return _Sides(
        entry=entry,
        now=now,
        passed=[record for record in now if record.passed and record.setting == newest.setting],
        earlier=earlier,
        reference=baseline if then is None else comparable,
        baseline=baseline or comparable,
    )


def _compared(sides: _Sides, suite_scale: float) -> EntryComparison:
    changes = _changes(sides, suite_scale) if sides.passed and sides.reference else {}
    differences: Sequence[str] = ()
    if sides.passed and not sides.reference and (others := [record for record in sides.earlier if record.passed]):
        differences = describe_differences(others[-1].setting, sides.passed[-1].setting)
    backwards = [*reversed(sides.now), *reversed(sides.earlier)]
    return EntryComparison(
        entry=sides.entry,
        verdict=_verdict(sides, changes, differences),
        now=sides.now[-1] if sides.now else None,
        then=sides.earlier[-1] if sides.earlier else None,
        failing=sum(1 for _ in itertools.takewhile(lambda record: record.status not in HARMLESS, backwards)),
        changes=dict(sorted(changes.items(), key=_rank)),
        differences=differences,
    )


def _rank(item: tuple[str, Change]) -> tuple[int, bool, float]:
    metric, change = item
    return _ORDER.index(change.verdict), metric != EXEC_TIME, -change.severity  # of equal verdicts the time speaks


def _verdict(sides: _Sides, changes: Mapping[str, Change], differences: Sequence[str]) -> EntryVerdict:
    if not sides.now:
        return "not run"
    if not sides.passed:
        return "broken" if sides.now[-1].status not in HARMLESS else "not run"
    if differences:
        return "not comparable"
    verdicts: list[EntryVerdict] = [change.verdict for change in changes.values()]
    gravest: EntryVerdict = min(verdicts, key=_ORDER.index) if verdicts else "usual"
    if gravest != "usual":
        return gravest
    if not sides.earlier:
        return "new"
    return "fixed" if sides.earlier[-1].status not in HARMLESS else "usual"


def _changes(sides: _Sides, suite_scale: float) -> dict[str, Change]:
    newest = sides.passed[-1]
    changes = {}
    for metric in newest.figures:
        meaning = newest.meaning(metric)
        if not (meaning.judged or meaning.direction == "exact"):
            continue
        now, then = _values(sides.passed, metric), _values(sides.reference, metric)
        past = _values(sides.baseline, metric)
        if then and past:
            changes[metric] = judge_change(
                now,
                Baseline(values=tuple(past), since=sides.baseline[0].started_at),
                meaning.direction,
                reference=None if sides.reference is sides.baseline else then,
                suite_scale=suite_scale,
            )
    return changes


def _values(records: Iterable[Record], metric: str) -> list[float]:
    return [record.figures[metric] for record in records if metric in record.figures]
