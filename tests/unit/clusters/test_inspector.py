# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a cluster's inventory counts as left behind, and what it is called."""

from __future__ import annotations

import pytest

from pytest_curator_bench.clusters.shared.inspector import Inventory

STATS_ACTOR = {
    "id": "a1",
    "class_name": "_StatsActor",
    "module": "ray.data._internal.stats",
    "name": "datasets_stats_actor",
    "namespace": "_dataset_stats_actor",
}
OWN_ACTOR = {"id": "b2", "class_name": "_StatsActor", "module": "__main__", "name": "", "namespace": "n"}


def test_an_empty_cluster_is_clean() -> None:
    """Workers alone are nothing left behind: Ray keeps idle ones."""
    assert Inventory(workers=4).left() == []


@pytest.mark.parametrize(
    ("inventory", "phrase"),
    [
        (Inventory(actors=(OWN_ACTOR,)), "actor _StatsActor"),
        (Inventory(actors=({**OWN_ACTOR, "name": "x"},)), "actor _StatsActor named 'x'"),
        (Inventory(placement_groups=({"id": "c3", "name": "mine"},)), "placement group mine"),
        (Inventory(placement_groups=({"id": "c3", "name": ""},)), "placement group c3"),
        (Inventory(objects=1, object_bytes=1_500_000), "1 object of 1.5 MB in the object store"),
        (Inventory(objects=7, object_bytes=12_000_000_000), "7 objects of 12 GB in the object store"),
        (Inventory(orphans=("12 sleep",)), "process 12 sleep"),
        (
            Inventory(jobs=({"id": "02000000", "pid": 7, "command": "python\n  -c 1"},)),
            "running job 02000000 (process 7: python -c 1)",
        ),
    ],
)
def test_each_kind_is_named(inventory: Inventory, phrase: str) -> None:
    """One phrase says what it is, by the names that its author knows."""
    assert inventory.left() == [phrase]


def test_long_lists_and_commands_are_cut() -> None:
    """Of a hundred actors five are named, and a long command is cut."""
    left = Inventory(
        actors=tuple({**OWN_ACTOR, "name": str(number)} for number in range(100)),
        jobs=({"id": "1", "pid": 7, "command": "x" * 500},),
    ).left()
    assert len(left) == 7
    assert left[-1] == "95 more of the kind actor"
    assert len(left[0]) < 120


def test_only_ray_datas_own_bookkeepers_may_be_ended() -> None:
    """They are known by module and class: a user's actor of the same class name is not touched."""
    assert Inventory(actors=(STATS_ACTOR, OWN_ACTOR)).bookkeepers == ["a1"]
