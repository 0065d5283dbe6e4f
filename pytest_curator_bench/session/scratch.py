# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Scratch directories: large, short-lived, kept apart from the results, with a link in each entry's directory."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pytest_curator_bench._util.trees import remove_tree
from pytest_curator_bench.session.directories import remove_empty
from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.names import DATA_SETUP_NAME, SCRATCH_NAME, SUPERSEDED_NAME

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ScratchDirs"]


class ScratchDirs:
    """The scratch directories of one session's entries: ``{artifacts_dir}/{session}/{entry}/scratch``.

    Attributes:
        root: ``{artifacts_dir}/{session}``.
    """

    def __init__(self, results_dir: Path, artifacts_dir: Path, session_name: str) -> None:
        self.root = artifacts_dir / session_name
        self._session_dir = results_dir / session_name
        # Where artifacts lie among the results the two are moved and mounted together, and a relative link
        # stays right; elsewhere they are mounted each by itself, and only an absolute one can.
        self._relative_links = artifacts_dir.resolve().is_relative_to(results_dir.resolve())

    def path(self, name: str) -> Path:
        """Return the entry's scratch directory, whether it exists or not."""
        return self.root / name / SCRATCH_NAME

    def link(self, name: str) -> Path:
        """Return the link in the entry's directory; the scratch directory itself if artifacts lie there."""
        return self._session_dir / name / SCRATCH_NAME

    def prepare(self, name: str) -> Path:
        """Make the entry's scratch directory and the link to it; both may exist.

        There is no link where the file system can't hold one, or where something else has its name.

        Returns:
            The directory itself, not the link.

        Raises:
            SessionError: the directory can't be made.
        """
        scratch = self.path(name)
        try:
            scratch.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SessionError.unwritable(self.root.parent, "artifacts_dir", error) from error
        link = self.link(name)
        if link != scratch:
            with contextlib.suppress(OSError):
                if link.is_symlink():
                    link.unlink()
                link.symlink_to(self._target(name), target_is_directory=True)
        return scratch

    def _target(self, name: str) -> str:
        if self._relative_links:
            return os.path.relpath(self.path(name).resolve(), self.link(name).parent.resolve())
        return str(self.path(name))

    def is_empty(self, name: str) -> bool:
        """Whether the entry's scratch directory holds nothing or isn't there."""
        try:
            return not any(self.path(name).iterdir())
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def remove_empty(self) -> None:
        """Remove the session's directory of scratch directories if nothing was left in it; never raises.

        No other run of the session may be running: it could be making a scratch directory there.
        """
        if self.root == self._session_dir:
            return
        remove_empty([self.root, *(self.root / name for name in (DATA_SETUP_NAME, SUPERSEDED_NAME))])

    def move_aside(self, name: str, new_name: str) -> None:
        """Move the scratch directory of an entry whose directory became ``superseded/{new_name}``.

        Raises:
            OSError: it can't be moved.
        """
        old_link = self._session_dir / SUPERSEDED_NAME / new_name / SCRATCH_NAME
        if old_link.is_symlink():
            old_link.unlink()
        scratch, moved_name = self.path(name), f"{SUPERSEDED_NAME}/{new_name}"
        if self.link(name) == scratch or not scratch.is_dir():
            return
        new = self.path(moved_name)
        new.parent.mkdir(parents=True, exist_ok=True)
        scratch.rename(new)
        with contextlib.suppress(OSError):
            old_link.symlink_to(self._target(moved_name), target_is_directory=True)

    def remove(self, name: str) -> str | None:
        """Delete the entry's scratch directory and the link to it, as :func:`remove_tree` does.

        Returns:
            One sentence if something is left, for a warning.
        """
        scratch = self.path(name)
        if scratch.parent.resolve() != self.root.resolve() / name:
            return f"scratch directory {scratch} was not deleted: a link leads out of {self.root}"
        if left := remove_tree(scratch):
            return f"scratch directory {scratch} was not deleted whole ({left}): delete the rest by hand"
        with contextlib.suppress(OSError):
            if self.link(name).is_symlink():
                self.link(name).unlink()
        with contextlib.suppress(OSError):
            scratch.parent.rmdir()
        return None
