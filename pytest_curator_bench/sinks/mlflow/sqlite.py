# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""SQLite stores of MLflow: made whole or not at all, and how to repair one that is broken."""

from __future__ import annotations

import contextlib
import glob
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_curator_bench._util.text import error_text
from pytest_curator_bench.sinks.base import PermanentSinkError
from pytest_curator_bench.sinks.files.locking import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["broken_store_explained", "each_migration", "make_sqlite", "sqlite_uri"]

# What SQLite says of a store that is as it should be.
_PASSING = re.compile(r"locked|busy|unable to open|disk|readonly|read-only", re.IGNORECASE)


def sqlite_uri(file: Path) -> str:
    """Return the URI of an SQLite store: SQLAlchemy decodes paths, and takes them to end at a question mark alone."""
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


def _file_of(uri: str) -> Path:
    """The file of an SQLite store."""
    return Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0]))


def make_sqlite(uri: str, make_tables: Callable[[str], None]) -> None:
    """Make an SQLite store where there is none, whole or not at all: a half-made one can't be used any more.

    Of several processes one makes it, in a file that takes its name when it is whole; the others wait.

    Args:
        uri: of the store.
        make_tables: given the URI of a file, makes the store's tables in it.
    """
    file = _file_of(uri)
    if _holds_data(file):
        return
    lock_file = file.with_name(f".{file.name}.lock")
    with locked(lock_file):
        for left in file.parent.glob(f".{glob.escape(file.name)}.*.new*"):  # by a process that was killed
            left.unlink(missing_ok=True)
        if not _holds_data(file):
            new = file.with_name(f".{file.name}.{os.getpid()}.new")
            _, mark, options = uri.partition("?")
            make_tables(f"{sqlite_uri(new)}{mark}{options}")
            new.replace(file)
        lock_file.unlink(missing_ok=True)


def _holds_data(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


@contextlib.contextmanager
def broken_store_explained(uri: str) -> Iterator[None]:
    """Report how to repair a store that an interrupted process, or another version of MLflow, has left behind."""
    file = _file_of(uri)
    was_there = _holds_data(file)
    try:
        yield
    except Exception as error:  # whatever MLflow, Alembic and SQLAlchemy raise in the middle of a migration
        text = error_text(error).partition("\n")[0]
        if "out-of-date database schema" in text:
            raise PermanentSinkError(
                f"MLflow's store {file} is of another version of MLflow: back it up, then run: mlflow db upgrade {uri}"
            ) from error
        if was_there and not isinstance(error, OSError) and not _PASSING.search(text):
            raise PermanentSinkError(
                f"MLflow's store {file} can't be used: it was left half made, or is none ({text}); move it away, and "
                "the next run or replay makes a new one"
            ) from error
        raise


@contextlib.contextmanager
def each_migration(on_progress: Callable[[], None]) -> Iterator[None]:
    """Take each step of making an SQLite store, some 60 that need a while together, for a sign of life.

    Alembic, which does them, says so at level INFO; that goes no further.
    """

    def listen(record: logging.LogRecord) -> bool:
        on_progress()
        return record.levelno > logging.INFO

    logger = logging.getLogger("alembic.runtime.migration")
    level = logger.level
    logger.addFilter(listen)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeFilter(listen)
        logger.setLevel(level)
