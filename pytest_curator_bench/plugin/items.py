# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Config files as pytest collectors, benchmark entries as pytest items."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.entry.lease import lease_warnings, with_lease
from pytest_curator_bench.entry.retries import attempt_record, set_aside
from pytest_curator_bench.plugin.context import CONTEXT
from pytest_curator_bench.plugin.terminal.failure import failure_text
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.session.errors import SessionError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.entry.runs import EntryRuns
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.resources.registry import Lease
    from pytest_curator_bench.results.record import EntryResult, Status

__all__ = ["EXPECTED_ERRORS", "BenchFile", "BenchItem", "EntryFailedError"]


class EntryFailedError(Exception):
    """An entry did not pass: raised where pytest sees it, shown without a traceback.

    Attributes:
        status: what it will be recorded as.
        reason: the kind within the status.
    """

    def __init__(self, message: str, *, status: Status = "error", reason: str = "setup") -> None:
        super().__init__(message)
        self.status: Status = status
        self.reason = reason


# Shown by their message: a traceback through the plugin would tell nobody anything.
EXPECTED_ERRORS = (EntryFailedError, SessionError, ClusterError, LeaseError)


class BenchFile(pytest.File):
    """One config file that defines entries."""

    def collect(self) -> Iterator[BenchItem]:
        """One item per enabled entry that this file is the first to define."""
        context = self.config.stash[CONTEXT]
        known = None
        for entry in context.entries_of(self.path):
            item: BenchItem = BenchItem.from_parent(self, name=entry.name, callobj=run_benchmark, fixtureinfo=known)
            # All call the same function, so that what it needs is worked out once, as for parametrized functions:
            # it is a third of what collecting an entry costs.
            known = item._fixtureinfo  # noqa: SLF001  # no public name; from_parent() takes it publicly
            yield item


class BenchItem(pytest.Function):
    """One benchmark entry.

    Attributes:
        entry: the resolved entry.
        context: what the whole run shares.
        result: the entry's result, once it is known.
        limit_s: the time limit that pytest-timeout has set for the running item; ``None`` if it has set none.
        runs: its runs; None before the first.
        attempts: what is known of its failed attempts so far.
        takes_turns: whether other entries run between its runs.
        goes_on: why the present pass, or the one before it until the script has run, is not the last one
            (``passes``); None if it is.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context: BenchContext = self.config.stash[CONTEXT]
        self.entry: Entry = self.context.entry(self.name)
        self.result: EntryResult | None = None
        self.limit_s: float | None = None
        self.runs: EntryRuns | None = None
        self.attempts: list[dict[str, Any]] = []
        self.takes_turns = False
        self.goes_on: str | None = None
        # func_only: starting Ray and waiting for it are not the entry's time.
        self.add_marker(pytest.mark.timeout(self.entry.timeout_s, func_only=True))
        if self.entry.ray is not None and self.entry.ray.num_gpus:
            self.add_marker(pytest.mark.gpu)
        for mark in self.entry.marks:
            self.add_marker(getattr(pytest.mark, mark.name)(*mark.args, **mark.kwargs))

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The entry's own place in its YAML file."""
        return self.path, self.entry.line - 1, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], **kwargs: Any) -> Any:  # type: ignore[override]  # pytest narrows its own signature here
        """What went wrong and the log's last lines, without a traceback through the plugin."""
        if isinstance(excinfo.value, EXPECTED_ERRORS):
            return failure_text(str(excinfo.value), self.result, self.context.to_host_path)
        return super().repr_failure(excinfo, **kwargs)

    def add_result_warning(self, warning: str | None) -> None:
        """Keep a warning that arose after the result was known, and show it in pytest's summary."""
        if warning is None:
            return
        self.warn(BenchWarning(f"{self.name}: {warning}"))
        if self.result is not None:
            self.result.warnings.append(warning)
            self.write_result()

    def give_back(self, lease: Lease) -> None:
        """Give back what the entry has leased, and write down when."""
        try:
            lease.release()
        except LeaseError as error:
            self.add_result_warning(str(error))
        if self.result is not None:
            self.result = with_lease(self.result, lease)
            self.write_result()

    def begin_attempt(self) -> None:
        """Put what the failed attempt left aside, and forget it; nothing else of the item's is changed."""
        if self.result is None:
            return
        number = len(self.attempts) + 1
        try:
            self.result = set_aside(self.context, self.entry, self.result, number)
        except SessionError as error:
            self.warn(BenchWarning(f"{self.name}: what attempt {number} left is lost: {error}"))
        self.attempts.append(attempt_record(self.result, number))
        self.result = self.runs = None
        self.user_properties.clear()

    def take_verdicts(self, records: list[dict[str, Any]]) -> None:
        """Put what became of the requirements into the result; pytest's settings say what marked ones mean."""
        from pytest_curator_bench.results.requirements import with_verdicts

        if self.result is not None:
            runxfail = bool(self.config.getoption("runxfail", False))
            strict = not runxfail and xfail_is_strict(self.config)
            self.result = with_verdicts(self.result, records, strict=strict, known_misses_count=runxfail)

    def tell_outcome(self) -> None:
        """Tell pytest of the result: return, raise, or say that it was expected to fail."""
        from pytest_curator_bench.results.requirements import known_misses, unexpectedly_met

        if self.result is None:
            return
        if not self.result.success:
            error = self.result.error or "it did not pass"
            raise EntryFailedError(error, status=self.result.status, reason=self.result.reason or "")
        known = known_misses(self.result)
        if known is not None:
            pytest.xfail(known)
        surprising = unexpectedly_met(self.result)
        if surprising is not None:
            self.add_marker(pytest.mark.xfail(reason=surprising, strict=False))

    def write_result(self, *, durable: bool = True) -> None:
        """Write the result to its file; if that fails it still reaches the controller with the report.

        Args:
            durable: wait until it is on the disk.
        """
        if self.result is None:
            return
        try:
            self.context.store.write_result(self.result, durable=durable)
        except SessionError as error:
            self.warn(BenchWarning(f"{self.name}: its result was not written: {error}"))

    def blank_result(self, status: Status, reason: str, error: str | None) -> EntryResult:
        """A result for an entry whose script never ran."""
        return self.context.blank_result(self.entry, self.nodeid, status, reason, error)


