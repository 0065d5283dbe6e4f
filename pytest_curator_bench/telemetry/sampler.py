# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sampling in a thread while something runs, and the CSV files that samples go to."""

from __future__ import annotations

import contextlib
import csv
import os
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import create_new, open_regular
from pytest_curator_bench._util.text import counted, format_seconds
from pytest_curator_bench.telemetry.sources import SampleTime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.telemetry.sources import Source

__all__ = ["Clock", "Sampler", "Table"]

# Pauses begin short and double, so that short scripts have samples, too.
FIRST_PAUSE_S = 0.05
# A driver call may hang for ever: then the thread is abandoned, and the entry goes on.
STOP_TIMEOUT_S = 5.0


class Clock:
    """The time, as the first columns of a table."""

    name = "the clock"
    columns = ("time_utc", "elapsed_s")

    def read(self, sample_time: SampleTime) -> Sequence[Mapping[str, object]]:
        """Return one row."""
        return [
            {
                "time_utc": sample_time.utc.isoformat(timespec="milliseconds"),
                "elapsed_s": round(sample_time.elapsed_s, 3),
            }
        ]

    def summary(self) -> dict[str, object]:
        """Return nothing."""
        return {}


class Table:
    """A CSV file with the samples of several sources side by side; each line is written at once.

    Attributes:
        sources: where the samples come from.
        problem: one sentence if the script has taken the file's name; ``None`` before the file is closed.
    """

    def __init__(self, path: Path, sources: Sequence[Source] = ()) -> None:
        """Create the file, which must not exist; raises OSError."""
        self.sources: Sequence[Source] = ()
        self.problem: str | None = None
        self._path = path
        self._header = b""
        self._file = os.fdopen(create_new(path), "w", encoding="utf-8", newline="", buffering=1)
        if sources:
            self.begin(sources)

    def begin(self, sources: Sequence[Source]) -> None:
        """Write the names of the sources' columns; raises OSError."""
        self.sources = sources
        columns = [column for source in sources for column in source.columns]
        self._header = ",".join(columns).encode()
        self._writer = csv.DictWriter(self._file, columns, lineterminator="\n")
        self._writer.writeheader()

    def write(self, readings: Sequence[Sequence[Mapping[str, object]]]) -> None:
        """Write one sample of each source, in as many rows as the longest has; raises OSError."""
        for number in range(max(map(len, readings), default=0)):
            row: dict[str, object] = {}
            for rows in readings:
                row |= rows[number] if number < len(rows) else {}
            self._writer.writerow(row)

    def close(self) -> None:
        """Close the file, and look whether it is still this one."""
        with contextlib.suppress(OSError):
            self._file.close()
        begin = b""
        with contextlib.suppress(OSError), os.fdopen(open_regular(self._path), "rb") as file:
            begin = file.read(len(self._header))
        # A script may well have emptied its directory; that is no news here.
        if begin != self._header and os.path.lexists(self._path):
            name = self._path.name
            self.problem = f"The script wrote {name}, a name that is reserved (docs/scripts.md): no telemetry."

    def discard(self) -> None:
        """Close the file, in which there is nothing, and remove it."""
        with contextlib.suppress(OSError):
            self._file.close()
            self._path.unlink()


class Sampler:
    """Samples at regular intervals, whatever fails.

    Attributes:
        samples: number of samples taken.
        cpu_time_s: CPU time that they cost this process, in seconds.
    """

    def __init__(self, tables: Sequence[Table], *, interval_s: float) -> None:
        self._tables = tables
        self._interval_s = interval_s
        self._failures: dict[str, tuple[int, str]] = {}  # number, and text of the first one
        self._begun = self._last = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench-telemetry", daemon=True)
        self.samples = 0
        self.cpu_time_s = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Take samples until the body has ended, then a last one."""
        try:
            self._begun = self._last = time.monotonic()
            try:
                self._thread.start()
            except RuntimeError as error:  # no more threads are possible
                self._failed("the sampler", error)
            yield
        finally:
            self._stop.set()
            if self._thread.is_alive():
                self._thread.join(STOP_TIMEOUT_S)
            if self.hangs:
                self._failed("the sampler", TimeoutError(f"a reading takes over {format_seconds(STOP_TIMEOUT_S)}"))

    @property
    def hangs(self) -> bool:
        """Whether a reading still had not returned when sampling was to stop."""
        return self._stop.is_set() and self._thread.is_alive()

    @property
    def problems(self) -> list[str]:
        """One sentence for each part that failed."""
        failures = [
            f"Telemetry: {name} failed {counted(number, 'time')}: {first}"
            for name, (number, first) in self._failures.items()
        ]
        return [*failures, *(table.problem for table in self._tables if table.problem)]

    def summary(self) -> dict[str, object]:
        """Return the summaries of all sources, and the number of samples."""
        summary: dict[str, object] = {}
        for table in self._tables:
            for source in table.sources:
                try:
                    summary |= source.summary()
                except Exception as error:
                    self._failed(source.name, error)
        return {**summary, "telemetry_samples": self.samples, "telemetry_cpu_time_s": round(self.cpu_time_s, 3)}

    def sample(self, *, running: bool) -> None:
        """Take one sample; never raises."""
        now = time.monotonic()
        sample_time = SampleTime(
            utc=datetime.now(UTC),
            elapsed_s=now - self._begun,
            interval_s=now - self._last if self.samples else 0.0,
            running=running,
        )
        self._last = now
        self.samples += 1
        for table in self._tables:
            readings = [self._read(source, sample_time) for source in table.sources]
            try:
                table.write(readings)
            except (OSError, ValueError) as error:
                self._failed("writing", error)

    def _read(self, source: Source, sample_time: SampleTime) -> Sequence[Mapping[str, object]]:
        try:
            return source.read(sample_time)
        except Exception as error:
            self._failed(source.name, error)
            return []

    def _run(self) -> None:
        self.sample(running=True)
        pause_s, due = min(FIRST_PAUSE_S, self._interval_s), self._begun
        while not self._stop.wait(max((due := due + pause_s) - time.monotonic(), 0)):
            self.sample(running=True)
            pause_s = min(2 * pause_s, self._interval_s)
            due = max(due, time.monotonic() - self._interval_s)  # missed samples are not made up for
        self.sample(running=False)
        self.cpu_time_s = time.thread_time()
        for table in self._tables:
            table.close()

    def _failed(self, name: str, error: Exception) -> None:
        number, first = self._failures.get(name, (0, f"{type(error).__name__}: {error}"))
        self._failures[name] = number + 1, first
