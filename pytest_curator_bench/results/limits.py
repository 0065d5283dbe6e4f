# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How much of what a script hands in goes into its result: a small file can stand for any amount of work and memory.

Each limit is far above what benchmarks record. What is beyond one is left out of the result, with a warning; the
script's own files keep it. ``docs/results.md`` has the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MAX_METRIC_NAMES",
    "MAX_NAME_CHARACTERS",
    "MAX_RUN_VALUES",
    "MAX_STATISTICS",
    "MAX_STRING_CHARACTERS",
    "MAX_TASK_METRICS",
    "within_limits",
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


def within_limits(data: Mapping[str, Any], file_name: str) -> tuple[dict[str, Any], list[str]]:
    """Return plain nested mappings without the names that are too many or too long, and strings cut.

    Names of an outer mapping stay rather than those of an inner one. Lists are kept as they are.

    Args:
        data: plain data.
        file_name: where it is from, for the warnings.

    Returns:
        The data and one warning for each limit that it exceeds.
    """
    kept: dict[str, Any] = {}
    left_out = too_long = cut = names = 0
    example = ""
    waiting: list[tuple[Mapping[str, Any], dict[str, Any], str, int]] = [(data, kept, "", 0)]
    for source, target, begin, prefix in waiting:  # it grows meanwhile: outer mappings come first
        for number, (name, value) in enumerate(source.items()):
            if names == MAX_METRIC_NAMES:
                left_out += len(source) - number
                break
            length = prefix + len(name)
            if length > MAX_NAME_CHARACTERS:
                too_long += 1
                example = example or f"{begin}{name[:40]}"[:40]
                continue
            names += 1
            if isinstance(value, dict):
                target[name] = {}
                waiting.append((value, target[name], f"{begin}{name[:40]}."[:40], length + 1))
            elif isinstance(value, str) and len(value) > MAX_STRING_CHARACTERS:
                cut += 1
                target[name] = f"{value[: MAX_STRING_CHARACTERS - 1]}…"
            else:
                target[name] = value
    warnings = []
    if left_out:
        warnings.append(f"{file_name} has more than {MAX_METRIC_NAMES:,d} names: {left_out:,d} were left out")
    if too_long:
        warnings.append(
            f"{file_name} has {counted(too_long, 'name')} of more than {MAX_NAME_CHARACTERS} characters, which "
            f"{'was' if too_long == 1 else 'were'} left out: {printable(example)}…"
        )
    if cut:
        warnings.append(f"{file_name} has {counted(cut, 'string')} cut to {MAX_STRING_CHARACTERS:,d} characters")
    return kept, warnings
