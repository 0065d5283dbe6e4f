# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``pytest --pdb`` on entries: pdb in the script that failed, and not in the plugin that waited for it."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.entry.by_hand import can_be_debugged, failed_at, run_by_hand, run_script_line
from pytest_curator_bench.plugin.items import BenchItem, expected_messages

if TYPE_CHECKING:
    import pytest

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["install_debugger"]

_NAME = "pdbinvoke"


def install_debugger(config: pytest.Config) -> None:
    """Take the place of pytest's own debugger where ``--pdb`` has switched it on."""
    if (pytests := config.pluginmanager.unregister(name=_NAME)) is not None:
        config.pluginmanager.register(_EntryDebugger(config, pytests), _NAME)


class _EntryDebugger:
    """Handles failures of entries, and hands all others on to pytest's own debugger."""

    def __init__(self, config: pytest.Config, pytests: Any) -> None:
        self._config = config
        self._pytests = pytests

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._pytests.pytest_internalerror(excinfo)

    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any], report: pytest.TestReport
    ) -> None:
        is_expected = call.excinfo is not None and expected_messages(call.excinfo.value) is not None
        if isinstance(node, BenchItem) and is_expected:
            self._interact(node, report)
        else:
            self._pytests.pytest_exception_interact(node, call, report)

    def _interact(self, item: BenchItem, report: pytest.TestReport) -> None:
        """Show the failure, and offer to run a script that raised again under pdb, on the same lease and cluster."""
        manager, run, result = self._config.pluginmanager, item.bench_run, item.execution.result
        if (capture := manager.getplugin("capturemanager")) is not None:
            capture.suspend_global_capture(in_=True)
        manager.getplugin("curator_bench_controller").pytest_enter_pdb()
        reporter = manager.getplugin("terminalreporter")
        reporter.ensure_newline()
        reporter.section(item.name, sep=">")
        reporter.write_line(report.longreprtext)
        if report.when != "call" or result is None or not _has_raised(result, item.entry) or item.execution.runs_as_job:
            reporter.write_line("no debugger: no Python script of this entry has ended with an error on this machine")
            return
        if place := failed_at(Path(result.stdouterr_file), Path(result.command[1])):
            reporter.write_line(run.mask(f"the script failed at {place}"))
        line = run_script_line(item.entry, run.bench_config.files, run.display, "--pdb")
        reporter.write_line(run.mask(f"to debug it at any time: {line}"))
        if _agrees("run it again under pdb now, on the same lease and Ray cluster? [Y/n] "):
            directory = Path(tempfile.mkdtemp(prefix="curator-bench-"))
            plan = item.execution.plan_by_hand(directory)
            reporter.write_line(run.mask(shlex.join(plan.command)))
            status = run_by_hand(plan, pdb=True)
            reporter.write_line(f"exit status {status}; files of this run: {run.display(directory)}")


def _has_raised(result: EntryResult, entry: Entry) -> bool:
    return result.reason == "exit-code" and can_be_debugged(result.command, entry.interpreter)


def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        return input(question).strip().lower() in {"", "y", "yes"}
    except EOFError:
        return False
