# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The controller's part: it opens and closes the session, gathers results and reports them.

Only the controller talks to the outside; xdist workers measure.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench import __version__
from pytest_curator_bench._util.streams import encodable
from pytest_curator_bench._util.text import counted, listed, printable
from pytest_curator_bench.entry.preflight import check_machine
from pytest_curator_bench.entry.resources import machine_share
from pytest_curator_bench.history.past_results import expect, past_durations
from pytest_curator_bench.plugin.channel import packed
from pytest_curator_bench.plugin.comparing import Comparing
from pytest_curator_bench.plugin.context import WORKER_KEY
from pytest_curator_bench.plugin.items import BenchItem, BenchWarning
from pytest_curator_bench.plugin.options import AT_END
from pytest_curator_bench.plugin.run_results import RunResults
from pytest_curator_bench.plugin.sharding import DURATIONS_KEY, SPLIT_BY_NAME
from pytest_curator_bench.plugin.terminal.live import LiveView
from pytest_curator_bench.plugin.terminal.setups import SetupLines
from pytest_curator_bench.results.record import HARMLESS, EntryResult
from pytest_curator_bench.session.environment import capture_environment
from pytest_curator_bench.session.nemo_curator_files import environment_keys
from pytest_curator_bench.session.progress.expected import write_expected
from pytest_curator_bench.session.store import RunFacts, SessionError
from pytest_curator_bench.session.summary import SummaryRefresher

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from pytest_curator_bench.config.model import Entry
    from pytest_curator_bench.plugin.context import BenchRun
    from pytest_curator_bench.plugin.options import Shard
    from pytest_curator_bench.plugin.sinks import Delivery
    from pytest_curator_bench.session.progress.expected import Expected

__all__ = ["Controller"]

_NONE_RUN = "pytest ended before the first entry, and without a failure: has another plugin or a hook ended it?"
# Those by which pytest itself says how a run ended; an interrupt takes precedence, also where it made something fail.
_ORDINARY_STATUSES = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.INTERNAL_ERROR,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


