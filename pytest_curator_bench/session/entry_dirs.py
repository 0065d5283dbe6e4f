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
import stat
from typing import TYPE_CHECKING

from pytest_curator_bench._util.trees import remove_tree
from pytest_curator_bench.session.claims import EntryClaim, read_claim, write_claim
from pytest_curator_bench.session.entry_results import (
    has_result,
    interrupted_result,
    keep_apart,
    read_result,
    restore_permissions,
    write_signed,
)
from pytest_curator_bench.session.errors import BusyEntryError, SessionError
from pytest_curator_bench.session.names import (
    CLAIM_NAME,
    LOG_NAME,
    RESERVED_ENTRY_NAMES,
    RESULTS_NAME,
    SCRATCH_NAME,
    SUPERSEDED_NAME,
    validate_entry_name,
)
from pytest_curator_bench.session.nemo_curator_files import link_logs, result_data
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.reserve import RESERVE_DIR, reserve_space
from pytest_curator_bench.session.runs import utc_now
from pytest_curator_bench.session.status import STATUS_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_curator_bench._util.masking import Masker
    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.session.scratch import ScratchDirs

__all__ = ["EntryDirs", "walk_entries"]

_RESTORED = (
    "Its result was removed or broken after the entry had ended, and was written again; other files may be missing."
)


def walk_entries(session_dir: Path) -> Iterator[Path]:
    """Yield the directories of a session's entries, by name: those with a claim or a result."""
    for path in sorted(session_dir.iterdir()):
        if path.name.startswith(".") or path.name in RESERVED_ENTRY_NAMES:
            continue
        if os.path.lexists(path / CLAIM_NAME) or os.path.lexists(path / RESULTS_NAME):
            yield path


