# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The controller's side of the sinks: create them, and pass on what happens in a run."""

from __future__ import annotations

import dataclasses
import shlex
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.config.problems import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.delivery.dispatcher import SinkDispatcher, SinkReport
    from pytest_curator_bench.plugin.context import BenchRun
    from pytest_curator_bench.session.store import RunFacts
    from pytest_curator_bench.sinks.base import Sink

__all__ = ["Delivery", "create_delivery"]


def create_delivery(bench_run: BenchRun, config: pytest.Config) -> Delivery:
    """Find the config's sinks and have them check their settings.

    Raises:
        pytest.UsageError: a sink or one of its settings is wrong.
    """
    bench = bench_run.bench_config
    if not bench.sinks:
        return Delivery(bench_run, [])
    from pytest_curator_bench.sinks.registry import create_sinks

    registered: dict[str, Any] = {}
    for named in config.hook.pytest_bench_sinks(config=config):
        if not isinstance(named, Mapping):
            raise pytest.UsageError(
                f"a hook pytest_bench_sinks returned {type(named).__name__}, expected a mapping of names to classes"
            )
        registered = {**named, **registered}
    try:
        sinks = create_sinks(
            bench.sinks,
            registered=registered,
            module_dirs=bench.file_dirs,
            display=bench_run.display,
        )
    except ConfigError as error:
        raise pytest.UsageError(bench_run.services.masker.mask(str(error))) from None
    _ignore_warnings(config, [name for sink in sinks for name in sink.libraries])
    return Delivery(bench_run, sinks)


def _ignore_warnings(config: pytest.Config, libraries: Sequence[str]) -> None:
    """Ignore what libraries of sinks warn of, until this run ends.

    Warnings know no threads: pytest would report them for the item that runs at that moment, which did not cause them.
    """
    if not libraries:
        return
    for library in libraries:
        config.addinivalue_line("filterwarnings", f"ignore:::{library}([.]|$)")
    # pytest applies its filters only around items and hooks: here Python itself would print warnings.
    filters = warnings.catch_warnings()
    filters.__enter__()
    config.add_cleanup(lambda: filters.__exit__(None, None, None))
    for library in libraries:
        warnings.filterwarnings("ignore", module=rf"{library}([.]|$)")


class Delivery:
    """The sinks of one run; every method may be called without any."""

    def __init__(self, bench_run: BenchRun, sinks: Sequence[Sink]) -> None:
        self._bench_run = bench_run
        self._sinks = sinks
        self._dispatcher: SinkDispatcher | None = None
        self._reports: Sequence[SinkReport] = ()
        self._measuring: set[str] = set()

    def begin(self, entries: Sequence[str], facts: RunFacts, environment: Mapping[str, Any]) -> None:
        """Initialize the sinks for a session that will run ``entries``."""
        if not self._sinks:
            return
        from pytest_curator_bench.delivery.dispatcher import SinkDispatcher

        store = self._bench_run.store
        env_data = {
            **environment,
            **{key: value for key, value in dataclasses.asdict(facts).items() if key != "command_line"},
            "entries": list(entries),
            "results_dir": str(store.session_dir.parent),
            "run_id": store.run_id,
            "session_dir": str(store.session_dir),
        }
        self._dispatcher = SinkDispatcher(self._sinks, store.session_dir, env_data, self._bench_run.services.masker)
        self._dispatcher.open()

    def entry_started(self, name: str) -> None:
        """Tell the sinks that an entry has started."""
        if self._dispatcher is not None:
            self._dispatcher.entry_started(name)

    def measuring(self, name: str, is_measuring: bool) -> None:
        """Note whether the script of an entry runs; sinks work while none does, unless they are set to."""
        (self._measuring.add if is_measuring else self._measuring.discard)(name)
        if self._dispatcher is not None and self._measuring:
            self._dispatcher.pause()
        elif self._dispatcher is not None:
            self._dispatcher.resume()

    def submit(self, result: Mapping[str, Any]) -> None:
        """Deliver the result of an entry."""
        if self._dispatcher is not None:
            self._dispatcher.submit(result)

    def close(self) -> None:
        """Deliver what is left, within the limits of the dispatcher."""
        if self._dispatcher is not None:
            self._reports = self._dispatcher.close()

    def write_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write one line for each sink, and what to do if one of them has not received everything."""
        if not self._reports:
            return
        from pytest_curator_bench.delivery.dispatcher import report_lines

        quiet = terminalreporter.config.option.verbose < 0
        reports = [report for report in self._reports if not (quiet and report.is_complete)]
        for line in report_lines(reports):
            terminalreporter.write_line(self._bench_run.mask(line))
        if not all(report.is_complete for report in reports):
            terminalreporter.write_line(self._bench_run.mask(f"to deliver what is left: {self._replay_command()}"))

    def _replay_command(self) -> str:
        bench_run = self._bench_run
        words = ["curator-bench", "replay", bench_run.display(bench_run.store.session_dir)]
        for file in bench_run.bench_config.files:
            words += ["--config", bench_run.display(file)]
        return shlex.join(words)
