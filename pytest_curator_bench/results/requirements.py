# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Bounds against metrics: which requirements of an entry its runs have met.

Never raises, whatever a script has written into its metrics: a value that can't be compared is told.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import format_number, format_percent, format_ratio, listed
from pytest_curator_bench.results.metrics import MISSING, find_metric, metric_names
from pytest_curator_bench.results.record import KNOWN_MISS
from pytest_curator_bench.results.statistics import is_finite_number, is_number, median

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_curator_bench.config.schema_models import Requirement
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["judge", "known_misses", "unexpectedly_met", "with_verdicts"]

MAX_TEXT = 60
_BOUNDS = {"min_value": "at least", "max_value": "at most", "exact_value": "exactly"}
_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "median": median,
    "min": min,
    "max": max,
    "mean": statistics.mean,
}


def judge(requirements: Iterable[Requirement], runs: Sequence[EntryResult]) -> list[dict[str, Any]]:
    """Hold each requirement against the measured runs of an entry.

    Args:
        requirements: the entry's.
        runs: its measured runs, at least one.

    Returns:
        One record per requirement, as plain data: ``metric``; ``bounds``, those given, by key; ``bound`` and
        ``limit``, the one that decided (violated, or nearest); ``judge``, the figure of several runs that is
        judged; ``actual``, that figure (None where there is none); ``met``; ``margin_percent``, the distance
        to ``limit`` relative to it, in per cent, negative where it is violated, None where it has no meaning
        (a limit of 0, text, no value); ``warning`` and ``xfail``, text or None; ``sentence``.
    """
    return [_Judge(requirement, runs).record() for requirement in requirements]


def with_verdicts(
    result: EntryResult, records: list[dict[str, Any]], *, strict: bool, known_misses_count: bool = False
) -> EntryResult:
    """The result of an entry whose script succeeded, with what its requirements make of it.

    A requirement that is not met fails it, unless ``xfail`` marks it as a known miss: it stays ``passed``
    then, with the reason ``known-miss``.

    Args:
        result: the result so far; one that isn't ``passed`` comes back as it is: nothing was judged.
        records: what :func:`judge` gave.
        strict: a requirement that is met although it is marked fails the entry, too (pytest's ``xfail_strict``).
        known_misses_count: known misses fail it like others (pytest's ``--runxfail``).
    """
    if not result.success:
        return result
    marked = [] if known_misses_count else [record for record in records if record["xfail"]]
    known = [record for record in marked if not record["met"]]
    unmet = [record["sentence"] for record in records if not record["met"] and record not in known]
    surprising = [f"{record['sentence']}, which xfail denies ({record['xfail']})" for record in marked if record["met"]]
    warnings = [record["warning"] for record in records if record["warning"]]
    warnings += [f"known miss ({record['xfail']}): {record['sentence']}" for record in known]
    if surprising and strict:
        unmet += [f"[XPASS(strict)] {text}: remove the mark" for text in surprising]
    else:
        warnings += [f"{text}: remove the mark" for text in surprising]
    result = dataclasses.replace(result, requirements=records).with_warnings(*warnings)
    if unmet:
        return result.with_outcome("failed", "requirements", "\n".join(unmet))
    return dataclasses.replace(result, reason=KNOWN_MISS) if known else result


def known_misses(result: EntryResult) -> str | None:
    """Why an entry that passed must be reported as one that was expected to fail; None if it must not."""
    if result.reason != KNOWN_MISS:
        return None
    return "; ".join(f"{record['xfail']} ({record['sentence']})" for record in _marked(result) if not record["met"])


def unexpectedly_met(result: EntryResult) -> str | None:
    """Why an entry that passed is one that was expected to fail; None if it was not."""
    if not result.success or result.reason == KNOWN_MISS:
        return None
    return "; ".join(str(record["xfail"]) for record in _marked(result)) or None