class Controller:
    """One per run, registered in the controlling process alone."""

    def __init__(self, bench_run: BenchRun, config: pytest.Config, delivery: Delivery) -> None:
        self._comparing = Comparing(bench_run, self._warn)
        self._bench_run = bench_run
        self._services = bench_run.services
        self._config = config
        self._entries_by_nodeid: dict[str, Entry] = {}
        self._results = RunResults(bench_run, delivery, self._comparing, self._warn)
        self._live: LiveView | None = None
        self._summary: SummaryRefresher | None = None
        self._workers = 0
        self._concluded: dict[str, EntryResult] = {}
        self._has_begun = False
        self._is_finished = False
        self._durations_s: dict[str, float] | None = None
        self._is_pinned = False
        self._delivery = delivery
        bench_run.on_measuring = delivery.measuring
        bench_run.on_retry = self._report_retry
        bench_run.on_finish = self._finish
        for warning in bench_run.bench_config.warnings:
            config.issue_config_time_warning(BenchWarning(warning), stacklevel=2)
        if bench_run.options.shard is not None and bench_run.options.session is None:
            self._warn(SPLIT_BY_NAME)

    def warn_of_left_out(self, arguments: Sequence[str]) -> None:
        """Warn that whole projects among the arguments are not collected, and how to collect what is wanted."""
        files = [self._bench_run.display(file) for file in self._bench_run.bench_config.files]
        options = shlex.join(word for file in files for word in ("--bench-config", file))
        self._warn(
            f"{', '.join(arguments)}: its tests are not collected beside --bench-config, whose benchmarks stand alone. "
            f"Write: pytest {options}. To run tests with them, name their directories: pytest {options} tests/"
        )

    # --- before the entries ---

    def pytest_report_header(self) -> list[str]:
        """Name the config files and where results go."""
        bench = self._bench_run.bench_config
        files = " + ".join(self._bench_run.display(file) for file in bench.files)
        return [
            printable(f"curator-bench: {files}"),
            printable(f"curator-bench results: {self._bench_run.display(bench.results_dir)}"),
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell each xdist worker which session it measures for."""
        self._workers += 1
        if not self._bench_run.shows_only:
            self._open()
            node.workerinput[WORKER_KEY] = packed(self._bench_run.store.to_worker())
        if self._bench_run.options.shard is not None:
            node.workerinput[DURATIONS_KEY] = packed(self.shard_durations(self._bench_run.options.shard))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """With xdist the controller collects nothing itself: the first worker says what was selected."""
        if not self._has_begun and not self._bench_run.shows_only:
            self._begin(self._nodeids_to_entries(ids))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Check what the selected entries need, then open the session; or print a dry run and stop there."""
        option = session.config.option
        if session.testsfailed and not option.continue_on_collection_errors:
            return None
        items = [item for item in session.items if isinstance(item, BenchItem)]
        if self._bench_run.options.dry_run:
            from pytest_curator_bench.plugin.terminal.dry_run import print_dry_run

            self._warn_of_unselected([item.entry for item in items])
            print_dry_run(self._bench_run, [item.entry for item in items], self._print)
            return True
        if self._bench_run.shows_only:
            return None
        # A run that has pinned its shard belongs to the session even if nothing fell to it.
        is_worked_out = self._is_pinned and not getattr(option, "tx", None)
        if items or is_worked_out:
            self._begin({item.nodeid: item.entry for item in items})
        return None

    def _print(self, text: str) -> None:
        sys.stdout.write(encodable(self._bench_run.mask(text), sys.stdout) + "\n")

    def _nodeids_to_entries(self, ids: Sequence[str]) -> dict[str, Entry]:
        pairs = ((nodeid, nodeid.split("::", 1)) for nodeid in ids if "::" in nodeid)
        return {
            nodeid: entry
            for nodeid, (file, name) in pairs
            if self._bench_run.is_entry_file(self._config.rootpath / file)
            and (entry := self._bench_run.entry(name)) is not None
        }

    def _begin(self, entries: dict[str, Entry]) -> None:
        selected = list(entries.values())
        self._config.hook.pytest_bench_prepare(config=self._config, entries=selected)
        run = self._bench_run
        self._warn_of_unselected(selected)
        problems = check_machine(
            run.bench_config, selected, self._services.capacity, run.display, skip_setup=run.options.skip_setup
        )
        if problems:
            raise self._usage_error("\n".join(problems))
        self._open()
        try:
            self._write_facts(selected)
        except SessionError as error:
            raise self._usage_error(str(error)) from None
        self._entries_by_nodeid = entries
        self._has_begun = True
        self._summary = SummaryRefresher(run.store.session_dir)
        expected = self._expect(selected)
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            self._live = LiveView(
                reporter,
                run.display,
                run.mask,
                expected=expected,
                heartbeat_s=run.options.heartbeat_s,
                is_quiet=self._config.option.verbose < 0,
            )
        lines = SetupLines(reporter, self._live, run.mask, run.display)
        self._prepare_data(selected, lines)

    def _expect(self, selected: Sequence[Entry]) -> dict[str, Expected]:
        """Work out how long entries usually take, for the live view and for ``curator-bench watch``."""
        store, capacity = self._bench_run.store, self._services.capacity
        shares = {entry.name: machine_share(entry, capacity, max(self._workers, 1)) for entry in selected}
        expected = expect(self._bench_run.bench_config.results_dir, shares, besides=store.session_name)
        with contextlib.suppress(OSError):  # nothing depends on it
            write_expected(store.session_dir, store.run_id, expected)
        return expected

    def _warn_of_unselected(self, selected: Sequence[Entry]) -> None:
        """Name the entries that would fail for their own mistakes, were they selected."""
        names = {entry.name for entry in selected}
        wrong = [entry for entry in self._bench_run.bench_config.entries if entry.problems and entry.name not in names]
        if wrong:
            first = wrong[0].problems[0].shown(self._bench_run.display)
            count = counted(len(wrong), "entry that isn't selected", "entries that aren't selected")
            names_of_wrong = listed([entry.name for entry in wrong])
            self._warn(f"{count} can't run as configured: {names_of_wrong}; the first: {first}")

    def _prepare_data(self, selected: Sequence[Entry], lines: SetupLines) -> None:
        if not any(entry.datasets_used or entry.data_setups for entry in selected):
            return
        from pytest_curator_bench.entry.datasets import take_fingerprints
        from pytest_curator_bench.entry.setups import run_data_setups

        run_data_setups(self._services, selected, lines)
        try:
            take_fingerprints(self._services, selected, lines.tell, self._warn)
        except SessionError as error:
            raise self._usage_error(str(error)) from None

    def _usage_error(self, text: str) -> pytest.UsageError:
        return pytest.UsageError(self._services.masker.mask(text))

    def _warn(self, text: str) -> None:
        self._config.issue_config_time_warning(BenchWarning(self._bench_run.mask(text)), stacklevel=2)

    def _write_facts(self, selected: Sequence[Entry]) -> None:
        import yaml

        run, bench, store = self._bench_run, self._bench_run.bench_config, self._bench_run.store
        reason = run.options.reason or bench.run_reason
        facts = RunFacts(
            plugin_version=__version__,
            config_digest=bench.digest,
            command_line=tuple(str(arg) for arg in self._config.invocation_params.args),
            reason=reason,
            viewer_url=run.viewer_url(),
        )
        store.begin([entry.name for entry in selected], facts)
        environment = capture_environment(
            self._config.rootpath,
            results_dir=bench.results_dir,
            reason=reason,
            machine_class=bench.machine_class,
        )
        data = {**environment.data, "viewer_url": facts.viewer_url}
        if bench.compat is not None:
            data |= environment_keys(data, bench, store.packages_file)
        store.write_environment(data, environment.packages)
        merged = self._services.masker.mask_data(bench.merged)
        store.write_config(yaml.safe_dump(merged, sort_keys=False, allow_unicode=True, width=110))
        self._comparing.begin(environment.data)
        self._delivery.begin([entry.name for entry in selected], facts, environment.data)

    def _open(self) -> None:
        if self._bench_run.is_open:
            return
        options = self._bench_run.options
        try:
            self._services.open_session(prefix=options.session_name, exact=options.session)
        except SessionError as error:
            raise self._usage_error(str(error)) from None
        # pytest calls no pytest_sessionfinish where it is interrupted while xdist starts its workers.
        self._config.stash[AT_END].callback(self._discard_unfinished)

    def shard_durations(self, shard: Shard) -> dict[str, float] | None:
        """How long entries took before, in seconds: the same for all runs that fill one session; else ``None``."""
        options, results_dir = self._bench_run.options, self._bench_run.bench_config.results_dir
        if self._durations_s is None and options.session is not None:
            from pytest_curator_bench.session.shards import pin_durations, pinned_durations

            try:
                self._durations_s = pinned_durations(results_dir / options.session, shard.count)
                if self._durations_s is None:
                    self._durations_s = past_durations(results_dir, besides=options.session)
                if not self._bench_run.shows_only:
                    self._open()
                    session_dir = self._bench_run.store.session_dir
                    self._durations_s = pin_durations(session_dir, self._durations_s, shard.count)
                    self._is_pinned = True
            except SessionError as error:
                raise self._usage_error(str(error)) from None
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
            self._note_progress()
        if self._live is not None and entry is not None:
            entry_dir = self._bench_run.store.entries.path(entry.name)
            self._live.started(nodeid, entry.name, entry.timeout_s, entry_dir)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Keep the result that comes with an entry's last report."""
        entry = self._entries_by_nodeid.get(report.nodeid)
        self._keep(report)
        with self._screen():
            yield
        if self._live is None or entry is None:
            return
        if report.when == "setup" and report.passed:
            self._live.began(report.nodeid)
        result = self._results.by_name.get(entry.name)
        if result is not None and result is not self._concluded.get(entry.name):
            self._concluded[entry.name] = result
            self._live.concluded(result)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Take the entry off the live view: a turn of interleaved runs ends without a report."""
        if self._live is not None:
            self._live.ended(nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Stand in for the result of an entry whose xdist worker died."""
        entry = self._entries_by_nodeid.get(crashitem)
        if entry is None:
            return
        self._results.stand_in(entry, crashitem, report.longreprtext.strip() or "no reason is known")

    def _note_progress(self) -> None:
        if self._summary is not None:
            self._summary.changed()

    def _report_retry(self, record: Mapping[str, Any]) -> None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or self._config.option.verbose < 0:
            return
        first_line = str(record["error"] or "").partition("\n")[0]
        with self._screen():
            reporter.ensure_newline()
            reporter.write_line(
                self._bench_run.mask(
                    f"{record['name']}: attempt {record['attempt']}: {record['status']}: {first_line}; retrying"
                )
            )

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
        self._note_progress()
        # For entries in xdist workers: their fixtures are set up, so that the script starts. Entries in this process
        # say so themselves.
        self._delivery.measuring(entry.name, report.when == "setup" and report.passed)
        self._results.keep(entry.name, report)

    # --- after them ---

    def _close_views(self) -> None:
        if self._live is not None:
            self._live.close()
        if self._summary is not None:
            self._summary.close()

    def _discard_unfinished(self) -> None:
        if not self._is_finished:
            self._close_views()
            self._bench_run.store.discard_if_unused()

    def _finish(self, session: pytest.Session) -> None:
        """Close the session: an entry without a result, or with a bad one, leaves no exit status 0."""
        self._is_finished = True
        self._close_views()
        if not self._bench_run.is_open:
            is_left_out = any(isinstance(item, BenchItem) for item in getattr(session, "items", ()))
            if is_left_out and not self._bench_run.shows_only and session.exitstatus == pytest.ExitCode.OK:
                self._warn(_NONE_RUN)
                _make_red(session)
            return
        store = self._bench_run.store
        if not self._entries_by_nodeid and not self._is_pinned:
            store.discard_if_unused()
            return
        store.drop_reserve()
        is_green = session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        self._results.complete(self._entries_by_nodeid, lambda: self._failing(session), is_green=is_green)
        self._results.write(lambda: self._failing(session))
        self._comparing.end(self._results.by_name.values())
        session.exitstatus = self._exit_status(session.exitstatus)
        with self._failing(session):
            store.finish(self._results.by_name.values(), exit_status=int(session.exitstatus))
        with contextlib.suppress(KeyboardInterrupt), self._services.interrupts.raising(pending=False):
            self._delivery.close()

    @contextlib.contextmanager
    def _failing(self, session: pytest.Session) -> Iterator[None]:
        """Warn of what can't be written at the end, and have pytest fail: nothing is green that isn't on the disk."""
        try:
            yield
        except SessionError as error:
            self._warn(str(error))
            _make_red(session)

    def _exit_status(self, of_pytest: int) -> int:
        """Return pytest's exit status, or one that says what pytest can't know of."""
        if self._services.interrupts.count and of_pytest in _ORDINARY_STATUSES:
            self._warn("the run was interrupted while it ended")
            return pytest.ExitCode.INTERRUPTED
        if of_pytest not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            return of_pytest
        statuses = {result.status for result in self._results.by_name.values()}
        if "interrupted" in statuses:
            return pytest.ExitCode.INTERRUPTED
        is_good = statuses <= HARMLESS and not self._comparing.causes
        return of_pytest if is_good else pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the table of entries, in the order of the configuration."""
        if results := self._results.by_name:
            from pytest_curator_bench.plugin.terminal.summary import write_summary

            planned = [entry.name for entry in self._bench_run.bench_config.entries]
            write_summary(
                terminalreporter,
                self._bench_run.store.session_dir,
                [results[name] for name in dict.fromkeys((*planned, *results)) if name in results],
                self._bench_run.display,
                self._comparing.comparison,
                self._comparing.remarks,
            )
            recovered = self._bench_run.store.recovered
            if recovered:
                terminalreporter.write_line(f"interrupted when an earlier run was killed: {', '.join(recovered)}")
            url = self._bench_run.viewer_url()
            if url:
                terminalreporter.write_line(f"viewer: {self._bench_run.mask(url)}")
        self._delivery.write_summary(terminalreporter)


def _make_red(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
