# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The results of a run's entries in the controller: taken from reports, handed to sinks, complete at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_curator_bench.entry.outcome import blank_result
from pytest_curator_bench.plugin.junit import comparison_properties
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    import pytest

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.comparing import Comparing
    from pytest_curator_bench.plugin.context import BenchRun
    from pytest_curator_bench.plugin.sinks import Delivery

__all__ = ["ATTEMPTS_ATTRIBUTE", "REPORT_ATTRIBUTE", "UNWRITTEN_ATTRIBUTE", "RunResults"]

# xdist drops an attribute called "result".
REPORT_ATTRIBUTE = "bench_result"
ATTEMPTS_ATTRIBUTE = "bench_attempts"
UNWRITTEN_ATTRIBUTE = "bench_result_unwritten"
_NOT_RUN = "pytest ended without running the entry, and without a failure: has another plugin or a hook left it out?"


class RunResults:
    """The results of this run, one for each entry that has one.

    Args:
        bench_run: the run.
        delivery: takes each result to the sinks.
        comparing: says how each compares with earlier ones.
        warn: shows a warning.

    Attributes:
        by_name: the results.
    """

    def __init__(
        self, bench_run: BenchRun, delivery: Delivery, comparing: Comparing, warn: Callable[[str], None]
    ) -> None:
        self.by_name: dict[str, EntryResult] = {}
        self._bench_run = bench_run
        self._delivery = delivery
        self._comparing = comparing
        self._warn = warn
        self._unwritten: set[str] = set()
        self._outcomes: dict[str, dict[str | None, str]] = {}
        self._undelivered: dict[str, Mapping[str, Any]] = {}

    def keep(self, name: str, report: pytest.TestReport) -> None:
        """Take the result that comes with an entry's last report."""
        if report.when == "setup":
            self._outcomes.pop(name, None)
        self._outcomes.setdefault(name, {})[report.when] = report.outcome
        data = getattr(report, REPORT_ATTRIBUTE, None)
        if data is not None:
            self.by_name[name] = EntryResult.from_dict(data)
            if getattr(report, UNWRITTEN_ATTRIBUTE, False):
                self._unwritten.add(name)
            data = self._comparing.compared(data)
            if "comparison" in data:  # JUnit takes properties from this report
                report.user_properties = [*report.user_properties, *comparison_properties(data["comparison"])]
            self._deliver(name, data)

    def _deliver(self, name: str, data: Mapping[str, Any]) -> None:
        """Deliver a result unless another plugin runs the entry again: sinks get the last one only.

        Such plugins give one of the phases an outcome of their own ("rerun"), or log no report of what has failed.
        """
        outcomes = self._outcomes[name]
        is_whole = "call" in outcomes or outcomes.get("setup") in {"failed", "skipped"}
        if is_whole and set(outcomes.values()) <= {"passed", "failed", "skipped"}:
            self._undelivered.pop(name, None)
            self._delivery.submit(data)
        else:
            self._undelivered[name] = data

    def stand_in(self, entry: Entry, nodeid: str, why: str) -> None:
        """Give a result to an entry whose xdist worker died."""
        store = self._bench_run.store
        result = store.entries.own_result(entry.name)
        if result is None:
            error = f"The xdist worker that ran it died: {why}"
            result = blank_result(entry, store, nodeid, "error", "worker-lost", error)
        else:
            result = result.with_warnings(f"The xdist worker that ran it died after its script had ended: {why}")
        self.by_name[entry.name] = result
        self._undelivered.pop(entry.name, None)
        try:
            store.entries.write_result(result, force=True)
        except SessionError:
            self._unwritten.add(entry.name)
        self._delivery.submit(self._comparing.compared(result.to_dict()))

    def complete(
        self, entries: Mapping[str, Entry], failing: Callable[[], AbstractContextManager[None]], *, is_green: bool
    ) -> None:
        """Give a result to entries that were begun, and to all where pytest would end without a failure.

        Args:
            entries: the selected entries, by node ID.
            failing: makes the run a failure because of a SessionError within it.
            is_green: whether pytest would end without a failure.
        """
        store = self._bench_run.store
        for data in self._undelivered.values():
            self._delivery.submit(data)
        for nodeid, entry in entries.items():
            if entry.name in self.by_name:
                continue
            with failing():
                if store.entries.is_begun(entry.name):
                    result = store.entries.recover(entry.name, nodeid=nodeid, timeout_s=entry.timeout_s)
                elif is_green:
                    self._warn(f"{entry.name}: {_NOT_RUN}")
                    result = blank_result(entry, store, nodeid, "error", "not-run", _NOT_RUN)
                    store.entries.write_result(result)
                else:
                    continue
                self.by_name[entry.name] = result
                self._delivery.submit(self._comparing.compared(result.to_dict()))

    def write(self, failing: Callable[[], AbstractContextManager[None]]) -> None:
        """Write what is not on the disk: it could not be written before, or was removed.

        Args:
            failing: makes the run a failure because of a SessionError within it.
        """
        store = self._bench_run.store
        for name in sorted(self._unwritten):
            with failing():  # there may be space again
                store.entries.write_result(self.by_name[name], force=True)
        for name in sorted(self.by_name.keys() - self._unwritten):
            with failing():
                if store.entries.restore(self.by_name[name]):
                    self._warn(f"{name}: its result was gone from the disk, and was written again")
