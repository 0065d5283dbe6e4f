# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Past results as commands read them: through the index, as far as ``-k`` matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import counted
from pytest_curator_bench.cli.output import print_note
from pytest_curator_bench.history.index import Index
from pytest_curator_bench.history.records import read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_curator_bench.history.records import Record
    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["matching", "open_index", "records_of"]


def open_index(ref: SessionRef) -> Index:
    """Open the index of the results directory that a session lies in."""
    return Index.open(
        ref.path.parent,
        progress=lambda count: print_note(f"reading {counted(count, 'session')} into the index: once only"),
    )


def records_of(index: Index, refs: Iterable[SessionRef]) -> Iterator[Record]:
    """Yield the results of sessions, also of those that lie elsewhere than what the index is of."""
    for ref in refs:
        yield from index.results(ref.name) if ref.path.parent == index.results_dir else read_records(ref.path)[0]


def matching(records: Iterable[Record], matches: Callable[[Iterable[str]], bool] | None) -> list[Record]:
    """Return the results whose names or marks ``-k`` matches; all without it."""
    return [record for record in records if matches is None or matches((record.entry, *record.marks))]
