#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What many tasks cost pytest: the CPU time of a run with 20,000 tasks of three stages, beside one with 10.

    python -m perf.tasks

CPU time of pytest and all its children less that of the script, which copies a prepared ``tasks.pkl``.
Goal: at most 2 s more, and a ``results.json`` below 50 kB.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import shutil
import tempfile
from functools import partial
from pathlib import Path

from perf.compare import interleaved, project, pytest_command, timed

STAGES = ("read", "filter", "write")
SCRIPT = """
import pathlib, shutil, sys
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text("{}")
shutil.copy("tasks.pkl", out)
"""


class Stats:
    """Stands for NeMo Curator's statistics of one stage."""

    def __init__(self, stage: str, number: int) -> None:
        self.stage_name = stage
        self.process_time = 1.0 / (number + 3)
        self.actor_idle_time = 0.25
        self.input_data_size_mb = 12.5
        self.num_items_processed = number
        self.custom_metrics = {"rows_kept": number // 2}


class Task:
    """Stands for one of its tasks."""

    def __init__(self, number: int) -> None:
        self.task_id = f"task_{number}"
        self.dataset_name = "data"
        self.data = [f"/data/part-{number:06d}.parquet"]
        self._stage_perf = [Stats(stage, number) for stage in STAGES]


def cpu_s(root: Path) -> float:
    """CPU time of one session in ``root`` without that of the script, in seconds."""
    shutil.rmtree(root / "results", ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    timed(pytest_command("--bench-config", "config.yaml"), root)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (file,) = root.glob("results/*/entry/results.json")
    script_s = json.loads(file.read_bytes())["resources"]["cpu_time_s"]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime - float(script_s)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="rounds to take the median of")
    parser.add_argument("--tasks", type=int, default=20_000, help="number of tasks in the larger run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curator-bench-perf-") as directory:
        os.environ["CURATOR_BENCH_LEASES_DIR"] = f"{directory}/leases"  # wait for nobody else's entries
        roots = {}
        for count in (10, options.tasks):
            root = roots[count] = project(Path(directory), str(count), "  - {name: entry, script: script.py}\n", SCRIPT)
            (root / "tasks.pkl").write_bytes(pickle.dumps([Task(number) for number in range(count)]))
        medians = interleaved(options.repeat, few=partial(cpu_s, roots[10]), many=partial(cpu_s, roots[options.tasks]))
        sizes = {file.name: file.stat().st_size for file in roots[options.tasks].glob("results/*/entry/*.json")}
    more_s = medians["many"] - medians["few"]
    print(
        f"CPU of pytest: {medians['few']:.2f} s with 10 tasks, {medians['many']:.2f} s with {options.tasks:,}: "
        f"{more_s:+.2f} s (goal: at most +2), ratio {medians['many'] / medians['few']:.2f}"
    )
    for name in ("results.json", "tasks.json"):
        print(f"{name}: {sizes.get(name, 0) / 1000:,.1f} kB{' (goal: below 50)' if name == 'results.json' else ''}")


if __name__ == "__main__":
    main()
