# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What runs in the process that reads a large ``tasks.pkl``: it limits itself, reads, and answers in JSON.

The answer on stdout is what ``summarize`` gives, or ``{"error": …}`` with the rest of a sentence that begins
with the file's name.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import resource
import sys

from pytest_curator_bench.results.tasks.aggregate import TaskFileError, summarize
from pytest_curator_bench.results.tasks.inert_pickle import InertPickleError, load_inert

__all__ = ["answer_for", "main"]

# Results are kept as JSON, and pass from xdist workers to the controller: so much of records, but no more.
MAX_RECORDS_CHARACTERS = 64 * 1024**2


def main(descriptor: int, memory_bytes: int, cpu_s: int) -> None:
    """Read the file that is open as ``descriptor`` and print the answer."""
    size = os.fstat(descriptor).st_size
    # A mapped file counts as memory, though the data that its tasks carry are never touched.
    _limit(resource.RLIMIT_AS, memory_bytes + size)
    _limit(resource.RLIMIT_CPU, cpu_s, hard=cpu_s + 1)  # at the hard limit the signal would not say why
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    gc.disable()  # nothing here is freed before the end, so looking for it would only cost time
    try:
        answer = answer_for(descriptor, size)
    except (InertPickleError, TaskFileError) as error:
        answer = json.dumps({"error": str(error)})
    except MemoryError:
        answer = json.dumps({"error": f"needs more than {memory_bytes >> 20} MiB of memory to be read"})
    sys.stdout.write(answer)


def answer_for(descriptor: int, size: int) -> str:
    """What ``summarize`` makes of the open file of ``size`` bytes, as JSON."""
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as data:
        summary = summarize(load_inert(data), size)
    records = json.dumps(summary["tasks"])
    if len(records) > MAX_RECORDS_CHARACTERS:
        summary["warnings"].append(
            f"records of {len(summary['tasks'])} tasks are too many to be kept; the aggregate covers them all"
        )
        records = "[]"
    del summary["tasks"]
    return f'{{"tasks": {records}, {json.dumps(summary)[1:]}'


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    hard = soft if hard is None else hard
    present = resource.getrlimit(kind)[1]
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), min(hard, present)
    resource.setrlimit(kind, (soft, hard))
