# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Why a script failed, from logs as Python, Ray, argparse and native code write them."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench.entry.cause import Cause, explain_exit, find_cause
from pytest_curator_bench.processes.client import ProcessExit

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = """
    reading
    Traceback (most recent call last):
      File "/w/run.py", line 4, in <module>
        main()
      File "/w/run.py", line 3, in main
        json.loads(text)
        ~~~~~~~~~~^^^^^^
      File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
        raise JSONDecodeError("Expecting value", s, err.value) from None
    json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
    cleaning up
"""
CHAINED = """
    Traceback (most recent call last):
      File "/w/run.py", line 2, in <module>
        {}["k"]
        ~~^^^^^
    KeyError: 'k'

    The above exception was the direct cause of the following exception:

    Traceback (most recent call last):
      File "/w/run.py", line 4, in <module>
        raise RuntimeError("two lines\\nsecond line") from e
    RuntimeError: two lines
    second line
"""
SYNTAX = """
      File "/w/run.py", line 1
        def f(:
              ^
    SyntaxError: invalid syntax
"""
GROUP = """
      + Exception Group Traceback (most recent call last):
      |   File "/w/run.py", line 1, in <module>
      |     raise ExceptionGroup("several", [ValueError("a"), KeyError("b")])
      | ExceptionGroup: several (2 sub-exceptions)
      +-+---------------- 1 ----------------
        | ValueError: a
        +---------------- 2 ----------------
        | Traceback (most recent call last):
        |   File "/w/run.py", line 9, in <module>
        | KeyError: 'b'
        +------------------------------------
"""
RICH = """
    ╭───────────────────── Traceback (most recent call last) ──────────────────────╮
    │ /w/run.py:5 in main                                                          │
    │                                                                              │
    │ ❱ 5 │   raise ValueError("no model")                                         │
    ╰──────────────────────────────────────────────────────────────────────────────╯
    ValueError: no model
"""
# From Ray 2.60, shortened by frames.
RAY_TASK = """
    Traceback (most recent call last):
      File "/w/run.py", line 25, in <module>
        ray.get(outer.remote())
      File "/venv/lib/python3.11/site-packages/ray/_private/worker.py", line 1053, in get_objects
        raise value.as_instanceof_cause()
    ray.exceptions.RayTaskError(ValueError): \x1b[36mray::outer()\x1b[39m (pid=7686, ip=192.0.2.2)
      File "/w/run.py", line 17, in outer
        return ray.get(inner.remote(1))
               ^^^^^^^^^^^^^^^^^^^^^^^^
                                      ^^^^^^^^^^^^^^^^^^^
    ray.exceptions.RayTaskError(ValueError): \x1b[36mray::inner()\x1b[39m (pid=7734, ip=192.0.2.2)
      File "/w/run.py", line 6, in inner
        raise ValueError("expected 15,000 documents, found 14,998")
    ValueError: expected 15,000 documents, found 14,998
    \x1b[36m(inner pid=7734)\x1b[0m a late line of a worker
"""
RAY_ACTOR = """
    \x1b[36m(A pid=7817)\x1b[0m Exception raised in creation task: The actor died because of an error raised in it
    \x1b[36m(A pid=7817)\x1b[0m   File "/w/run.py", line 20, in __init__
    \x1b[36m(A pid=7817)\x1b[0m OSError: of the worker's own print
    Traceback (most recent call last):
      File "/venv/lib/python3.11/site-packages/ray/_private/worker.py", line 1055, in get_objects
        raise value
    ray.exceptions.ActorDiedError: The actor died because of an error raised in its creation task, ray::A.__init__()
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      File "/w/run.py", line 20, in __init__
        def __init__(self): raise OSError("no model")
                            ^^^^^^^^^^^^^^^^^^^^^^^^^
    OSError: no model
"""
RAY_DATA = """
    2026-11-30 10:28:54,818	ERROR exceptions.py:79 -- Exception occurred in user code
    Traceback (most recent call last):
      File "/w/run.py", line 30, in <module>
        ds.materialize()
    ray.exceptions.RayTaskError(UserCodeException): \x1b[36mray::ReadRange->Map(bad)()\x1b[39m (pid=7734, ip=192.0.2.2)
      File "/w/run.py", line 28, in bad
        def bad(r): raise ValueError("bad row\\nof two lines")
    ValueError: bad row
    of two lines

    The above exception was the direct cause of the following exception:

    \x1b[36mray::ReadRange->Map(bad)()\x1b[39m (pid=7734, ip=192.0.2.2)
    ray.exceptions.UserCodeException: UDF failed to process a data block.
    To change retry attempts, backoff, or which errors are retried, configure `ray.data.DataContext.get_current()`
"""
RAY_CRASH = """
    \x1b[33m(raylet)\x1b[0m A worker died or was killed while executing a task by an unexpected system error.
    Traceback (most recent call last):
      File "/w/run.py", line 23, in <module>
        ray.get(inner.remote(2))
    ray.exceptions.WorkerCrashedError: The worker died unexpectedly.
"""
WORKER_ALONE = """
    (inner pid=1) Traceback (most recent call last):
    (inner pid=1)   File "/w/run.py", line 6, in inner
    (inner pid=1) ValueError: in a worker
    giving up
"""
CUDA = """
    Traceback (most recent call last):
      File "/w/run.py", line 7, in <module>
        model(batch)
    torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB
"""
ARGPARSE = """
    usage: run.py [-h] [--benchmark-results-path PATH]
    run.py: error: unrecognized arguments: --documents 3
"""
LOGGED = """
    ERROR:root:a batch failed, going on
    Traceback (most recent call last):
      File "/w/run.py", line 7, in <module>
        raise ValueError("caught")
    ValueError: caught
    Error: no batch was left
"""
LIBRARY = """
    Traceback (most recent call last):
      File "<frozen runpy>", line 198, in _run_module_as_main
      File "/venv/lib/python3.11/site-packages/tool.py", line 7, in <module>
    ValueError: x
"""
FOUND = {
    "python": (PYTHON, "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", 3),
    "chained": (CHAINED, "RuntimeError: two lines", 4),
    "syntax": (SYNTAX, "SyntaxError: invalid syntax", 1),
    "group": (GROUP, "KeyError: 'b'", 9),
    "rich": (RICH, "ValueError: no model", 5),
    "Ray task in a task": (RAY_TASK, "ValueError: expected 15,000 documents, found 14,998", 6),
    "Ray actor": (RAY_ACTOR, "OSError: no model", 20),
    "Ray Data": (RAY_DATA, "ValueError: bad row", 28),
    "Ray worker crash": (RAY_CRASH, "ray.exceptions.WorkerCrashedError: The worker died unexpectedly.", 23),
    "only a worker": (WORKER_ALONE, "ValueError: in a worker", 6),
    "CUDA": (CUDA, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB", 7),
    "argparse": (ARGPARSE, "run.py: error: unrecognized arguments: --documents 3", 0),
    "logged before": (LOGGED, "Error: no batch was left", 0),
    "library": (LIBRARY, "ValueError: x", 0),
}  # fmt: skip
NOTHING = {
    "empty": "",
    "text": "INFO: all is well\n  File under: other\nWarning: slow",
    "faulthandler": 'Thread 0x1 (most recent call first):\n  File "/w/run.py", line 3 in main\nExtension modules: a',
    "a warning with its line": "/w/run.py:3: UserWarning: odd\n  warnings.warn('odd')\nDone: yes",
}


def lines_of(directory: Path, text: str) -> list[str]:
    """The lines as the product reads them."""
    log = directory / "log"
    log.write_text(textwrap.dedent(text), encoding="utf-8")
    return log_tail(log, 2000)


def explained(
    lines: list[str] | None, *, returncode: int | None = None, signal: str | None = None, oom_kills: int = 0
) -> str:
    """Why a script failed that ended so."""
    now = datetime.now(UTC)
    ended = ProcessExit(returncode=returncode, signal=signal, duration_s=1.0, started_at=now, finished_at=now)
    return explain_exit(ended, lines, oom_kills=oom_kills, display=lambda file: file.removeprefix("/w/"))


@pytest.mark.parametrize("kind", FOUND)
def test_the_cause_is_quoted_with_its_place(tmp_path: Path, kind: str) -> None:
    """The exception that was raised last, and the deepest place in the script's own files."""
    text, cause, line = FOUND[kind]
    assert find_cause(lines_of(tmp_path, text)) == Cause(cause, "/w/run.py" if line else None, line)


@pytest.mark.parametrize("kind", NOTHING)
def test_what_is_no_cause(tmp_path: Path, kind: str) -> None:
    """Nothing is made up."""
    assert find_cause(lines_of(tmp_path, NOTHING[kind])) is None


@pytest.mark.parametrize(
    ("text", "how", "lines"),
    [
        (PYTHON, {"returncode": 1}, ["json*(char 0) (exit status 1); *: cleaning up", "raised at run.py:3"]),
        (f"{PYTHON.rstrip()}\n    done\n    1%|#|", {"returncode": 3}, ["json* (exit * 3); *: done", "raised at *"]),
        (RAY_DATA, {"returncode": 1}, ["ValueError: bad row (exit status 1)", "raised at run.py:28"]),
        (GROUP, {"returncode": 1}, ["KeyError: 'b' (exit status 1)", "raised at run.py:9"]),
        (SYNTAX, {"returncode": 1}, ["SyntaxError: invalid syntax (exit status 1)", "correct run.py:1"]),
        ("no input\n ╰──╯", {"returncode": 3}, ["Exit status 3; the last line of its log: no input"]),
        ("", {"returncode": 3}, ["Exit status 3; its log is empty"]),
        ("sh: 3: tool: not found", {"returncode": 127}, ["Exit status 127; *: tool: not found"]),
        ("Killed", {"returncode": 137}, ["Exit status 137, SIGKILL; the last line of its log: Killed"]),
        ("Killed", {"returncode": 137, "oom_kills": 1}, ["Killed by the kernel: out of memory (exit*137, *)", "*"]),
        (LOGGED, {"signal": "SIGKILL", "oom_kills": 1}, ["Killed by the kernel: out of memory (SIGKILL)", "use less*"]),
        (LOGGED, {"signal": "SIGKILL"}, ["Killed by SIGKILL", "the kernel's counter shows no lack of memory*"]),
        (LOGGED, {"signal": "SIGSEGV"}, ["Killed by SIGSEGV, a crash in native code"]),
        (
            "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):",
            {"signal": "SIGSEGV"},
            ["Fatal Python error: Segmentation fault (SIGSEGV, a crash in native code)"],
        ),
        (
            "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no device",
            {"signal": "SIGABRT"},
            ["what():  no device (SIGABRT)"],
        ),
        (ARGPARSE, {"returncode": 2}, ["run.py: error: *", "correct args of the entry: *"]),
        (
            "run.py: error: unrecognized arguments: --benchmark-results-path /w/r",
            {"returncode": 2},
            ["run.py: error: * (exit status 2)", "the script must accept --benchmark-results-path *"],
        ),
        (
            "│ No such option: --benchmark-results-path │\n╰──╯",
            {"returncode": 2},
            ["Exit status 2; *: No such option: *", "the script must accept --benchmark-results-path *"],
        ),
        (CUDA, {"returncode": 1}, ["torch.OutOfMemoryError*", "raised at run.py:7", "use less data at once*"]),
        (
            RAY_CRASH,
            {"returncode": 1, "oom_kills": 2},
            ["*WorkerCrashedError*", "raised at *", "the kernel killed 2 processes meanwhile*"],
        ),
        (f"  File 'x'\nValueError: {'x' * 900}", {"returncode": 1}, ["Exit status 1; *: ValueError: xxx*x…"]),
    ],
)  # fmt: skip
def test_the_explanation(tmp_path: Path, text: str, how: dict[str, int], lines: list[str]) -> None:
    """The cause first, then where, then what to do."""
    from fnmatch import fnmatchcase

    found = explained(lines_of(tmp_path, text), **how).splitlines()  # type: ignore[arg-type]
    assert len(found) == len(lines), found
    assert all(map(fnmatchcase, found, lines)), found


def test_a_log_that_is_gone() -> None:
    """It was not empty."""
    assert explained(None, returncode=1) == "Exit status 1; its log is missing"
