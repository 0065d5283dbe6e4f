# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Deletion of directories with any content: links, mounts, thousands of levels, unreadable files.

Standard library only: the supervisor, which knows nothing of this package, runs this file too.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat

__all__ = ["remove_tree", "tree_size"]

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOUNTS_FILE = "/proc/self/mountinfo"
_LONGEST_NAMED = 300  # characters of a path


def remove_tree(directory: str | os.PathLike[str]) -> str | None:
    """Delete a directory with all that lies in it, as far as that is possible.

    Links are deleted, not followed. What is mounted there, or is another file system, is left as it is, with the
    directories above it. What its user may not read or write is made so first.

    Returns:
        What was left and why, as in ``/a/b is a mount point (tmpfs)``; ``None`` if nothing is there any more.

    Raises:
        ValueError: the path names no directory by its own name: an empty one must never come to mean the current one.
    """
    parent, name = os.path.split(os.fspath(directory))
    if name in {"", os.curdir, os.pardir}:
        raise ValueError(f"{os.fspath(directory)!r} does not end with the name of a directory")
    try:
        above = os.open(parent or os.curdir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{parent}: {error.strerror}"
    try:
        tree = _Tree(above, os.path.realpath(parent), name)
        # A last process may have written while we deleted.
        return tree.remove() and tree.remove()
    finally:
        os.close(above)


def tree_size(directory: str | os.PathLike[str]) -> int:
    """Return the space that a directory takes on the disk with all that can be read in it, in bytes.

    Links are not followed, and of several names of one file in it one counts.
    """
    sizes: dict[tuple[int, int], int] = {}
    waiting = [os.fspath(directory)]
    while waiting:
        path = waiting.pop()
        with contextlib.suppress(OSError):
            found = os.lstat(path)
            sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
            if stat.S_ISDIR(found.st_mode):
                waiting += [os.path.join(path, name) for name in os.listdir(path)]  # noqa: PTH118, PTH208  # as above
    return sum(sizes.values())


class _Level:
    """A directory on the way to the one that is being emptied."""

    def __init__(self, name: str, found: os.stat_result) -> None:
        self.name = name
        self.device, self.inode = found.st_dev, found.st_ino
        self.directories: list[str] = []  # in it, still to be removed
        self.is_whole = True  # whether nothing in it had to be left


class _Tree:
    """A directory to be removed.

    However deep it is, three descriptors are open at most, no path is longer than a name, and nothing calls itself.
    """

    def __init__(self, above: int, parent: str, name: str) -> None:
        self._above = above
        self._parent = parent
        self._name = name
        self._mounts = _mounts_in(self._parent, name)
        self._levels: list[_Level] = []
        self._left: str | None = None

    def remove(self) -> str | None:
        """Remove what can be removed; return what is left."""
        self._left, self._levels = None, []
        try:
            if not stat.S_ISDIR(os.stat(self._name, dir_fd=self._above, follow_symlinks=False).st_mode):
                self._unlink(self._above, self._name)
                return self._left
            descriptor = self._enter(self._above, self._name)
            while descriptor is not None:
                descriptor = self._step(descriptor)
        except OSError as error:  # there is nothing, or no way back from here
            self._note(error)
        return self._left

    def _step(self, descriptor: int) -> int | None:
        """Go one directory down, or remove this one and go up; return the descriptor of the directory then."""
        level = self._levels[-1]
        while level.directories:
            below = self._enter(descriptor, level.directories.pop())
            if below is not None:
                os.close(descriptor)
                return below
        self._levels.pop()
        above = None
        try:
            if self._levels:
                above = os.open("..", _OPEN_DIRECTORY, dir_fd=descriptor)
                found = os.fstat(above)
                if (found.st_dev, found.st_ino) != (self._levels[-1].device, self._levels[-1].inode):
                    os.close(above)
                    raise OSError(0, "it was moved while it was deleted")
        finally:
            os.close(descriptor)
        if level.is_whole:
            try:
                os.rmdir(level.name, dir_fd=self._above if above is None else above)
            except OSError as error:
                self._note(error, level.name)
        elif self._levels:
            self._levels[-1].is_whole = False
        return above

    def _enter(self, above: int, name: str) -> int | None:
        """Open a directory and unlink all in it that is no directory; return ``None`` if it must, or can, be left."""
        if self._is_mount(name):
            return None
        try:
            try:
                descriptor = os.open(name, _OPEN_DIRECTORY, dir_fd=above)
            except PermissionError:
                os.chmod(name, stat.S_IRWXU, dir_fd=above)
                descriptor = os.open(name, _OPEN_DIRECTORY, dir_fd=above)
        except OSError as error:
            self._note(error, name)
            return None
        found = os.fstat(descriptor)
        if self._levels and found.st_dev != self._levels[-1].device:
            os.close(descriptor)
            self._leave(name, " is another file system")
            return None
        if found.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, stat.S_IRWXU)
        self._levels.append(_Level(name, found))
        try:
            with os.scandir(descriptor) as entries:
                for entry in list(entries):
                    if entry.is_dir(follow_symlinks=False):
                        self._levels[-1].directories.append(entry.name)
                    elif not self._is_mount(entry.name):
                        self._unlink(descriptor, entry.name)
        except OSError as error:
            self._note(error)
        return descriptor

    def _unlink(self, descriptor: int, name: str) -> None:
        try:
            os.unlink(name, dir_fd=descriptor)
        except OSError as error:
            self._note(error, name)

    def _is_mount(self, name: str) -> bool:
        if not self._mounts or (kind := self._mounts.get(self._path(name))) is None:
            return False
        self._leave(name, f" is a mount point ({kind})")
        return True

    def _note(self, error: OSError, name: str = "") -> None:
        if not isinstance(error, FileNotFoundError):  # another process was faster
            self._leave(name, f": {error.strerror or error}")

    def _leave(self, name: str, reason: str) -> None:
        path = self._path(name)
        shown = path if len(path) <= _LONGEST_NAMED else f"{path[:_LONGEST_NAMED]}…"
        self._left = self._left or f"{shown}{reason}"
        if self._levels:
            self._levels[-1].is_whole = False

    def _path(self, name: str) -> str:
        return "/".join([self._parent.rstrip("/"), *(level.name for level in self._levels), *([name] if name else [])])


def _mounts_in(parent: str, name: str) -> dict[str, str]:
    """Return the mount points at and below a directory with the kinds of their file systems, by path."""
    try:
        with open(_MOUNTS_FILE, "rb") as file:  # noqa: PTH123  # the supervisor runs this file: pathlib is slow to import
            lines = file.read().splitlines()
    except OSError:
        return {}
    mounts, top = {}, f"{parent.rstrip('/')}/{name}"
    for line in lines:
        fields, _, source = line.partition(b" - ")
        path = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), fields.split(b" ")[4]))
        if path == top or path.startswith(f"{top}/"):
            mounts[path] = source.partition(b" ")[0].decode(errors="replace")
    return mounts
