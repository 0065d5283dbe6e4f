# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether scripts accept ``--help``: each is run with it, supervised, some at a time."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_curator_bench._util.interpreter import script_python
from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench.entry.cause import CAUSE_LINES, find_cause
from pytest_curator_bench.processes.client import SupervisionError, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_curator_bench.processes.client import SupervisedProcess

__all__ = ["HELP_LIMIT_S", "HelpRun", "run_helps"]

HELP_LIMIT_S = 120.0
"""Time for one script, in seconds: importing torch and NeMo Curator takes ten, more on a cold disk."""
_GRACE_S = 2.0
_SHOWN_CHARACTERS = 300


class HelpRun(NamedTuple):
    """One script to be asked for its help.

    Attributes:
        script: its path.
        env: variables that its entry sets, as sorted pairs of name and value.
    """

    script: Path
    env: tuple[tuple[str, str], ...] = ()


class _Running(NamedTuple):
    run: HelpRun
    process: SupervisedProcess
    log_file: Path
    deadline: float


def run_helps(
    runs: Iterable[HelpRun],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    parallel: int,
    limit_s: float = HELP_LIMIT_S,
) -> dict[HelpRun, str | None]:
    """Run each script with ``--help``, and end whatever it starts.

    Args:
        runs: the scripts, each once.
        environ: the environment that they inherit.
        cwd: where they run.
        parallel: how many run at a time.
        limit_s: time for each, in seconds.

    Returns:
        for each, what is wrong, or ``None``.

    Raises:
        SupervisionError: no process can be supervised here.
    """
    found: dict[HelpRun, str | None] = {}
    running: deque[_Running] = deque()
    supervisor = Supervisor.start()
    try:
        with tempfile.TemporaryDirectory(prefix="curator-bench-help-") as directory:
            for number, run in enumerate(runs):
                if len(running) >= parallel:
                    first = running.popleft()
                    found[first.run] = _outcome(first, limit_s)
                log_file = Path(directory) / f"{number}.log"
                try:
                    process = supervisor.spawn(
                        [script_python(), str(run.script), "--help"],
                        env={**environ, **dict(run.env)},
                        cwd=cwd,
                        log_file=log_file,
                        name=f"{run.script.name} --help",
                    )
                except SupervisionError as error:
                    found[run] = str(error)
                    continue
                running.append(_Running(run, process, log_file, time.monotonic() + limit_s))
            for last in running:
                found[last.run] = _outcome(last, limit_s)
    finally:
        supervisor.close()
    return found


def _outcome(running: _Running, limit_s: float) -> str | None:
    try:
        ended = running.process.wait(max(0.0, running.deadline - time.monotonic()))
        running.process.end(_GRACE_S)
    except SupervisionError as error:
        return str(error)
    if ended is None:
        return f"did not end within {limit_s:g} s"
    if ended.returncode == 0:
        return None
    how = f"exit status {ended.returncode}" if ended.signal is None else f"ended by {ended.signal}"
    lines = log_tail(running.log_file, CAUSE_LINES)
    if not lines:
        return f"{how}, and said nothing"
    cause = find_cause(lines)
    return f"{how}: {(lines[-1].strip() if cause is None else cause.text)[:_SHOWN_CHARACTERS]}"
