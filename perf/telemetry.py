#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What telemetry changes in what it watches: a CPU-bound script's own measured time, sampled and not.

    python perf/telemetry.py [--pairs 15] [--interval 1] [--work 40]

The script works off a fixed amount and measures that itself. Runs with and without telemetry alternate, and which
comes first alternates too; what counts is the median of the pairs' ratios. Pairs of two runs without telemetry
tell how far the machine's own noise goes. Goal at 1 Hz: under 1 per cent.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from perf.compare import project, pytest_command, timed

SCRIPT = """
import json, pathlib, pickle, sys, time
rounds = int(sys.argv[1])
begun, cpu = time.perf_counter(), time.process_time()
for _ in range(rounds):
    sum(number * number for number in range(1_000_000))
metrics = {"wall_s": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps(metrics))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
"""


def measure(root: Path, name: str) -> dict[str, float]:
    """Run an entry in a pytest of its own; what its script has measured, in seconds."""
    timed(pytest_command("--bench-config", "config.yaml", "--bench-session", name, "--bench-entry", name), root)
    metrics: dict[str, float] = json.loads((root / "results" / name / name / "metrics.json").read_text())
    return metrics


def pairs(number: int, first: Path, second: Path, names: tuple[str, str]) -> dict[str, list[float]]:
    """Ratios first over second, of ``number`` pairs."""
    ratios: dict[str, list[float]] = {"wall_s": [], "cpu_s": []}
    for index in range(number):
        runs = [(first, names[0]), (second, names[1])]
        found = [measure(*run) for run in (runs if index % 2 else reversed(runs))]
        one, other = found if index % 2 else reversed(found)
        for key, values in ratios.items():
            values.append(one[key] / other[key])
    return ratios


def main() -> None:
    """Measure, and print medians with quartiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15, help="how many pairs")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between samples")
    parser.add_argument("--work", type=int, default=40, help="amount of work; 40 is two to four seconds")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curator-bench-perf-") as directory:
        roots = {}
        for name, interval in (("sampled", args.interval), ("unsampled", 0), ("again", 0)):
            entries = f"  - {{name: {name}, script: script.py, args: ['{args.work}']}}\n"
            roots[name] = project(Path(directory), name, entries, SCRIPT)
            with (roots[name] / "config.yaml").open("a") as file:
                file.write(f"telemetry: {{interval_s: {interval}}}\n")
        for title, names in (
            ("sampled / unsampled", ("sampled", "unsampled")),
            ("unsampled / unsampled", ("again", "unsampled")),
        ):
            for key, ratios in pairs(args.pairs, roots[names[0]], roots[names[1]], names).items():
                low, middle, high = statistics.quantiles(ratios, n=4)
                print(
                    f"{title}, {key}: {100 * (middle - 1):+.2f} % (quartiles {100 * (low - 1):+.2f}, "
                    f"{100 * (high - 1):+.2f}; {args.pairs} pairs, every {args.interval:g} s)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
