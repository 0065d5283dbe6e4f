# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One entry while it runs: its step, the figures of its newest sample, the last line of its log."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import open_regular, signature
from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench._util.text import format_clock, format_size
from pytest_curator_bench.session.names import GPU_STATS_NAME, LOG_NAME, TELEMETRY_NAME
from pytest_curator_bench.session.progress.expected import Expected
from pytest_curator_bench.session.status import STATUS_NAME, EntryStatus, read_status

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EntryFollower", "Usage"]

_HEAD_BYTES = 2 * 1024
# What holds at least one sample: of the machine, and of each of 16 GPUs with the processes on them.
_SAMPLE_BYTES = 4 * 1024
_GPU_SAMPLE_BYTES = 64 * 1024
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """What an entry uses, by its newest samples; ``None`` for what is not known.

    Attributes:
        cpus: CPUs kept busy.
        memory_bytes: resident memory of its processes.
        gpu_percent: mean utilization of its GPUs.
        gpu_memory_bytes: memory in use on its GPUs.
    """

    cpus: float | None = None
    memory_bytes: float | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: float | None = None

    def describe(self, leased_cpus: int) -> list[str]:
        """Return the figures in words: ``61 of 64 CPUs``, ``5.3 GB``, ``GPUs 88 % and 71 GB``."""
        words = []
        if self.cpus is not None:
            busy = f"{self.cpus:.0f}" if self.cpus >= 10 else f"{self.cpus:.1f}"
            words.append(f"{busy} of {leased_cpus} CPUs" if leased_cpus else f"{busy} CPUs")
        if self.memory_bytes is not None:
            words.append(format_size(self.memory_bytes))
        gpus = [] if self.gpu_percent is None else [f"{self.gpu_percent:.0f} %"]
        gpus += [] if self.gpu_memory_bytes is None else [format_size(self.gpu_memory_bytes)]
        return [*words, f"GPUs {' and '.join(gpus)}"] if gpus else words


class EntryFollower:
    """Follows an entry by the files in its directory; files that have not changed are not read again.

    Attributes:
        name: for people.
        entry_dir: the entry's directory.
        limit_s: limit of each of its runs, in seconds.
        expected: what is expected of it.
        began: when it began to be prepared.
        status: its step; ``None`` before the first step, and between two.
        log_line: last line of the present run's log, or empty.
        usage: figures of the newest sample of the present run.
    """

    def __init__(
        self,
        name: str,
        entry_dir: Path,
        *,
        limit_s: float,
        expected: Expected | None = None,
        began: datetime | None = None,
    ) -> None:
        self.name = name
        self.entry_dir = entry_dir
        self.limit_s = limit_s
        self.expected = expected or Expected()
        self.began = began or datetime.now(UTC)
        self.status: EntryStatus | None = None
        self.log_line = ""
        self.usage = Usage()
        self._seen: dict[Path, object] = {}

    @property
    def is_running(self) -> bool:
        """Whether its script runs."""
        return self.status is not None and self.status.run is not None

    def look(self) -> None:
        """Read what has changed."""
        if self._has_changed(self.entry_dir / STATUS_NAME):
            self.status = read_status(self.entry_dir)
        if self.status is None or self.status.run is None:
            self.usage, self.log_line = Usage(), ""
            self._seen = {path: seen for path, seen in self._seen.items() if path.name == STATUS_NAME}
            return
        run_dir = self.entry_dir / self.status.run
        if self._has_changed(log := run_dir / LOG_NAME):
            self.log_line = "".join(log_tail(log, 1, max_bytes=16 * 1024))
        tables = [run_dir / TELEMETRY_NAME, *([run_dir / GPU_STATS_NAME] if self.status.gpus else [])]
        changed = [table for table in tables if self._has_changed(table)]
        if changed:
            self.usage = _read_usage(run_dir, self.status.gpus)

    def _has_changed(self, path: Path) -> bool:
        before, self._seen[path] = self._seen.get(path), signature(path)
        return self._seen[path] != before

    def remaining_s(self, now: datetime) -> float | None:
        """Return how long it takes from now on, in seconds; ``None`` where that is not known."""
        usual_s = self.expected.usual_total_s
        if usual_s is None or self.status is None or self.status.leased_at is None:
            return usual_s
        left_s = usual_s - (now - self.status.leased_at).total_seconds()
        return left_s if left_s > 0 else None

    def clock(self, now: datetime) -> tuple[str, str]:
        """Return the present step with its elapsed time, and what that is to be compared with: its limit or nothing."""
        if self.status is None:
            return f"preparing, {format_clock((now - self.began).total_seconds())}", ""
        if self.status.is_waiting:
            return self.status.text, ""
        elapsed = format_clock((now - self.status.since).total_seconds())
        if not self.is_running:
            return f"{self.status.text}, {elapsed}", ""
        run = f"{self.status.run}, " if self.status.run else ""
        if self.expected.usual_s is not None:
            return f"{run}{elapsed} of usually {format_clock(self.expected.usual_s)}", ""
        return f"{run}{elapsed}", f"limit {format_clock(self.limit_s)}" if self.limit_s else ""

    def figures(self) -> list[str]:
        """Return the figures of the newest sample in words."""
        return self.usage.describe(self.status.cpus if self.status is not None else 0)


def _read_usage(run_dir: Path, gpus: tuple[int, ...]) -> Usage:
    last = next(reversed(_last_rows(run_dir / TELEMETRY_NAME, _SAMPLE_BYTES)), {})
    cpu_percent = _number(last.get("cpu_percent"))
    of_gpus = _own_gpus(_last_rows(run_dir / GPU_STATS_NAME, _GPU_SAMPLE_BYTES), gpus) if gpus else []
    uses = [use for row in of_gpus if (use := _number(row.get("utilization_gpu_pct"))) is not None]
    memories = [memory for row in of_gpus if (memory := _number(row.get("memory_used_mb"))) is not None]
    return Usage(
        cpus=None if cpu_percent is None else cpu_percent / 100,
        memory_bytes=_number(last.get("rss_bytes")),
        gpu_percent=sum(uses) / len(uses) if uses else None,
        gpu_memory_bytes=sum(memories) * _MIB if memories else None,
    )


def _own_gpus(rows: list[dict[str, str]], gpus: tuple[int, ...]) -> list[dict[str, str]]:
    """Return the rows of these GPUs in the newest sample."""
    newest = rows[-1].get("elapsed_s") if rows else None
    wanted = {str(gpu) for gpu in gpus}
    return [row for row in rows if row.get("elapsed_s") == newest and row.get("gpu_id") in wanted]


def _last_rows(table: Path, tail_bytes: int) -> list[dict[str, str]]:
    """Return the newest whole rows of a CSV file, the newest last; an empty list where there are none."""
    try:
        with os.fdopen(open_regular(table), "rb") as file:
            head = file.read(_HEAD_BYTES)
            header, line_end, _ = head.partition(b"\n")
            begin = max(file.seek(0, os.SEEK_END) - tail_bytes, len(header) + len(line_end))
            file.seek(begin)
            lines = file.read(tail_bytes).decode(errors="replace").split("\n")[:-1]  # the last one has no end yet
    except OSError:
        return []
    names = header.decode(errors="replace").split(",")
    if begin > len(header) + len(line_end):
        del lines[:1]  # its beginning was cut off
    return [dict(zip(names, row, strict=False)) for row in csv.reader(lines) if len(row) == len(names)]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
