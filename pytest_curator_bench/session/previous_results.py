# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What an entry's result was the last time, for messages that compare."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.session.names import RESULTS_NAME

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["previous_result"]

MAX_SESSIONS = 30
"""How many earlier results are looked at, at most: the comparison is a courtesy, and must not read a whole disk."""


def previous_result(results_dir: Path, result: dict[str, Any]) -> dict[str, Any] | None:
    """The newest earlier result of the same entry, in another session of ``results_dir``, that passed.

    Args:
        results_dir: where sessions are.
        result: the result to compare.
    """
    files: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError):
        for session_dir in results_dir.iterdir():
            file = session_dir / str(result.get("name")) / RESULTS_NAME
            with contextlib.suppress(OSError):
                if session_dir.name != result.get("session_name"):
                    files.append((file.stat().st_mtime, file))
    earlier = []
    for _, file in sorted(files, reverse=True)[:MAX_SESSIONS]:
        with contextlib.suppress(OSError, ValueError):
            data = json.loads(file.read_bytes())
            if isinstance(data, dict) and data.get("status") == "passed" and _is_before(data, result):
                earlier.append(data)
    return max(earlier, key=lambda data: str(data["started_at"]), default=None)


def _is_before(data: dict[str, Any], result: dict[str, Any]) -> bool:
    return bool(data.get("started_at")) and str(data["started_at"]) < str(result.get("started_at") or "")
