# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a result belongs in JUnit XML: flat values only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import printable
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.outputs import flat_scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_curator_bench.results.compared import ComparisonDict
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["comparison_properties", "flat_properties"]


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


def comparison_properties(comparison: ComparisonDict) -> list[tuple[str, object]]:
    """Return how a result compares: the verdict, and usual value, change and noise of the time and what changed."""
    properties: list[tuple[str, object]] = [("comparison.verdict", comparison["verdict"])]
    if comparison["differences"]:
        properties.append(("comparison.differences", printable("; ".join(comparison["differences"]))))
    for metric, change in comparison["changes"].items():
        if metric == EXEC_TIME or change["verdict"] != "usual":
            facts = [(key, change[key]) for key in ("verdict", "usual", "change", "noise")]
            properties += [
                (printable(f"comparison.{metric}.{key}"), value) for key, value in facts if value is not None
            ]
    return properties


def _verdict(record: Mapping[str, Any]) -> str:
    verdict = "met" if record["met"] else "known miss" if record["xfail"] else "not met"
    return f"{verdict}: {record['sentence']}"
