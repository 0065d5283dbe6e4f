# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The table at the end of a run."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pytest_curator_bench._util.streams import RenderBuffer, encodable, encoding_of
from pytest_curator_bench._util.text import format_number, format_seconds, harmless
from pytest_curator_bench.results.metrics import additional_metrics
from pytest_curator_bench.results.outputs import flat_scalars
from pytest_curator_bench.results.record import KNOWN_MISS
from pytest_curator_bench.results.statistics import is_number
from pytest_curator_bench.telemetry.noise import NOISE, noise_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pytest

    from pytest_curator_bench.results.record import EntryResult

__all__ = ["key_metrics", "write_summary"]

KEY_METRICS = 3
UNMET_LINES = 3
STYLES = {"passed": "green", "skipped": "yellow", "interrupted": "yellow", "xfailed": "yellow"}


def write_summary(
    terminalreporter: pytest.TerminalReporter,
    session_dir: Path,
    results: Iterable[EntryResult],
    to_host_path: Callable[[Path | str], Path],
) -> None:
    """Write one row per entry: status, time against limit, key metrics, and why it did not pass."""
    results = list(results)
    writer = terminalreporter.config.get_terminal_writer()
    terminalreporter.section("benchmarks")
    buffer = RenderBuffer(encoding_of(sys.stdout))
    console = Console(
        file=buffer,
        width=max(writer.fullwidth, 60),
        force_terminal=writer.hasmarkup,
        no_color=not writer.hasmarkup,
        highlight=False,
    )
    console.print(_table(results))
    for result in results:
        for warning in result.warnings:
            if warning.startswith(NOISE):
                continue
            console.print(f"[yellow]{_shown(result.name)}: {_shown(warning)}[/yellow]", soft_wrap=True)
        if result.status not in {"passed", "skipped"} and os.path.exists(result.stdouterr_file):  # noqa: PTH110  # never raises
            console.print(f"{_shown(result.name)}: log {_shown(to_host_path(result.stdouterr_file))}", soft_wrap=True)
    if noise := noise_line(results):
        console.print(f"[yellow]{_shown(noise)}[/yellow]", soft_wrap=True)
    console.print(f"results: {_shown(to_host_path(session_dir))}", soft_wrap=True)
    terminalreporter.write(buffer.text())


def _table(results: Iterable[EntryResult]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("entry", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("time / limit", justify="right", no_wrap=True)
    table.add_column("key metrics, or why not", overflow="fold", ratio=1)
    for result in results:
        word = "xfailed" if result.reason == KNOWN_MISS else result.status
        style = STYLES.get(word, "red")
        attempt = f" (attempt {len(result.attempts)})" if result.attempts else ""
        cell = f"[{'yellow' if attempt and style == 'green' else style}]{word}{attempt}[/]"
        table.add_row(_shown(result.name), cell, _times(result), _shown(_detail(result)))
    return table


def _shown(text: object) -> str:
    """Return a name or text of any origin such that neither the terminal nor Rich interprets anything in it."""
    return escape(encodable(harmless(str(text)), sys.stdout))


def _detail(result: EntryResult) -> str:
    """The key metrics, or what was wrong: all of an error's first line, or the first unmet requirements."""
    if result.status == "passed":
        return "\n".join(key_metrics(result))
    lines = (result.error or "").splitlines()[: None if result.reason == "requirements" else 1]
    more = [f"and {len(lines) - UNMET_LINES} more"] if len(lines) > UNMET_LINES else []
    return "\n".join([*lines[:UNMET_LINES], *more])


def _times(result: EntryResult) -> str:
    # Masking may have made a string of a number.
    taken = f"{result.exec_time_s:,.1f}" if is_number(result.exec_time_s) else "-"
    limit = format_seconds(result.timeout_s) if is_number(result.timeout_s) else "-"
    measured = sum(run["measured"] for run in result.runs)
    return f"{taken}{f' (x{measured})' if measured else ''} / {limit}"


def key_metrics(result: EntryResult) -> list[str]:
    """At most three metrics as ``name=value``: those that sinks are to show, then rates, then the others.

    Medians of several runs have their confidence interval behind them.
    """
    metrics = flat_scalars(result.script_metrics)
    wanted = [name for settings in result.sink_data.values() for name in additional_metrics(settings)]
    rates = [name for name in metrics if name.endswith(("_per_sec", "_per_s"))]
    names = [name for name in dict.fromkeys([*wanted, *rates, *metrics]) if name in metrics]
    return [f"{name}={_short(metrics[name])}{_interval(result, name)}" for name in names[:KEY_METRICS]]


def _interval(result: EntryResult, name: str) -> str:
    low, high = result.statistics.get(name, {}).get("median_ci") or (0, 0)
    return f" ({_short(low)} to {_short(high)})" if low != high else ""


def _short(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)[:40]
    return format_number(value)
