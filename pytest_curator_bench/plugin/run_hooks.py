# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The hooks of a benchmark run, in controller and workers: they start each entry's execution and read its result."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.entry.errors import EXPECTED_ERRORS, EntryFailedError
from pytest_curator_bench.entry.preflight import preflight
from pytest_curator_bench.entry.states import State
from pytest_curator_bench.plugin.items import BenchFile, BenchItem, BenchWarning
from pytest_curator_bench.plugin.run_results import ATTEMPTS_ATTRIBUTE
from pytest_curator_bench.plugin.verdicts import VerdictPlugin

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_curator_bench.plugin.context import BenchRun

__all__ = ["BenchmarkRunPlugin", "KeywordPlugin"]


class KeywordPlugin:
    """Has ``-k`` look at the names and marks of entries, and not at the names of the files that they stand in.

    pytest takes names of files and directories for keywords, too. It would find ``benchmark`` in each entry of
    ``benchmarks/nightly-benchmark.yaml``.
    """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, object, object]:
        """Hide the entries' parents while pytest selects."""
        entries = [item for item in items if isinstance(item, BenchItem)]
        for item in entries:
            item.stands_alone = True
        try:
            return (yield)
        finally:
            for item in entries:
                item.stands_alone = False


class BenchmarkRunPlugin:
    """Collects entries, runs them and sends their results along with pytest's reports."""

    def __init__(self, bench_run: BenchRun) -> None:
        self._bench_run = bench_run

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> BenchFile | None:
        """Collect the config files that define entries, and no other YAML."""
        if self._bench_run.is_entry_file(file_path):
            return BenchFile.from_parent(parent, path=file_path, nodeid=self._bench_run.nodeid_of(file_path))
        return None

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Ignore directories of scripts: these are no test modules, though some are called ``test_*.py``."""
        return True if self._bench_run.is_script_dir(collection_path) else None

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the entries that ``--bench-entry`` names, each once."""
        wanted = self._bench_run.options.entries
        paths: dict[str, Path] = {}
        kept: list[pytest.Item] = []
        for item in items:
            if not isinstance(item, BenchItem):
                kept += [] if wanted else [item]
            # The same file may have been collected by the name of a link, too.
            elif (not wanted or item.name in wanted) and paths.setdefault(item.name, item.path) == item.path:
                kept.append(item)
        if len(kept) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
            items[:] = kept

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Make what a plugin raises around an entry, such as for the arguments of a mark, that entry's error.

        pytest itself would end the whole run.
        """
        try:
            return (yield)
        except pytest.exit.Exception:
            raise
        except Exception as error:
            if not isinstance(item, BenchItem) or item.execution.state > State.PLANNED:
                raise
            text = f"pytest could not begin the entry: {type(error).__name__}: {error}"
            item.setup_error = EntryFailedError(text, reason="pytest")
            runner = item.config.pluginmanager.getplugin("runner")
            return runner.pytest_runtest_protocol(item=item, nextitem=nextitem)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Register what must come after every ``conftest.py``."""
        manager, name = session.config.pluginmanager, "curator_bench_verdicts"
        if not self._bench_run.shows_only and not manager.hasplugin(name):  # pytest -f collects twice
            manager.register(VerdictPlugin(), name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip an entry whose resources are missing, and fail one whose data is, before creating anything."""
        if not isinstance(item, BenchItem) or self._bench_run.shows_only:
            return
        execution = item.execution
        execution.timeout_s = None  # pytest-timeout sets it
        try:
            if item.setup_error is not None:
                raise item.setup_error
            shortage = preflight(item.entry, self._bench_run.services)
        except EXPECTED_ERRORS as error:
            execution.end(error)
            raise
        if shortage is not None:
            item.add_marker(pytest.mark.skip(reason=shortage))

    @pytest.hookimpl(optionalhook=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> bool | None:
        """Hand the limit over to the wait for the script: no signal has to interrupt the plugin."""
        if not isinstance(item, BenchItem):
            return None
        import pytest_timeout

        debugging = not settings.disable_debugger_detection and pytest_timeout.is_debugging()
        item.execution.timeout_s = None if debugging else settings.timeout
        return True

    @pytest.hookimpl(optionalhook=True)
    def pytest_timeout_cancel_timer(self, item: pytest.Item) -> bool | None:
        """Do nothing: no timer was started for benchmark items, so there is none to cancel."""
        return True if isinstance(item, BenchItem) else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """Leave what no fixture has left: a fixture of a user may have taken the place of ours."""
        try:
            yield
        finally:
            if isinstance(item, BenchItem):
                item.execution.leave(State.SCRATCH)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Say which attempt of an entry has passed."""
        attempts = getattr(report, ATTEMPTS_ATTRIBUTE, 1)
        if report.when == "call" and report.passed and attempts > 1:
            return "passed", ".", f"PASSED (attempt {attempts})"
        return None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """End whatever this process started, however often the run is interrupted.

        An interrupt that is raised cuts short only the step that it comes in.
        """
        services = self._bench_run.services
        services.interrupts.note_until_end()
        try:
            with contextlib.ExitStack() as steps:  # in reverse order, whatever fails
                steps.callback(self._bench_run.on_finish, session)
                steps.enter_context(contextlib.suppress(KeyboardInterrupt))
                steps.callback(self._close_services, session.config)
                steps.enter_context(contextlib.suppress(KeyboardInterrupt))
                yield
        except pytest.exit.Exception as error:  # its exit status would become pytest's
            if error.returncode == pytest.ExitCode.OK:
                error.returncode = int(session.exitstatus)
            raise

    def _close_services(self, config: pytest.Config) -> None:
        for problem in self._bench_run.services.close():
            config.issue_config_time_warning(BenchWarning(self._bench_run.mask(problem)), stacklevel=2)
