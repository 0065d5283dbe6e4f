# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sessions of a results directory, without what is in them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, TypedDict

from pytest_curator_bench.results.format import read_file, skip
from pytest_curator_bench.results.json_files import RunStatus  # noqa: TC001  # check_types() looks it up
from pytest_curator_bench.results.type_check import check_types
from pytest_curator_bench.session.names import RUNS_NAME, SESSION_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["SessionRef", "list_sessions", "read_session_ref", "session_before"]

# What candidate_names() puts behind a prefix.
_TIME_IN_NAME = re.compile(r"__\d{4}-\d\d-\d\d__\d\d-\d\d-\d\d(-\d+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRef:
    """A session, as its ``session.json`` sums it up.

    Attributes:
        path: the session's directory.
        status: as its runs recorded it: a killed run still says ``running``.
        started_at: start of its first run.
        finished_at: end of its last run; ``None`` while one runs and where nobody knows.
        counts: number of entries by status.
        entries: names of the selected entries.
        reason: why it was started.
    """

    path: Path
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, int]
    entries: tuple[str, ...]
    reason: str | None

    @property
    def name(self) -> str:
        """The session's name."""
        return self.path.name

    @property
    def prefix(self) -> str:
        """The name without the time that was put behind it: what ``--bench-session-name`` gave."""
        return _TIME_IN_NAME.sub("", self.name)


class _RequiredDict(TypedDict):
    started_at: str


class _SummaryDict(_RequiredDict, total=False):
    """What is read of ``session.json``; a foreign tool, or an early version, may have written less."""

    status: RunStatus
    finished_at: str | None
    counts: dict[str, int]
    entries: list[str]
    reason: str | None


def list_sessions(results_dir: Path, *, besides: str | None = None) -> list[SessionRef]:
    """Return the sessions, the one that started last first.

    What looks like a session and can't be read is left out, with one line in the log.

    Args:
        results_dir: where the sessions are; need not exist.
        besides: name of a session that is left out, because it is still being filled.
    """
    found: list[SessionRef] = []
    try:
        with os.scandir(results_dir) as children:
            names = [child.name for child in children if child.name != besides and not child.name.startswith(".")]
    except OSError:
        return []
    for path in (results_dir / name for name in names):
        ref = _ref_or_problem(path, _changed_ns(path))
        if isinstance(ref, SessionRef):
            found.append(ref)
        elif ref is not None:
            skip(ref)
    return sorted(found, key=lambda ref: (ref.started_at, ref.name), reverse=True)


def session_before(known: Iterable[SessionRef], ref: SessionRef) -> SessionRef | None:
    """Return the session of the same prefix that started last before another one; ``None`` if that is the first.

    Args:
        known: sessions, the one that started last first.
        ref: the session.
    """
    earlier = (other for other in known if (other.started_at, other.name) < (ref.started_at, ref.name))
    return next((other for other in earlier if other.prefix == ref.prefix), None)


def read_session_ref(session_dir: Path) -> SessionRef:
    """Read the summary of the session in a directory.

    Raises:
        ValueError: there is none, or none that this version can read; one sentence that names the file.
    """
    file = session_dir / SESSION_NAME
    try:
        data = read_file(file)
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror or error}") from error
    try:
        check_types(data, _SummaryDict)
        started_at = _moment(data["started_at"])
        finished_at = _moment(data["finished_at"]) if data.get("finished_at") else None
    except ValueError as error:
        raise ValueError(f"{file}: no summary of a session ({error})") from error
    return SessionRef(
        path=session_dir,
        status=data.get("status", "finished"),
        started_at=started_at,
        finished_at=finished_at,
        counts=data.get("counts", {}),
        entries=tuple(data.get("entries", ())),
        reason=data.get("reason"),
    )


@lru_cache(maxsize=4096)
def _ref_or_problem(session_dir: Path, changed_ns: int | None) -> SessionRef | ValueError | None:
    """A session's summary, read again only when its file has changed: sinks ask after every entry."""
    if changed_ns is None and not _has_run(session_dir):
        return None
    try:
        return read_session_ref(session_dir)
    except ValueError as error:
        return error


def _changed_ns(session_dir: Path) -> int | None:
    try:
        return os.lstat(session_dir / SESSION_NAME).st_mtime_ns
    except OSError:
        return None


def _has_run(session_dir: Path) -> bool:
    try:
        return any((path / "run.json").exists() for path in (session_dir / RUNS_NAME).iterdir())
    except OSError:
        return False


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
