# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""All results of a session on disk, as a sink would have received them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.names import RESULTS_NAME, SUPERSEDED_NAME
from pytest_curator_bench.sinks.base import delivery_key

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["session_results"]


def session_results(session_dir: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Every result, superseded ones too, in the order in which the entries ended.

    Paths in them are those of today, wherever the session was written.

    Returns:
        the results, and one sentence for each that can't be read. Entries without a result are in neither.
    """
    results: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    superseded = session_dir / SUPERSEDED_NAME
    for entry_dir in [*walk_entries(session_dir), *(walk_entries(superseded) if superseded.is_dir() else ())]:
        try:
            result = _read(entry_dir)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            problems.append(f"{entry_dir / RESULTS_NAME} can't be read, and is delivered to nobody: {error}")
            continue
        results.setdefault(delivery_key(result), result)
    return sorted(results.values(), key=lambda result: str(result.get("finished_at") or "")), problems


def _read(entry_dir: Path) -> dict[str, Any]:
    result = json.loads((entry_dir / RESULTS_NAME).read_bytes())
    if not isinstance(result, dict) or not isinstance(result.get("name"), str):
        raise ValueError("it holds no result")  # noqa: TRY004  # the file's content is wrong, no argument
    log_name = str(result.get("stdouterr_file") or "").rpartition("/")[2]
    return {**result, "entry_dir": str(entry_dir), "stdouterr_file": str(entry_dir / log_name)}
