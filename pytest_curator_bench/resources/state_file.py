# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The state that all processes of a user share: one file, changed under one lock, and a lock for each process.

A directory holds ``state.json``, always replaced as a whole; ``lock``, locked while that changes; and one file
``owner-ID`` for each process, locked as long as the process, or the supervisor that ends its jobs, exists. An owner
whose file can be locked is gone, and its leases are free. Process IDs decide nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import read_regular, signature, write_bytes
from pytest_curator_bench._util.locks import LockedError, lock, locked_file
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.resources.queue import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["DIRECTORY_VARIABLE", "SharedState", "leases_dir"]

DIRECTORY_VARIABLE = "CURATOR_BENCH_LEASES_DIR"
_OWNER_PREFIX = "owner-"
# All processes of a user must find the same directory, or two of them lease the same GPU. Everything that could
# name a better place differs between login shells, cron, CI services and containers: TMPDIR (so no
# tempfile.gettempdir()), XDG_RUNTIME_DIR (missing without a login session), HOME (shared by several machines on NFS,
# while leases are about one). /tmp is there on each Linux, belongs to one machine, and is empty after a reboot.
_TOP = Path("/tmp")  # noqa: S108 - mode and owner of the directories below are checked


def leases_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory through which this user's processes share the machine; create it if it is missing.

    It is ``/tmp/pytest-curator-bench-UID/leases``, unless :data:`DIRECTORY_VARIABLE` names another.

    Raises:
        LeaseError: it can't be used, or other users could write in it.
    """
    if named := environ.get(DIRECTORY_VARIABLE):
        directory = Path(named)
        if not directory.is_absolute():
            raise LeaseError(f"{DIRECTORY_VARIABLE}={named}: expected an absolute path")
        with _explained(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_writable(directory)
        return directory
    parent = _TOP / f"pytest-curator-bench-{os.geteuid()}"
    for directory in (parent, parent / "leases"):
        with _explained(directory):
            with contextlib.suppress(FileExistsError):
                directory.mkdir(mode=0o700)
            found = directory.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
                raise LeaseError(
                    f"{directory} must be a directory of yours that nobody else may enter (mode 0700): remove it, "
                    f"or name another one in {DIRECTORY_VARIABLE}"
                )
            _check_writable(directory)
    return directory


class SharedState:
    """This process's access to the shared state.

    Attributes:
        directory: where the files are.
        owner: this process's identity in it.
        lock_fd: descriptor of this process's lock; its leases are held until all copies of it are closed.
        seen: the :meth:`signature` of the state after this process's last change.
    """

    def __init__(self, directory: Path) -> None:
        """Join the processes that share the state.

        Raises:
            LeaseError: the directory can't be used.
        """
        self.directory = directory
        self.owner = secrets.token_hex(8)
        self.seen: tuple[int, int, int] | None = None
        self._state_file = directory / "state.json"
        with _explained(directory):
            directory.mkdir(mode=0o700, exist_ok=True)
        with self._locked():
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self.lock_fd = os.open(self._owner_file(self.owner), flags, 0o600)
            try:
                lock(self.lock_fd)
                if not self._living_others() and not self._state_file.exists():
                    self._write(State())  # from now on a missing file is one that was removed
            except BaseException:
                os.close(self.lock_fd)
                raise

    def change(self, edit: Callable[[State], State], *, own: State) -> State:
        """Drop dead processes from the state, edit it, write it, and return it.

        Args:
            edit: returns the new state, given the old one.
            own: this process's part of the state as it knows it: where the state file is unreadable and no other
                process is there, the state is reset to this.

        Raises:
            LeaseError: the state can't be read or written, and was not changed.
        """
        with self._locked():
            if not self._owner_file(self.owner).exists():  # to others this process is gone, with all that it holds
                raise LeaseError(
                    f"{self._owner_file(self.owner)} was removed while this run needs it: other runs may use what it "
                    f"has leased; run pytest again, and keep what cleans {self.directory} away from it"
                )
            before: State | None = None
            try:
                before = old = self.read()
            except ValueError as error:
                old = self._reset(error, own)
            new = edit(old.without_owners([owner for owner in old.owners if not self._is_alive(owner)]))
            if new != before:
                self._write(new)
            self.seen = self.signature()
            return new

    def read(self) -> State:
        """Return the present state; raises OSError or ValueError if it can't be read."""
        try:
            return State.from_dict(json.loads(read_regular(self._state_file)))
        except FileNotFoundError:
            raise ValueError("it was removed") from None
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def signature(self) -> tuple[int, int, int] | None:
        """Return something that differs after each change of the state; it costs next to nothing."""
        return signature(self._state_file)

    def close(self) -> None:
        """Leave; this process's leases are free, unless another process has a copy of its lock."""
        with contextlib.suppress(OSError, LeaseError), self._locked():
            self._owner_file(self.owner).unlink(missing_ok=True)
        os.close(self.lock_fd)

    def _reset(self, error: ValueError, own: State) -> State:
        if self._living_others():
            raise LeaseError(
                f"{self._state_file} can't be read ({error}), and other runs may hold leases: wait until they have "
                "ended, or end them; the file is reset when none is left"
            )
        return own

    def _write(self, state: State) -> None:
        write_bytes(self._state_file, json.dumps(state.to_dict()).encode(), durable=False)

    def _living_others(self) -> list[str]:
        """Return the other processes that are there, and remove the files of those that are gone; under the lock."""
        owners = [path.name.removeprefix(_OWNER_PREFIX) for path in self.directory.glob(f"{_OWNER_PREFIX}*")]
        return [owner for owner in owners if owner != self.owner and self._is_alive(owner)]

    def _owner_file(self, owner: str) -> Path:
        return self.directory / f"{_OWNER_PREFIX}{owner}"

    def _is_alive(self, owner: str) -> bool:
        """Return whether the owner's lock is held, and remove its file if not. Call this only under the lock."""
        if owner == self.owner:
            return True
        path = self._owner_file(owner)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            lock(descriptor, timeout_s=0)
        except LockedError:
            return True
        finally:
            os.close(descriptor)
        path.unlink(missing_ok=True)
        return False

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with _explained(self.directory), locked_file(self.directory / "lock", mode=0o600):
            yield


def _check_writable(directory: Path) -> None:
    if not os.access(directory, os.W_OK | os.X_OK):
        raise LeaseError(
            f"{directory} can't be written: correct its permissions, or name another one in {DIRECTORY_VARIABLE}"
        )


@contextlib.contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        culprit = Path(error.filename2 or error.filename or directory)
        raise LeaseError(
            f"leases can't be kept in {directory}: {'' if culprit == directory else f'{culprit.name}: '}"
            f"{error.strerror or error}; {DIRECTORY_VARIABLE} names another place"
        ) from error
