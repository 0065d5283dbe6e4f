# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the directories of a session's entries and puts results into them.

An entry's directory is there only as a whole: it is made under another name, together with a mark of the run
that made it, and renamed. The mark stays, so that a result can be told from one that another run wrote into
the same session, and an entry without a result from one that is still running.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.session.entry_files import (
    CLAIM_FILE,
    EntryClaim,
    has_result,
    read_claim,
    write_claim,
)
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import (
    RESULTS_NAME,
    SCRATCH_NAME,
    SUPERSEDED_NAME,
    validate_entry_name,
)
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.runs import utc_now
from pytest_curator_bench.session.status import STATUS_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_curator_bench._util.masking import Masker
    from pytest_curator_bench.results.record import EntryResult
    from pytest_curator_bench.session.scratch import ScratchDirs

__all__ = ["EntryDirs"]


class EntryDirs:
    """The directories of a session's entries, as one run of the session uses them."""

    def __init__(self, session_dir: Path, run_id: str, scratch: ScratchDirs, masker: Masker) -> None:
        self._session_dir = session_dir
        self._run_id = run_id
        self._scratch = scratch
        self._masker = masker

    def path(self, name: str) -> Path:
        """The entry's directory, whether it exists or not; raises ValueError for names that can't be one."""
        return self._session_dir / validate_entry_name(name)

    def prepare(self, name: str, *, nodeid: str = "", timeout_s: float = 0.0) -> Path:
        """Make the entry's directory, with nothing in it that a script or this plugin has written.

        What an earlier go of the entry left is moved to ``superseded/{name}-1``, ``-2`` and so on, with its
        scratch directory.

        Raises:
            SessionError: it can't be made, or another run, or another worker of this one, is at work in it.
        """
        path = self.path(name)
        if self._is_busy(path) or self._is_doubled(path):
            raise SessionError(_busy_message(name, path))
        try:
            with self._new_directory(name, nodeid, timeout_s) as new:
                while not _rename(new, path):
                    self._clear(path)
        except OSError as error:
            raise SessionError.unwritable(self._session_dir, "results_dir", error) from error
        return path

    def is_begun(self, name: str) -> bool:
        """Whether the entry's directory is there and this run made it, in whichever of its processes."""
        path = self.path(name)
        mark = read_claim(path)
        if mark is None:
            # A script may have emptied the directory that it was given.
            return path.is_dir() and not has_result(path)
        return mark.run_id == self._run_id

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
                write_claim(path, self._mark(result.nodeid, result.timeout_s))
            write_json(path / RESULTS_NAME, data, durable=durable)
        except OSError as error:
            raise SessionError.unwritable(path, "results_dir", error) from error
        return path / RESULTS_NAME

    def _write_aside(self, result: EntryResult, data: object) -> Path:
        with self._new_directory(result.name, result.nodeid, result.timeout_s) as new:
            write_json(new / RESULTS_NAME, data)
            return self._move_aside(new, result.name) / RESULTS_NAME

    def _is_busy(self, path: Path) -> bool:
        """Whether another run, as far as can be seen, still works on the entry."""
        mark = read_claim(path)
        if mark is None or mark.run_id == self._run_id or has_result(path):
            return False
        return not mark.is_over(self._session_dir)

    def _is_doubled(self, path: Path) -> bool:
        """Whether another process of this run works on the entry, as ``--dist each`` makes them do."""
        mark = read_claim(path)
        if mark is None or mark.run_id != self._run_id or has_result(path):
            return False
        return mark.owner != ProcessIdentity.current() and mark.owner.state() == "alive"

    def _mark(self, nodeid: str, timeout_s: float) -> EntryClaim:
        return EntryClaim(
            run_id=self._run_id,
            owner=ProcessIdentity.current(),
            prepared_at=utc_now(),
            nodeid=nodeid,
            timeout_s=timeout_s,
        )

    @contextlib.contextmanager
    def _new_directory(self, name: str, nodeid: str, timeout_s: float) -> Iterator[Path]:
        """A directory with a mark, to be renamed; what is left under its first name is deleted."""
        new = self._session_dir / f".new-{os.getpid()}-{secrets.token_hex(4)}"
        new.mkdir()
        try:
            write_claim(new, self._mark(nodeid, timeout_s))
            yield new
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _clear(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            names = {item.name for item in path.iterdir()}
            if names <= {CLAIM_FILE, SCRATCH_NAME, STATUS_NAME} and self._scratch.is_empty(path.name):
                # A first go ended before the script began: nothing in it is worth keeping.
                shutil.rmtree(path)
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
    mark = read_claim(path)
    who = f" by {mark.owner.describe()}" if mark else ""
    return (
        f"entry {name} is being run{who} in the same session: run it in one place only,"
        f" or delete {path / CLAIM_FILE} if that run is gone"
    )
