# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Options about comparisons with earlier sessions: what to compare with, and which changes fail a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from pytest_curator_bench.history.baseline import Change
    from pytest_curator_bench.history.comparison import Comparison

__all__ = ["BASELINE", "FailOn", "add_comparison_options", "selector_of"]

BASELINE = "baseline"

_FORM = re.compile(r"changed|worse(?::(\d{1,4}(?:\.\d{1,4})?)\s*%?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailOn:
    """Which changes count.

    Attributes:
        text: as it was given.
        least: the smallest relative change that counts.
    """

    text: str
    least: float

    @classmethod
    def parse(cls, text: str) -> FailOn:
        """Read ``worse``, ``worse:PERCENT`` or ``changed``; raises pytest.UsageError for anything else."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise pytest.UsageError(
                f"--bench-fail-on {text}: expected worse, worse with the least change in per cent such as worse:5, "
                "or changed"
            )
        return cls(text=text, least=float(match[1] or 0) / 100)

    def causes(self, comparison: Comparison) -> Iterator[str]:
        """Yield one line for each entry with a change that counts; what did not pass has failed anyway."""
        from pytest_curator_bench._util.text import printable
        from pytest_curator_bench.reporting.changes import changed_text

        for entry in comparison.entries:
            found = [
                changed_text(entry, name, change) for name, change in entry.changes.items() if self._counts(change)
            ]
            if found:
                yield printable(f"{entry.entry}: {', '.join(found)}")

    def _counts(self, change: Change) -> bool:
        if self.text == "changed":
            return change.verdict in {"worse", "better", "differs"}
        return change.verdict == "worse" and (change.change is None or abs(change.change) >= self.least)


def add_comparison_options(group: pytest.OptionGroup) -> None:
    """Declare the options."""
    group.addoption(
        "--bench-compare",
        dest="bench_compare",
        nargs="?",
        const=BASELINE,
        metavar="SELECTOR",
        help="compare results with what is usual (default: where there are earlier ones), or with the sessions that "
        "SELECTOR names, as for curator-bench compare: latest, last:5, 2026-11-25, a name; write it behind =",
    )
    group.addoption(
        "--no-bench-compare",
        dest="bench_compare",
        action="store_const",
        const=False,
        help="compare results with nothing",
    )
    group.addoption(
        "--bench-fail-on",
        dest="bench_fail_on",
        metavar="worse[:PERCENT]|changed",
        help="exit with status 1 if a judged metric is worse than usual, by PERCENT at least; or changed for better or "
        "worse, or differs where it should be exact",
    )


def selector_of(option: Namespace) -> str | None:
    """Return what to compare with: the selector of sessions, or :data:`BASELINE`; ``None`` for nothing."""
    if option.bench_compare is not False:
        return BASELINE if option.bench_compare is None else str(option.bench_compare)
    if option.bench_fail_on is not None:
        raise pytest.UsageError("--bench-fail-on needs the comparison: leave --no-bench-compare out")
    return None
