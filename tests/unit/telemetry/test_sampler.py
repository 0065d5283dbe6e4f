# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sampler: rows on disk, figures online, and whatever fails changes nothing."""

from __future__ import annotations

import csv
import gc
import itertools
import threading
import time
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.telemetry import sampler as sampler_module
from pytest_curator_bench.telemetry.instruments import Level, Moment, Timing, percent_of
from pytest_curator_bench.telemetry.machine import Machine
from pytest_curator_bench.telemetry.process_tree import ProcessTree
from pytest_curator_bench.telemetry.sampler import Clock, Sampler, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.telemetry.instruments import Instrument


class Counter:
    """An instrument that counts its readings, for as many things as it is told; fails, or hangs, on demand."""

    name = "the counter"
    columns = ("count", "thing")

    def __init__(self, *, things: int = 1, failing: frozenset[int] = frozenset(), hold: threading.Event | None = None):
        self.count = 0
        self.things = things
        self.failing = failing
        self.hold = hold

    def read(self, moment: Moment) -> Sequence[Mapping[str, object]]:
        """One row for each thing."""
        del moment
        self.count += 1
        if self.hold is not None:
            self.hold.wait()
        if self.count in self.failing:
            raise RuntimeError(f"reading {self.count} failed")
        return [{"count": self.count, "thing": thing} for thing in range(self.things)]

    def figures(self) -> dict[str, object]:
        """How often it was read."""
        return {"counted": self.count}


def rows(path: Path) -> list[dict[str, str]]:
    """Content of a CSV file, which must consist of whole lines."""
    text = path.read_text()
    assert text.endswith("\n")
    return list(csv.DictReader(text.splitlines()))


def moment(interval_s: float, *, elapsed_s: float = 0.0, running: bool = True) -> Moment:
    """A moment."""
    return Moment(time=datetime.now(UTC), elapsed_s=elapsed_s, interval_s=interval_s, running=running)


def run_for(samples: int, sampler: Sampler, counter: Counter) -> None:
    """Let the sampler run until the counter was read so often."""
    with sampler.running():
        while counter.count < samples:
            time.sleep(0.01)


def test_samples_come_from_start_to_end(tmp_path: Path) -> None:
    """First and last sample frame the others; time goes on; the figures tell how many there were."""
    counter = Counter()
    sampler = Sampler([Table(tmp_path / "t.csv", [Clock(), counter])], interval_s=0.02)
    run_for(5, sampler, counter)
    written = rows(tmp_path / "t.csv")
    assert list(written[0]) == ["time_utc", "elapsed_s", "count", "thing"]
    assert [int(row["count"]) for row in written] == list(range(1, counter.count + 1))
    elapsed = [float(row["elapsed_s"]) for row in written]
    assert elapsed == sorted(elapsed)
    assert all(datetime.fromisoformat(row["time_utc"]).utcoffset() is not None for row in written)
    figures = sampler.figures()
    assert figures["telemetry_samples"] == figures["counted"] == counter.count >= 6
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
    """Cells that an instrument doesn't fill are empty."""
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


def test_a_disk_that_is_full_stops_no_sampling() -> None:
    """Figures are kept although no row can be written; /dev/full is always full."""
    from pathlib import Path

    class Full(Table):
        def __init__(self, instruments: Sequence[Instrument]) -> None:
            super().__init__(Path("/dev/null"), instruments)
            self._file = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115 - closed with the table
            self._writer = csv.DictWriter(self._file, ["count", "thing"])

    counter = Counter()
    sampler = Sampler([Full([counter])], interval_s=0.01)
    run_for(4, sampler, counter)
    assert sampler.figures()["counted"] == counter.count
    assert len(sampler.problems) == 1
    assert "No space left on device" in sampler.problems[0]


def test_a_reading_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that never answers holds nothing up; the result says so."""
    monkeypatch.setattr(sampler_module, "STOP_LIMIT_S", 0.1)
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
    """Hundreds more samples of real instruments leave the harness as large as it was."""
    import os

    tree = ProcessTree(os.getpid())
    table = Table(tmp_path / "t.csv", [Clock(), tree, Machine(own_cpu_time_s=lambda: tree.cpu_time_s), Counter()])
    sampler = Sampler([table], interval_s=1)
    sizes = []
    tracemalloc.start()
    for _ in range(3):
        for _ in range(300):
            sampler.sample(running=True)
        gc.collect()
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    # What somebody else in this process allocates meanwhile comes once; what samples keep comes every time.
    assert min(after - before for before, after in itertools.pairwise(sizes)) < 6_000  # a float each would be 7,200


def test_levels_weigh_values_with_their_time() -> None:
    """What lasted longer counts more; what is left when the script has ended, or unknown, does not."""
    level = Level()
    level.add(1000, moment(0))  # the first sample has no time before it
    level.add(1, moment(1))
    level.add(None, moment(5))
    level.add(5, moment(3))
    level.add(999, moment(1, running=False))
    assert (level.mean, level.lowest, level.highest) == (4, 1, 5)
    assert level.figures("x_percent") == {"x_percent_mean": 4.0, "x_percent_peak": 5}
    assert level.figures("x_bytes") == {"x_bytes_mean": 4, "x_bytes_peak": 5}
    assert Level().figures("x_bytes") == {}


def test_a_reading_that_has_to_wait_makes_no_rate_too_high(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a rate goes from the beginning of one reading to the end of the next, whatever lies between."""
    times = iter([1.0, 10.0, 10.4, 11.0, 11.3, 12.0, 12.2])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    timing = Timing()
    with timing:
        pass
    timing.restart()
    with timing:
        pass
    assert timing.taken_s == pytest.approx(1.3)
    with timing:
        pass
    assert timing.taken_s == pytest.approx(2.2)
    timing.restart()
    assert timing.taken_s == pytest.approx(0.2)


def test_rates_need_time() -> None:
    """Clock ticks are 10 ms: over less than ten of them a rate would be rounding; it is never negative."""
    assert percent_of(0.01, 0.05) is None
    assert percent_of(0.5, 0.25) == 200
    assert percent_of(-0.1, 1) == 0
