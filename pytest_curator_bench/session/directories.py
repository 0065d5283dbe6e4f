# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Making the directories of a session, and removing those of a session that came to nothing."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench.session.errors import SessionError, shown
from pytest_curator_bench.session.names import RUNS_NAME, candidate_names, validate_session_name

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SessionPlace", "claim_session", "remove_empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlace:
    """The place of a session on the disk.

    Attributes:
        results_dir: holds the directories of sessions, absolute.
        artifacts_dir: holds scratch directories, absolute.
        session_name: the session's name.
        made: directories that were made for it, outer ones first.
    """

    results_dir: Path
    artifacts_dir: Path
    session_name: str
    made: tuple[Path, ...] = ()


def claim_session(results_dir: Path, artifacts_dir: Path, *, prefix: str, exact: str | None) -> SessionPlace:
    """Make the directories of a new session, or find those of the session called ``exact``.

    Raises:
        SessionError: a name is wrong, or a directory can't be made; nothing is left behind.
    """
    results_dir, artifacts_dir = _absolute(results_dir), _absolute(artifacts_dir)
    made: list[Path] = []
    try:
        _make_directory(results_dir, "results_dir", made)
        _make_directory(artifacts_dir, "artifacts_dir", made)
        if exact is not None:
            name = _claim_exact(results_dir, artifacts_dir, validate_session_name(exact), made)
        else:
            name = _claim_new(results_dir, artifacts_dir, prefix, made)
    except ValueError as error:
        remove_empty(made)
        raise SessionError(str(error)) from None
    except OSError as error:
        remove_empty(made)
        raise SessionError.unwritable(results_dir, "results_dir", error) from error
    except BaseException:
        remove_empty(made)
        raise
    return SessionPlace(results_dir=results_dir, artifacts_dir=artifacts_dir, session_name=name, made=tuple(made))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  # links stay as the user wrote them


def _make_directory(directory: Path, setting: str, made: list[Path]) -> None:
    # os.path's functions never raise, whatever lies there, and however long the name is.
    missing = [parent for parent in (directory, *directory.parents) if not os.path.exists(parent)]  # noqa: PTH110
    try:
        for parent in reversed(missing):
            if os.path.islink(parent):  # noqa: PTH114
                raise SessionError(
                    f"{setting} {shown(directory)} can't be made: the link {shown(parent)} leads nowhere, to "
                    f"{shown(parent.readlink())}: make that directory, or set {setting} to another"
                )
            parent.mkdir(exist_ok=True)
            made.append(parent)
            _check_rights(parent)
    except OSError as error:
        raise SessionError.unwritable(directory, setting, error) from error
    if not os.path.isdir(directory):  # noqa: PTH112
        raise SessionError(f"{setting} {shown(directory)} is no directory: set {setting} to one")


def _claim(directory: Path, setting: str, made: list[Path]) -> bool:
    """Make ``directory``, whose parent is what ``setting`` names; false where it exists."""
    try:
        directory.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise SessionError.unwritable(directory.parent, setting, error) from error
    made.append(directory)
    _check_rights(directory)
    return True


def _check_rights(directory: Path) -> None:
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise SessionError(f"{shown(directory)} was made, but not for this user to write in: set another umask")


def _claim_new(results_dir: Path, artifacts_dir: Path, prefix: str, made: list[Path]) -> str:
    """The first name that no session has; making a directory is atomic, so nobody else gets it."""
    for name in candidate_names(prefix, datetime.now().astimezone()):
        session_dir, scratch_root = results_dir / name, artifacts_dir / name
        if not _claim(session_dir, "results_dir", made):
            continue
        if scratch_root == session_dir or _claim(scratch_root, "artifacts_dir", made):
            return name
        # Scratch directories of a session that was deleted: they are not ours to fill.
        remove_empty([made.pop()])
    raise AssertionError("the names never end")


def _claim_exact(results_dir: Path, artifacts_dir: Path, name: str, made: list[Path]) -> str:
    session_dir = results_dir / name
    if session_dir == artifacts_dir or session_dir in artifacts_dir.parents:
        raise SessionError(f"session name {name!r} is the place of artifacts_dir {artifacts_dir}: choose another")
    if not _claim(session_dir, "results_dir", made) and not _is_session(session_dir):
        raise SessionError(f"{session_dir} exists and is no session: choose another name, or move it away")
    _claim(artifacts_dir / name, "artifacts_dir", made)
    return name


def _is_session(path: Path) -> bool:
    if not path.is_dir():
        return False
    # An empty directory is one that another run has made this moment, or the user for us.
    names = {child.name for child in path.iterdir()}
    return not names or RUNS_NAME in names


def remove_empty(directories: Sequence[Path]) -> None:
    """Remove those of the directories that are empty, the last ones first; never raises."""
    for directory in reversed(directories):
        with contextlib.suppress(OSError):
            directory.rmdir()
