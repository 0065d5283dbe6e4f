# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The half of the plugin that is there only in a run with a benchmark config, in controller and workers."""

from __future__ import annotations

import dataclasses
import difflib
import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.config.load import load_config
from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.config.viewer import viewer_problems
from pytest_curator_bench.entry.datasets import find_obstacle
from pytest_curator_bench.entry.resources import parallel_order
from pytest_curator_bench.entry.retries import with_attempts
from pytest_curator_bench.plugin.context import CONTEXT, BenchContext, display_path
from pytest_curator_bench.plugin.controller import REPORT_ATTRIBUTE, Controller
from pytest_curator_bench.plugin.items import EXPECTED_ERRORS, BenchFile, BenchItem, BenchWarning, EntryFailedError
from pytest_curator_bench.plugin.junit import flat_properties
from pytest_curator_bench.plugin.options import BenchOptions, extend_arguments
from pytest_curator_bench.plugin.reruns import Passes, note_pass
from pytest_curator_bench.plugin.sharding import ShardPlugin, worker_durations
from pytest_curator_bench.plugin.sinks import create_delivery
from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.session.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_curator_bench.config.model import BenchConfig
    from pytest_curator_bench.plugin.options import ConfigFiles
    from pytest_curator_bench.results.record import Status

__all__ = ["activate"]


def activate(session: pytest.Session, found: ConfigFiles) -> None:
    """Load the config and register what runs it.

    Raises:
        pytest.UsageError: the config is wrong, or options ask for what it does not have.
    """
    config = session.config
    if not config.pluginmanager.hasplugin("timeout"):
        raise pytest.UsageError("benchmarks need pytest-timeout for their limits: don't switch it off (-p no:timeout)")
    options = BenchOptions.from_pytest_config(config)
    try:
        bench_config = load_config(
            found.files,
            environ=os.environ,
            strict=options.strict_config_check,
            root_dir=config.rootpath,
            display=lambda path: display_path(path, config.invocation_params.dir),
        )
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    _check_entry_names(bench_config, options)
    for problem in viewer_problems(options.viewer_url_template or ""):
        raise pytest.UsageError(f"--bench-viewer-url-template: {problem}")
    context = BenchContext(config, options, bench_config)
    if SIMULATED_VARIABLE in os.environ:
        try:
            _ = context.capacity
        except LeaseError as error:
            raise pytest.UsageError(str(error)) from None
    config.stash[CONTEXT] = context
    config.pluginmanager.register(ActivePlugin(context), "curator_bench_active")
    config.pluginmanager.register(Passes(context), "curator_bench_passes")
    is_worker = hasattr(config, "workerinput")
    controller = None if is_worker else Controller(context, config, create_delivery(context, config))
    if controller is not None:
        config.pluginmanager.register(controller, "curator_bench_controller")
    if options.shard is not None:
        durations_of = worker_durations(config) if controller is None else controller.shard_durations
        config.pluginmanager.register(ShardPlugin(options.shard, durations_of), "curator_bench_shard")
    extend_arguments(config, context.entry_files, explicit=found.explicit)


