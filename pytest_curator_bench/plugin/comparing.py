# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The controller's comparison of this run's results with earlier ones: nothing that goes wrong in it ends a run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.text import error_text
from pytest_curator_bench.history.index import Index
from pytest_curator_bench.history.reference import BASELINE, Reference
from pytest_curator_bench.history.selectors import SelectorError, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.history.comparison import Comparison
    from pytest_curator_bench.history.sessions import SessionRef
    from pytest_curator_bench.plugin.context import BenchRun
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["Comparing"]

_NOTHING = "nothing to compare with: no earlier result of these entries was measured in the same setting"


class Comparing:
    """Compares the results of one run, each when it comes and all of them at the end.

    Attributes:
        comparison: of all results; ``None`` where there is nothing to show.
        causes: what fails the run, one line each: changes, or that they can't be known.

    Raises:
        pytest.UsageError: ``--bench-compare`` selects no session.
    """

    def __init__(self, bench_run: BenchRun, warn: Callable[[str], None]) -> None:
        self._bench_run = bench_run
        self._warn = warn
        self._index: Index | None = None
        self._reference: Reference | None = None
        self._sessions = None if bench_run.shows_only else _selected(bench_run)
        self.comparison: Comparison | None = None
        self.causes: Sequence[str] = ()
        self._problem: str | None = None

    @property
    def remarks(self) -> Sequence[str]:
        """What fails the run; or why nothing was compared, where that was asked for."""
        fail_on, is_made = self._bench_run.options.fail_on, self.comparison and self.comparison.is_anything_compared
        if self._bench_run.options.is_comparison_wanted and not is_made:
            return (self._problem or _NOTHING,)
        return [f"--bench-fail-on {fail_on.text}: {cause}" for cause in self.causes] if fail_on is not None else ()

    def begin(self, environment: Mapping[str, Any]) -> None:
        """Get ready before anything is measured: an index that has to be made takes seconds of CPU.

        Args:
            environment: what this run measures on: the content of ``env.json``.
        """
        options, store = self._bench_run.options, self._bench_run.store
        results_dir = store.session_dir.parent
        others = (file for file in results_dir.glob("*/session.json") if file.parent != store.session_dir)
        if options.compare is None or (self._sessions is None and next(others, None) is None):
            return
        with self._attempt():
            self._index = Index.open(results_dir)
            self._reference = Reference(self._index, environment, self._sessions, options.compare)

    def compared(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a result with how it compares (``comparison``), where there is an earlier one."""
        if self._reference is not None:
            with self._attempt():
                comparison = self._reference.comparison_of(result)
                return {**result, "comparison": comparison} if comparison is not None else result
        return result

    def end(self, results: Iterable[EntryResult]) -> None:
        """Compare all results."""
        options = self._bench_run.options
        if self._reference is not None:
            with self._attempt():
                comparison = self._reference.compare([result.to_dict() for result in results])
                if any(entry.then is not None for entry in comparison.entries):
                    self.comparison = comparison
                    self.causes = tuple(options.fail_on.causes(comparison)) if options.fail_on is not None else ()
        if self._index is not None:
            self._index.close()

    @contextlib.contextmanager
    def _attempt(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever lies in earlier sessions
            self._reference = None
            self._problem = f"results are compared no further: {type(error).__name__}: {error_text(error)}"
            self._warn(self._problem)
            if self._bench_run.options.fail_on is not None:  # what was asked for can't be answered
                self.causes = (self._problem,)


def _selected(bench_run: BenchRun) -> Sequence[SessionRef] | None:
    """Return the sessions to compare with; ``None`` for the baseline."""
    options = bench_run.options
    if options.compare in {None, BASELINE}:
        return None
    try:
        return select(bench_run.bench_config.results_dir.resolve(), str(options.compare), besides=options.session)
    except SelectorError as error:
        raise pytest.UsageError(
            f"--bench-compare: {bench_run.mask(str(error))}; pytest takes the word behind --bench-compare for a "
            f"selector: write --bench-compare={BASELINE} before a path"
        ) from None
