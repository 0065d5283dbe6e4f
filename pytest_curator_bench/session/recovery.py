# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Recovery after killed runs: results for their entries, an end for their records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench._util.trees import remove_tree
from pytest_curator_bench.session.claims import EntryClaim, read_claim
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import (
    has_result,
    interrupted_result,
    keep_apart,
    read_result,
    write_signed,
)
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import DATA_SETUP_NAME, RESULTS_NAME
from pytest_curator_bench.session.nemo_curator_files import result_data
from pytest_curator_bench.session.reserve import RESERVE_DIR
from pytest_curator_bench.session.runs import read_runs, run_file, write_run
from pytest_curator_bench.session.summary import write_summary

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["recover_session"]


def recover_session(session_dir: Path, *, compat: str | None = None) -> tuple[str, ...]:
    """Mark as interrupted what dead runs left running in a session.

    An entry, or a data setup, that has no result and whose run is over gets a ``results.json`` with the status
    ``interrupted``. A run that still says that it is running while its process is dead becomes ``interrupted``,
    too. Runs that are alive, and runs of other machines and containers, of which nobody here can know, are left
    alone.

    Args:
        session_dir: the session's directory.
        compat: the configuration's key, for what is written.

    Returns:
        The names of the entries that were given a result; without data setups, which run again when needed.

    Raises:
        SessionError: the session's directory can't be read or written.
    """
    try:
        recovered = tuple(path.name for path in walk_entries(session_dir) if _recover_entry(session_dir, path, compat))
        setups_dir = session_dir / DATA_SETUP_NAME
        for path in walk_entries(setups_dir) if setups_dir.is_dir() else ():
            _recover_entry(session_dir, path, compat)
        if _close_dead_runs(session_dir) or recovered:
            write_summary(session_dir)
    except OSError as error:
        raise SessionError.unwritable(session_dir, "results_dir", error) from error
    return recovered


def _recover_entry(session_dir: Path, entry_dir: Path, compat: str | None) -> bool:
    claim = read_claim(entry_dir)
    if claim is None or has_result(entry_dir) or not claim.is_over(session_dir):
        return False
    if has_result(entry_dir):  # written at the last moment, before its run was over
        return False
    message = _lost_message(claim)
    result = interrupted_result(entry_dir, claim, "harness-lost", message, session_name=session_dir.name)
    warning = keep_apart(entry_dir / RESULTS_NAME)
    result = result.with_warnings(*([warning] if warning else []))
    write_signed(entry_dir, result_data(result, compat), claim.run_id)
    return True


def _lost_message(claim: EntryClaim) -> str:
    return (
        f"The run that executed it ({claim.owner.describe()}) ended before the entry did: run the entry again."
        "\nIt was killed, or the machine went down; what the script had written is kept."
    )


def _close_dead_runs(session_dir: Path) -> bool:
    over = {run.run_id for run in read_runs(session_dir)[0] if run.status == "running" and run.is_over()}
    # One that ended by itself meanwhile has said so before.
    dead = [run for run in read_runs(session_dir)[0] if run.status == "running" and run.run_id in over] if over else []
    statuses: dict[str, dict[str, str]] = {run.run_id: {} for run in dead}
    for entry_dir in walk_entries(session_dir) if dead else ():
        claim = read_claim(entry_dir)
        if claim is not None and claim.run_id in statuses:
            statuses[claim.run_id][entry_dir.name] = _status(entry_dir)
    for run in dead:
        remove_tree(run_file(session_dir, run.run_id).with_name(RESERVE_DIR))
        write_run(session_dir, run.closed("interrupted", None, statuses[run.run_id]))
    return bool(dead)


def _status(entry_dir: Path) -> str:
    try:
        return read_result(entry_dir).status
    except (OSError, ValueError):
        return "error"
