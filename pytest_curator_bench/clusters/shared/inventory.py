# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What lives on a cluster, and what of it should not be there any more once an entry has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_curator_bench._util.text import counted, format_size

__all__ = ["Inventory"]

# Detached actors in which Ray Data keeps books, and which it leaves behind itself after any pipeline (module and
# class as of Ray 2.60). Listed one by one: other detached actors of Ray's libraries hold data, or serve requests.
_BOOKKEEPERS = frozenset(
    {
        ("ray.data._internal.cluster_autoscaler.default_autoscaling_coordinator", "_AutoscalingCoordinatorActor"),
        ("ray.data._internal.execution.autoscaling_requester", "AutoscalingRequester"),
        ("ray.data._internal.execution.node_trackers.actor_location", "ActorLocationTracker"),
        ("ray.data._internal.stats", "_StatsActor"),
        ("ray.data._internal.stats_summary_actor", "_StatsSummaryActor"),
        ("ray.data._internal.usage.actor", "_UsageCollectionActor"),
    }
)
_NAMED_AT_MOST = 5  # of each kind
_COMMAND_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What lives on a cluster.

    Attributes:
        actors: live actors, each with ``id`` (hexadecimal), ``class_name``, ``module``, ``name`` and ``namespace``.
        jobs: running jobs, each with ``id``, ``pid`` of its driver and ``command``.
        placement_groups: those not removed, each with ``id`` and ``name``.
        objects: number of objects in the object store.
        object_bytes: their size, in bytes.
        workers: number of worker processes and drivers.
        orphans: processes, as ``pid name``, that tasks have started and that outlived them.
    """

    actors: tuple[dict[str, str], ...] = ()
    jobs: tuple[dict[str, Any], ...] = ()
    placement_groups: tuple[dict[str, str], ...] = ()
    objects: int = 0
    object_bytes: int = 0
    workers: int = 0
    orphans: tuple[str, ...] = ()

    @property
    def bookkeepers(self) -> list[str]:
        """IDs of the actors that Ray Data leaves behind by design: they can be ended, and blame nobody."""
        return [actor["id"] for actor in self.actors if (actor["module"], actor["class_name"]) in _BOOKKEEPERS]

    def left(self) -> list[str]:
        """What an entry that has ended should not have left, one phrase each; empty for a clean cluster."""
        phrases = [f"running {phrase}" for phrase in _some("job", [_job(job) for job in self.jobs])]
        phrases += _some("actor", [_actor(actor) for actor in self.actors])
        phrases += _some("placement group", [group["name"] or group["id"] for group in self.placement_groups])
        if self.objects:
            phrases.append(f"{counted(self.objects, 'object')} of {format_size(self.object_bytes)} in the object store")
        return phrases + _some("process", list(self.orphans))


def _some(kind: str, names: list[str]) -> list[str]:
    """The first names, and how many there are more."""
    phrases = [f"{kind} {name}" for name in names[:_NAMED_AT_MOST]]
    if len(names) > _NAMED_AT_MOST:
        phrases.append(f"{len(names) - _NAMED_AT_MOST} more of the kind {kind}")
    return phrases


def _actor(actor: dict[str, str]) -> str:
    named = f" named {actor['name']!r}" if actor["name"] else ""
    return f"{actor['class_name']}{named}"


def _job(job: dict[str, Any]) -> str:
    command = " ".join(str(job["command"]).split())
    shown = command if len(command) <= _COMMAND_CHARACTERS else f"{command[: _COMMAND_CHARACTERS - 1]}…"
    return f"{job['id']} (process {job['pid']}: {shown})"
