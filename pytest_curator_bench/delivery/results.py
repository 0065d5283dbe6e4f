# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""All results of a session on disk, as a sink would have received them."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.history.index import Index
from pytest_curator_bench.history.records import read_environment
from pytest_curator_bench.history.reference import Reference
from pytest_curator_bench.session.claims import read_claim
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.names import SUPERSEDED_NAME
from pytest_curator_bench.sinks.base import delivery_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_curator_bench.results.json_files import ResultDict

__all__ = ["session_results", "with_comparisons"]

_LOG = logging.getLogger("pytest_curator_bench")


def session_results(session_dir: Path) -> tuple[list[ResultDict], list[str]]:
    """Every result, superseded ones too, in the order in which the entries ended.

    Where another plugin has run an entry several times in one run, only the last of these results counts. Paths in
    them are those of today, wherever the session was written.

    Returns:
        the results, and one sentence for each that can't be read. Entries without a result are in neither.
    """
    results: dict[tuple[str, str], ResultDict] = {}
    problems: list[str] = []
    superseded = session_dir / SUPERSEDED_NAME
    for entry_dir in [*walk_entries(session_dir), *(walk_entries(superseded) if superseded.is_dir() else ())]:
        try:
            result = read_result(entry_dir).to_dict()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            problems.append(f"not delivered: {error}")
            continue
        claim = read_claim(entry_dir)
        key = (result["name"], claim.run_id if claim is not None else delivery_key(result))
        # The first that is found lies in the entry's own directory: of equal ones it is the last.
        results[key] = max(results.get(key, result), result, key=_end)
    unique = {delivery_key(result): result for result in reversed(results.values())}
    return sorted(unique.values(), key=_end), problems


def with_comparisons(session_dir: Path, results: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return results of a session with how they compare with what was usual before (``comparison``)."""
    plain = list(results)
    try:
        with Index.open(session_dir.parent) as index:
            reference = Reference(index, read_environment(session_dir, ""))
            compared = [(result, reference.comparison_of(result)) for result in plain]
    except (OSError, sqlite3.Error) as error:
        _LOG.warning("results are not compared with earlier ones: %s", error)
        return plain
    return [{**result, "comparison": found} if found is not None else result for result, found in compared]


def _end(result: ResultDict) -> str:
    return result["finished_at"] or ""
