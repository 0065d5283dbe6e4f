# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a result belongs in JUnit XML: flat values only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_curator_bench.results.outputs import flat_scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["flat_properties"]


def flat_properties(result: EntryResult, to_host_path: Callable[[Path | str], Path]) -> list[tuple[str, object]]:
    """Each JUnit property: status, times, log, the script's metrics with dotted names, and the requirements.

    Args:
        result: the result.
        to_host_path: says what the host calls a path.
    """
    properties: list[tuple[str, object]] = [("status", result.status)]
    if result.reason is not None:
        properties.append(("reason", result.reason))
    if result.exec_time_s is not None:
        properties.append(("exec_time_s", result.exec_time_s))
    if result.attempts:
        properties.append(("attempts", len(result.attempts)))
    if result.runs:
        properties.append(("runs", sum(run["measured"] for run in result.runs)))
    properties += [("timeout_s", result.timeout_s), ("stdouterr_file", str(to_host_path(result.stdouterr_file)))]
    properties += flat_scalars(result.script_metrics).items()
    properties += [(f"requirement.{record['metric']}", _verdict(record)) for record in result.requirements]
    return properties


def _verdict(record: Mapping[str, Any]) -> str:
    verdict = "met" if record["met"] else "known miss" if record["xfail"] else "not met"
    return f"{verdict}: {record['sentence']}"
