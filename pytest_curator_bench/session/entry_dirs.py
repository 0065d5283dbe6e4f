# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The directories of a session's entries: made, claimed by a run, given a result, found and read.

An entry's directory exists only as a whole: it is made under another name, together with the claim of the run
that makes it, and renamed. The claim stays, so that a result can be told from one that another run wrote into
the same session, and an entry without a result from one that is still running.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import read_json_object, write_json
from pytest_curator_bench._util.trees import remove_tree
from pytest_curator_bench.results.format import read_file
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import (
    CLAIM_NAME,
    LOG_NAME,
    RESERVED_ENTRY_NAMES,
    RESULTS_NAME,
    SCRATCH_NAME,
    SUPERSEDED_NAME,
    validate_entry_name,
)
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.runs import read_run, utc_now
from pytest_curator_bench.session.status import STATUS_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_curator_bench._util.masking import Masker
    from pytest_curator_bench.session.scratch import ScratchDirs

__all__ = [
    "EntryClaim",
    "EntryDirs",
    "has_result",
    "interrupted_result",
    "read_claim",
    "read_result",
    "walk_entries",
    "write_claim",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryClaim:
    """Which run made an entry's directory, and what is known of the entry before it has a result.

    Attributes:
        run_id: the run.
        owner: the process that made it, an xdist worker for instance.
        prepared_at: UTC time, ISO 8601.
        nodeid: pytest's name of the item, or empty.
        timeout_s: the entry's limit in seconds, or 0.
    """

    run_id: str
    owner: ProcessIdentity
    prepared_at: str
    nodeid: str = ""
    timeout_s: float = 0.0

    def is_over(self, session_dir: Path) -> bool:
        """Whether the run that made the claim has certainly ended."""
        try:
            return read_run(session_dir, self.run_id).is_over()
        except (OSError, KeyError, TypeError, ValueError):
            return self.owner.state() == "dead"


def write_claim(entry_dir: Path, claim: EntryClaim) -> None:
    """Write ``claim``; raises OSError."""
    # Not worth a wait for the disk: it names a process that a crash of the machine ends as well.
    write_json(entry_dir / CLAIM_NAME, asdict(claim), durable=False)


def read_claim(entry_dir: Path) -> EntryClaim | None:
    """Return the directory's claim, if it has one that can be read."""
    data = read_json_object(entry_dir / CLAIM_NAME)
    try:
        return EntryClaim(**{**data, "owner": ProcessIdentity.from_dict(data["owner"])})
    except (KeyError, TypeError, ValueError):
        return None


def has_result(entry_dir: Path) -> bool:
    """Whether there is a result, readable or not."""
    return (entry_dir / RESULTS_NAME).exists()


def read_result(entry_dir: Path) -> EntryResult:
    """Read the result in ``entry_dir``, in whichever format; paths in it are those of today.

    Raises:
        OSError: there is none, or it can't be read.
        NewerFormatError: a newer version wrote it.
        ValueError: it is no result. The message names the file.
    """
    file = entry_dir / RESULTS_NAME
    data = read_file(file)
    try:
        return EntryResult.from_dict(_relocated(data, entry_dir))
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{file}: no result ({error})") from error


def _relocated(data: dict[str, Any], entry_dir: Path) -> dict[str, Any]:
    """Return the data with paths below the entry's directory as they are now, wherever the session was written."""
    recorded = str(data.get("entry_dir"))

    def moved(path: object) -> str:
        below = PurePath(str(path))
        return str(entry_dir / (below.relative_to(recorded) if below.is_relative_to(recorded) else below.name))

    attempts = [{**attempt, "entry_dir": moved(attempt.get("entry_dir"))} for attempt in data.get("attempts", ())]
    log = moved(data.get("stdouterr_file") or LOG_NAME)
    return {**data, "entry_dir": str(entry_dir), "stdouterr_file": log, "attempts": attempts}


def walk_entries(session_dir: Path) -> Iterator[Path]:
    """Yield the directories of a session's entries, by name: those with a claim or a result."""
    for path in sorted(session_dir.iterdir()):
        if path.name.startswith(".") or path.name in RESERVED_ENTRY_NAMES:
            continue
        if (path / CLAIM_NAME).exists() or has_result(path):
            yield path


def interrupted_result(entry_dir: Path, claim: EntryClaim | None, reason: str, error: str, **known: Any) -> EntryResult:
    """Return a result for an entry whose run ended before the entry had one.

    Its parameters and metrics stay unread: nobody knows how far the script had come.

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


class EntryDirs:
    """The directories of a session's entries, as one run of the session uses them."""

    def __init__(self, session_dir: Path, run_id: str, scratch: ScratchDirs, masker: Masker) -> None:
        self._session_dir = session_dir
        self._run_id = run_id
        self._scratch = scratch
        self._masker = masker

    def path(self, name: str) -> Path:
        """Return the entry's directory, whether it exists or not; raises ValueError for names that can't be one."""
        return self._session_dir / validate_entry_name(name)

    def prepare(self, name: str, *, nodeid: str = "", timeout_s: float = 0.0) -> Path:
        """Make the entry's directory, with nothing in it but this run's claim.

        What an earlier run of the entry left is moved to ``superseded/{name}-1``, ``-2`` and so on, with its
        scratch directory. ``nodeid`` and ``timeout_s`` are for the result that the entry gets if this run is killed.

        Raises:
            SessionError: it can't be made, or another run, or another worker of this one, is at work in it.
        """
        path = self.path(name)
        if self._is_busy(path) or self._is_doubled(path):
            raise SessionError(_busy_message(name, path))
        try:
            with self._new_directory(nodeid, timeout_s) as new:
                while not _rename(new, path):
                    self._clear(path)
        except OSError as error:
            raise SessionError.unwritable(self._session_dir, "results_dir", error) from error
        return path

    def is_begun(self, name: str) -> bool:
        """Whether this run, in any of its processes, made the entry's directory."""
        path = self.path(name)
        claim = read_claim(path)
        if claim is None:
            # A script may have emptied the directory that it was given.
            return path.is_dir() and not has_result(path)
        return claim.run_id == self._run_id

    def write_result(self, result: EntryResult, *, durable: bool = True) -> Path:
        """Write ``result`` with its secrets masked, in place of what this run wrote before for the entry.

        A result of another run is moved aside first. The other run's stays, and ours goes to ``superseded/``,
        where the other one still works on the entry, and where ours only says that the entry was skipped.
        ``durable`` is that of :func:`~pytest_curator_bench._util.atomic.write_json`.

        Returns:
            The file.

        Raises:
            SessionError: it can't be written.
        """
        path = self.path(result.name)
        data = self._masker.mask_data(result.to_dict())
        try:
            if not self.is_begun(result.name):
                if self._is_busy(path) or (result.status == "skipped" and has_result(path)):
                    return self._write_aside(result, data)
                self.prepare(result.name, nodeid=result.nodeid, timeout_s=result.timeout_s)
            elif read_claim(path) is None:
                write_claim(path, self._claim(result.nodeid, result.timeout_s))
            write_json(path / RESULTS_NAME, data, durable=durable)
        except OSError as error:
            raise SessionError.unwritable(path, "results_dir", error) from error
        return path / RESULTS_NAME

    def recover(self, name: str, *, nodeid: str, timeout_s: float) -> EntryResult:
        """Return the result of an entry that this run began: the one on the disk, else one written as interrupted.

        Raises:
            SessionError: the latter can't be written.
        """
        path = self.path(name)
        with contextlib.suppress(OSError, ValueError):
            return read_result(path)
        result = interrupted_result(
            path,
            read_claim(path),
            "no-result",
            "pytest ended before the entry did: run it again.\nWhat the script had written is kept.",
            nodeid=nodeid,
            timeout_s=timeout_s,
        )
        self.write_result(result)
        return result

    def _write_aside(self, result: EntryResult, data: object) -> Path:
        with self._new_directory(result.nodeid, result.timeout_s) as new:
            write_json(new / RESULTS_NAME, data)
            return self._move_aside(new, result.name) / RESULTS_NAME

    def _is_busy(self, path: Path) -> bool:
        """Whether another run, as far as can be seen, still works on the entry."""
        claim = read_claim(path)
        if claim is None or claim.run_id == self._run_id or has_result(path):
            return False
        return not claim.is_over(self._session_dir)

    def _is_doubled(self, path: Path) -> bool:
        """Whether another process of this run works on the entry, as ``--dist each`` makes them do."""
        claim = read_claim(path)
        if claim is None or claim.run_id != self._run_id or has_result(path):
            return False
        return claim.owner != ProcessIdentity.current() and claim.owner.state() == "alive"

    def _claim(self, nodeid: str, timeout_s: float) -> EntryClaim:
        return EntryClaim(
            run_id=self._run_id,
            owner=ProcessIdentity.current(),
            prepared_at=utc_now(),
            nodeid=nodeid,
            timeout_s=timeout_s,
        )

    @contextlib.contextmanager
    def _new_directory(self, nodeid: str, timeout_s: float) -> Iterator[Path]:
        """A directory with a claim, to be renamed; what is left under its first name is deleted."""
        new = self._session_dir / f".new-{os.getpid()}-{secrets.token_hex(4)}"
        new.mkdir()
        try:
            write_claim(new, self._claim(nodeid, timeout_s))
            yield new
        finally:
            remove_tree(new)

    def _clear(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            names = {item.name for item in path.iterdir()}
            is_unused = names <= {CLAIM_NAME, SCRATCH_NAME, STATUS_NAME} and self._scratch.is_empty(path.name)
            # An earlier attempt ended before the script began: nothing in it is worth keeping.
            if is_unused and remove_tree(path) is None:
                return
            aside = self._move_aside(path, path.name)
            self._scratch.move_aside(path.name, aside.name)

    def _move_aside(self, path: Path, name: str) -> Path:
        superseded = self._session_dir / SUPERSEDED_NAME
        superseded.mkdir(exist_ok=True)
        for number in itertools.count(1):
            aside = superseded / f"{name}-{number}"
            if not aside.exists() and _rename(path, aside):
                return aside
        raise AssertionError("the numbers never end")


def _rename(directory: Path, new: Path) -> bool:
    """Rename, unless there is something already."""
    try:
        directory.rename(new)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
            return False
        raise
    return True


def _busy_message(name: str, path: Path) -> str:
    claim = read_claim(path)
    who = f" by {claim.owner.describe()}" if claim else ""
    return (
        f"entry {name} is being run{who} in the same session: run it in one place only,"
        f" or delete {path / CLAIM_NAME} if that run is gone"
    )
