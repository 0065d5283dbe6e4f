# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What pytest shows for an entry that did not pass."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench.reporting.figures import unmet_relation

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["failure_repr", "failure_text", "one_line"]

TAIL_LINES = 20


def failure_text(message: str, result: EntryResult | None, display: Callable[[Path | str], str]) -> str:
    """Return the reason, the command, and the last lines of the log."""
    if result is None:
        return message
    lines = [message]
    log = Path(result.stdouterr_file)
    tail = log_tail(log, TAIL_LINES)
    if result.command_line:
        lines.append(f"command: {result.command_line}")
    if tail:
        lines += [f"last lines of {display(log)}:", *(f"  {line}" for line in tail)]
    else:
        with contextlib.suppress(OSError):
            what = "nothing that can be shown in its last lines" if log.stat().st_size else "empty"
            lines.append(f"log: {display(log)} ({what})")
    return "\n".join(lines)


def one_line(message: str, result: EntryResult | None) -> str:
    """Return the cause alone: the first line of an error, or all requirements that were not met.

    pytest cuts its short summary at the terminal's width: several requirements are short, so that all are in it.
    """
    lines = message.splitlines() or [""]
    if result is None or result.reason != "requirements" or len(lines) == 1:
        return lines[0]
    short = {verdict["sentence"]: unmet_relation(verdict) for verdict in result.requirements if not verdict["met"]}
    return "; ".join(short.get(line, line) for line in lines)


def failure_repr(text: str, summary: str, file: str, line: int) -> Any:
    """Return what pytest takes for a report's ``longrepr``.

    Args:
        text: what is shown of the failure.
        summary: one line for pytest's short summary, ``--tb=line`` and JUnit's message attribute.
        file: the configuration file.
        line: the entry's line in it.
    """
    try:
        pytest.fail(summary)  # only an exception that was raised has a representation
    except pytest.fail.Exception:
        found = pytest.ExceptionInfo.from_current().getrepr(style="native")
    found.reprtraceback.reprentries[0].lines = [f"{text}\n"]
    crash = found.reprcrash
    if crash is not None:
        crash.path, crash.lineno, crash.message = file, line, summary
    return found
