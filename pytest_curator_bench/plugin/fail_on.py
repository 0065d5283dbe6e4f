# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``--bench-fail-on``: which changes end a run with exit status 1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_curator_bench.history.baseline import Change
    from pytest_curator_bench.history.comparison import Comparison

__all__ = ["FailOn"]

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
