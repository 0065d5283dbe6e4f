# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Small files that stand for a lot: what is kept of them is bounded, and a warning says what was left out."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.results.limits import (
    MAX_METRIC_NAMES,
    MAX_NAME_CHARACTERS,
    MAX_STRING_CHARACTERS,
    MAX_TASK_METRICS,
    within_limits,
)
from pytest_curator_bench.results.outputs import Outputs, flat_scalars, read_outputs

if TYPE_CHECKING:
    from pathlib import Path


def outputs_of(tmp_path: Path, *, metrics: object = None, tasks: object = ()) -> Outputs:
    """What is read of a script's files."""
    (tmp_path / "params.json").write_text("{}")
    (tmp_path / "metrics.json").write_text(json.dumps(metrics or {}))
    (tmp_path / "tasks.pkl").write_bytes(pickle.dumps(list(tasks) if isinstance(tasks, tuple) else tasks))
    outputs = read_outputs(tmp_path)
    assert not outputs.problems
    return outputs


@pytest.mark.parametrize("value", [1, {}, {"a": 1}], ids=["numbers", "empty mappings", "mappings"])
def test_one_long_key_over_many_values(tmp_path: Path, value: object) -> None:
    """Each value would be called by the whole of it."""
    outputs = outputs_of(tmp_path, metrics={"rate": 1, "k" * 40_000: dict.fromkeys(map(str, range(60_000)), value)})
    assert outputs.metrics == {"rate": 1}
    assert outputs.warnings == (
        f"metrics.json has 1 name of more than 500 characters, which was left out: {'k' * 40}…",
    )


def test_a_million_numbers(tmp_path: Path) -> None:
    """The first ones stay."""
    outputs = outputs_of(tmp_path, metrics={f"m{number}": number for number in range(1_000_000)})
    assert outputs.metrics == {f"m{number}": number for number in range(MAX_METRIC_NAMES)}
    assert outputs.warnings == ("metrics.json has more than 10,000 names: 990,000 were left out",)


def test_shared_custom_metrics_of_many_stages(tmp_path: Path) -> None:
    """A pickle writes a mapping once, however many stages it belongs to."""
    custom = {f"{number:03d}{'m' * 190}": 1.0 for number in range(500)}
    stages = [{"stage_name": f"{number}{'s' * 190}", "custom_metrics": custom} for number in range(200)]
    outputs = outputs_of(tmp_path, tasks=[{"task_id": "t", "stage_perf": [stage]} for stage in stages])
    assert (tmp_path / "tasks.pkl").stat().st_size < 200_000
    assert MAX_TASK_METRICS - 3 < len(outputs.task_metrics) <= MAX_TASK_METRICS
    assert {name.rpartition("_")[2] for name in list(outputs.task_metrics)[-3:]} == {"sum", "mean", "std"}
    (warning,) = outputs.warnings
    assert warning == "tasks.pkl: gives more than 10,000 statistics of stages and metrics: 292,401 were left out"


@pytest.mark.parametrize(
    "data",
    [
        {"a" * 499: 1, "b": {"c" * 498: 1}, "d": "e" * MAX_STRING_CHARACTERS, "f": list(range(20_000))},
        {"outer": {str(number): number for number in range(MAX_METRIC_NAMES - 1)}},
        {"": {"": {"": None}}, "\udcff": True},
        {},
    ],
    ids=["long", "many", "odd", "empty"],
)
def test_what_is_within_the_limits_stays_as_it_is(data: dict[str, Any]) -> None:
    """Up to the very limit; lists are never flat, and never cut."""
    assert within_limits(data, "f") == (data, [])


def test_what_is_beyond_a_limit() -> None:
    """Names that are too long go, strings are cut, outer names stay rather than inner ones; each is told."""
    many = {f"m{number}": number for number in range(MAX_METRIC_NAMES)}
    data = {"in": many, "out": 1, "s": "x" * (MAX_STRING_CHARACTERS + 1), "b\x1b": {"c" * 498: 1, "d" * 498: 1}}
    kept, warnings = within_limits(data, "f.json")
    assert len(kept["in"]) == MAX_METRIC_NAMES - 4
    assert (kept["out"], kept["b\x1b"]) == (1, {})
    assert kept["s"] == "x" * (MAX_STRING_CHARACTERS - 1) + "…"
    assert warnings[0] == "f.json has more than 10,000 names: 6 were left out"
    assert warnings[1].startswith("f.json has 1 string cut")
    assert all(len(name) <= MAX_NAME_CHARACTERS for name in flat_scalars(kept))
