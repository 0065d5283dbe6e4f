# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A script on the user's terminal: without log, limit and supervision, under a debugger if wanted."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.interpreter import PYTHON_VARIABLE, script_python
from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench.results.outputs import prepare_params

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_curator_bench._util.interpreter import Interpreter
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.plan import EntryPlan

__all__ = ["can_be_debugged", "failed_at", "run_by_hand", "run_script_line"]

_LINES = 200
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)$')


def run_by_hand(plan: EntryPlan, *, pdb: bool) -> int:
    """Run a script on this terminal, in its environment, and wait for its end.

    Ctrl-C is the script's alone: under a debugger it only interrupts.

    Args:
        plan: what to run, and where its files go.
        pdb: open pdb where it raises.

    Returns:
        its exit status, as a shell has it: 128 and the number of a signal that ended it.

    Raises:
        OSError: the script can't be started, or its directory not be written.
    """
    prepare_params(plan.entry_dir, plan.params)
    python, *words = plan.command
    command = [python, "-m", "pytest_curator_bench.script.post_mortem", *words] if pdb else list(plan.command)
    with _interrupts_ignored(), _on_cpus(plan.cpus):
        process = subprocess.Popen(command, env=dict(plan.environment), cwd=plan.working_dir)
        try:
            status = process.wait()
        finally:
            _end(process, plan.grace_s)
    return status if status >= 0 else 128 - status


def _end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """End a script that still runs, where SIGTERM has ended the wait for it: it must not outlive its lease."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def can_be_debugged(command: Sequence[str], interpreter: Interpreter | None = None) -> bool:
    """Return whether the command runs a Python script, by the entry's own interpreter if it has one."""
    return bool(command) and command[0] == script_python(interpreter)


def failed_at(log: Path, script: Path) -> str | None:
    """Return where the script raised, by the last traceback in its log: ``FILE:LINE, in NAME``.

    It is the last line of code that lies in the script's directory, and not in a library, if there is one.
    """
    frames = [found for line in log_tail(log, _LINES) if (found := _FRAME.search(line))]
    own = [frame for frame in frames if Path(frame["file"]).is_relative_to(script.parent)]
    return next((f"{frame['file']}:{frame['line']}, in {frame['name']}" for frame in reversed(own or frames)), None)


def run_script_line(entry: Entry, files: Iterable[Path], display: Callable[[Path], str], *options: str) -> str:
    """Return the command line that runs an entry's script by itself."""
    configs = [word for file in files for word in ("--bench-config", display(file))]
    line = shlex.join(["curator-bench", "run-script", entry.base_name, *options, *configs])
    python = entry.interpreter.python if entry.interpreter is not None else None
    return f"{PYTHON_VARIABLE}={shlex.quote(python)} {line}" if python is not None else line


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    # Not SIG_IGN: the script would inherit that.
    former = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


@contextlib.contextmanager
def _on_cpus(cpus: Sequence[int] | None) -> Iterator[None]:
    """Have processes that are started meanwhile run on these CPUs."""
    former = os.sched_getaffinity(0)
    if cpus:
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, former)
