# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench clean``: delete old sessions, with the scratch directories that they left."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from argparse import ArgumentTypeError
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import counted, format_size
from pytest_curator_bench._util.trees import remove_tree, tree_size
from pytest_curator_bench.cli.arguments import whole_number
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.list import AGE_COLUMN
from pytest_curator_bench.cli.output import Column, add_format_argument, print_note, print_rows
from pytest_curator_bench.cli.results_dir import add_results_arguments, all_sessions, artifacts_dir, results_dir
from pytest_curator_bench.history.content import is_running
from pytest_curator_bench.results.format import read_file_or_skip
from pytest_curator_bench.session.directories import remove_empty
from pytest_curator_bench.session.names import DATA_SETUP_NAME, SCRATCH_NAME, SESSION_NAME, SUPERSEDED_NAME

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["add_arguments", "run"]

_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
# Within a session's artifacts, what holds directories of entries, of data setups, and of what was run again.
_PARENTS = ("", DATA_SETUP_NAME, SUPERSEDED_NAME)
# Other programs call files session.json, too.
_KEYS = frozenset({"name", "status", "counts", "entries", "runs"})

COLUMNS = (
    Column(key="session", is_name=True),
    AGE_COLUMN,
    Column(key="size_bytes", head="size", show=lambda row: format_size(row["size_bytes"]), is_number=True),
    Column(key="kept", head="", show=lambda row: f"kept: {row['kept']}" if row["kept"] else ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Old:
    """An old session.

    Attributes:
        ref: the session.
        artifacts: holds its scratch directories, or has held them; ``None`` if the session's own directory does.
        kept: why it is not deleted; ``None`` if it is.
    """

    ref: SessionRef
    artifacts: Path | None
    kept: str | None

    @property
    def size_bytes(self) -> int:
        """Space that it takes now."""
        return tree_size(self.ref.path) + sum(map(tree_size, self.scratch()))

    def scratch(self) -> list[Path]:
        """Return the scratch directories of entries and data setups; what else lies beside them is not the session's.

        ``--bench-session NAME`` takes a directory of that name in ``artifacts_dir`` as it finds it.
        """
        parents = [self.artifacts / name for name in _PARENTS] if self.artifacts is not None else []
        found = [
            path for parent in parents if not parent.is_symlink() for path in sorted(parent.glob(f"*/{SCRATCH_NAME}"))
        ]
        return [path for path in found if not path.parent.is_symlink()]

    def row(self) -> dict[str, Any]:
        """What is printed of it."""
        started_at = self.ref.started_at.isoformat()
        return {"session": self.ref.name, "started_at": started_at, "size_bytes": self.size_bytes, "kept": self.kept}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Delete old sessions and the scratch directories that they left. Sessions that are running stay, and what "
        "can't be read as a session. Links are deleted, never followed. Exit status 0: nothing old is left, or "
        "--dry-run; 1: something is left; 2: this command line can't be understood, or nobody can be asked and --yes "
        "is missing."
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--keep", type=_age, metavar="AGE", help="keep what has ended within this time: 90d, 12w, 36h")
    which.add_argument("--keep-last", type=whole_number, metavar="N", help="keep the newest N")
    parser.add_argument("--dry-run", action="store_true", help="only list what would be deleted")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    add_results_arguments(parser)
    add_format_argument(parser)


def _age(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([hdw])", text)
    if match is None:
        raise ArgumentTypeError(f"found {text!r}, expected a number of days, weeks or hours: 90d, 12w, 36h")
    return timedelta(hours=int(match[1]) * _HOURS[match[2]])


def run(options: argparse.Namespace) -> int:
    """Delete old sessions; returns the exit status."""
    directory = results_dir(options)
    artifacts: Path | None = artifacts_dir(options, directory)
    if artifacts is not None and os.path.realpath(artifacts) == os.path.realpath(directory):
        artifacts = None
    refs = all_sessions(options, directory)
    found = [
        _Old(ref=ref, artifacts=artifacts and artifacts / ref.name, kept=_why_kept(ref)) for ref in _old(refs, options)
    ]
    doomed = [old for old in found if old.kept is None]
    if doomed and not (options.dry_run or options.yes or sys.stdin.isatty()):
        raise CommandError("nobody can be asked: give --yes to delete them, or --dry-run to list them")
    rows = [old.row() for old in found]
    print_rows(COLUMNS, rows, options.format)
    size_bytes = sum(row["size_bytes"] for row in rows if row["kept"] is None)
    what = f"{counted(len(doomed), 'session')}, {format_size(size_bytes)}"
    if not doomed:
        print_note(f"nothing to delete among {counted(len(refs), 'session')} in {directory}")
        return 0
    if options.dry_run:
        print_note(f"would delete {what}")
        return 0
    if not options.yes and not _is_confirmed(f"Delete {what}? [y/N] "):
        print_note("nothing was deleted")
        return 1
    return _delete(doomed, size_bytes)


def _old(refs: Sequence[SessionRef], options: argparse.Namespace) -> Iterable[SessionRef]:
    if options.keep_last is not None:
        return refs[options.keep_last :]
    since = datetime.now(UTC) - options.keep
    return [ref for ref in refs if (ref.finished_at or ref.started_at) < since]


def _why_kept(ref: SessionRef) -> str | None:
    if ref.path.is_symlink():
        return "a link"
    if not read_file_or_skip(ref.path / SESSION_NAME).keys() >= _KEYS:
        return f"its {SESSION_NAME} is not of pytest-curator-bench"
    return "still running" if is_running(ref.path) else None


def _is_confirmed(question: str) -> bool:
    sys.stdout.flush()
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _delete(doomed: Sequence[_Old], size_bytes: int) -> int:
    deleted = 0
    for old in doomed:
        # It may have been joined while somebody made up their mind.
        left = _why_kept(old.ref) or _delete_session(old)
        if left is None:
            deleted += 1
        else:
            size_bytes -= old.size_bytes
            print_note(f"{old.ref.name} was not deleted whole: {left}")
    print_note(f"deleted {counted(deleted, 'session')}, freed {format_size(size_bytes)}")
    return 0 if deleted == len(doomed) else 1


def _delete_session(old: _Old) -> str | None:
    """Delete a session, its summary last: one that was deleted in part is found again; return what is left."""
    left, scratch = None, old.scratch()
    for path in scratch:
        left = left or remove_tree(path)
    if old.artifacts is not None and old.artifacts.is_symlink():
        old.artifacts.unlink()
    elif old.artifacts is not None:
        remove_empty([*(old.artifacts / name for name in _PARENTS), *(path.parent for path in scratch)])
    children: list[Path] = []
    with contextlib.suppress(OSError):  # remove_tree() can do more than list it
        children = [child for child in old.ref.path.iterdir() if child.name != SESSION_NAME]
    for child in children:
        left = left or remove_tree(child)
    return left or remove_tree(old.ref.path)
