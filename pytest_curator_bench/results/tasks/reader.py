# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics from a script's ``tasks.pkl``, read without running anything that the file asks for.

The reader itself (``inert_pickle``) can't import or call, and what it does is bounded by the file's size.
A file of up to 256 KiB, some 1400 tasks, takes 30 ms when it is honest, and 80 ms and 20 MiB whatever is in
it: it is read where we are. A larger one is read by a process of its own under limits on memory and CPU time.
Both can be large honestly, and memory once taken would stay with the harness for the rest of the session.
Starting that process takes 40 ms, which only the entries pay that have large files.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pytest_curator_bench._util.atomic import open_regular
from pytest_curator_bench.results.tasks.aggregate import TaskFileError, summarize
from pytest_curator_bench.results.tasks.inert_pickle import InertPickleError, load_inert

__all__ = ["TaskData", "TasksError", "read_tasks"]

MAX_BYTES_READ_HERE = 256 * 1024
CHILD_MEMORY_BYTES = 2 * 1024**3  # for some 500,000 tasks, whose records take up far more than the file
CHILD_CPU_S = 120
CHILD_TIMEOUT_S = 300.0  # for a disk that hangs; the time that reading takes is limited in the child

_CHILD = """\
import sys
sys.path.append(sys.argv[1])
from pytest_curator_bench.results.tasks.child import main
main(*map(int, sys.argv[2:]))
"""


class TasksError(Exception):
    """The file gives no statistics; the message is one sentence that begins with the file's name.

    Attributes:
        missing: there is no such file.
    """

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """What ``tasks.pkl`` says of a run, as plain data.

    Attributes:
        aggregate: ``task[_{pipeline}]_{stage}_{metric}_{sum|mean|std}``, as NeMo Curator makes it.
        tasks: one record per task: ``task_id``, ``dataset_name``, ``stage_perf`` (a list with ``stage_name``,
            numbers and ``custom_metrics``), and ``pipeline`` where there are several.
        warnings: sentences that begin with the file's name, about what was left out.
    """

    aggregate: dict[str, float]
    tasks: list[dict[str, object]]
    warnings: tuple[str, ...] = ()


def read_tasks(path: Path) -> TaskData:
    """Read a pickled list of tasks, mapping of pipelines to such lists, or ``WorkflowRunResult``.

    Tasks may be dictionaries in place of NeMo Curator's: ``{"task_id": …, "stage_perf": [{"stage_name": …,
    "process_time": …, "custom_metrics": {…}}]}``.

    Raises:
        TasksError: missing, unreadable, not a whole pickle, too costly to read, or not tasks.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        raise TasksError(f"{path.name} is missing", missing=True) from None
    except OSError as error:
        raise TasksError(f"{path.name} can't be read: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "rb") as file:
            summary = _summarize(file)
    except OSError as error:
        raise TasksError(f"{path.name} can't be read: {error.strerror or error}") from None
    except (InertPickleError, TaskFileError) as error:
        raise TasksError(f"{path.name} {error}") from None
    return TaskData(
        aggregate=summary["aggregate"],
        tasks=summary["tasks"],
        warnings=tuple(f"{path.name}: {warning}" for warning in summary["warnings"]),
    )


def _summarize(file: BinaryIO) -> dict[str, Any]:
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise TaskFileError("is empty")
    if size > MAX_BYTES_READ_HERE:
        return _summarize_in_child(file)
    data = file.read(MAX_BYTES_READ_HERE)
    return summarize(load_inert(data), len(data))


def _summarize_in_child(file: BinaryIO) -> dict[str, Any]:
    package_root = Path(__file__).resolve().parents[3]
    # Isolated and without site: nothing but the standard library and our own modules can be imported there.
    command = [sys.executable, "-I", "-S", "-c", _CHILD, str(package_root)]
    command += map(str, (file.fileno(), CHILD_MEMORY_BYTES, CHILD_CPU_S))
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=[file.fileno()],
            timeout=CHILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TaskFileError(f"could not be read within {CHILD_TIMEOUT_S:g} s") from None
    if done.returncode == -signal.SIGXCPU:
        raise TaskFileError(f"takes more than {CHILD_CPU_S} s of CPU time to be read")
    if done.returncode != 0:
        last_line = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise TaskFileError(f"can't be read: its reader ended with status {done.returncode} {last_line}".rstrip())
    answer: dict[str, Any] = json.loads(done.stdout)
    if "error" in answer:
        raise TaskFileError(answer["error"])
    return answer
