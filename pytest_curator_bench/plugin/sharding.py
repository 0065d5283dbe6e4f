# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``--bench-shard K/N``: one of N parts of the selected entries, balanced by how long entries took before.

Every job of a CI run comes to the same split if it selects the same entries and sees the same durations. Jobs that
fill one session (``--bench-session``) are sure of the latter: the first writes them down in the session's directory.
Others split by name: durations may change between two jobs' starts, and an entry would then be in no job's part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.text import counted
from pytest_curator_bench.plugin.channel import unpacked
from pytest_curator_bench.session.shards import assign, expected_durations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_curator_bench.plugin.options import Shard

__all__ = ["DURATIONS_KEY", "SPLIT_BY_NAME", "ShardPlugin", "worker_durations"]

SPLIT_BY_NAME = (
    "--bench-shard without --bench-session splits by name, not by past durations: these may change between two jobs' "
    "starts, and their splits would leave an entry out. For balanced shards give all jobs the same --bench-session"
)

# What controllers tell workers, and workers controllers.
DURATIONS_KEY = "curator_bench_durations_s"
EMPTY_KEY = "curator_bench_shard_was_empty"


def worker_durations(config: pytest.Config) -> Callable[[Shard], Mapping[str, float] | None]:
    """For an xdist worker: what its controller has told it."""
    durations_s: Mapping[str, float] | None = unpacked(config.workerinput[DURATIONS_KEY])  # type: ignore[attr-defined]  # xdist's
    return lambda _: durations_s


class ShardPlugin:
    """Keeps one part of the selected entries; registered in controller and workers where a shard is asked for.

    Args:
        shard: which part.
        durations_of: gives the durations that are known, in seconds by the entry's name; ``None`` to split by name.

    Attributes:
        was_empty: whether entries were selected, and none fell to this part.
    """

    def __init__(self, shard: Shard, durations_of: Callable[[Shard], Mapping[str, float] | None]) -> None:
        self._shard = shard
        self._durations_of = durations_of
        self.was_empty = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """After all other selection: entries by their part; other tests belong to the first one."""
        from pytest_curator_bench.plugin.items import BenchItem

        limits_s = {item.nodeid: item.entry.timeout_s for item in items if isinstance(item, BenchItem)}
        names = {item.nodeid: item.entry.name for item in items if isinstance(item, BenchItem)}
        durations = self._durations_of(self._shard) if limits_s else {}
        if durations is None:
            expected_s = dict.fromkeys(limits_s, 1.0)
        else:
            known_s = {nodeid: durations[name] for nodeid, name in names.items() if name in durations}
            expected_s = expected_durations(known_s, limits_s)
        parts = assign(expected_s, self._shard.count)
        kept = [item for item in items if parts.get(item.nodeid, 1) == self._shard.number]
        self.was_empty = bool(items) and not kept
        if len(kept) < len(items):
            chosen = set(kept)
            config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = kept
        if hasattr(config, "workeroutput"):
            config.workeroutput[EMPTY_KEY] = self.was_empty

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """With xdist only a worker knows whether its part was empty."""
        self.was_empty = self.was_empty or getattr(node, "workeroutput", {}).get(EMPTY_KEY, False)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A part with nothing to do is no failure: a CI job must not fail because there are few entries."""
        if self.was_empty and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> str:
        """Say which part this is."""
        return f"curator-bench shard {self._shard.number} of {self._shard.count}: {counted(len(items), 'item')}"
