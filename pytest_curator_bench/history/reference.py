# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the results of a session are compared with while it runs: the baseline, or chosen sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.history.comparison import compare
from pytest_curator_bench.history.records import read_records, record_of
from pytest_curator_bench.history.setting import machine_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from pytest_curator_bench.history.comparison import Comparison, EntryComparison
    from pytest_curator_bench.history.index import Index
    from pytest_curator_bench.history.sessions import SessionRef
    from pytest_curator_bench.results.compared import ComparisonDict

__all__ = ["BASELINE", "Reference"]

BASELINE = "baseline"
"""The selector of what is usual."""


class Reference:
    """Compares results with earlier ones.

    Args:
        index: where earlier results are.
        environment: what the results were measured on: the content of ``env.json``.
        sessions: the sessions to compare with; ``None`` for the baseline.
        selector: what they are called.
    """

    def __init__(
        self,
        index: Index,
        environment: Mapping[str, Any],
        sessions: Iterable[SessionRef] | None = None,
        selector: str = BASELINE,
    ) -> None:
        self._index = index
        self._machine = machine_facts(environment)
        self._selector = selector
        self._other = None if sessions is None else [one for ref in sessions for one in read_records(ref.path)[0]]

    def compare(self, results: Sequence[Mapping[str, Any]]) -> Comparison:
        """Compare results, each the content of a ``results.json``."""
        new = [record_of(result, self._machine) for result in results]
        names = {record.entry for record in new}
        other = None if self._other is None else [record for record in self._other if record.entry in names]
        return compare(self._index, new, other)

    def comparison_of(self, result: Mapping[str, Any]) -> ComparisonDict | None:
        """Return how one result compares, as plain data; ``None`` where there is no earlier one.

        How far other entries have moved isn't known yet. Where the noise is unknown, :meth:`compare` may later call
        usual what this calls a change.
        """
        (entry,) = self.compare([result]).entries
        return None if entry.then is None else self._as_data(entry)

    def _as_data(self, entry: EntryComparison) -> ComparisonDict:
        return {
            "against": self._selector,
            "verdict": entry.verdict,
            "failing": entry.failing,
            "changes": {metric: change.to_dict(entry.unit(metric)) for metric, change in entry.changes.items()},
            "differences": list(entry.differences),
        }
