# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The records of the pytest runs that fill a session, and ``session.json``, which sums them up.

Several runs, on several hosts, may fill one session. Each writes one record only it writes,
``runs/<run>/run.json``; ``session.json`` is worked out from all of them and holds nothing of its own, so no
file needs a lock: whoever changes a record writes ``session.json`` afterwards, and writes it again if another
record changed in the meantime. The last to write has therefore seen everybody's last record.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.results.format import NewerFormatError, read_file, skip, with_format
from pytest_curator_bench.results.json_files import RunStatus
from pytest_curator_bench.session.names import RUNS_NAME, SESSION_NAME
from pytest_curator_bench.session.process_identity import ProcessIdentity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "RunFacts",
    "RunRecord",
    "RunStatus",
    "new_run_id",
    "read_run",
    "read_runs",
    "run_file",
    "status_of_exit",
    "utc_now",
    "write_run",
    "write_summary",
]

_BY_GRAVITY: tuple[RunStatus, ...] = ("running", "interrupted", "failed", "finished")
# Enough for any number of runs that change a record at the same moment; then the next change puts it right.
_MAX_REWRITES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Facts about a pytest run that the run itself records.

    Attributes:
        plugin_version: version of pytest-curator-bench.
        config_digest: digest of the merged config.
        command_line: pytest's arguments.
        reason: why the run was started.
        viewer_url: where the session can be looked at.
    """

    plugin_version: str | None = None
    config_digest: str | None = None
    command_line: tuple[str, ...] = ()
    reason: str | None = None
    viewer_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One pytest run, as ``runs/<run_id>/run.json`` holds it.

    Attributes:
        run_id: unique among the session's runs.
        status: ``finished`` if pytest came to its end, whatever the entries' results; ``failed`` for internal
            and usage errors; ``interrupted`` for Ctrl-C and for an owner that died.
        owner: the controlling process.
        started_at: UTC time, ISO 8601.
        finished_at: the same; ``None`` while it runs and where nobody knows.
        exit_status: pytest's.
        facts: what the run says about itself.
        entries: names of the selected entries, in their order.
        results: the status of each entry that has a result.
    """

    run_id: str
    status: RunStatus
    owner: ProcessIdentity
    started_at: str
    finished_at: str | None = None
    exit_status: int | None = None
    facts: RunFacts = field(default_factory=RunFacts)
    entries: tuple[str, ...] = ()
    results: dict[str, str] = field(default_factory=dict)

    def is_over(self) -> bool:
        """Whether this run has certainly ended."""
        return self.status != "running" or self.owner.state() == "dead"

    def closed(self, status: RunStatus, exit_status: int | None, results: dict[str, str]) -> RunRecord:
        """Return the record as it is after the run's end; with the time, now, only if the run itself ends it."""
        return replace(
            self,
            status=status,
            exit_status=exit_status,
            results=results,
            finished_at=utc_now() if exit_status is not None else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, the facts on the same level as the rest."""
        data = asdict(self)
        facts = data.pop("facts")
        return {**data, **facts}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunRecord:
        """Read back what :meth:`to_dict` gave; raises KeyError, TypeError or ValueError for anything else."""
        facts = {item.name: data[item.name] for item in fields(RunFacts) if item.name in data}
        own = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        return cls(
            **{
                **own,
                "facts": RunFacts(**{**facts, "command_line": tuple(facts.get("command_line", ()))}),
                "entries": tuple(own.get("entries", ())),
                "owner": ProcessIdentity.from_dict(data["owner"]),
            }
        )


def utc_now() -> str:
    """Return the present time in UTC as ISO 8601."""
    return datetime.now(UTC).isoformat()


def new_run_id(owner: ProcessIdentity) -> str:
    """Return ``<host>-<pid>-<random>``: it shows people where to look, and is unique whatever hosts are called."""
    host = re.sub(r"[^A-Za-z0-9_]+", "-", owner.hostname).strip("-")[:60] or "host"
    return f"{host}-{owner.pid}-{secrets.token_hex(4)}"


def run_file(session_dir: Path, run_id: str) -> Path:
    """Return the file that holds a run's record."""
    return session_dir / RUNS_NAME / run_id / "run.json"


def write_run(session_dir: Path, record: RunRecord) -> None:
    """Write ``record``; raises OSError."""
    write_json(run_file(session_dir, record.run_id), with_format("run.json", record.to_dict()))


def read_run(session_dir: Path, run_id: str) -> RunRecord:
    """Read one record; raises OSError, KeyError, TypeError or ValueError where that can't be done."""
    return RunRecord.from_dict(read_file(run_file(session_dir, run_id)))


def read_runs(session_dir: Path) -> tuple[list[RunRecord], list[str]]:
    """Return all records, by start, and the identities of runs whose record can't be read or is missing yet."""
    records, unreadable = [], []
    runs_dir = session_dir / RUNS_NAME
    run_ids = sorted(path.name for path in runs_dir.iterdir()) if runs_dir.is_dir() else []
    for run_id in run_ids:
        try:
            records.append(read_run(session_dir, run_id))
        except (OSError, KeyError, TypeError, ValueError) as error:
            unreadable.append(run_id)
            if isinstance(error, NewerFormatError):
                skip(error)
    records.sort(key=lambda record: (record.started_at, record.run_id))
    return records, unreadable


def write_summary(session_dir: Path) -> None:
    """Write ``session.json`` anew from the records; raises OSError."""
    runs = read_runs(session_dir)
    for _ in range(_MAX_REWRITES):
        write_json(session_dir / SESSION_NAME, with_format(SESSION_NAME, _summary(session_dir.name, *runs)))
        before, runs = runs, read_runs(session_dir)
        if runs == before:
            return


def status_of_exit(exit_status: int) -> RunStatus:
    """Return the status of a run that ended with this exit status of pytest."""
    if exit_status in {0, 1, 5}:  # passed, some tests failed, none collected
        return "finished"
    return "interrupted" if exit_status == 2 else "failed"


def _summary(session_name: str, records: Sequence[RunRecord], unreadable: Sequence[str]) -> dict[str, Any]:
    statuses = {record.status for record in records}
    over = bool(records) and "running" not in statuses
    ends = [record.finished_at for record in records if record.finished_at is not None]
    exits = [record.exit_status for record in records if record.exit_status is not None]
    summary: dict[str, Any] = {
        "name": session_name,
        "status": next((status for status in _BY_GRAVITY if status in statuses), "running"),
        "started_at": min((record.started_at for record in records), default=None),
        "finished_at": max(ends, default=None) if over else None,
        "exit_status": max(exits, default=None) if over else None,
        "counts": dict(sorted(Counter(_latest_statuses(records).values()).items())),
        "entries": list(dict.fromkeys(name for record in records for name in record.entries)),
    }
    for fact in fields(RunFacts):
        values = [getattr(record.facts, fact.name) for record in records]
        summary[fact.name] = next((value for value in values if value), None)
    summary["runs"] = [_without_results(record) for record in records]
    if unreadable:
        summary["unreadable_runs"] = list(unreadable)
    return summary


def _latest_statuses(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return each entry's status: the latest run wins, except that ``skipped`` never replaces a result."""
    latest: dict[str, str] = {}
    for record in records:
        for name, status in record.results.items():
            if status != "skipped" or name not in latest:
                latest[name] = status
    return latest


def _without_results(record: RunRecord) -> dict[str, Any]:
    return {key: value for key, value in record.to_dict().items() if key != "results"}
