# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How long entries took in earlier sessions, and these figures pinned for all runs that fill one session."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.results.format import NewerFormatError, read_file_or_skip, skip
from pytest_curator_bench.session.entry_files import read_result, walk_entries
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import SESSION_NAME, SHARDS_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["known_durations", "past_durations", "pin_durations"]

# The newest sessions tell of the benchmarks as they are; reading more makes a start slow.
MAX_SESSIONS = 30


def past_durations(results_dir: Path, *, besides: str | None = None) -> dict[str, float]:
    """The median time of each entry that passed, in seconds, over the newest 30 sessions.

    Args:
        results_dir: where the sessions are; need not exist.
        besides: name of a session that is left out, because it is still being filled.
    """
    found: dict[str, list[float]] = {}
    for session_dir in sorted(_sessions(results_dir), reverse=True)[:MAX_SESSIONS]:
        if session_dir[1].name == besides:
            continue
        for entry_dir in walk_entries(session_dir[1]):
            try:
                result = read_result(entry_dir)
            except NewerFormatError as error:
                skip(error)
                continue
            except (OSError, ValueError):  # still running
                continue
            if result.success and result.exec_time_s is not None:
                found.setdefault(result.name, []).append(result.exec_time_s)
    return {name: median(times_s) for name, times_s in found.items()}


def _sessions(results_dir: Path) -> Iterator[tuple[str, Path]]:
    """Each session with the time at which it began."""
    if not results_dir.is_dir():
        return
    for path in results_dir.iterdir():
        session = read_file_or_skip(path / SESSION_NAME)
        if "started_at" in session:
            yield str(session["started_at"]), path


def known_durations(results_dir: Path, session_name: str | None, count: int) -> dict[str, float]:
    """What is pinned in the session of that name, else what earlier ones tell; in seconds.

    Raises:
        SessionError: the session is split into another number of parts than ``count``, or the file can't be read.
    """
    pinned = None if session_name is None else _read_pinned(results_dir / session_name, count)
    return past_durations(results_dir, besides=session_name) if pinned is None else pinned


def pin_durations(session_dir: Path, durations_s: dict[str, float], count: int) -> dict[str, float]:
    """Write the durations down for all runs that fill the session, unless one has done so already.

    Returns:
        Those that are in force.

    Raises:
        SessionError: they can't be written or read, or the session is split into another number of parts.
    """
    path = session_dir / SHARDS_NAME
    new = path.with_name(f".{SHARDS_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        write_json(new, {"count": count, "durations_s": durations_s})
        with suppress(FileExistsError):
            os.link(new, path)  # like a renaming, but never over what is there
    except OSError as error:
        raise SessionError.unwritable(session_dir, "results_dir", error) from error
    finally:
        new.unlink(missing_ok=True)
    pinned = _read_pinned(session_dir, count)
    if pinned is None:
        raise SessionError(f"{path} was removed while runs fill the session: start all shards anew")
    return pinned


def _read_pinned(session_dir: Path, count: int) -> dict[str, float] | None:
    path = session_dir / SHARDS_NAME
    try:
        data = json.loads(path.read_bytes())
        pinned_count = int(data["count"])
        durations_s = {str(name): float(time_s) for name, time_s in data["durations_s"].items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SessionError(f"{path} can't be read ({error}): delete it and start all shards anew") from error
    if pinned_count != count:
        raise SessionError(
            f"session {session_dir.name} is split into {pinned_count} shards, and this run was told {count}: "
            f"give --bench-shard K/{pinned_count}, or another session"
        )
    return durations_s