def _marked(result: EntryResult) -> list[Mapping[str, Any]]:
    return [record for record in result.requirements if record["xfail"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """One value against the bounds: the bound that decided, and what is wrong with the value itself."""

    value: object
    met: bool
    bound: str | None = None
    limit: Any = None
    margin_percent: float | None = None
    problem: str | None = None
    runs: str = ""

    @property
    def order(self) -> tuple[bool, float]:
        """Sorts the worst first."""
        return self.met, math.inf if self.margin_percent is None else self.margin_percent


class _Judge:
    """Holds one requirement against the runs."""

    def __init__(self, requirement: Requirement, runs: Sequence[EntryResult]) -> None:
        self._requirement = requirement
        self._runs = runs
        given = {key: getattr(requirement, key) for key in (*_BOUNDS, "warn_below", "warn_above")}
        self._given = {key: value for key, value in given.items() if value is not None}
        self._bounds = {key: value for key, value in self._given.items() if key in _BOUNDS}
        self._how = requirement.judge or "median"

    def record(self) -> dict[str, Any]:
        checks = self._checks()
        worst = min(checks, key=lambda check: check.order)
        warnings = [text for check in checks if (text := self._warning(check))]
        # Without a bound there is nothing to miss: it only warns.
        met = worst.met or not self._bounds
        return {
            "metric": self._requirement.metric,
            "bounds": self._given,
            "bound": worst.bound,
            "limit": worst.limit,
            "judge": self._how,
            "actual": worst.value if isinstance(worst.value, bool | int | float | str) else None,
            "met": met,
            "margin_percent": worst.margin_percent,
            "warning": warnings[0] if warnings and met else None,
            "xfail": self._requirement.xfail,
            "sentence": self._sentence(worst),
        }

    def _checks(self) -> list[_Check]:
        name, count = self._requirement.metric, len(self._runs)
        values = [find_metric(run, name) for run in self._runs]
        of_runs = [f"run {number} of {count}" if count > 1 else "" for number in range(1, count + 1)]
        missing = [index for index, value in enumerate(values) if value is MISSING]
        if missing:
            where = f" in {of_runs[missing[0]]}" if len(missing) < count else ""
            known = metric_names(self._runs[missing[0]]) if len(missing) == count else []
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f" (did you mean {' or '.join(near)}?)" if near else f" (known: {listed(known)})" if known else ""
            return [_Check(value=None, met=False, problem=f"is missing{where}{hint}")]
        if count == 1 or self._how == "all":
            return [self._check(value, of_run) for value, of_run in zip(values, of_runs, strict=True)]
        if all(map(is_finite_number, values)):
            figures = [value for value in values if is_finite_number(value)]
            return [self._check(_STATISTICS[self._how](figures), f"{self._how} of {count} runs")]
        if all(type(value) is type(values[0]) and value == values[0] for value in values):
            return [self._check(values[0], f"all {count} runs")]
        # What has no median is only met if every single value is.
        return [self._check(value, of_run) for value, of_run in zip(values, of_runs, strict=True)]

    def _check(self, value: object, runs: str) -> _Check:
        problem = self._problem(value)
        if problem is not None:
            return _Check(value=value, met=False, problem=problem, runs=runs)
        checks = [self._check_bound(value, key, limit, runs) for key, limit in self._bounds.items()]
        return min(checks, key=lambda check: check.order, default=_Check(value=value, met=True, runs=runs))

    def _problem(self, value: object) -> str | None:
        """What makes a value one that can't be compared."""
        wanted = self._requirement.exact_value if self._requirement.exact_value is not None else 0.0
        if _kind(value) != _kind(wanted):
            return f"is {_show(value)} ({_kind(value)}), not {_kind(wanted)}"
        if isinstance(value, float) and math.isnan(value):
            return "is NaN, which meets no bound"
        return None

    def _check_bound(self, value: Any, key: str, limit: Any, runs: str) -> _Check:
        margin = None
        if key == "min_value":
            met, margin = bool(value >= limit), _percent(value, limit)
        elif key == "max_value":
            met, margin = bool(value <= limit), _negative(_percent(value, limit))
        else:
            met = bool(value == limit)
            if is_number(value):
                distance = _percent(value, limit)
                margin = 0.0 if met else None if distance is None else -abs(distance)
        return _Check(value=value, met=met, bound=key, limit=limit, margin_percent=margin, runs=runs)

    def _warning(self, check: _Check) -> str | None:
        low, high, value = self._requirement.warn_below, self._requirement.warn_above, check.value
        name = self._requirement.metric
        if low is None and high is None:
            return self._differing() if self._requirement.exact_value is not None else None
        if check.problem is not None:
            return f"{name} {check.problem}"
        if low is not None and is_number(value) and value < low:
            return f"{name} = {_show(value)}{_aside(check.runs)} is below {_show(low)} (warn_below)"
        if high is not None and is_number(value) and value > high:
            return f"{name} = {_show(value)}{_aside(check.runs)} is above {_show(high)} (warn_above)"
        return None

    def _differing(self) -> str | None:
        """An exact value that not every run has had is odd, even if the judged figure is right."""
        values = [find_metric(run, self._requirement.metric) for run in self._runs]
        if all(value == self._requirement.exact_value for value in values):
            return None
        shown = ", ".join(map(_show, values[:10]))
        return f"{self._requirement.metric} was not the same in all runs: {shown}"

    def _sentence(self, check: _Check) -> str:
        name = self._requirement.metric
        bounds = self._bounds if check.met or check.bound is None else {check.bound: check.limit}
        wanted = " and ".join(f"{_BOUNDS[key]} {_show(limit, check.value)}" for key, limit in bounds.items())
        if check.problem is not None:
            told = f"{name} {check.problem}{_aside(check.runs)}"
            return f"{told}, must be {wanted}" if wanted else told
        told = f"{name} = {_show(check.value, check.limit)}{_aside(check.runs)}"
        if not wanted:
            return told
        return f"{told}, {'' if check.met else 'must be '}{wanted}{_aside(_distance(check))}"


def _percent(value: float, limit: float) -> float | None:
    """How far the value is above the limit, in per cent of it; None where that is no number."""
    try:
        percent = 0.0 if value == limit else 100.0 * (value - limit) / abs(limit)
    except (ArithmeticError, ValueError):  # a limit of 0, an integer beyond the floats
        return None
    return percent if math.isfinite(percent) else None


def _negative(percent: float | None) -> float | None:
    return None if percent is None else 0.0 - percent


def _distance(check: _Check) -> str:
    """How far the value is from the bound that decided: ``10.9 % too low``."""
    if not is_number(check.value) or (check.met and check.bound == "exact_value"):
        return ""
    side = "above" if check.value > check.limit else "below"
    word = side if check.met else {"above": "too high", "below": "too low"}[side]
    if check.bound == "exact_value" and isinstance(check.value, int) and isinstance(check.limit, int):
        return f"{_show(abs(check.value - check.limit))} {word}"
    if not check.margin_percent:
        return "" if check.met else word
    if check.value > 2 * check.limit > 0:
        return f"{format_ratio(check.value / check.limit)} as much"
    # A value of the other sign is no multiple of its limit, and "1,200 % too low" says nothing.
    return f"{format_percent(abs(check.margin_percent))} {word}" if abs(check.margin_percent) <= 100 else word


def _aside(text: str) -> str:
    return f" ({text})" if text else ""


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "a mapping"


def _show(value: object, other: object = None) -> str:
    """The value for people; with all its digits where it would look like ``other`` although it isn't."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not is_number(value):
        text = repr(value) if isinstance(value, str) else _kind(value)
        return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
    short = format_number(value)
    alike = is_number(other) and value != other and short == format_number(other)
    return repr(float(value)) if alike and isinstance(value, float) else short
