# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sampler: rows on disk, summary online, and whatever fails changes nothing."""

from __future__ import annotations

import csv
import gc
import itertools
import os
import threading
import time
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.telemetry import sampler as sampler_module
from pytest_curator_bench.telemetry.machine import MachineActivity
from pytest_curator_bench.telemetry.process_tree import ProcessTree
from pytest_curator_bench.telemetry.sampler import Clock, Sampler, Table
from pytest_curator_bench.telemetry.sources import Gauge, RateClock, SampleTime, percent_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.telemetry.sources import Source


class Counter:
    """An source that counts its readings, for as many things as it is told; fails, or hangs, on demand."""

    name = "the counter"
    columns = ("count", "thing")

    def __init__(self, *, things: int = 1, failing: frozenset[int] = frozenset(), hold: threading.Event | None = None):
        self.count = 0
        self.things = things
        self.failing = failing
        self.hold = hold

    def read(self, sample_time: SampleTime) -> Sequence[Mapping[str, object]]:
        """One row for each thing."""
        del sample_time
        self.count += 1
        if self.hold is not None:
            self.hold.wait()
        if self.count in self.failing:
            raise RuntimeError(f"reading {self.count} failed")
        return [{"count": self.count, "thing": thing} for thing in range(self.things)]

    def summary(self) -> dict[str, object]:
        """How often it was read."""
        return {"counted": self.count}


def rows(path: Path) -> list[dict[str, str]]:
    """Content of a CSV file, which must consist of whole lines."""
    text = path.read_text()
    assert text.endswith("\n")
    return list(csv.DictReader(text.splitlines()))


def sample_time(interval_s: float, *, elapsed_s: float = 0.0, running: bool = True) -> SampleTime:
    """A sample_time."""
    return SampleTime(utc=datetime.now(UTC), elapsed_s=elapsed_s, interval_s=interval_s, running=running)


def run_for(samples: int, sampler: Sampler, counter: Counter) -> None:
    """Let the sampler run until the counter was read so often."""
    with sampler.running():
        while counter.count < samples:
            time.sleep(0.01)


def test_samples_come_from_start_to_end(tmp_path: Path) -> None:
    """First and last sample frame the others; time goes on; the summary tell how many there were."""
    counter = Counter()
    sampler = Sampler([Table(tmp_path / "t.csv", [Clock(), counter])], interval_s=0.02)
    run_for(5, sampler, counter)
    written = rows(tmp_path / "t.csv")
    assert list(written[0]) == ["time_utc", "elapsed_s", "count", "thing"]
    assert [int(row["count"]) for row in written] == list(range(1, counter.count + 1))
    elapsed = [float(row["elapsed_s"]) for row in written]
    assert elapsed == sorted(elapsed)
    assert all(datetime.fromisoformat(row["time_utc"]).utcoffset() is not None for row in written)
    summary = sampler.summary()
    assert summary["telemetry_samples"] == summary["counted"] == counter.count >= 6
    assert sampler.problems == []
    assert not [thread for thread in threading.enumerate() if thread.name == "bench-telemetry"]


def test_every_row_is_on_disk_when_its_sample_is_taken(tmp_path: Path) -> None:
    """What a killed run leaves can be read: nothing waits in a buffer."""
    counter = Counter()
    sampler = Sampler([Table(tmp_path / "t.csv", [counter])], interval_s=0.02)
    for number in range(3):
        sampler.sample(running=True)
        assert len(rows(tmp_path / "t.csv")) == number + 1


def test_several_things_have_a_row_each_beside_the_others(tmp_path: Path) -> None:
    """Cells that an source doesn't fill are empty."""
    sampler = Sampler([Table(tmp_path / "t.csv", [Clock(), Counter(things=2)])], interval_s=1)
    sampler.sample(running=True)
    first, second = rows(tmp_path / "t.csv")
    assert (first["elapsed_s"] != "", second["elapsed_s"], first["thing"], second["thing"]) == (True, "", "0", "1")


def test_an_instrument_that_fails_leaves_its_cells_empty(tmp_path: Path) -> None:
    """The others go on, and one sentence tells how often it failed and why first."""
    counter = Counter(failing=frozenset({2, 3}))
    sampler = Sampler([Table(tmp_path / "t.csv", [Clock(), counter])], interval_s=0.01)
    run_for(5, sampler, counter)
    written = rows(tmp_path / "t.csv")
    assert [row["count"] for row in written][:5] == ["1", "", "", "4", "5"]
    assert all(row["elapsed_s"] for row in written)
    assert sampler.problems == ["Telemetry: the counter failed 2 times: RuntimeError: reading 2 failed"]


def test_a_disk_that_is_full_stops_no_sampling(tmp_path: Path) -> None:
    """Figures are kept although no row can be written; /dev/full is always full."""

    class Full(Table):
        def __init__(self, source: Sequence[Source]) -> None:
            super().__init__(tmp_path / "t.csv", source)
            self._file = open("/dev/full", "w", buffering=1)  # noqa: SIM115, PTH123 - closed with the table
            self._writer = csv.DictWriter(self._file, ["count", "thing"])

    counter = Counter()
    sampler = Sampler([Full([counter])], interval_s=0.01)
    run_for(4, sampler, counter)
    assert sampler.summary()["counted"] == counter.count
    assert len(sampler.problems) == 1
    assert "No space left on device" in sampler.problems[0]


