# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The controller's part: it opens and closes the session, gathers results and reports them.

Only the controller talks to the outside; xdist workers measure.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench import __version__
from pytest_curator_bench.entry.datasets import take_fingerprints
from pytest_curator_bench.entry.execute import LOG_NAME
from pytest_curator_bench.entry.preflight import check_machine
from pytest_curator_bench.entry.setups import run_data_setups
from pytest_curator_bench.plugin.context import WORKER_KEY
from pytest_curator_bench.plugin.sharding import DURATIONS_KEY
from pytest_curator_bench.plugin.terminal.dry_run import print_dry_run
from pytest_curator_bench.plugin.terminal.live import LiveView
from pytest_curator_bench.plugin.terminal.setups import SetupLines
from pytest_curator_bench.plugin.terminal.summary import write_summary
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.durations import known_durations, pin_durations
from pytest_curator_bench.session.environment import capture_environment
from pytest_curator_bench.session.store import RunFacts, SessionError, SessionStore

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.context import BenchContext
    from pytest_curator_bench.plugin.options import Shard
    from pytest_curator_bench.plugin.sinks import Delivery

__all__ = ["REPORT_ATTRIBUTE", "Controller"]

# What it holds must be builtins, or xdist can't carry it, and xdist drops an attribute called "result".
REPORT_ATTRIBUTE = "bench_result"


