# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The summary at the end of a run."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from pytest_curator_bench._util.streams import RenderBuffer, encodable, encoding_of
from pytest_curator_bench._util.text import harmless
from pytest_curator_bench.history.ab import compare_interpreters
from pytest_curator_bench.reporting.ab import ABTable
from pytest_curator_bench.reporting.summary import summary_table
from pytest_curator_bench.telemetry.noise import NOISE, noise_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pytest

    from pytest_curator_bench.history.comparison import Comparison
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["write_summary"]


def write_summary(
    terminalreporter: pytest.TerminalReporter,
    session_dir: Path,
    results: Sequence[EntryResult],
    display: Callable[[Path | str], str],
    comparison: Comparison | None = None,
    remarks: Sequence[str] = (),
) -> None:
    """Write the table of entries, warnings, and where logs and results are; with ``-q`` only what did not pass.

    Args:
        terminalreporter: where to.
        session_dir: the session's directory.
        results: its results, in order.
        display: says how a path is shown.
        comparison: how they compare with earlier ones.
        remarks: what else there is to say of that, line by line.
    """
    writer = terminalreporter.config.get_terminal_writer()
    verbosity = terminalreporter.config.option.verbose
    buffer = RenderBuffer(encoding_of(sys.stdout))
    console = Console(
        file=buffer,
        width=max(writer.fullwidth, 60),
        force_terminal=writer.hasmarkup,
        no_color=not writer.hasmarkup,
        highlight=False,
    )
    console.print(summary_table(results, verbosity=verbosity, comparison=comparison), crop=False)
    console.print(ABTable(compare_interpreters(results)))

    def write_line(text: str, style: str = "") -> None:
        console.print(Text(encodable(harmless(text), sys.stdout), style), soft_wrap=True)

    for result in results if verbosity >= 0 else ():
        for warning in result.warnings:
            if not warning.startswith(NOISE):
                write_line(f"{result.name}: {warning}", "yellow")
        if result.status not in {"passed", "skipped"} and os.path.exists(result.stdouterr_file):  # noqa: PTH110  # never raises
            write_line(f"{result.name}: log {display(result.stdouterr_file)}")
    for remark in remarks:
        write_line(remark, "red")
    if verbosity >= 0 and (noise := noise_line(results)):
        write_line(noise, "yellow")
    write_line(f"results: {display(session_dir)}")
    if verbosity >= 0:
        terminalreporter.section("benchmarks")
    else:
        terminalreporter.ensure_newline()
    terminalreporter.write(buffer.text())
