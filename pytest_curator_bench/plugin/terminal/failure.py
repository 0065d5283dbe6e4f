# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What pytest shows for an entry that did not pass."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.log_tail import log_tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["failure_text"]

TAIL_LINES = 20


def failure_text(message: str, result: EntryResult | None, to_host_path: Callable[[Path | str], Path]) -> str:
    """The reason, where to look, and the last lines of the log."""
    if result is None:
        return message
    lines = [message]
    log = Path(result.stdouterr_file)
    tail = log_tail(log, TAIL_LINES)
    if result.command_line:
        lines.append(f"command: {result.command_line}")
    if tail:
        lines += [f"last lines of {to_host_path(log)}:", *(f"  {line}" for line in tail)]
    else:
        with contextlib.suppress(OSError):
            what = "nothing that can be shown in its last lines" if log.stat().st_size else "empty"
            lines.append(f"log: {to_host_path(log)} ({what})")
    return "\n".join(lines)
