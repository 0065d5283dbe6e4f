# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What an entry's result was the last time, for messages that compare."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.results.format import NewerFormatError, skip
from pytest_curator_bench.session.entry_files import read_result
from pytest_curator_bench.session.names import RESULTS_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["previous_result"]

MAX_SESSIONS = 30
"""How many earlier results are looked at, at most: the comparison is a courtesy, and must not read a whole disk."""


def previous_result(results_dir: Path, result: Mapping[str, Any]) -> EntryResult | None:
    """The newest earlier result of the same entry, in another session of ``results_dir``, that passed.

    Args:
        results_dir: where sessions are.
        result: the result to compare.
    """
    entry_dirs: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError):
        for session_dir in results_dir.iterdir():
            entry_dir = session_dir / str(result.get("name"))
            with contextlib.suppress(OSError):
                if session_dir.name != result.get("session_name"):
                    entry_dirs.append(((entry_dir / RESULTS_NAME).stat().st_mtime, entry_dir))
    earlier = []
    for _, entry_dir in sorted(entry_dirs, reverse=True)[:MAX_SESSIONS]:
        try:
            before = read_result(entry_dir)
        except NewerFormatError as error:
            skip(error)
            continue
        except (OSError, ValueError):
            continue
        if before.success and (before.started_at or "") < str(result.get("started_at") or ""):
            earlier.append(before)
    return max(earlier, key=lambda before: before.started_at or "", default=None)
