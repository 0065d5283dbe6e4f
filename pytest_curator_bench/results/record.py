# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is known of one entry when it has ended: the content of ``results.json``, and what sinks are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NoReturn, cast

from pytest_curator_bench._util.plain import plain_integer, spell_out, to_plain
from pytest_curator_bench.results.format import with_format
from pytest_curator_bench.results.json_files import ResultDict, Status
from pytest_curator_bench.results.limits import within_limits
from pytest_curator_bench.results.type_check import check_types

__all__ = ["HARMLESS", "KNOWN_MISS", "EntryResult", "Status"]

# The reason of an entry that passed although it misses requirements: all of them are marked with ``xfail``.
KNOWN_MISS = "known-miss"
# With these an entry fails no run.
HARMLESS: frozenset[str] = frozenset({"passed", "skipped", "xfailed"})

_Record = Mapping[str, Any]
_PATHS = frozenset({"entry_dir", "stdouterr_file"})


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("a result can't be changed: make a new one with dataclasses.replace()")


class _FrozenDict(dict[str, Any]):
    """A mapping of a result; still a ``dict`` for those who read it."""

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse


class _FrozenList(list[Any]):
    """A list within a mapping of a result."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = append = clear = extend = _refuse
    insert = pop = remove = reverse = sort = _refuse


def _frozen(value: Any) -> Any:
    if isinstance(value, bool | _FrozenDict | _FrozenList):
        return value
    if isinstance(value, str):
        return spell_out(value)
    if isinstance(value, int):
        return plain_integer(value)
    if isinstance(value, dict):
        return _FrozenDict({_frozen(key): _frozen(item) for key, item in value.items()})
    return _FrozenList(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryResult:
    """The result of one entry, as plain data that can't be changed: sequences are tuples, all below them is frozen.

    The fields are the keys of :class:`~pytest_curator_bench.results.json_files.ResultDict`, which says what they mean.
    They hold only what JSON can carry, because every result is written, sent and read again: lone surrogates in a
    string are spelled out, and an integer that Python refuses to print becomes a string that says so. Only the paths
    stay as the system has them, so that files are found.
    """

    name: str
    session_name: str
    status: Status
    timeout_s: float
    nodeid: str
    entry_dir: str
    stdouterr_file: str
    reason: str | None = None
    exec_time_s: float | None = None
    started_at: str | None = None
    finished_at: str | None = None
    returncode: int | None = None
    signal: str | None = None
    command: Sequence[str] = ()
    command_line: str = ""
    script_params: _Record = field(default_factory=dict)
    script_metrics: _Record = field(default_factory=dict)
    task_metrics: _Record = field(default_factory=dict)
    requirements: Sequence[_Record] = ()
    warnings: Sequence[str] = ()
    error: str | None = None
    runs: Sequence[_Record] = ()
    statistics: _Record = field(default_factory=dict)
    attempts: Sequence[_Record] = ()
    resources: _Record = field(default_factory=dict)
    marks: Sequence[str] = ()
    sink_data: _Record = field(default_factory=dict)
    owner: str | None = None
    datasets: Sequence[_Record] = ()
    metric_rules: Sequence[_Record] = ()
    interpreter: _Record | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, list | tuple):
                object.__setattr__(self, item.name, tuple(map(_frozen, value)))
            elif item.name not in _PATHS:
                object.__setattr__(self, item.name, _frozen(value))

    @property
    def success(self) -> bool:
        """True if the script ran to its end, wrote what it must, and missed no requirement but known ones."""
        return self.status == "passed"

    @property
    def timeout(self) -> bool:
        """True if the time limit ended the script."""
        return self.status == "timeout" or (self.status == "xfailed" and self.reason == "time-limit")

    def with_warnings(self, *texts: str) -> EntryResult:
        """Return the result with more warnings."""
        return replace(self, warnings=(*self.warnings, *texts)) if texts else self

    def with_outcome(self, status: Status, reason: str | None, error: str | None) -> EntryResult:
        """Return the result with another outcome."""
        return replace(self, status=status, reason=reason, error=error)

    def to_dict(self) -> ResultDict:
        """Return the dictionary that is written, sent through xdist and given to sinks: a copy, with lists."""
        plain = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        plain |= {"success": self.success, "timeout": self.timeout}
        return cast("ResultDict", with_format("results.json", plain))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EntryResult:
        """Read back what :meth:`to_dict` gave, or gave in an earlier format; unknown keys are ignored.

        Args:
            data: from this process or one of its workers; :meth:`from_file` is for what lies on a disk.

        Raises:
            TypeError: keys are missing that every result has.
        """
        known = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        if data.get("format", 1) == 1:
            known["statistics"] = {
                name: _statistics_of_format_1(record) for name, record in data.get("statistics", {}).items()
            }
        return cls(**known)

    @classmethod
    def from_file(cls, data: Mapping[str, Any]) -> EntryResult:
        """Read a result from a file of any origin: every type is checked, and the limits of results hold.

        Raises:
            TypeError, ValueError, AttributeError: it is no result.
        """
        result = cls.from_dict(cast("dict[str, Any]", to_plain(data)))
        check_types(result.to_dict(), ResultDict)
        kept: dict[str, Any] = {}
        warnings = []
        for name in ("script_params", "script_metrics", "task_metrics"):
            kept[name], left_out = within_limits(getattr(result, name), name)
            warnings += left_out
        return replace(result, **kept).with_warnings(*warnings)


def _statistics_of_format_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """Its interval was called one of 95 %, which it was only for many runs."""
    kept = {key: value for key, value in record.items() if key != "ci95"}
    return {**kept, "median_ci": record.get("ci95"), "confidence": None}