class EntryDirs:
    """The directories of a session's entries, as one run of the session uses them."""

    def __init__(
        self, session_dir: Path, run_dir: Path, scratch: ScratchDirs, masker: Masker, *, compat: str | None = None
    ) -> None:
        self._session_dir = session_dir
        self._run_dir = run_dir
        self._run_id = run_dir.name
        self._scratch = scratch
        self._masker = masker
        self._compat = compat

    def path(self, name: str) -> Path:
        """Return the entry's directory, whether it exists or not; raises ValueError for names that can't be one."""
        return self._session_dir / validate_entry_name(name)

    def prepare(self, name: str, *, nodeid: str = "", timeout_s: float = 0.0) -> Path:
        """Make the entry's directory, with nothing in it but this run's claim.

        What an earlier run of the entry left is moved to ``superseded/{name}-1``, ``-2`` and so on, with its
        scratch directory. ``nodeid`` and ``timeout_s`` are for the result that the entry gets if this run is killed.

        Raises:
            SessionError: it can't be made; a BusyEntryError where another run, or another worker of this one, is at
                work in it.
        """
        path = self.path(name)
        try:
            # The script of an earlier entry may have locked or removed the session's directory.
            self._unlock()
            self._run_dir.mkdir(parents=True, exist_ok=True)
            self._session_dir.mkdir(exist_ok=True)
            if self._is_busy(path) or self._is_doubled(path):
                raise BusyEntryError(_busy_message(name, path))
            reserve_space(self._reserve(name))
            with self._new_directory(nodeid, timeout_s) as new:
                while not _rename(new, path):
                    self._clear(path)
        except OSError as error:
            raise SessionError.unwritable(self._session_dir, "results_dir", error) from error
        return path

    def is_begun(self, name: str) -> bool:
        """Whether this run, in any of its processes, made the entry's directory."""
        path = self.path(name)
        if not _is_directory(path):
            return False
        claim = read_claim(path)
        if claim is None:
            # A script may have emptied the directory that it was given, or locked it.
            return not (os.access(path, os.R_OK | os.X_OK) and has_result(path))
        return claim.run_id == self._run_id

    def own_result(self, name: str) -> EntryResult | None:
        """Return the entry's result of this run, if it lies in its directory and can be read."""
        with contextlib.suppress(OSError, ValueError):
            if self.is_begun(name):
                return read_result(self.path(name))
        return None

    def write_result(self, result: EntryResult, *, durable: bool = True, force: bool = False) -> Path:
        """Write ``result`` with its secrets masked, in place of what this run wrote before for the entry.

        A result of another run is moved aside first. The other run's stays, and ours goes to ``superseded/``,
        where the other one still works on the entry, and where ours only says that the entry was skipped.
        What a script has put in the place of a file of ours is kept under another name.

        Args:
            result: the result.
            durable: as for :func:`~pytest_curator_bench._util.atomic.write_json`.
            force: restore the directory's permissions, move what has the file's name, and use reserved space.

        Returns:
            The file.

        Raises:
            SessionError: it can't be written.
        """
        path = self.path(result.name)
        self._unlock()
        if force:
            restore_permissions(path)
        try:
            if not self.is_begun(result.name):
                if self._is_busy(path) or (result.status == "skipped" and has_result(path)):
                    return self._write_aside(result)
                self.prepare(result.name, nodeid=result.nodeid, timeout_s=result.timeout_s)
            elif read_claim(path) is None:
                result = self._kept_apart(result, path / CLAIM_NAME)
                write_claim(path, self._claim(result.nodeid, result.timeout_s))
            file = path / RESULTS_NAME
            if (force or not _is_directory(file)) and not has_result(path):
                result = self._kept_apart(result, file)
            if os.path.lexists(path / LOG_NAME):
                self.link_logs(path)
            data = self._masker.mask_data(result_data(result, self._compat))
            reserve = self._reserve(result.name) if force else None
            write_signed(path, data, self._run_id, durable=durable, reserve=reserve)
        except OSError as error:
            raise SessionError.unwritable(path, "results_dir", error) from error
        return file

    def _unlock(self) -> None:
        """Restore the permissions of the directories that all entries share; the script of one may have taken them."""
        for directory in (self._session_dir, self._run_dir.parent, self._run_dir, self._run_dir / RESERVE_DIR):
            restore_permissions(directory)

    def link_logs(self, entry_dir: Path) -> None:
        """Let other tools find the logs in a directory of an entry, or of one of its runs, where they are asked for."""
        if self._compat is not None:
            link_logs(entry_dir)

    def drop_reserve(self, name: str) -> None:
        """Free the space that was reserved for the entry's result; never raises."""
        with contextlib.suppress(OSError):
            self._reserve(name).unlink(missing_ok=True)

    def _reserve(self, name: str) -> Path:
        # A search for results does not find this name, and it is never too long for a file system.
        return self._run_dir / RESERVE_DIR / self._session_dir.name / f"{name}.space"

    @staticmethod
    def _kept_apart(result: EntryResult, file: Path) -> EntryResult:
        warning = keep_apart(file)
        return result.with_warnings(warning) if warning else result

    def recover(self, name: str, *, nodeid: str, timeout_s: float) -> EntryResult:
        """Return the result of an entry that this run began: the one on the disk, else one written as interrupted.

        Raises:
            SessionError: the latter can't be written.
        """
        if (own := self.own_result(name)) is not None:
            return own
        path = self.path(name)
        restore_permissions(path)
        result = interrupted_result(
            path,
            read_claim(path),
            "no-result",
            "pytest ended before the entry did: run it again.\nWhat the script had written is kept.",
            nodeid=nodeid,
            timeout_s=timeout_s,
        )
        self.write_result(result, force=True)
        return result

    def restore(self, result: EntryResult) -> bool:
        """Write a result again that somebody has removed or broken since, such as the script of a later entry.

        Returns:
            Whether that was so. Where another run of the session has the directory now, the result is left alone.

        Raises:
            SessionError: it can't be written.
        """
        path = self.path(result.name)
        self._unlock()
        restore_permissions(path)
        claim = read_claim(path)
        if (claim is not None and claim.run_id != self._run_id) or has_result(path):
            return False
        self.write_result(result.with_warnings(_RESTORED), force=True)
        return True

    def _write_aside(self, result: EntryResult) -> Path:
        with self._new_directory(result.nodeid, result.timeout_s) as new:
            write_signed(new, self._masker.mask_data(result_data(result, self._compat)), self._run_id)
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
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            restore_permissions(path)
            names = {item.name for item in path.iterdir()} if _is_directory(path) else {path.name}
            is_unused = names <= {CLAIM_NAME, SCRATCH_NAME, STATUS_NAME} and self._scratch.is_empty(path.name)
            # An earlier attempt ended before the script began: nothing in it is worth keeping.
            if is_unused and remove_tree(path) is None:
                return
            aside = self._move_aside(path, path.name)
            if _is_directory(aside):
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
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
            return False
        raise
    return True


def _is_directory(path: Path) -> bool:
    """Whether it is one, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _busy_message(name: str, path: Path) -> str:
    claim = read_claim(path)
    who = f" by {claim.owner.describe()}" if claim else ""
    return (
        f"entry {name} is being run{who} in the same session: run it in one place only,"
        f" or delete {path / CLAIM_NAME} if that run is gone"
    )
