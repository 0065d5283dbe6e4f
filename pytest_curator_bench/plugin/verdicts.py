# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One verdict: what pytest reports of an entry, and what the entry's result says.

Marks, hooks of a ``conftest.py`` and other plugins decide what pytest reports. The result follows them, with one
exception: an entry that did not pass fails, unless pytest calls it skipped or an expected failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from pytest_curator_bench._util.text import printable
from pytest_curator_bench.entry.errors import EntryFailedError
from pytest_curator_bench.entry.states import State
from pytest_curator_bench.plugin.items import BenchItem, expected_messages
from pytest_curator_bench.plugin.junit import flat_properties
from pytest_curator_bench.plugin.run_results import ATTEMPTS_ATTRIBUTE, REPORT_ATTRIBUTE, UNWRITTEN_ATTRIBUTE
from pytest_curator_bench.results.record import HARMLESS, KNOWN_MISS, EntryResult

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_curator_bench.plugin.context import BenchRun
    from pytest_curator_bench.results.record import Status

__all__ = ["VerdictPlugin"]

_NOT_CALLED = "pytest did not run the entry: is its plugin for functions switched off (-p no:python)?"


class VerdictPlugin:
    """Completes the result and the report of each phase.

    It is registered when everything is collected, after every ``conftest.py``: so its wrapper is the outermost one and
    sees what all others have made of a report.
    """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Begin anew where another plugin runs the item again."""
        if isinstance(item, BenchItem):
            item.begin_again()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Complete the result by what pytest says, and send it along with the last report."""
        report = yield
        if isinstance(item, BenchItem):
            if call.excinfo is not None and expected_messages(call.excinfo.value) is not None:
                # pytest asks the item itself only for what its call raised.
                report.longrepr = item.repr_failure(call.excinfo)
            _explain(item, report)
            _complete_result(item, call, report)
            if call.when == "teardown" and (item.execution.is_finished or not item.is_round):
                item.execution.close()
            _complete_report(item, call, report)
            _clean(report, item.bench_run)
        return report


def _explain(item: BenchItem, report: pytest.TestReport) -> None:
    """Give a report the text that pytest demands of its outcome, where a hook has changed the outcome only."""
    if report.failed and report.longrepr is None:
        report.longrepr = f"A hook has made this {report.when} a failure."
    elif report.skipped and not hasattr(report, "wasxfail") and not isinstance(report.longrepr, tuple):
        report.longrepr = (str(item.path), item.entry.line, report.longreprtext or "a hook has decided so")


def _complete_result(item: BenchItem, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    execution, before = item.execution, item.execution.result
    error = call.excinfo.value if call.excinfo is not None else None
    is_harmless = before is None or before.status in HARMLESS
    if call.when == "call" and error is None and not item.was_called:
        error = EntryFailedError(_NOT_CALLED, reason="not-called")
        _make_failed(item, report, str(error))
    elif before is not None and before.status == "interrupted" and call.when == "call" and report.skipped:
        _make_failed(item, report, str(before.error))  # an interrupt is no expected failure

    expected: str | None = getattr(report, "wasxfail", None) if report.skipped else None
    if report.skipped and expected is None:
        if call.when != "teardown":
            _, _, reason = cast("tuple[str, int, str]", report.longrepr)
            execution.outcome.conclude("skipped", "skipped", reason.removeprefix("Skipped: "))
            execution.finish()
        return
    if error is None:
        is_over = call.when != "call" or execution.is_finished or not item.is_round
        if report.failed and is_harmless and is_over:  # a strict xfail, or a hook has decided so
            status: Status = "failed" if call.when == "call" else "error"
            execution.outcome.conclude(status, "mark", report.longreprtext)
            execution.finish()
    elif not isinstance(error, pytest.xfail.Exception) and (call.when != "call" or is_harmless):
        execution.end(error)
    if expected is not None:
        _excuse(item, call, expected)


def _excuse(item: BenchItem, call: pytest.CallInfo[None], why: str) -> None:
    """Take a failure that pytest expects as one."""
    execution, result = item.execution, item.execution.result
    if result is None:
        execution.excuse(why)
    elif not execution.is_finished or result.status == "xfailed" or result.reason == KNOWN_MISS:
        return  # it is retried, or known already
    elif call.when == "call" or not result.success:
        execution.excuse(why)


def _complete_report(item: BenchItem, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Let no failure pass, and send the result along: flat values for JUnit, and all of it with the last report."""
    result = item.execution.result
    if result is None:
        return
    is_bad = item.execution.is_finished and result.status not in HARMLESS
    if is_bad and report.passed and call.when != "setup" and not item.has_failed:
        _make_failed(item, report, str(result.error))
    item.has_failed |= report.failed
    setattr(report, ATTEMPTS_ATTRIBUTE, max(len(result.attempts), 1))
    data = item.bench_run.services.masker.mask_data(result.to_dict())
    if call.when != "setup" or not report.passed:
        item.set_result_properties(flat_properties(EntryResult.from_dict(data), item.bench_run.to_host_path))
    if call.when == "teardown":
        setattr(
            report, UNWRITTEN_ATTRIBUTE, item.execution.state is State.CLOSED and not item.execution.outcome.is_written
        )
        # JUnit takes properties from this report, and escapes no names.
        report.user_properties = [(printable(str(name)), value) for name, value in item.user_properties]
        true_paths = {"entry_dir": str(result.entry_dir), "stdouterr_file": str(result.stdouterr_file)}  # for sinks
        setattr(report, REPORT_ATTRIBUTE, {**data, **true_paths})


def _make_failed(item: BenchItem, report: pytest.TestReport, failure: str) -> None:
    report.outcome, report.longrepr = "failed", item.describe(failure)
    vars(report).pop("wasxfail", None)


def _clean(report: pytest.TestReport, bench_run: BenchRun) -> None:
    """Hide secrets, and make harmless, in all that pytest and its plugins show or write of a report."""
    masker, longrepr = bench_run.services.masker, report.longrepr
    if isinstance(longrepr, tuple):
        path, line, reason = longrepr
        report.longrepr = (printable(masker.mask(path)), line, bench_run.mask(reason))
    elif isinstance(longrepr, str):
        report.longrepr = bench_run.mask(longrepr)
    elif longrepr is not None and masker.mask(report.longreprtext) != report.longreprtext:
        report.longrepr = masker.mask(report.longreprtext)  # without its colours
    report.sections = [(name, masker.mask(text)) for name, text in report.sections]
    report.user_properties = [(name, masker.mask_data(value)) for name, value in report.user_properties]
    if hasattr(report, "wasxfail"):
        report.wasxfail = bench_run.mask(report.wasxfail)