class ActivePlugin:
    """Collects entries, runs them and turns what happened into results."""

    def __init__(self, context: BenchContext) -> None:
        self._context = context

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> BenchFile | None:
        """The config files that define entries are collected; no other YAML is touched."""
        if file_path in self._context.entry_files:
            return BenchFile.from_parent(parent, path=file_path, nodeid=self._context.nodeid_of(file_path))
        return None

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Benchmark scripts are no test modules, though some are called ``test_*.py``."""
        return True if collection_path in self._context.script_dirs else None

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """``--bench-entry`` keeps the named entries alone; workers of xdist share the machine well."""
        if hasattr(config, "workerinput"):
            _reorder(items)
        wanted = self._context.options.entries
        if not wanted:
            return
        kept = [item for item in items if isinstance(item, BenchItem) and item.name in wanted]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """An entry that lacks resources is skipped, or fails; one that lacks data fails; before anything is made."""
        if not isinstance(item, BenchItem):
            return
        lack = self._context.lacking_resources(item.entry)
        if lack and self._context.options.require_resources:
            raise EntryFailedError(lack, status="error", reason="resources")
        if lack:
            item.add_marker(pytest.mark.skip(reason=lack))
            return
        obstacle = find_obstacle(self._context, item.entry)
        if obstacle is not None and item.get_closest_marker("skip") is None:
            raise EntryFailedError(obstacle.text, status="error", reason=obstacle.reason)

    @pytest.hookimpl(optionalhook=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> bool | None:
        """An entry's limit is kept by the wait for its script: no signal has to interrupt the plugin."""
        if not isinstance(item, BenchItem):
            return None
        import pytest_timeout

        debugging = not settings.disable_debugger_detection and pytest_timeout.is_debugging()
        item.limit_s = None if debugging else settings.timeout
        return True

    @pytest.hookimpl(optionalhook=True)
    def pytest_timeout_cancel_timer(self, item: pytest.Item) -> bool | None:
        """Nothing was set that would have to be cancelled."""
        return True if isinstance(item, BenchItem) else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write the result down where the item ran, and send it along with the last report."""
        report = yield
        if isinstance(item, BenchItem):
            _keep_result(item, call, report)
            if call.excinfo is not None and isinstance(call.excinfo.value, EXPECTED_ERRORS):
                # pytest asks the item itself only for what its call raised.
                report.longrepr = item.repr_failure(call.excinfo)
            note_pass(item, call, report)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End whatever this process started."""
        for problem in self._context.close():
            session.config.issue_config_time_warning(BenchWarning(problem), stacklevel=2)


def _keep_result(item: BenchItem, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    before = item.result
    if call.when == "setup" and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        item.result = item.blank_result("skipped", "skipped", reason.removeprefix("Skipped: "))
    elif call.excinfo is not None and (call.when == "setup" or (call.when == "call" and before is None)):
        status, kind, text = _explain(call.excinfo.value)
        item.result = item.blank_result(status, kind, text)
    elif call.when == "call" and report.failed and before is not None and before.success:
        # A mark of the user's own, such as a strict xfail; or something broke after the script had ended.
        status, kind, text = _explain(call.excinfo.value) if call.excinfo else ("failed", "mark", report.longreprtext)
        item.result = dataclasses.replace(before, status=status, reason=kind, error=text)
    elif call.excinfo is not None and call.when == "teardown":
        status, kind, text = _explain(call.excinfo.value)
        blank = item.blank_result(status, kind, text)
        item.result = dataclasses.replace(before, status=status, reason=kind, error=text) if before else blank
    if item.result is not None:
        item.result = with_attempts(item.result, item.attempts)
    if item.result is not None and (item.result is not before or call.when == "call"):
        # Where nothing slow comes before it, what the end of the lease writes is soon enough on the disk.
        item.write_result(durable=call.when != "call" or item.entry.ray is not None)
        item.user_properties.extend(flat_properties(item.result, item.context.to_host_path))
    if call.when == "teardown" and item.result is not None and (item.goes_on is None or report.failed):
        setattr(report, REPORT_ATTRIBUTE, item.context.masker.mask_data(item.result.to_dict()))


def _reorder(items: list[pytest.Item]) -> None:
    """Put the entries into the order that suits parallel runs; what is no entry stays in its place."""
    entries = [item for item in items if isinstance(item, BenchItem)]
    order = parallel_order([item.entry for item in entries])
    position = {entry.name: number for number, entry in enumerate(order)}
    ordered = iter(sorted(entries, key=lambda item: position[item.name]))
    items[:] = [next(ordered) if isinstance(item, BenchItem) else item for item in items]


def _explain(error: BaseException) -> tuple[Status, str, str]:
    if isinstance(error, EntryFailedError):
        return error.status, error.reason, str(error)
    if isinstance(error, SessionError):
        return "error", "session", str(error)
    if isinstance(error, ClusterError):
        return "error", "ray", str(error)
    if isinstance(error, LeaseError):
        return "error", "lease", str(error)
    return "error", "internal", f"{type(error).__name__}: {error}"


def _check_entry_names(bench_config: BenchConfig, options: BenchOptions) -> None:
    names = [entry.name for entry in bench_config.entries]
    for wanted in options.entries:
        if wanted not in names:
            cells = [name for name in names if name.startswith(f"{wanted}[")]
            near = cells[:5] or difflib.get_close_matches(wanted, names, n=5, cutoff=0.5)
            hint = f"; near ones: {', '.join(near)}" if near else "; see --collect-only for those there are"
            raise pytest.UsageError(f"--bench-entry {wanted}: no enabled entry has this name{hint}")
