# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The controller's side of the sinks: which there are, and what they are told when."""

from __future__ import annotations

import dataclasses
import shlex
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.delivery.dispatcher import Dispatcher, report_lines
from pytest_curator_bench.sinks.registry import create_sinks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.delivery.dispatcher import SinkReport
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
            module_dirs=list(dict.fromkeys(file.parent for file in bench.files)),
            display=bench_run.display,
        )
    except ConfigError as error:
        raise pytest.UsageError(bench_run.services.masker.mask(str(error))) from None
    for library in (name for sink in sinks for name in sink.libraries):
        # Warnings of all threads go to the item that runs just then, which has nothing to do with them.
        config.addinivalue_line("filterwarnings", f"ignore:::{library}([.]|$)")
        # While the session begins no item is running, and Python itself would print them.
        warnings.filterwarnings("ignore", module=rf"{library}([.]|$)")
    return Delivery(bench_run, sinks)


class Delivery:
    """The sinks of one run; every method may be called without any."""

    def __init__(self, bench_run: BenchRun, sinks: Sequence[Sink]) -> None:
        self._bench_run = bench_run
        self._sinks = sinks
        self._dispatcher: Dispatcher | None = None
        self._reports: Sequence[SinkReport] = ()

    def begin(self, entries: Sequence[str], facts: RunFacts, environment: Mapping[str, Any]) -> None:
        """The session is open, and ``entries`` will run."""
        if not self._sinks:
            return
        store = self._bench_run.store
        env_data = {
            **environment,
            **{key: value for key, value in dataclasses.asdict(facts).items() if key != "command_line"},
            "entries": list(entries),
            "results_dir": str(store.session_dir.parent),
            "run_id": store.run_id,
            "session_dir": str(store.session_dir),
        }
        self._dispatcher = Dispatcher(self._sinks, store.session_dir, env_data, self._bench_run.services.masker)
        self._dispatcher.open()

    def entry_started(self, name: str) -> None:
        """An entry begins."""
        if self._dispatcher is not None:
            self._dispatcher.entry_started(name)

    def submit(self, result: Mapping[str, Any]) -> None:
        """An entry has ended."""
        if self._dispatcher is not None:
            self._dispatcher.submit(result)

    def close(self) -> None:
        """Deliver what is left, for as long as that may take."""
        if self._dispatcher is not None:
            self._reports = self._dispatcher.close()

    def write_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line for each sink, and what to do if one of them has not received everything."""
        quiet = terminalreporter.config.option.verbose < 0
        reports = [report for report in self._reports if not (quiet and report.is_complete)]
        for line in report_lines(reports):
            terminalreporter.write_line(line)
        if not all(report.is_complete for report in reports):
            terminalreporter.write_line(f"to deliver what is left: {self._replay_command()}")

    def _replay_command(self) -> str:
        bench_run = self._bench_run
        words = ["curator-bench", "replay", bench_run.display(bench_run.store.session_dir)]
        for file in bench_run.bench_config.files:
            words += ["--config", bench_run.display(file)]
        return shlex.join(words)
