# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What makes two results comparable."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from pytest_curator_bench.history.setting import describe_differences, machine_facts, setting_of

ENVIRONMENT: dict[str, Any] = {
    "hostname": "dgx-01",
    "cpu": {"model": "EPYC", "physical_count": 64, "logical_count": 128},
    "memory": {"total_bytes": 1008 * 2**30, "available_bytes": 1},
    "gpus": [{"name": "H100"}, {"name": "H100"}],
}
RESULT: dict[str, Any] = {
    "command": [
        *("/a/venv/bin/python3.11", "/a/scripts/s.py", "--input=/data/x", "--limit", "20", "--out", "/scratch/1"),
        *("--benchmark-results-path", "/results/s1/e"),
    ],
    "resources": {"lease": {"cpus": [0, 1], "gpus": [0]}, "ray": {"resources": {"CPU": 2.0, "GPU": 1.0}}},
    "datasets": [{"name": "cc", "format": "parquet", "listing_digest": "ab" * 32}],
    "runs": [],
}


def facts(result: dict[str, Any] = RESULT, environment: dict[str, Any] = ENVIRONMENT) -> dict[str, str]:
    """The setting of a result."""
    return setting_of(result, machine_facts(environment))


def changed(**fields: Any) -> dict[str, Any]:
    """The result with other fields."""
    return {**deepcopy(RESULT), **fields}


def test_paths_hosts_and_what_is_free_do_not_matter() -> None:
    """Another checkout, environment, host, scratch directory and session; a kernel that keeps more for itself."""
    command = [word.replace("/a/", "/b/").replace("python3.11", "python3.12") for word in RESULT["command"]]
    command[-1] = "/results/s2/e"
    environment = {**ENVIRONMENT, "hostname": "dgx-02", "memory": {"total_bytes": 1000 * 2**30, "available_bytes": 9}}
    assert facts(changed(command=command), environment) == facts()


@pytest.mark.parametrize(
    ("fields", "phrase"),
    [
        ({"command": [word.replace("20", "30") for word in RESULT["command"]]}, "arguments: --limit 20 → --limit 30"),
        ({"command": RESULT["command"][:3]}, "arguments: --limit 20 --out … → none"),
        ({"resources": {"lease": {"cpus": [0], "gpus": [0]}}}, "CPUs: 2 → 1"),
        ({"datasets": [{"name": "cc", "format": "parquet", "content_digest": "cd" * 32}]}, "dataset cc/parquet: "),
        ({"runs": [{"measured": True}, {"measured": True}]}, "repeats: one run → several runs"),
    ],
)
def test_a_difference_is_named(fields: dict[str, Any], phrase: str) -> None:
    """In words that say what to look at."""
    assert phrase in "; ".join(describe_differences(facts(), facts(changed(**fields))))


def test_a_machine_of_another_kind() -> None:
    """Fewer GPUs; a class that the configuration names stands for all of it."""
    other = {**ENVIRONMENT, "gpus": ENVIRONMENT["gpus"][:1]}
    assert describe_differences(facts(), facts(environment=other)) == ["GPUs: 2 × H100 → 1 × H100"]
    named = [{**environment, "machine_class": "dgx"} for environment in (ENVIRONMENT, other)]
    assert facts(environment=named[0]) == facts(environment=named[1])


def test_files_of_any_content_have_a_setting() -> None:
    """What is missing, or of another type, is no fact."""
    garbage: dict[str, Any] = {"command": 3, "resources": [1], "datasets": [None, 4], "runs": {"a": 1}}
    assert setting_of(garbage, machine_facts({"cpu": [], "memory": "x", "gpus": 7}))["repeats"] == "one run"
