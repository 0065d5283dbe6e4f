# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The result in an entry's directory: signed by the run that wrote it, unlike a script's own file of that name.

A script may use the same names as this plugin. So a ``results.json`` counts only if the run that the directory belongs
to has written it, and what a script has written there is kept under another name.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import encode_json, write_bytes
from pytest_curator_bench.results.format import NewerFormatError, read_file
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.claims import read_claim, session_of
from pytest_curator_bench.session.names import CLAIM_NAME, LOG_NAME, RESULTS_NAME
from pytest_curator_bench.session.reserve import write_reserved
from pytest_curator_bench.session.runs import read_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_curator_bench.session.claims import EntryClaim

__all__ = [
    "has_result",
    "interrupted_result",
    "keep_apart",
    "read_result",
    "restore_permissions",
    "write_signed",
]

_SIGNATURE = "run_id"
# The same where ``run_id`` is another tool's (key ``compat``).
_SIGNATURE_BESIDE = "signed_by"


def write_signed(
    entry_dir: Path, data: Mapping[str, Any], run_id: str, *, durable: bool = True, reserve: Path | None = None
) -> None:
    """Write a result's data as the run ``run_id``; raises OSError.

    Args:
        entry_dir: the entry's directory.
        data: the result, as plain data, secrets masked.
        run_id: the run that the directory belongs to.
        durable: as for :func:`~pytest_curator_bench._util.atomic.write_json`.
        reserve: file with the space to use where the disk is full.
    """
    content = encode_json({**data, _SIGNATURE_BESIDE if _SIGNATURE in data else _SIGNATURE: run_id})
    try:
        write_bytes(entry_dir / RESULTS_NAME, content, durable=durable)
    except OSError as error:
        if reserve is None:
            raise
        try:
            write_reserved(reserve, entry_dir / RESULTS_NAME, content)
        except OSError:  # used up, too small or never made: the disk is the cause
            raise error from None


def has_result(entry_dir: Path) -> bool:
    """Whether there is a result of the run that the directory belongs to; one that may not be read counts."""
    try:
        return _is_signed(entry_dir, read_file(entry_dir / RESULTS_NAME))
    except (NewerFormatError, PermissionError):
        return True
    except (OSError, ValueError):
        return False


def read_result(entry_dir: Path) -> EntryResult:
    """Read the result in ``entry_dir``, in whichever format; paths in it are those of today.

    Raises:
        OSError: there is none, or it can't be read.
        NewerFormatError: a newer version wrote it.
        ValueError: it is no result, or a script's own file. The message names the file.
    """
    file = entry_dir / RESULTS_NAME
    data = read_file(file)
    if not _is_signed(entry_dir, data):
        raise ValueError(f"{file}: no result (the run that the directory belongs to has not written it)")
    try:
        return EntryResult.from_file(_relocated(data, entry_dir))
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{file}: no result ({error})") from error


def _is_signed(entry_dir: Path, data: Mapping[str, Any]) -> bool:
    signature, claim = data.get(_SIGNATURE_BESIDE, data.get(_SIGNATURE)), read_claim(entry_dir)
    if claim is None:  # a script has removed or replaced it
        if signature is None:
            return not os.path.lexists(entry_dir / CLAIM_NAME)
        return isinstance(signature, str) and session_of(entry_dir, signature) is not None
    return bool(signature == claim.run_id if signature is not None else _is_of_older_version(entry_dir, claim))


def _is_of_older_version(entry_dir: Path, claim: EntryClaim) -> bool:
    """Whether the run signs no results."""
    session_dir = session_of(entry_dir, claim.run_id)
    try:
        return session_dir is None or not read_run(session_dir, claim.run_id).signs_results
    except (OSError, KeyError, TypeError, ValueError):
        return True


def _relocated(data: dict[str, Any], entry_dir: Path) -> dict[str, Any]:
    """Return the data with paths below the entry's directory as they are now, wherever the session was written."""
    recorded = str(data.get("entry_dir"))

    def moved(path: object) -> str:
        below = PurePath(str(path))
        return str(entry_dir / (below.relative_to(recorded) if below.is_relative_to(recorded) else below.name))

    attempts = [{**attempt, "entry_dir": moved(attempt.get("entry_dir"))} for attempt in data.get("attempts", ())]
    log = moved(data.get("stdouterr_file") or LOG_NAME)
    return {**data, "entry_dir": str(entry_dir), "stdouterr_file": log, "attempts": attempts}


def interrupted_result(entry_dir: Path, claim: EntryClaim | None, reason: str, error: str, **known: Any) -> EntryResult:
    """Return a result for an entry whose run ended before the entry had one.

    Its parameters and metrics stay unread: they may be incomplete.

    Args:
        entry_dir: the entry's directory.
        claim: its claim.
        reason: the result's reason.
        error: the result's error.
        known: fields that the caller knows better than the claim.
    """
    facts: dict[str, Any] = {"session_name": entry_dir.parent.name, "nodeid": "", "timeout_s": 0.0}
    if claim is not None:
        facts |= {"nodeid": claim.nodeid, "timeout_s": claim.timeout_s, "started_at": claim.prepared_at}
    return EntryResult(
        name=entry_dir.name,
        status="interrupted",
        reason=reason,
        error=error,
        entry_dir=str(entry_dir),
        stdouterr_file=str(entry_dir / LOG_NAME),
        **{**facts, **known},
    )


def keep_apart(path: Path) -> str | None:
    """Rename what a script has put in the place of a file of ours: ``results.json`` to ``script-results.json``.

    Returns:
        One sentence for a warning; ``None`` if there is nothing.

    Raises:
        OSError: it can't be renamed.
    """
    if not os.path.lexists(path):
        return None
    name = path.name.removeprefix(".")
    stem, dot, suffix = name.partition(".")
    for number in itertools.count(1):
        kept = path.with_name(f"script-{stem}{f'-{number}' if number > 1 else ''}{dot}{suffix}")
        if not os.path.lexists(kept):
            path.rename(kept)
            return f"The script wrote {path.name}, a name that is reserved (docs/scripts.md): kept as {kept.name}."
    raise AssertionError("the numbers never end")


def restore_permissions(directory: Path) -> None:
    """Let this user read and write a directory that a script has locked; never raises."""
    with contextlib.suppress(OSError):
        mode = directory.lstat().st_mode
        if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
            directory.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