def xfail_is_strict(config: pytest.Config) -> bool:
    """Whether passing what is marked as an expected failure is a failure: pytest's own ini keys decide."""
    if not config.pluginmanager.hasplugin("skipping"):  # the one that declares them
        return False
    strict = config.getini("strict_xfail")
    return bool(config.getini("strict") if strict is None else strict)


class BenchWarning(pytest.PytestWarning):
    """Something about a benchmark that changes no outcome but should be seen."""


@pytest.mark.bench
def run_benchmark(
    request: pytest.FixtureRequest,
    bench_entry_dir: Path,
    bench_scratch_dir: Path,
    bench_lease: Lease,
    bench_machine_noise: Sequence[str],
    bench_ray_cluster: LocalCluster | ExistingCluster | None,
) -> None:
    """What a benchmark item calls: run the script, keep the result, fail if it did not pass.

    ``item.result`` stays None while more runs are to come.
    """
    from pytest_curator_bench.entry.runs import EntryRuns, Surroundings
    from pytest_curator_bench.results.requirements import judge

    item: BenchItem = request.node

    def on_interrupt() -> None:
        request.session.shouldstop = "interrupted from the keyboard"

    surroundings = Surroundings(
        entry_dir=bench_entry_dir,
        scratch_dir=bench_scratch_dir,
        lease=bench_lease,
        cluster=bench_ray_cluster,
        watch=item.context.monitor,
        limit_s=item.limit_s,
        on_interrupt=on_interrupt,
    )
    if item.runs is None or item.goes_on is None:  # not a further pass: other plugins may run an item again
        item.runs = EntryRuns(item.context, item.entry, item.nodeid)
    item.result = item.runs.go_on(surroundings, one=item.takes_turns)
    if item.result is not None:
        item.result = with_lease(item.result, bench_lease)
        item.result.warnings.extend((*lease_warnings(item.entry, bench_lease), *bench_machine_noise))
    if item.result is not None and item.result.success:
        item.take_verdicts(judge(item.entry.requirements, item.runs.measured))
    item.tell_outcome()


# pytest asks for it once an item, and working it out is a quarter of what collecting an entry costs.
setattr(run_benchmark, "__signature__", inspect.signature(run_benchmark))  # noqa: B010  # functions don't declare it
