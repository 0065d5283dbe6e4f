# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of sinks share: results, and what a sink is told of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_curator_bench.results.record import EntryResult

if TYPE_CHECKING:
    from pathlib import Path


def result_of(name: str = "a", session_name: str = "s", **changes: Any) -> Any:
    """A result as sinks get it: a ``ResultDict``, which tests also take for any dictionary."""
    facts: dict[str, Any] = {
        "name": name,
        "session_name": session_name,
        "status": "passed",
        "timeout_s": 60.0,
        "nodeid": f"config.yaml::{name}",
        "entry_dir": f"/results/{session_name}/{name}",
        "stdouterr_file": f"/results/{session_name}/{name}/stdouterr.log",
        "exec_time_s": 1.5,
        "started_at": "2026-01-23T14:30:00+00:00",
        "finished_at": "2026-01-23T14:30:01.500000+00:00",
        "returncode": 0,
        "script_metrics": {"rate_per_sec": 2.5, "nested": {"count": 3}},
        "script_params": {"size": 7},
    }
    return EntryResult(**{**facts, **changes}).to_dict()


def env_data_of(session_dir: Path) -> dict[str, Any]:
    """The part of what ``initialize`` is given that file sinks use."""
    return {"session_dir": str(session_dir), "results_dir": str(session_dir.parent), "entries": ["a"]}
