# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is in one session: the results of its entries, and the environment that it ran in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_curator_bench.results.format import read_file
from pytest_curator_bench.session.claims import read_claim
from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.session.runs import read_runs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_curator_bench.history.sessions import SessionRef
    from pytest_curator_bench.results.record import EntryResult

__all__ = ["Missing", "SessionContent", "is_running", "read_content"]

Missing = Literal["running", "no result", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContent:
    """What is in a session, as far as it can be read.

    Attributes:
        ref: the session.
        results: the entries' results, in the order of the configuration.
        missing: the other entries, with what is known of them.
        environment: content of ``env.json``; empty where that can't be read.
        problems: one line for each file that can't be read.
    """

    ref: SessionRef
    results: tuple[EntryResult, ...]
    missing: Mapping[str, Missing]
    environment: Mapping[str, Any]
    problems: tuple[str, ...]


def read_content(ref: SessionRef) -> SessionContent:
    """Read what is in a session; what can't be read is named in ``problems``."""
    results: dict[str, EntryResult] = {}
    missing: dict[str, Missing] = {}
    problems: list[str] = []
    for entry_dir in _entry_dirs(ref.path, problems):
        try:
            results[entry_dir.name] = read_result(entry_dir)
        except FileNotFoundError:
            missing[entry_dir.name] = _missing(entry_dir)
        except (OSError, ValueError) as error:
            problems.append(_line(error))
            missing[entry_dir.name] = "unreadable"
    names = dict.fromkeys([*ref.entries, *sorted(results), *sorted(missing)])
    return SessionContent(
        ref=ref,
        results=tuple(results[name] for name in names if name in results),
        missing={name: missing.get(name, "no result") for name in names if name not in results},
        environment=_environment(ref.path, problems),
        problems=tuple(problems),
    )


def is_running(session_dir: Path) -> bool:
    """Whether a run still fills the session, or may do so on another machine; a killed run doesn't."""
    records, unreadable = read_runs(session_dir)
    return bool(unreadable) or not all(record.is_over() for record in records)


def _entry_dirs(session_dir: Path, problems: list[str]) -> list[Path]:
    try:
        return list(walk_entries(session_dir))
    except OSError as error:
        problems.append(_line(error))
        return []


def _missing(entry_dir: Path) -> Missing:
    claim = read_claim(entry_dir)
    return "no result" if claim is None or claim.is_over(entry_dir.parent) else "running"


def _environment(session_dir: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return read_file(session_dir / "env.json")
    except FileNotFoundError:  # killed before it was written
        return {}
    except (OSError, ValueError) as error:
        problems.append(_line(error))
        return {}


def _line(error: OSError | ValueError) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
