#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the index of past sessions costs, beside a plain scan of the same files in the same run.

    python perf/history.py                       1,000 sessions of 50 entries with 77 figures each
    python perf/history.py --sessions 100 --keep DIR

CPU times are those of a process of its own, its children included; of repeated measures the median.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.past_sessions import PastSessions

ENTRIES = 50
STAGES = 10  # with six figures each


def make_session(sessions: PastSessions, source: random.Random) -> str:
    """Write one session: 77 figures a result, of which most are of tasks and telemetry."""
    entries = {}
    for number in range(ENTRIES):
        time_s = (10 + number) * source.gauss(1, 0.025)
        tasks = {
            f"task_stage_{stage}_{metric}_{kind}": source.random()
            for stage in range(STAGES)
            for metric in ("process_time", "idle_time")
            for kind in ("sum", "mean", "std")
        }
        telemetry = {f"figure_{place}": source.random() for place in range(12)}
        entries[f"entry_{number:02}"] = {
            "exec_time_s": time_s,
            "script_metrics": {
                "throughput_docs_per_sec": 1e5 / time_s,
                "num_kept_documents": 17547,
                "io_s": time_s / 9,
            },
            "task_metrics": tasks,
            "resources": {
                "cpu_time_s": time_s,
                **telemetry,
                "lease": {"cpus": list(range(64)), "gpus": [], "waited_s": 0.0},
            },
        }
    return sessions.add(entries)


def measured(program: str, *arguments: str, repeat: int = 5) -> tuple[float, float, float]:
    """Run a program in a fresh interpreter; return CPU and wall time in seconds (medians), and peak memory in MB."""
    cpu, wall, memory = [], [], []
    for _ in range(repeat):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([sys.executable, "-c", program, *arguments], check=False, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in {0, 1, 3}:  # compare's own
            raise SystemExit(f"{program}: exit status {done.returncode}\n{done.stderr[-2000:]}")
        wall.append(time.perf_counter() - begun)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        memory.append(after.ru_maxrss / 1024)
    return statistics.median(cpu), statistics.median(wall), max(memory)


OPEN = """
import sys, time
from pathlib import Path
from pytest_curator_bench.history.index import Index
begun = time.process_time()
Index.open(Path(sys.argv[1])).close()
print(time.process_time() - begun)
"""

SCAN = """
import json, sys
from pathlib import Path
total = 0
for file in Path(sys.argv[1]).glob("*/*/results.json"):
    total += json.loads(file.read_bytes())["exec_time_s"]
"""

COMMAND = "import sys; from pytest_curator_bench.cli import main; sys.exit(main(sys.argv[1:]))"


def opened_s(results: Path) -> float:
    """CPU seconds of opening the index, without starting Python."""
    done = subprocess.run([sys.executable, "-c", OPEN, str(results)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="make the sessions here, or use those that are here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CACHE_HOME"] = str(Path(temporary) / "cache")
        results = (options.keep or Path(temporary)) / "results"
        sessions, source = PastSessions(results), random.Random(1)  # noqa: S311  # the same figures each time
        if results.exists():
            sessions.nights = len(list(results.iterdir()))
        while sessions.nights < options.sessions:
            make_session(sessions, source)
        figures = json.loads(next(results.glob("*/*/results.json")).read_bytes())
        count = 1 + sum(len(figures[key]) for key in ("script_metrics", "task_metrics", "resources"))
        print(f"{options.sessions} sessions × {ENTRIES} entries × {count} figures")
        built = opened_s(results)
        scan_cpu, scan_wall, _ = measured(SCAN, str(results), repeat=1)
        print(
            f"index built:            {built:8.2f} s CPU; a plain scan takes {scan_cpu:.2f} s ({built / scan_cpu:.1f}×)"
        )
        size = sum(path.stat().st_size for path in Path(temporary, "cache").rglob("*.sqlite"))
        print(f"its size:               {size / 1e6:8.1f} MB")
        print(f"unchanged, checked:     {1000 * statistics.median(opened_s(results) for _ in range(7)):8.1f} ms CPU")
        added = []
        for _ in range(5):
            make_session(sessions, source)
            added.append(opened_s(results))
        print(f"one more session:       {1000 * statistics.median(added):8.1f} ms CPU")
        for label, command in (
            ("compare", ["compare", "--results", str(results)]),
            ("history", ["history", "entry_07", "--results", str(results)]),
            ("list", ["list", "--last", "20", "--results", str(results)]),
        ):
            cpu, wall, memory = measured(COMMAND, *command)
            print(
                f"{label + ', a whole process:':24}{wall:8.2f} s, {cpu:.2f} s CPU ({cpu / scan_cpu:.2f} of the scan's; "
                f"wall {wall / scan_wall:.2f}), {memory:.0f} MB"
            )


if __name__ == "__main__":
    main()
