# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The records of the pytest runs that fill a session: each run writes its own, ``runs/<run>/run.json``."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench._util.plain import to_plain
from pytest_curator_bench.results.format import NewerFormatError, read_file, skip, with_format
from pytest_curator_bench.results.json_files import RunDict, RunStatus
from pytest_curator_bench.results.type_check import check_types
from pytest_curator_bench.session.names import RUNS_NAME
from pytest_curator_bench.session.process_identity import ProcessIdentity

if TYPE_CHECKING:
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
]


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
        signs_results: whether the run's results name it; those of earlier versions don't.
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
    signs_results: bool = False

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
        """Read back what :meth:`to_dict` gave, every type checked; raises KeyError, TypeError or ValueError else."""
        facts = {item.name: data[item.name] for item in fields(RunFacts) if item.name in data}
        own = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        record = cls(
            **{
                **own,
                "facts": RunFacts(**{**facts, "command_line": tuple(facts.get("command_line", ()))}),
                "entries": tuple(own.get("entries", ())),
                "owner": ProcessIdentity.from_dict(data["owner"]),
            }
        )
        check_types(to_plain(with_format("run.json", record.to_dict())), RunDict)
        datetime.fromisoformat(record.started_at)
        return record


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


def status_of_exit(exit_status: int) -> RunStatus:
    """Return the status of a run that ended with this exit status of pytest."""
    if exit_status in {0, 1, 5}:  # passed, some tests failed, none collected
        return "finished"
    return "interrupted" if exit_status == 2 else "failed"
