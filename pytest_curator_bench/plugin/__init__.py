# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The pytest hooks: thin, and inert in a run that has no benchmark config.

Only pytest and the standard library are imported here: whatever costs more, once a config was found.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.plugin.fixtures import (
    bench_entry,
    bench_entry_dir,
    bench_lease,
    bench_ray_cluster,
    bench_scratch_dir,
    bench_session_dir,
)
from pytest_curator_bench.plugin.options import AT_END, add_options, selected_config_files

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "bench_entry",
    "bench_entry_dir",
    "bench_lease",
    "bench_ray_cluster",
    "bench_scratch_dir",
    "bench_session_dir",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and the ini key."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that this plugin calls."""
    from pytest_curator_bench.plugin import hookspecs as newhooks

    pluginmanager.add_hookspecs(newhooks)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks that entries carry, and prepare for the end: what is registered first is called last."""
    config.stash[AT_END] = contextlib.ExitStack()
    config.add_cleanup(config.stash[AT_END].close)
    config.addinivalue_line("markers", "bench: a benchmark entry (set on every one)")
    config.addinivalue_line("markers", "gpu: a benchmark entry that asks for GPUs (set by itself)")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keep a dry run in one process: it has nothing to distribute."""
    if config.option.bench_dry_run and hasattr(config.option, "numprocesses"):
        # xdist derives the others from the first, before or after this hook: the order of plugins decides.
        config.option.numprocesses, config.option.tx, config.option.dist = 0, [], "no"


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Say first what to type, where pytest can't collect a benchmark that an argument names."""
    try:
        return (yield)
    except pytest.UsageError as error:
        from pytest_curator_bench.plugin.not_found import suggestions

        raise pytest.UsageError(*suggestions(session.config), *error.args) from None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Say so also where only xdist's workers collect: their usage errors are not shown."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        from pytest_curator_bench.plugin.not_found import suggestions

        for sentence in suggestions(config):
            terminalreporter.write_line(f"ERROR: {sentence}", red=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Load the benchmark config, if this run has one, and let the active half of the plugin in."""
    found = selected_config_files(session.config)
    if found is not None:
        from pytest_curator_bench.plugin.activation import activate

        activate(session, found)
