# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What only the machine can tell, looked at for the selected entries when a run begins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_curator_bench.entry.datasets import needed_setups
from pytest_curator_bench.entry.findings import findings_of
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.resources.state_file import leases_dir

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_curator_bench.config.model import Entry, ScriptRun
    from pytest_curator_bench.plugin.context import BenchContext

__all__ = ["check_machine"]


def check_machine(context: BenchContext, entries: Iterable[Entry]) -> list[str]:
    """One line per problem: scripts and datasets that are not there, placeholders without a value, no Ray.

    Nor a directory for leases. The datasets of an entry that has data set-ups are looked at when those have run.
    """
    runs: list[ScriptRun] = list(entries)
    runs += [setup for setup, _ in needed_setups(context, entries)]
    skip_setup = context.options.skip_setup
    found = (findings_of(context.bench_config, run, context.display, skip_setup=skip_setup) for run in runs)
    problems = [finding.text for findings in found for finding in findings]
    try:
        leases_dir(os.environ)
    except LeaseError as error:
        problems.append(str(error))
    return list(dict.fromkeys(problems))
