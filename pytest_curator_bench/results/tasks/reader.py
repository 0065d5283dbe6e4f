# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics from a script's ``tasks.pkl``, read without running anything that the file asks for.

A process of its own reads the file, under limits on memory and CPU time: however small, a pickle can ask for any
amount of both. That process takes 20 ms. Small pickles of plain data alone, which scripts without NeMo Curator
write, are read here instead: their instructions are looked through first, and none of those that are let through
can name anything or take up more than the bytes that it is written with.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pytest_curator_bench._util.atomic import open_regular
from pytest_curator_bench.results.tasks.child import answer_for
from pytest_curator_bench.results.tasks.inert import TaskFileError

__all__ = ["TaskData", "TasksError", "read_tasks"]

MAX_BYTES_READ_HERE = 16 * 1024
CHILD_MEMORY_BYTES = 2 * 1024**3  # for some 500,000 tasks, besides what they carry
CHILD_CPU_S = 120
CHILD_TIMEOUT_S = 300.0  # for a disk that hangs; the time that reading takes is limited in the child

_PLAIN_INSTRUCTIONS = {
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINGET", "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE"),
    *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
}
_CHILD = """\
import sys
sys.path.append(sys.argv[1])
from pytest_curator_bench.results.tasks.child import main
main(*map(int, sys.argv[2:]))
"""


class TasksError(Exception):
    """The file gives no statistics; the message is one sentence that begins with the file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """What ``tasks.pkl`` says of a run, as plain data.

    Attributes:
        aggregate: ``task[_{pipeline}]_{stage}_{metric}_{sum|mean|std}``, as NeMo Curator makes it.
        records: JSON text, a list with one record per task: ``task_id``, ``dataset_name``, ``stage_perf`` (a list
            with ``stage_name``, numbers and ``custom_metrics``), and ``pipeline`` where there are several.
        warnings: sentences that begin with the file's name, about what was left out.
    """

    aggregate: dict[str, float]
    records: str
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
        raise TasksError(f"{path.name} was not written") from None
    except OSError as error:
        raise TasksError(f"{path.name} can't be read: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "rb") as file:
            summary, records = _summarize(file)
    except OSError as error:
        raise TasksError(f"{path.name} can't be read: {error.strerror or error}") from None
    except TaskFileError as error:
        raise TasksError(f"{path.name} {error}") from None
    return TaskData(
        aggregate=summary["aggregate"],
        records=records,
        warnings=tuple(f"{path.name}: {warning}" for warning in summary["warnings"]),
    )


def _summarize(file: BinaryIO) -> tuple[dict[str, Any], str]:
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise TaskFileError("is empty")
    content = file.read(size) if size <= MAX_BYTES_READ_HERE else b""
    answer = answer_for(io.BytesIO(content), size) if _is_plain(content) else _answer_of_child(file)
    head, _, records = answer.partition("\n")
    summary: dict[str, Any] = json.loads(head)
    if "error" in summary:
        raise TaskFileError(summary["error"])
    return summary, records


def _is_plain(content: bytes) -> bool:
    """Whether it is a pickle of plain data alone, which costs no more memory and time than its size allows."""
    import pickletools

    try:
        return all(instruction.name in _PLAIN_INSTRUCTIONS for instruction, _, _ in pickletools.genops(content))
    except ValueError:
        return False


def _answer_of_child(file: BinaryIO) -> str:
    package_root = Path(__file__).resolve().parents[3]
    # Isolated and without site: nothing but the standard library and our own modules can be imported there.
    command = [sys.executable, "-I", "-S", "-c", _CHILD, str(package_root)]
    command += map(str, (file.fileno(), CHILD_MEMORY_BYTES, CHILD_CPU_S))
    file.seek(0)
    with tempfile.TemporaryFile() as answer:  # and no pipe: the size of a file can be limited
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.PIPE,
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
        answer.seek(0)
        return answer.read().decode()
