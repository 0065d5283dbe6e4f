# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What runs in the process that reads a ``tasks.pkl``: it limits itself, reads, and answers in JSON."""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import sys

from pytest_curator_bench.results.tasks.aggregate import summarize
from pytest_curator_bench.results.tasks.inert import TaskFileError, load_inert

TYPE_CHECKING = False  # as in inert
if TYPE_CHECKING:
    from typing import Any, BinaryIO

__all__ = ["MAX_ANSWER_BYTES", "answer_for", "main"]

MAX_RECORDS_CHARACTERS = 64 * 1024**2
MAX_ANSWER_BYTES = 2 * MAX_RECORDS_CHARACTERS


def main(descriptor: int, memory_bytes: int, cpu_s: int) -> None:
    """Read the file that is open as ``descriptor`` and write the answer to stdout, which is a file."""
    # What the tasks carry is read along with their statistics.
    size = os.fstat(descriptor).st_size
    _limit(resource.RLIMIT_AS, memory_bytes + size)
    _limit(resource.RLIMIT_CPU, cpu_s, hard=cpu_s + 1)  # at the hard limit the signal would not say why
    _limit(resource.RLIMIT_FSIZE, MAX_ANSWER_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    gc.disable()  # nothing here is freed before the end, so looking for it would only cost time
    try:
        with open(descriptor, "rb", closefd=False) as file:
            answer = answer_for(file, size)
    except TaskFileError as error:
        answer = json.dumps({"error": str(error)}) + "\n"
    except MemoryError:
        answer = json.dumps({"error": f"needs more than {memory_bytes >> 20} MiB of memory to be read"}) + "\n"
    sys.stdout.write(answer)
    sys.stdout.flush()
    os._exit(0)  # taking millions of objects apart would only cost time


def answer_for(file: BinaryIO, size: int) -> str:
    """Two lines of JSON: what ``summarize`` makes of a file of ``size`` bytes, without the tasks; the tasks."""
    summary: dict[str, Any] = summarize(load_inert(file), size)
    tasks = summary.pop("tasks")
    try:
        records = json.dumps(tasks, allow_nan=False)
    except ValueError:
        records = json.dumps(_spelled_out(tasks))
    if len(records) > MAX_RECORDS_CHARACTERS:
        records = "[]"
        summary["warnings"].append(
            f"records of {len(tasks)} tasks are too many to be kept; the aggregate covers them all"
        )
    return f"{json.dumps(summary)}\n{records}"


def _spelled_out(value: Any) -> Any:
    """The same with NaN and infinities as text, because JSON has no such numbers."""
    if isinstance(value, list):
        return [_spelled_out(item) for item in value]
    if isinstance(value, dict):
        return {name: _spelled_out(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    return value


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    hard = soft if hard is None else hard
    present = resource.getrlimit(kind)[1]
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), min(hard, present)
    resource.setrlimit(kind, (soft, hard))
