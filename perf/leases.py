#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How well leases keep a machine busy: 40 entries of mixed shapes on 8 GPUs and 16 CPUs that are simulated.

Two pytest runs at once, two xdist workers each; the scripts sleep. What counts is the makespan, from the first
request to the last release, over what no schedule can go below:

- the simple bound: work over capacity for each resource, all time over four processes, the longest entry;
- the exact one: the least time in which sets of entries that fit beside one another, four at most, can do all
  work, if entries could be stopped and continued at will (a linear program; needs scipy).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

CPUS, GPUS, RUNS, WORKERS = 16, 8, 2, 2
PROCESSES = RUNS * WORKERS
MACHINE = {"CURATOR_BENCH_SIMULATED_MACHINE": f"cpus={CPUS},gpus={GPUS},memory=1000000000000"}

# Each script locks a file for each GPU that it sees: two that see the same one notice. No Ray, though entries ask
# for it in order to name resources: a cluster is started for each entry, and 40 of them would measure that.
SCRIPT = """
import fcntl, json, os, pathlib, pickle, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
locks = []
for gpu in filter(None, os.environ["CUDA_VISIBLE_DEVICES"].split(",")):
    locks.append(open(f"gpu-{gpu}", "a"))
    try:
        fcntl.flock(locks[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        open("violations", "a").write(f"{out.name}: GPU {gpu} is in use\\n")
if "--daemon" in sys.argv and os.fork() == 0:  # holds the GPUs until it is killed
    import signal
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(300)
time.sleep(float(sys.argv[1]))
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps({"gpus": os.environ["CUDA_VISIBLE_DEVICES"]}))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
"""