class Controller:
    """One per run, registered in the controlling process alone."""

    def __init__(self, context: BenchContext, config: pytest.Config, delivery: Delivery) -> None:
        from pytest_curator_bench.plugin.items import BenchItem, BenchWarning

        self._context = context
        self._config = config
        self._item_type = BenchItem
        self._warning_type = BenchWarning
        self._entries_by_nodeid: dict[str, Entry] = {}
        self._results: dict[str, EntryResult] = {}
        self._live: LiveView | None = None
        self._has_begun = False
        self._durations_s: dict[str, float] | None = None
        self._is_pinned = False
        self._delivery = delivery
        for warning in context.bench_config.warnings:
            config.issue_config_time_warning(BenchWarning(warning), stacklevel=2)

    # --- before the entries ---

    def pytest_report_header(self) -> list[str]:
        """Name the config files and where results go."""
        bench = self._context.bench_config
        files = " + ".join(self._context.display(file) for file in bench.files)
        return [
            f"curator-bench: {files}",
            f"curator-bench results: {self._context.display(bench.results_dir)}",
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell each xdist worker which session it measures for."""
        self._open()
        node.workerinput[WORKER_KEY] = self._context.store.to_worker()
        if self._context.options.shard is not None:
            node.workerinput[DURATIONS_KEY] = self.shard_durations(self._context.options.shard)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """With xdist the controller collects nothing itself: the first worker says what was selected."""
        if not self._has_begun:
            self._begin(self._nodeids_to_entries(ids))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Check what the selected entries need, then open the session; or print a dry run and stop there."""
        option = session.config.option
        if option.collectonly:
            return None
        if session.testsfailed and not option.continue_on_collection_errors:
            return None
        items = [item for item in session.items if isinstance(item, self._item_type)]
        if self._context.options.dry_run:
            print_dry_run(self._context, [item.entry for item in items], _print)
            return True
        # A run that has pinned its shard belongs to the session even if nothing fell to it.
        is_worked_out = self._is_pinned and not self._config.pluginmanager.hasplugin("dsession")
        if items or is_worked_out:
            self._begin({item.nodeid: item.entry for item in items})
        return None

    def _nodeids_to_entries(self, ids: Sequence[str]) -> dict[str, Entry]:
        files = {self._context.nodeid_of(file) for file in self._context.entry_files}
        pairs = ((nodeid, nodeid.split("::", 1)) for nodeid in ids if "::" in nodeid)
        return {
            nodeid: self._context.entry(name)
            for nodeid, (file, name) in pairs
            if file in files and self._context.has_entry(name)
        }

    def _begin(self, entries: dict[str, Entry]) -> None:
        selected = list(entries.values())
        self._config.hook.pytest_bench_prepare(config=self._config, entries=selected)
        problems = check_machine(self._context, selected)
        if problems:
            raise pytest.UsageError("\n".join(problems))
        self._open()
        try:
            self._write_facts(selected)
        except SessionError as error:
            raise pytest.UsageError(str(error)) from None
        self._entries_by_nodeid = entries
        self._has_begun = True
        self._end_on_sigterm()
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            self._live = LiveView(reporter, self._context.to_host_path)
        lines = SetupLines(reporter, self._live, self._context.masker.mask, self._context.to_host_path)
        run_data_setups(self._context, selected, lines)
        try:
            take_fingerprints(self._context, selected, lines.tell, self._warn)
        except SessionError as error:
            raise pytest.UsageError(str(error)) from None

    def _end_on_sigterm(self) -> None:
        """Take SIGTERM, by which services and CI systems end a run, as Ctrl-C, until pytest ends.

        Without it pytest would end at once, with nothing said and the session left open.
        """
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            before = signal.signal(signal.SIGTERM, signal.default_int_handler)

            def restore() -> None:
                signal.signal(signal.SIGTERM, before)

            self._config.add_cleanup(restore)

    def _warn(self, text: str) -> None:
        self._config.issue_config_time_warning(self._warning_type(self._context.masker.mask(text)), stacklevel=2)

    def _write_facts(self, selected: Sequence[Entry]) -> None:
        import yaml

        context, bench = self._context, self._context.bench_config
        reason = context.options.reason or bench.run_reason
        facts = RunFacts(
            plugin_version=__version__,
            config_digest=bench.digest,
            command_line=tuple(str(arg) for arg in self._config.invocation_params.args),
            reason=reason,
            viewer_url=context.viewer_url(),
        )
        context.store.begin([entry.name for entry in selected], facts)
        environment = capture_environment(self._config.rootpath, results_dir=bench.results_dir, reason=reason)
        data = {**environment.data, "viewer_url": facts.viewer_url}
        context.store.write_environment(data, environment.packages)
        merged = context.masker.mask_data(bench.merged)
        context.store.write_config(yaml.safe_dump(merged, sort_keys=False, allow_unicode=True, width=110))
        self._delivery.begin([entry.name for entry in selected], facts, environment.data)

    def _open(self) -> None:
        if self._context.is_open:
            return
        options, bench = self._context.options, self._context.bench_config
        try:
            self._context.store = SessionStore.create(
                bench.results_dir,
                bench.artifacts_dir,
                prefix=options.session_name,
                exact=options.session,
                masker=self._context.masker,
            )
        except SessionError as error:
            raise pytest.UsageError(str(error)) from None

    def shard_durations(self, shard: Shard) -> dict[str, float]:
        """How long entries took before, in seconds: the same for all runs that fill one session."""
        if self._durations_s is None:
            options, results_dir = self._context.options, self._context.bench_config.results_dir
            try:
                self._durations_s = known_durations(results_dir, options.session, shard.count)
                if options.session is not None and not (self._config.option.collectonly or options.dry_run):
                    self._open()
                    session_dir = self._context.store.session_dir
                    self._durations_s = pin_durations(session_dir, self._durations_s, shard.count)
                    self._is_pinned = True
            except SessionError as error:
                raise pytest.UsageError(str(error)) from None
        return self._durations_s

    # --- while they run ---

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> Generator[None]:
        """Show the entry in the live view, below what pytest writes."""
        with self._screen():
            yield
        entry = self._entries_by_nodeid.get(nodeid)
        if entry is not None:
            self._delivery.entry_started(entry.name)
        if self._live is not None and entry is not None:
            log = self._context.store.entry_dir(entry.name) / LOG_NAME
            self._live.started(nodeid, entry.name, entry.timeout_s, log)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Keep the result that comes with an entry's last report."""
        self._keep(report)
        with self._screen():
            yield

    def pytest_enter_pdb(self) -> None:
        """The terminal belongs to the debugger."""
        if self._live is not None:
            self._live.hold()

    @contextlib.contextmanager
    def _screen(self) -> Iterator[None]:
        """Leave the screen to pytest."""
        if self._live is None:
            yield
            return
        self._live.hold()
        yield
        self._live.release()

    def _keep(self, report: pytest.TestReport) -> None:
        entry = self._entries_by_nodeid.get(report.nodeid)
        if entry is None:
            return
        if self._live is not None and (report.when != "setup" or not report.passed):
            self._live.ended(report.nodeid)
        # Its fixtures are set up, so that the entry has its lease and its cluster, and the script starts.
        self._delivery.measuring(entry.name, report.when == "setup" and report.passed)
        data = getattr(report, REPORT_ATTRIBUTE, None)
        if data is not None:
            self._results[entry.name] = EntryResult.from_dict(data)
            self._delivery.submit(data)
        elif str(report.when) == "???":
            # The worker that ran it died, and with it the result.
            error = f"The xdist worker that ran it died: {report.longreprtext.strip() or 'no reason is known'}"
            result = self._context.blank_result(entry, report.nodeid, "error", "worker-lost", error)
            self._results[entry.name] = result
            self._context.store.write_result(result)
            self._delivery.submit(result.to_dict())

    # --- after them ---

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Close the session: what was begun and has no result is marked as interrupted."""
        if self._live is not None:
            self._live.close()
        if not self._context.is_open:
            return
        store = self._context.store
        if not self._entries_by_nodeid and not self._is_pinned:
            store.discard_if_unused()
            return
        for nodeid, entry in self._entries_by_nodeid.items():
            if entry.name not in self._results and store.is_begun(entry.name):
                result = store.recover_entry(entry.name, nodeid, entry.timeout_s)
                self._results[entry.name] = result
                self._delivery.submit(result.to_dict())
        try:
            store.finish(self._results.values(), exit_status=int(session.exitstatus))
        except SessionError as error:
            self._warn(str(error))
        self._delivery.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table of entries."""
        if self._results and self._config.option.verbose >= 0:
            write_summary(
                terminalreporter,
                self._context.store.session_dir,
                list(self._results.values()),
                self._context.to_host_path,
            )
            url = self._context.viewer_url()
            if url:
                terminalreporter.write_line(f"viewer: {self._context.masker.mask(url)}")
        self._delivery.write_summary(terminalreporter)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
