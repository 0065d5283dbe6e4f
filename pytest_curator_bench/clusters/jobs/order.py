# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the harness tells a job's part here (:mod:`.submit`), and what it hears from it."""

from __future__ import annotations

import json
import secrets
import shlex
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import read_json_object

if TYPE_CHECKING:
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["JOB_NAME", "ORDER_VARIABLE", "JobOrder", "JobReport", "new_job_dir", "with_job_report"]

ORDER_VARIABLE = "CURATOR_BENCH_JOB"
JOB_NAME = "job.json"
# Nobody is left to stop the job: then its own side does, so much later than the limit.
LIMIT_SLACK_S = 60.0


def new_job_dir() -> Path:
    """Return a stand-in for the directory of one job, for arguments to name.

    The directory is made where the job's driver runs, in the temporary directory there, which is not known here:
    the driver replaces the stand-in by it.
    """
    return Path(f"/curator-bench-job-{secrets.token_hex(8)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """What to run as a job.

    Attributes:
        name: the entry's name.
        url: the dashboard.
        entry_dir: where the results go here; ``params.json`` lies there already.
        job_dir: stand-in for the job's directory on the node that runs its driver, see :func:`new_job_dir`.
        script: the script here; its directory goes to the cluster.
        args: the script's arguments there.
        env: the entry's own environment variables.
        limit_s: the entry's limit in seconds; ``None`` for none.
        grace_s: seconds between telling a script to end and ending it.
        word: random word that marks the hand-over in the log.
        submission_id: Ray's name of the job.
    """

    name: str
    url: str
    entry_dir: Path
    job_dir: Path
    script: Path
    args: tuple[str, ...]
    env: dict[str, str]
    limit_s: float | None
    grace_s: float
    word: str = field(default_factory=lambda: secrets.token_hex(16))
    submission_id: str = field(default_factory=lambda: f"curator-bench-{secrets.token_hex(8)}")

    def command(self, job_dir: str | None = None) -> list[str]:
        """Return the command there, with the real directory of the job if that is known; the script is in the cwd."""
        args = self.args if job_dir is None else (arg.replace(str(self.job_dir), job_dir) for arg in self.args)
        return ["python", self.script.name, *args]

    def to_text(self) -> str:
        """For the environment variable ``ORDER_VARIABLE``."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_text(cls, text: str) -> JobOrder:
        """Read back what :meth:`to_text` gave."""
        data = json.loads(text)
        paths = {key: Path(data[key]) for key in ("entry_dir", "job_dir", "script")}
        return cls(**{**data, **paths, "args": tuple(data["args"])})

    def for_cluster(self, params: dict[str, Any]) -> bytes:
        """What the job's part on the cluster needs, as JSON; ``params`` are laid out for the script there."""
        order = {
            "name": self.name,
            "word": self.word,
            "job_dir": str(self.job_dir),
            "command": self.command()[1:],  # the interpreter is the one that runs the job's part there
            "env": self.env,
            "params": params,
            "limit_s": None if self.limit_s is None else self.limit_s + LIMIT_SLACK_S,
            # What is handed over after a stop needs time, too.
            "grace_s": max(self.grace_s / 2, 0.5),
        }
        return json.dumps(order).encode()


@dataclass(slots=True, kw_only=True)
class JobReport:
    """What is known of a job that has ended; ``job.json`` in the entry's directory.

    Attributes:
        url: the dashboard.
        submission_id: Ray's name of the job.
        command: the script's command there.
        summary: what its part on the cluster says: times of the script in seconds and as ISO 8601 in UTC, its exit
            status or signal, what ending it took, versions, the node's name. Empty if it could not say anything.
        problem: one sentence, if the cluster is to blame.
        warnings: sentences about what did not come back.
    """

    url: str
    submission_id: str
    command: list[str]
    summary: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def read(cls, entry_dir: Path) -> JobReport | None:
        """The report in an entry's directory; ``None`` where there is none that can be read."""
        try:
            return cls(**read_json_object(entry_dir / JOB_NAME))
        except TypeError:
            return None


def with_job_report(result: EntryResult) -> EntryResult:
    """Return the result with the script's own figures, as measured where it ran, in place of its local part's."""
    report = JobReport.read(Path(result.entry_dir))
    if report is None:
        if result.status != "failed":
            return replace(result, exec_time_s=None)
        error = "Job outcome unknown: the local process that followed it exited unexpectedly."
        error = f"{error}\n{result.error or ''}".strip()
        return replace(result.with_outcome("error", "ray", error), exec_time_s=None)
    summary = report.summary
    ray = {**result.resources["ray"], "submission_id": report.submission_id}
    if summary.get("hostname"):
        ray["driver"] = summary["hostname"]
        ray["python_version"] = summary["python_version"]
    warnings = [*result.warnings, *report.warnings]
    if summary.get("ended") and not summary.get("stopped"):
        warnings.append(f"The script left processes running, which were ended: {', '.join(summary['ended'])}")
    result = replace(
        result,
        exec_time_s=summary.get("exec_time_s"),
        started_at=summary.get("started_at"),
        finished_at=summary.get("finished_at"),
        returncode=summary.get("returncode"),
        signal=summary.get("signal"),
        command=report.command,
        command_line=shlex.join(report.command),
        resources={"cpu_time_s": summary.get("cpu_time_s"), "max_rss_bytes": summary.get("max_rss_bytes"), "ray": ray},
        warnings=warnings,
    )
    if report.problem is not None and result.status in {"failed", "error"}:
        return result.with_outcome("error", "ray", report.problem)
    return result
