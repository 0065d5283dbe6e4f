# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is known of one entry when it has ended: the content of ``results.json``, and what sinks are given."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

# The reason of an entry that passed although it misses requirements: all of them are marked with ``xfail``.
KNOWN_MISS = "known-miss"

Status = Literal["passed", "failed", "timeout", "error", "skipped", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryResult:
    """The result of one entry, as plain data.

    Every field holds only what JSON can carry (``None``, booleans, numbers, strings, lists, mappings with
    string keys), because the result travels from xdist workers as a report attribute and is written as it is.

    Attributes:
        name: the entry's name.
        session_name: the session that it ran in.
        success: true for ``passed`` alone: the script ran to its end, and no requirement was missed but those
            that are marked as known misses (``reason`` is ``known-miss`` then).
        status: ``failed`` is the script's doing, ``error`` ours or the machine's.
        reason: the kind within the status, one word or two (``exit-code``, ``outputs``, ``ray``, ``worker-lost``).
        exec_time_s: wall time of the script alone, in seconds; the median of several runs; ``None`` where it never
            ran.
        started_at: UTC time of the script's (first) start, ISO 8601.
        finished_at: UTC time of the script's end, ISO 8601.
        timeout: whether the time limit ended the script.
        timeout_s: the limit in force, in seconds.
        returncode: the script's exit status; ``None`` where a signal ended it or it never ran.
        signal: the name of the signal that ended the script.
        command: the command as an argument list.
        command_line: the same, quoted for a shell.
        script_params: content of ``params.json``.
        script_metrics: content of ``metrics.json``.
        task_metrics: statistics per stage and metric, aggregated from ``tasks.pkl``.
        tasks: one plain record per task.
        requirements: one record each: metric, bounds, actual value, met or not; see ``requirements.judge``. Empty
            where the script did not succeed: nothing was judged.
        warnings: sentences about what was odd but changed no outcome.
        error: one sentence that says what happened and what to do, then the detail on further lines.
        runs: one record per run where there were several: its directory's name, whether it was measured, status,
            reason, ``exec_time_s``, start, scalar metrics.
        statistics: by metric, the spread over the measured runs: ``n``, ``median``, ``min``, ``max``, ``iqr``,
            ``ci95``; see ``execution.spread``. Other figures of several runs are medians.
        attempts: one record per attempt where there was more than one, the last included: number, status, reason,
            error, ``exec_time_s``, and the directory that it is kept in.
        resources: ``cpu_time_s`` and ``max_rss_bytes`` of the script's processes, the figures of telemetry;
            ``lease``: the CPUs, GPUs and object store bytes that it had for itself, seconds waited for them, and from
            when to when (UTC); ``ray``: what cluster it ran on.
        marks: names of the entry's pytest marks.
        sink_data: the entry's settings for sinks, by sink name.
        datasets: each dataset that the command names, as ``name``, ``format``, ``path``, and the figures of its
            :class:`~pytest_curator_bench.entry.fingerprints.Fingerprint`, taken once a run before any entry.
        nodeid: pytest's name of the item.
        stdouterr_file: path of the script's log.
        entry_dir: path of the entry's directory.
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
    command: list[str] = field(default_factory=list)
    command_line: str = ""
    script_params: dict[str, Any] = field(default_factory=dict)
    script_metrics: dict[str, Any] = field(default_factory=dict)
    task_metrics: dict[str, Any] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    requirements: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    runs: list[dict[str, Any]] = field(default_factory=list)
    statistics: dict[str, Any] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    resources: dict[str, Any] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)
    sink_data: dict[str, Any] = field(default_factory=dict)
    datasets: list[dict[str, Any]] = field(default_factory=list)

    @property
    def success(self) -> bool:
        """True if the script ran to its end, wrote what it must, and missed no requirement but known ones."""
        return self.status == "passed"

    @property
    def timeout(self) -> bool:
        """True if the time limit ended the script."""
        return self.status == "timeout"

    def to_dict(self) -> dict[str, Any]:
        """The result as the dictionary that is written, sent through xdist and given to sinks."""
        return {**asdict(self), "success": self.success, "timeout": self.timeout}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> EntryResult:
        """Read back what :meth:`to_dict` gave; raises TypeError for keys that it never writes."""
        return cls(**{key: value for key, value in data.items() if key not in {"success", "timeout"}})
