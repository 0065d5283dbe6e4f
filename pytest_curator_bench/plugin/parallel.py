# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries under xdist (``-n``): in which order workers get them, and whether workers can gain anything.

xdist's load scheduling sends each worker two items at first, and one whenever one is done: a worker starts an item only
when it knows the next one. The two are neighbours in the list, so that one worker would get both narrow entries, and
the other one both that fill the machine. Items are therefore dealt out: workers *begin* with neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_curator_bench.entry.resources import parallel_order, runs_alone
from pytest_curator_bench.plugin.items import BenchItem, BenchWarning

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_curator_bench.config.model import Entry

__all__ = ["ParallelPlugin", "dealt", "send_singly"]

_T = TypeVar("_T")


def send_singly(config: pytest.Config) -> None:
    """Have xdist send each worker as few items beforehand as it can, unless ``--maxschedchunk`` says otherwise.

    By default it sends a quarter of all at once, which is no time for tests, and hours for benchmarks.
    """
    if getattr(config.option, "maxschedchunk", 0) is None:
        config.option.maxschedchunk = 1


class ParallelPlugin:
    """Orders items in workers; in the controller it warns where no two entries can run at once."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Order what all others have selected."""
        result = yield
        workers = getattr(config, "workerinput", {}).get("workercount")
        if workers is not None:
            items[:] = _side_by_side(items)
            if config.option.maxschedchunk == 1:
                items[:] = dealt(items, workers)
        return result

    def pytest_bench_prepare(self, config: pytest.Config, entries: Sequence[Entry]) -> None:
        """Warn if each entry leases the whole machine, so that the workers only wait for one another."""
        workers = len(getattr(config.option, "tx", None) or ())
        if workers > 1 and len(entries) > 1 and all(runs_alone(entry) for entry in entries):
            text = (
                f"-n {workers} runs these {len(entries)} entries one after the other: each leases the whole machine. "
                "Name what they need (ray: {num_cpus: 4, num_gpus: 0}), or set exclusive: false"
            )
            config.issue_config_time_warning(BenchWarning(text), stacklevel=2)


def _side_by_side(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the items with entries in the order that suits parallel runs; what is no entry stays in its place."""
    entries: list[Any] = [item for item in items if isinstance(item, BenchItem)]
    position = {id(entry): number for number, entry in enumerate(parallel_order([item.entry for item in entries]))}
    ordered = iter(sorted(entries, key=lambda item: position[id(item.entry)]))
    return [next(ordered) if isinstance(item, BenchItem) else item for item in items]


def dealt(items: Sequence[_T], workers: int) -> list[_T]:
    """Return the items such that workers begin with the first ones, where xdist sends each worker two neighbours.

    With fewer than two for each worker, xdist deals them out itself.
    """
    if len(items) < 2 * workers:
        return list(items)
    first = [item for number in range(workers) for item in (items[number], items[workers + number])]
    return [*first, *items[2 * workers :]]
