# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sessions of the past, in the real format, without running anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.results.record import EntryResult

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_curator_bench.results.record import Status

__all__ = ["PastSessions"]

ENVIRONMENT = {
    "format": 2,
    "hostname": "bench-01",
    "cpu": {"model": "A CPU", "physical_count": 8, "logical_count": 16},
    "memory": {"total_bytes": 64 * 2**30},
    "gpus": [],
    "versions": {"python": "3.11.7", "ray": "2.60.0", "nemo_curator": "1.4.0"},
}


@dataclass
class PastSessions:
    """Writes sessions, one a night.

    Attributes:
        results_dir: where to; need not exist.
        environment: what they ran on.
    """

    results_dir: Path
    environment: dict[str, Any] = field(default_factory=lambda: dict(ENVIRONMENT))
    nights: int = 0

    def add(self, entries: Mapping[str, float | Mapping[str, Any]], *, name: str | None = None) -> str:
        """Write the next night's session; return its name.

        Args:
            entries: by entry its time in seconds, or fields of its result.
            name: the session's name.
        """
        started = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=self.nights)
        self.nights += 1
        name = name or f"nightly__{started:%Y-%m-%d__%H-%M-%S}"
        directory = self.results_dir / name
        directory.mkdir(parents=True)
        counts: dict[str, int] = {}
        for number, (entry, given) in enumerate(entries.items()):
            fields = dict(given) if not isinstance(given, float | int) else {"exec_time_s": given}
            result = _result(entry, name, directory, started + timedelta(minutes=number), fields)
            counts[result.status] = counts.get(result.status, 0) + 1
            (directory / entry).mkdir()
            write_json(directory / entry / "results.json", result.to_dict(), durable=False)
        write_json(directory / "env.json", self.environment, durable=False)
        summary = {
            "format": 2,
            "name": name,
            "status": "finished",
            "started_at": started.isoformat(),
            "finished_at": (started + timedelta(hours=1)).isoformat(),
            "counts": counts,
            "entries": list(entries),
        }
        write_json(directory / "session.json", summary, durable=False)
        return name


def _result(entry: str, session: str, directory: Path, started: datetime, fields: dict[str, Any]) -> EntryResult:
    status: Status = fields.pop("status", "passed")
    arguments = fields.pop("arguments", ["--executor", "xenna"])
    resources = fields.pop("resources", {"lease": {"cpus": [0, 1], "gpus": []}})
    return EntryResult(
        name=entry,
        session_name=session,
        status=status,
        timeout_s=3600,
        nodeid=f"config.yaml::{entry}",
        entry_dir=str(directory / entry),
        stdouterr_file=str(directory / entry / "stdouterr.log"),
        command=["/usr/bin/python3", "/b/scripts/s.py", *arguments, "--benchmark-results-path", str(directory / entry)],
        resources=resources,
        **{"started_at": started.isoformat(), **fields},
    )
