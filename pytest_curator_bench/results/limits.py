# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How much of what a script hands in goes into its result: a small file can stand for any amount of work and memory.

Each limit is far above what benchmarks record. What is beyond one is left out of the result, with a warning; the
script's own files keep it. ``docs/results.md`` has the table.
"""

from __future__ import annotations

__all__ = [
    "MAX_METRIC_NAMES",
    "MAX_NAME_CHARACTERS",
    "MAX_RUN_VALUES",
    "MAX_STATISTICS",
    "MAX_STRING_CHARACTERS",
    "MAX_TASK_METRICS",
]

MAX_METRIC_NAMES = 10_000
"""Names in ``metrics.json``, and in ``params.json``: those of mappings count, too."""
MAX_NAME_CHARACTERS = 500
"""Characters of a dotted name, those of the mappings around it included."""
MAX_STRING_CHARACTERS = 100_000
"""Characters of a string among metrics or parameters."""
MAX_TASK_METRICS = 10_000
"""Statistics of tasks (``task_metrics``); each metric of a stage has three."""
MAX_STATISTICS = 1_000
"""Metrics that get statistics over several runs: the judged ones first."""
MAX_RUN_VALUES = 200_000
"""Metrics of all runs of an entry together, in ``runs`` and in ``statistics``: with 1,000 runs 200 metrics each."""
