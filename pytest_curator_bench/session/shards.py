# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How a session's entries are split into shards, with the durations pinned that all runs of the session split by."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import read_regular, write_json
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.history import past_durations
from pytest_curator_bench.session.names import SHARDS_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["assign", "expected_durations", "known_durations", "pin_durations"]


def assign(durations_s: Mapping[str, float], count: int) -> dict[str, int]:
    """Return the part, from 1, of each name: the longest first, each to the part that has least to do so far.

    This is Graham's longest-processing-time rule (SIAM J. Appl. Math. 17, 1969): no part takes more than 4/3 of
    what the best split's longest does. Equal ones go by name, so that the order given makes no difference.
    """
    loads = [0.0] * count
    parts = {}
    for name in sorted(durations_s, key=lambda name: (-durations_s[name], name)):
        part = min(range(count), key=lambda index: (loads[index], index))
        loads[part] += durations_s[name]
        parts[name] = part + 1
    return parts


def expected_durations(known_s: Mapping[str, float], limits_s: Mapping[str, float]) -> dict[str, float]:
    """Return how long each entry is expected to take, in seconds.

    Args:
        known_s: durations of earlier runs, by the entry's name, of more entries perhaps.
        limits_s: the limit of each selected entry.

    Returns:
        What is known; for others the median of that, or the entry's limit where nothing is known of any.
    """
    known = {name: known_s[name] for name in limits_s if name in known_s}
    default = median(known.values()) if known else None
    return {name: known.get(name, limit if default is None else default) for name, limit in limits_s.items()}


def known_durations(results_dir: Path, session_name: str, count: int) -> dict[str, float]:
    """Return the durations pinned in the session of that name, else those of earlier sessions; in seconds.

    Raises:
        SessionError: the session is split into another number of parts than ``count``, or the file can't be read.
    """
    pinned = _read_pinned(results_dir / session_name, count)
    return past_durations(results_dir, besides=session_name) if pinned is None else pinned


def pin_durations(session_dir: Path, durations_s: dict[str, float], count: int) -> dict[str, float]:
    """Pin the durations for all runs that fill the session, unless one has done so already.

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
        data = json.loads(read_regular(path))
        pinned_count = int(data["count"])
        durations_s = {str(name): float(time_s) for name, time_s in data["durations_s"].items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SessionError(f"{path} can't be read ({error}): delete it and start all shards anew") from error
    if pinned_count != count:
        raise SessionError(
            f"session {session_dir.name} is split into {pinned_count} shards, and this run was told {count}: "
            f"give --bench-shard K/{pinned_count}, or another session"
        )
    return durations_s
