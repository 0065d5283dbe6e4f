# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Takes samples in a thread while something runs, and writes them down line by line."""

from __future__ import annotations

import contextlib
import csv
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_curator_bench.telemetry.instruments import Moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.telemetry.instruments import Instrument

__all__ = ["Clock", "Sampler", "Table"]

# The first samples lie closer, each pause twice the one before, so that short scripts have figures, too.
FIRST_PAUSE_S = 0.05
# A driver call may hang for good: then the thread is left behind, and the entry goes on.
STOP_LIMIT_S = 5.0


class Clock:
    """The time, as the first columns of a table."""

    name = "the clock"
    columns = ("time_utc", "elapsed_s")

    def read(self, moment: Moment) -> Sequence[Mapping[str, object]]:
        """One row."""
        return [{"time_utc": moment.time.isoformat(timespec="milliseconds"), "elapsed_s": round(moment.elapsed_s, 3)}]

    def figures(self) -> dict[str, object]:
        """The clock has none."""
        return {}


class Table:
    """A CSV file with the readings of some instruments side by side; whole lines, written at once."""

    def __init__(self, path: Path, instruments: Sequence[Instrument]) -> None:
        """Create the file; raises OSError."""
        self.instruments = instruments
        self._file = path.open("w", encoding="utf-8", newline="", buffering=1)
        columns = [column for instrument in instruments for column in instrument.columns]
        self._writer = csv.DictWriter(self._file, columns, lineterminator="\n")
        self._writer.writeheader()

    def write(self, readings: Sequence[Sequence[Mapping[str, object]]]) -> None:
        """Write what the instruments have read, one row for each thing that they watch; raises OSError."""
        for number in range(max(map(len, readings), default=0)):
            row: dict[str, object] = {}
            for rows in readings:
                row |= rows[number] if number < len(rows) else {}
            self._writer.writerow(row)

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            self._file.close()


class Sampler:
    """Samples at regular intervals, whatever fails.

    Attributes:
        samples: how many were taken.
        cpu_time_s: what they have cost this process, in seconds.
    """

    def __init__(self, tables: Sequence[Table], *, interval_s: float) -> None:
        self._tables = tables
        self._interval_s = interval_s
        self._failures: dict[str, tuple[int, str]] = {}  # how often, and what the first one said
        self._begun = self._last = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench-telemetry", daemon=True)
        self.samples = 0
        self.cpu_time_s = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Take samples until the body has ended, and a last one then."""
        try:
            self._begun = self._last = time.monotonic()
            try:
                self._thread.start()
            except RuntimeError as error:  # no more threads to be had
                self._failed("the sampler", error)
            yield
        finally:
            self._stop.set()
            if self._thread.is_alive():
                self._thread.join(STOP_LIMIT_S)
            if self.hangs:
                self._failed("the sampler", TimeoutError(f"a reading takes over {STOP_LIMIT_S:g} s"))

    @property
    def hangs(self) -> bool:
        """Whether a reading has not come back when the samples were to end."""
        return self._stop.is_set() and self._thread.is_alive()

    @property
    def problems(self) -> list[str]:
        """One sentence for each thing that failed."""
        return [
            f"Telemetry: {name} failed {number} time{'s' if number != 1 else ''}: {first}"
            for name, (number, first) in self._failures.items()
        ]

    def figures(self) -> dict[str, object]:
        """The figures of all instruments, and how many samples they come from."""
        figures: dict[str, object] = {}
        for table in self._tables:
            for instrument in table.instruments:
                try:
                    figures |= instrument.figures()
                except Exception as error:
                    self._failed(instrument.name, error)
        return {**figures, "telemetry_samples": self.samples, "telemetry_cpu_time_s": round(self.cpu_time_s, 3)}

    def sample(self, *, running: bool) -> None:
        """Take one sample; never raises."""
        now = time.monotonic()
        moment = Moment(
            time=datetime.now(UTC),
            elapsed_s=now - self._begun,
            interval_s=now - self._last if self.samples else 0.0,
            running=running,
        )
        self._last = now
        self.samples += 1
        for table in self._tables:
            readings = [self._read(instrument, moment) for instrument in table.instruments]
            try:
                table.write(readings)
            except (OSError, ValueError) as error:
                self._failed("writing", error)

    def _read(self, instrument: Instrument, moment: Moment) -> Sequence[Mapping[str, object]]:
        try:
            return instrument.read(moment)
        except Exception as error:
            self._failed(instrument.name, error)
            return []

    def _run(self) -> None:
        self.sample(running=True)
        pause_s, due = min(FIRST_PAUSE_S, self._interval_s), self._begun
        while not self._stop.wait(max((due := due + pause_s) - time.monotonic(), 0)):
            self.sample(running=True)
            pause_s = min(2 * pause_s, self._interval_s)
            due = max(due, time.monotonic() - self._interval_s)  # what was missed is not made up for
        self.sample(running=False)
        self.cpu_time_s = time.thread_time()
        for table in self._tables:
            table.close()

    def _failed(self, name: str, error: Exception) -> None:
        number, first = self._failures.get(name, (0, f"{type(error).__name__}: {error}"))
        self._failures[name] = number + 1, first