@pytest.mark.parametrize("how", ["overwritten", "replaced", "pipe", "link"])
def test_a_table_that_the_script_has_taken_is_told_of(tmp_path: Path, how: str) -> None:
    """The script's own file stays as it is, a pipe is not waited for, and nothing is written where a link leads."""
    path, other = tmp_path / "telemetry.csv", tmp_path / "other"
    other.write_text("theirs")
    table = Table(path, [Clock()])
    if how == "overwritten":
        path.write_text("mine")
    else:
        path.unlink()
        if how == "pipe":
            os.mkfifo(path)
        elif how == "link":
            path.symlink_to(other)
        else:
            path.write_text("mine")
    sampler = Sampler([table], interval_s=0.01)
    with sampler.running():
        pass
    assert sampler.problems[-1].startswith("The script wrote telemetry.csv, a name that is reserved")
    assert other.read_text() == "theirs"
    assert how in {"pipe", "link"} or path.read_text().startswith("mine")


def test_a_table_takes_no_file_that_is_there(tmp_path: Path) -> None:
    """Nothing that somebody else has made is overwritten or waited for."""
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(FileExistsError):
        Table(tmp_path / "t.csv", [Clock()])


def test_a_reading_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that never answers holds nothing up; the result says so."""
    monkeypatch.setattr(sampler_module, "STOP_TIMEOUT_S", 0.1)
    hold = threading.Event()
    counter = Counter(hold=hold)
    sampler = Sampler([Table(tmp_path / "t.csv", [counter])], interval_s=0.01)
    run_for(1, sampler, counter)
    assert sampler.problems == ["Telemetry: the sampler failed 1 time: TimeoutError: a reading takes over 0.1 s"]
    hold.set()


def test_an_exception_of_the_body_passes_and_ends_the_samples(tmp_path: Path) -> None:
    """Ctrl-C in the wait for the script is not swallowed."""
    counter = Counter()
    sampler = Sampler([Table(tmp_path / "t.csv", [counter])], interval_s=0.01)
    with pytest.raises(KeyboardInterrupt), sampler.running():
        raise KeyboardInterrupt
    assert len(rows(tmp_path / "t.csv")) == counter.count
    assert not [thread for thread in threading.enumerate() if thread.name == "bench-telemetry"]


@pytest.mark.slow
def test_long_runs_take_no_more_memory(tmp_path: Path) -> None:
    """Hundreds more samples of real source leave the harness as large as it was."""
    tree = ProcessTree(os.getpid())
    table = Table(
        tmp_path / "t.csv", [Clock(), tree, MachineActivity(own_cpu_time_s=lambda: tree.cpu_time_s), Counter()]
    )
    sampler = Sampler([table], interval_s=1)
    sizes = []
    tracemalloc.start()
    for _ in range(8):
        for _ in range(300):
            sampler.sample(running=True)
        gc.collect()
        # Of this package alone: other threads of the process, such as xdist's, allocate meanwhile, too.
        snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/pytest_curator_bench/*")])
        sizes.append(sum(statistic.size for statistic in snapshot.statistics("filename")))
    tracemalloc.stop()
    # The table of the machine's processes grows while others start; what samples keep comes every time.
    assert min(after - before for before, after in itertools.pairwise(sizes)) < 6_000  # a float each would be 7,200


def test_levels_weigh_values_with_their_time() -> None:
    """What lasted longer counts more; what is left when the script has ended, or unknown, does not."""
    gauge = Gauge()
    gauge.add(1000, sample_time(0))  # the first sample has no time before it
    gauge.add(1, sample_time(1))
    gauge.add(None, sample_time(5))
    gauge.add(5, sample_time(3))
    gauge.add(999, sample_time(1, running=False))
    assert (gauge.mean, gauge.lowest, gauge.highest) == (4, 1, 5)
    assert gauge.summary("x_percent") == {"x_percent_mean": 4.0, "x_percent_peak": 5}
    assert gauge.summary("x_bytes") == {"x_bytes_mean": 4, "x_bytes_peak": 5}
    assert Gauge().summary("x_bytes") == {}


def test_a_reading_that_has_to_wait_makes_no_rate_too_high(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a rate goes from the beginning of one reading to the end of the next, whatever lies between."""
    times = iter([1.0, 10.0, 10.4, 11.0, 11.3, 12.0, 12.2])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    rate_clock = RateClock()
    with rate_clock:
        pass
    rate_clock.restart()
    with rate_clock:
        pass
    assert rate_clock.duration_s == pytest.approx(1.3)
    with rate_clock:
        pass
    assert rate_clock.duration_s == pytest.approx(2.2)
    rate_clock.restart()
    assert rate_clock.duration_s == pytest.approx(0.2)


def test_rates_need_time() -> None:
    """Clock ticks are 10 ms: over less than ten of them a rate would be rounding; it is never negative."""
    assert percent_of(0.01, 0.05) is None
    assert percent_of(0.5, 0.25) == 200
    assert percent_of(-0.1, 1) == 0
