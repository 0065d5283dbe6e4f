# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Helpers for benchmark scripts: arguments, timing, and the three result files.

::

    from pathlib import Path

    from pytest_curator_bench.script import Benchmark

    bench = Benchmark("Count words.")
    bench.parser.add_argument("--input-path", type=Path, required=True)
    with bench:
        with bench.task("data_loading") as block:
            lines = bench.args.input_path.read_text().splitlines()
            block.items = len(lines)
        with bench.timed("time_taken_s"), bench.task("counting", items=len(lines)):
            bench.metrics["num_words"] = sum(len(line.split()) for line in lines)

Such a script runs under pytest, by itself (``python script.py``: it prints its metrics then) and
under a debugger. Importing this package costs little: Ray, NeMo Curator and the like are imported where they
are used.
"""

from __future__ import annotations

from pytest_curator_bench.script.benchmark import Benchmark, Stopwatch, TaskBlock
from pytest_curator_bench.script.cluster import EXECUTORS, make_executor, ray_cluster
from pytest_curator_bench.script.counts import CheckFailedError, count_documents, read_counts, total_bytes

__all__ = [
    "EXECUTORS",
    "Benchmark",
    "CheckFailedError",
    "Stopwatch",
    "TaskBlock",
    "count_documents",
    "make_executor",
    "ray_cluster",
    "read_counts",
    "total_bytes",
]
