# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What history keeps of a result: outcome, figures, and the setting in which they were measured.

Files of any age and origin are read: a key that is missing or of another type counts as not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.history.setting import machine_facts, setting_of
from pytest_curator_bench.results.format import read_file
from pytest_curator_bench.results.meanings import Meaning, meaning
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.outputs import flat_scalars
from pytest_curator_bench.results.statistics import LARGEST_FIGURE
from pytest_curator_bench.session.names import RESERVED_ENTRY_NAMES, RESULTS_NAME, RUNS_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Record", "read_environment", "read_records", "record_of"]

_NUMBERS = frozenset({int, float})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry's result in one session.

    Attributes:
        session: the session's name.
        entry: the entry's name.
        status: as in ``results.json``.
        reason: the kind within the status.
        error: first line of what went wrong.
        started_at: start of its script, UTC, ISO 8601; empty if it never ran.
        setting: facts that must be equal for results to be compared.
        figures: all finite numbers by the names that requirements use, in the order of the file.
        rules: what the result's configuration said of its metrics.
        required: metrics that requirements name.
        marks: names of the entry's marks.
        owner: who answers for the entry; ``None`` where nobody is named.
    """

    session: str
    entry: str
    status: str
    reason: str | None
    error: str | None
    started_at: str
    setting: Mapping[str, str]
    figures: Mapping[str, float]
    rules: Sequence[Mapping[str, Any]] = ()
    required: Sequence[str] = ()
    marks: Sequence[str] = ()
    owner: str | None = None

    @property
    def passed(self) -> bool:
        """Whether its figures are a sample of what is usual."""
        return self.status == "passed"

    def meaning(self, metric: str) -> Meaning:
        """Return what one of its metrics means."""
        return meaning(metric, self.rules, required=metric in self.required)


def record_of(result: Mapping[str, Any], machine: Mapping[str, str]) -> Record:
    """Return what history keeps of ``results.json``.

    Args:
        result: its content.
        machine: what :func:`~pytest_curator_bench.history.setting.machine_facts` says of where it was measured.

    Raises:
        ValueError: it is no result: name or status is missing.
    """
    name, status = result.get("name"), result.get("status")
    if not isinstance(name, str) or not isinstance(status, str):
        raise ValueError("no result: name or status is missing")  # noqa: TRY004  # no argument's
    error, reason = result.get("error"), result.get("reason")
    rules, verdicts = result.get("metric_rules"), result.get("requirements")
    return Record(
        session=str(result.get("session_name") or ""),
        entry=name,
        status=status,
        reason=reason if isinstance(reason, str) else None,
        error=error.partition("\n")[0][:1000] if isinstance(error, str) else None,
        started_at=str(result.get("started_at") or ""),
        setting=setting_of(result, machine),
        figures=_figures(result),
        rules=[rule for rule in _mappings(rules) if isinstance(rule.get("name"), str)],
        required=[str(verdict.get("metric")) for verdict in _mappings(verdicts)],
        marks=[str(mark) for mark in marks] if isinstance(marks := result.get("marks"), list) else [],
        owner=owner if isinstance(owner := result.get("owner"), str) else None,
    )


def _mappings(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _figures(result: Mapping[str, Any]) -> dict[str, float]:
    figures: dict[str, float] = {}
    # The same precedence as in find_metric(): the script's own metrics first.
    for mapping in (
        result.get("script_metrics"),
        result.get("task_metrics"),
        {EXEC_TIME: result.get(EXEC_TIME)},
        {"resources": result.get("resources")},
    ):
        if not isinstance(mapping, dict):
            continue
        is_nested = dict in map(type, mapping.values())
        named: Mapping[str, Any] = flat_scalars(mapping) if is_nested else mapping
        found = {
            name: float(value)
            for name, value in named.items()
            # JSON has these two types of numbers; a comparison with NaN is false.
            if type(value) in _NUMBERS and -LARGEST_FIGURE <= value <= LARGEST_FIGURE
        }
        figures.update(found if figures.keys().isdisjoint(found) else found | figures)
    return figures


def read_records(session_dir: Path) -> tuple[list[Record], list[str]]:
    """Read all results of a session.

    Returns:
        the records by entry, and a sentence for each result that could not be read.
    """
    records, problems = [], []
    machines: dict[str, Mapping[str, str]] = {}
    names = {path.name for path in session_dir.iterdir() if not path.name.startswith(".")} - RESERVED_ENTRY_NAMES
    for name in sorted(names):
        file = session_dir.joinpath(name, RESULTS_NAME)
        try:
            result = read_file(file)
            run = str(result.get("signed_by") or result.get("run_id") or "")
            if run not in machines:
                machines[run] = machine_facts(read_environment(session_dir, run))
            records.append(record_of(result, machines[run]))
        except (FileNotFoundError, NotADirectoryError):
            continue  # still running, or no entry
        except (OSError, ValueError) as error:
            text = str(error)
            problems.append(text if RESULTS_NAME in text else f"{file}: {text}")
    return records, problems


def read_environment(session_dir: Path, run_id: str) -> Mapping[str, Any]:
    """Return what the run of a session ran on: a run that joined a session has an ``env.json`` of its own."""
    for directory in (session_dir / RUNS_NAME / run_id, session_dir):
        try:
            return read_file(directory / "env.json")
        except (OSError, ValueError):
            continue
    return {}
