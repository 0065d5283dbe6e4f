# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns a pytest run into a benchmark run once a config was found."""

from __future__ import annotations

import dataclasses
import difflib
import os
from typing import TYPE_CHECKING

import pytest
import pytest_timeout

from pytest_curator_bench._util.container import display_path
from pytest_curator_bench._util.text import one_of
from pytest_curator_bench.config.load import load_config
from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.config.viewer import viewer_problems
from pytest_curator_bench.entry.services import Policy
from pytest_curator_bench.plugin.ab import multiply_entries
from pytest_curator_bench.plugin.channel import ChannelPlugin
from pytest_curator_bench.plugin.context import RUN, BenchRun
from pytest_curator_bench.plugin.controller import Controller
from pytest_curator_bench.plugin.debugger import install_debugger
from pytest_curator_bench.plugin.options import AT_END, BenchOptions, extend_arguments
from pytest_curator_bench.plugin.parallel import ParallelPlugin, send_singly
from pytest_curator_bench.plugin.rounds import RoundsPlugin
from pytest_curator_bench.plugin.run_hooks import BenchmarkRunPlugin, KeywordPlugin
from pytest_curator_bench.plugin.run_results import REPORT_ATTRIBUTE
from pytest_curator_bench.plugin.sharding import ShardPlugin, worker_durations
from pytest_curator_bench.plugin.sinks import create_delivery
from pytest_curator_bench.plugin.terminal.warning_lines import WarningLines
from pytest_curator_bench.plugin.worker import end_with_controller
from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE
from pytest_curator_bench.resources.errors import LeaseError

if TYPE_CHECKING:
    from pytest_curator_bench.config.model import BenchConfig
    from pytest_curator_bench.plugin.options import ConfigFiles

__all__ = ["activate"]


def activate(session: pytest.Session, found: ConfigFiles) -> None:
    """Load the config and register what runs it.

    Raises:
        pytest.UsageError: the config is wrong, or options ask for what it does not have.
    """
    config = session.config
    _check_plugins(config)
    options = BenchOptions.from_pytest_config(config)
    try:
        bench_config = load_config(
            found.files,
            environ=os.environ,
            strict=options.strict_config_check,
            strict_entries=options.strict_config_check,
            strict_keys=options.strict_keys,
            root_dir=config.rootpath,
            display=lambda path: display_path(path, config.invocation_params.dir),
        )
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    bench_config = multiply_entries(options, config, bench_config)
    options = _with_entries(options, bench_config)
    for problem in viewer_problems(options.viewer_url_template or ""):
        raise pytest.UsageError(f"--bench-viewer-url-template: {problem}")
    bench_run = BenchRun(config, options, bench_config, _policy(config, options))
    if SIMULATED_VARIABLE in os.environ:
        try:
            _ = bench_run.services.capacity
        except LeaseError as error:
            raise pytest.UsageError(str(error)) from None
    config.stash[RUN] = bench_run
    config.pluginmanager.register(WarningLines(config), "curator_bench_warnings")
    config.stash[AT_END].enter_context(bench_run.services.interrupts.taken())
    config.pluginmanager.register(ChannelPlugin(REPORT_ATTRIBUTE), "curator_bench_channel")
    install_debugger(config)
    if bench_run.shows_only:
        config.option.setupplan = True  # to run fixtures is to start what they give
    config.pluginmanager.register(BenchmarkRunPlugin(bench_run), "curator_bench_run")
    config.pluginmanager.register(KeywordPlugin(), "curator_bench_keyword")
    config.pluginmanager.register(ParallelPlugin(), "curator_bench_parallel")
    config.pluginmanager.register(RoundsPlugin(interleave=options.interleave), "curator_bench_rounds")
    send_singly(config)
    is_worker = hasattr(config, "workerinput")
    if is_worker:
        end_with_controller()
    controller = None if is_worker else Controller(bench_run, config, create_delivery(bench_run, config))
    if controller is not None:
        config.pluginmanager.register(controller, "curator_bench_controller")
    if options.shard is not None:
        durations_of = worker_durations(config) if controller is None else controller.shard_durations
        config.pluginmanager.register(ShardPlugin(options.shard, durations_of), "curator_bench_shard")
    left_out = extend_arguments(config, bench_run.entry_files, explicit=found.explicit)
    if controller is not None and left_out:
        controller.warn_of_left_out(left_out)


def _check_plugins(config: pytest.Config) -> None:
    # By its module: its name depends on how it was loaded (-p timeout, -p pytest_timeout, by itself).
    if not config.pluginmanager.is_registered(pytest_timeout):
        raise pytest.UsageError(
            "benchmarks need pytest-timeout for their limits: don't switch it off (-p no:timeout), "
            "and load it (-p timeout) where pytest loads no plugins by itself (PYTEST_DISABLE_PLUGIN_AUTOLOAD)"
        )
    if not config.pluginmanager.hasplugin("skipping"):
        raise pytest.UsageError(
            "benchmarks need pytest's skips and expected failures: don't switch them off (-p no:skipping)"
        )


def _policy(config: pytest.Config, options: BenchOptions) -> Policy:
    runxfail = bool(config.getoption("runxfail", False))
    return Policy(
        require_resources=options.require_resources,
        require_quiet=options.require_quiet,
        wait_quiet_s=options.wait_quiet_s,
        skip_setup=options.skip_setup,
        known_misses_count=runxfail,
        strict_known_misses=not runxfail and _xfail_is_strict(config),
    )


def _xfail_is_strict(config: pytest.Config) -> bool:
    """Return whether passing what is marked as an expected failure is a failure: pytest's own ini keys decide."""
    strict = config.getini("strict_xfail")
    return bool(config.getini("strict") if strict is None else strict)


def _with_entries(options: BenchOptions, bench_config: BenchConfig) -> BenchOptions:
    """Return the options with the names that ``--bench-entry`` gives taken apart, all of which are known.

    A value is one name, or several with commas between them. The name of an entry without its interpreter's stands for
    the entry in all of them.
    """
    names: dict[str, list[str]] = {}
    for entry in bench_config.entries:
        for known in dict.fromkeys((entry.name, entry.base_name)):
            names.setdefault(known, []).append(entry.name)
    wanted: dict[str, None] = {}
    for value in options.entries:
        parts = [value] if value in names else [part.strip() for part in value.split(",")]
        found = [part for part in parts if part]
        if not found:
            raise pytest.UsageError("--bench-entry: found no name, expected one, or several with commas between them")
        for name in found:
            if name not in names:
                variants = [known for known in names if known.startswith(f"{name}[")]
                near = variants[:5] or difflib.get_close_matches(name, names, n=3)
                hint = f"; did you mean {' or '.join(near)}?" if near else f", expected {one_of(names, name)}"
                raise pytest.UsageError(f"--bench-entry {name}: no enabled entry has this name{hint}")
            wanted |= dict.fromkeys(names[name])
    return dataclasses.replace(options, entries=tuple(wanted))
