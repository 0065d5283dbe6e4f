# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Config files as pytest collectors, benchmark entries as pytest items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.text import harmless, printable
from pytest_curator_bench.entry.errors import EXPECTED_ERRORS, EntryFailedError
from pytest_curator_bench.entry.execute import EntryExecution
from pytest_curator_bench.entry.states import Listener, State
from pytest_curator_bench.plugin.context import RUN
from pytest_curator_bench.plugin.terminal.failure import failure_repr, failure_text, one_line
from pytest_curator_bench.results.requirements import known_misses, unexpectedly_met

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.context import BenchRun
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["BenchFile", "BenchItem", "BenchWarning", "expected_messages"]


class BenchWarning(pytest.PytestWarning):
    """Something about a benchmark that changes no outcome but should be seen."""

    def __init__(self, text: str) -> None:
        super().__init__(harmless(text))


class BenchFile(pytest.File):
    """One config file that defines entries."""

    def collect(self) -> Iterator[BenchItem]:
        """Yield one item per enabled entry that this file is the first to define."""
        for entry in self.config.stash[RUN].entries_of(self.path):
            yield BenchItem.from_parent(self, name=entry.name, callobj=run_benchmark, entry=entry)


class BenchItem(pytest.Function):
    """One benchmark entry.

    Attributes:
        entry: the resolved entry.
        execution: the entry's execution.
        bench_run: what pytest's side knows about this run.
        is_round: whether the item is one of several rounds of an entry (:mod:`~pytest_curator_bench.plugin.rounds`).
        takes_turns: whether the entry's runs alternate with those of others.
        stands_alone: whether the item hides the file and the directories that it lies in.
        was_called: whether pytest has called the item's function.
        setup_error: why pytest can't set the item up; ``None`` where it can.
        has_failed: whether pytest has reported a failure of one of the item's phases.
    """

    stands_alone = False

    def __init__(self, *, entry: Entry, round_of: BenchItem | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.entry = entry
        self.bench_run: BenchRun = self.config.stash[RUN]
        self.is_round = round_of is not None
        self.takes_turns: bool = round_of is not None and round_of.takes_turns
        self.execution: EntryExecution = round_of.execution if round_of is not None else self._new_execution()
        self.was_called = self.has_failed = False
        self.setup_error: EntryFailedError | None = None
        self._own_properties: list[tuple[str, object]] = []
        # func_only: starting Ray and waiting for resources are not the entry's time.
        self.add_marker(pytest.mark.timeout(entry.timeout_s, func_only=True))
        if entry.ray is not None and entry.ray.num_gpus:
            self.add_marker(pytest.mark.gpu)
        for mark in entry.marks:
            self.add_marker(getattr(pytest.mark, mark.name)(*mark.args, **mark.kwargs))

    def listchain(self) -> list[Any]:
        """Return all parents, the session first, and the item; only the item while it stands alone."""
        return [self] if self.stands_alone else super().listchain()

    def begin_again(self) -> None:
        """Begin the next attempt if one is due, or anew: other plugins may run an item several times."""
        if self.execution.state is State.CLOSED:
            self.execution = self._new_execution()
            self.was_called = self.has_failed = False
        self.execution.begin_attempt()

    def _new_execution(self) -> EntryExecution:
        services = self.bench_run.services
        return EntryExecution(self.entry, services, nodeid=self.nodeid, listener=_ItemListener(self))

    def as_round(self) -> BenchItem:
        """Return an item of the same name that goes on with this one's execution."""
        item: BenchItem = BenchItem.from_parent(
            self.parent, name=self.name, callobj=run_benchmark, entry=self.entry, round_of=self
        )
        return item

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return the entry's own place in its YAML file."""
        return printable(str(self.path)), self.entry.line - 1, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], **kwargs: Any) -> Any:  # type: ignore[override]  # pytest narrows its own signature here
        """Return what went wrong and the log's last lines, without a traceback through the plugin."""
        messages = expected_messages(excinfo.value)
        return super().repr_failure(excinfo, **kwargs) if messages is None else self.describe("\n".join(messages))

    def describe(self, failure: str) -> Any:
        """Return what pytest shows for a failure: the message and the log's last lines, and one line for summaries."""
        result, mask = self.execution.result, self.bench_run.mask
        text = failure_text(failure, result, self.bench_run.display)
        place = self.bench_run.display(self.path)
        return failure_repr(mask(text), mask(one_line(failure, result)), place, self.entry.line)

    def set_result_properties(self, properties: Sequence[tuple[str, object]]) -> None:
        """Put these into ``user_properties`` in place of those that were put there before."""
        others = [item for item in self.user_properties if item not in self._own_properties]
        self._own_properties = list(properties)
        self.user_properties[:] = [*others, *self._own_properties]


class _ItemListener(Listener):
    """Reports what happens to an entry to pytest."""

    def __init__(self, item: BenchItem) -> None:
        self._item = item

    def entered(self, state: State) -> None:
        self._item.bench_run.on_measuring(self._item.name, state is State.RUNNING)

    def warned(self, text: str) -> None:
        self._item.warn(BenchWarning(self._item.bench_run.mask(f"{self._item.name}: {text}")))

    def interrupted(self) -> None:
        self._item.session.shouldstop = "interrupted from the keyboard"

    def is_stopping(self) -> bool:
        return bool(self._item.session.shouldstop or self._item.session.shouldfail)


def expected_messages(error: BaseException) -> list[str] | None:
    """Return the messages of errors that need no traceback; ``None`` if one of them does."""
    if isinstance(error, EXPECTED_ERRORS):
        return [str(error)]
    if not isinstance(error, BaseExceptionGroup):
        return None
    messages = [expected_messages(one) for one in error.exceptions]
    return None if None in messages else [text for texts in messages for text in texts or ()]


@pytest.mark.bench
def run_benchmark(request: pytest.FixtureRequest, bench_ray_cluster: LocalCluster | ExistingCluster | None) -> None:
    """Run the entry, for which fixtures have made everything ready, and report its outcome to pytest."""
    item: BenchItem = request.node
    item.was_called = True
    execution = item.execution
    if execution.state < State.CLUSTER_UP or bench_ray_cluster is not execution.cluster:
        execution.use_cluster(bench_ray_cluster)  # of a fixture that overrides ours
    if not item.is_round:
        execution.run()
    elif not execution.advance(one_run=item.takes_turns):
        return  # another round follows
    _report_outcome(item, execution.final_result)


def _report_outcome(item: BenchItem, result: EntryResult) -> None:
    """Return, raise, or say that the entry was expected to fail."""
    if not result.success:
        raise EntryFailedError(result.error or "it did not pass", status=result.status, reason=result.reason or "")
    known = known_misses(result)
    if known is not None:
        pytest.xfail(known)
    surprising = unexpectedly_met(result)
    if surprising is not None:
        item.add_marker(pytest.mark.xfail(reason=surprising, strict=False))