# Stands in for Ray clusters, which would take minutes here: everything else is the plugin as it is.
CONFTEST = """
import pytest

@pytest.fixture
def bench_ray_cluster(bench_lease):
    return None
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """An entry: GPUs and CPUs that it asks for, whether it runs alone, seconds that it sleeps."""

    gpus: int
    cpus: int
    alone: bool
    sleep_s: float

    @property
    def ray(self) -> str:
        """Its ``ray`` section."""
        return f"{{num_gpus: {self.gpus}, num_cpus: {self.cpus}, object_store_memory: 100000000}}"


def shapes(count: int, seed: int, scale: float) -> list[Shape]:
    """Entries as they occur: many small ones, some that take half of the machine, few that take all of it."""
    rng = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing
    mixed = [(0, 2), (0, 4), (1, 1), (1, 2), (1, 4), (2, 2), (2, 4), (2, 8), (4, 4), (4, 8), (8, 16)]
    found = []
    for number in range(count):
        gpus, cpus = rng.choice(mixed)
        found.append(Shape(gpus, cpus, number == count // 2, scale * rng.uniform(0.5, 3)))
    return found


def write_project(root: Path, entries: list[Shape], *args: str) -> list[Path]:
    """A project with one config file for each run, its entries dealt out in turn."""
    (root / "scripts").mkdir(parents=True)
    (root / "scripts" / "sleeper.py").write_text(SCRIPT)
    (root / "conftest.py").write_text(CONFTEST)
    (root / "pytest.ini").write_text("[pytest]\n")
    files = []
    for run in range(RUNS):
        lines = [f"results_dir: results{run}", "cleanup_timeout_s: 1", "entries:"]
        for number, shape in enumerate(entries):
            if number % RUNS == run:
                words = json.dumps([f"{shape.sleep_s:.2f}", *args])
                alone = ", exclusive: true" if shape.alone else ""
                lines.append(f"  - {{name: e{number}, script: sleeper.py, args: {words}, ray: {shape.ray}{alone}}}")
        files.append(root / f"run{run}.bench.yaml")
        files[-1].write_text("\n".join(lines) + "\n")
    return files


def start_run(file: Path) -> subprocess.Popen[str]:
    """One of the pytest runs."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", file.name, "-n", str(WORKERS)]
    environment = {**os.environ, **MACHINE, "CURATOR_BENCH_LEASES_DIR": str(file.parent / "leases")}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.Popen(
        command, cwd=file.parent, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def read_results(root: Path) -> list[dict[str, Any]]:
    """All entries' results."""
    return [json.loads(path.read_text()) for path in root.glob("results*/*/e*/results.json")]


def overlaps(results: list[dict[str, Any]]) -> list[str]:
    """Pairs of entries that held the same CPU or GPU at the same time, by the intervals that they recorded."""
    held = sorted(
        (lease["granted_at"], lease["released_at"], result["name"], lease)
        for result in results
        if (lease := result["resources"].get("lease")) and lease["released_at"]
    )
    return [
        f"{one} and {other} both held {what} {sorted(common)}"
        for (_, end, one, lease), (begin, _, other, second) in itertools.combinations(held, 2)
        if begin < end
        for what in ("cpus", "gpus")
        if (common := set(lease[what]) & set(second[what]))
    ]


def simple_bound_s(work: list[tuple[Shape, float]]) -> float:
    """Work over capacity for each resource, all time over all processes, the longest."""
    gpu_s = sum((GPUS if shape.alone else shape.gpus) * taken for shape, taken in work)
    cpu_s = sum((CPUS if shape.alone else shape.cpus) * taken for shape, taken in work)
    all_s = [taken for _, taken in work]
    return max(gpu_s / GPUS, cpu_s / CPUS, sum(all_s) / PROCESSES, *all_s)


def exact_bound_s(work: list[tuple[Shape, float]]) -> float | None:
    """The least time in which sets of entries that fit together do all work; ``None`` without scipy."""
    try:
        from scipy.optimize import linprog
    except ImportError:
        return None
    seconds: dict[tuple[int, int], float] = {}
    for shape, taken in work:
        key = (GPUS, CPUS) if shape.alone else (shape.gpus, shape.cpus)
        seconds[key] = seconds.get(key, 0.0) + taken
    kinds = list(seconds)
    sets = [
        chosen
        for size in range(1, PROCESSES + 1)
        for chosen in itertools.combinations_with_replacement(range(len(kinds)), size)
        if sum(kinds[kind][0] for kind in chosen) <= GPUS and sum(kinds[kind][1] for kind in chosen) <= CPUS
    ]
    done = [[-chosen.count(kind) for chosen in sets] for kind in range(len(kinds))]
    found = linprog([1.0] * len(sets), A_ub=done, b_ub=[-seconds[kind] for kind in kinds])
    return max(float(found.fun), *(taken for _, taken in work))


def main() -> None:
    """Run, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1, help="which mixture")
    parser.add_argument("--scale", type=float, default=2.0, help="length of entries, times 0.5 to 3 s")
    args = parser.parse_args()
    entries = shapes(args.entries, args.seed, args.scale)
    with tempfile.TemporaryDirectory(prefix="curator-bench-perf-") as directory:
        root = Path(directory)
        runs = [start_run(file) for file in write_project(root, entries)]
        for run in runs:
            output, _ = run.communicate()
            if run.returncode:
                raise SystemExit(output)
        results = read_results(root)
    leases = [result["resources"]["lease"] for result in results]
    begun = min(datetime.fromisoformat(lease["granted_at"]) - timedelta(seconds=lease["waited_s"]) for lease in leases)
    makespan_s = (max(datetime.fromisoformat(lease["released_at"]) for lease in leases) - begun).total_seconds()
    work = [(entries[int(result["name"][1:])], result["exec_time_s"]) for result in results]
    simple_s, exact_s = simple_bound_s(work), exact_bound_s(work)
    exact = f", exact bound {exact_s:.1f} s: ratio {makespan_s / exact_s:.2f}" if exact_s else ""
    print(
        f"{len(results)} entries, makespan {makespan_s:.1f} s, simple bound {simple_s:.1f} s: "
        f"ratio {makespan_s / simple_s:.2f} (goal: 1.3){exact}; held twice: {overlaps(results) or 'nothing'}"
    )


if __name__ == "__main__":
    main()
