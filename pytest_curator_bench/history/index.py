# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A private cache of a results directory, so that a thousand sessions are asked in milliseconds.

The results directory is the truth, and nothing but readers writes the cache: it may be deleted at any time. One row
holds a result, with its figures as one array of doubles; settings, metrics and lists of figures' names are stored once
each, because most results share theirs. A session's rows are replaced when its ``session.json`` has another time, size
or inode than the one that they were read from.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.locks import LockedError, locked_file
from pytest_curator_bench.history.index_place import index_file
from pytest_curator_bench.history.records import Record, read_environment, read_records
from pytest_curator_bench.results.format import read_file
from pytest_curator_bench.session.names import SESSION_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["Index"]

# Of the tables below and of what is put into them: a file of another version is made anew.
VERSION = 2
LOCK_WAIT_S = 5.0
# More sessions than this are read with a progress line.
_MANY = 100

_TABLES = f"""
PRAGMA page_size = 8192;
PRAGMA user_version = {VERSION};
CREATE TABLE session (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, signature TEXT NOT NULL, started_at TEXT NOT NULL,
    summary TEXT NOT NULL, environment TEXT NOT NULL, problems TEXT NOT NULL);
CREATE TABLE shared (id INTEGER PRIMARY KEY, content TEXT UNIQUE NOT NULL);
CREATE TABLE result (
    entry TEXT NOT NULL, started_at TEXT NOT NULL, session INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT, error TEXT,
    setting INTEGER NOT NULL, metrics INTEGER NOT NULL, names INTEGER NOT NULL, figures BLOB NOT NULL,
    PRIMARY KEY (entry, started_at, session)) WITHOUT ROWID;
CREATE INDEX result_session ON result (session);
"""
_RECORDS = (
    "SELECT session.name, result.entry, result.status, result.reason, result.error, result.started_at, "
    "result.setting, result.metrics, result.names, result.figures "
    "FROM result JOIN session ON session.id = result.session"
)


class Index:
    """The sessions of a results directory, as they are when it is opened.

    Attributes:
        results_dir: where the sessions are.
        file: the cache; ``None`` where it is kept in memory, because no directory can be written.
        problems: sentences about what can't be read, and about the cache itself.
    """

    def __init__(self, results_dir: Path, file: Path | None, database: sqlite3.Connection) -> None:
        self.file = file
        self.problems: list[str] = []
        self.results_dir = results_dir
        self._database = database
        self._shared: dict[int, Any] = {}
        self._numbers: dict[str, int] = {}

    @classmethod
    def open(
        cls, results_dir: Path, *, file: Path | None = None, progress: Callable[[int], None] = lambda _count: None
    ) -> Index:
        """Open the index and bring it up to date.

        Args:
            results_dir: where the sessions are; need not exist.
            file: the cache; by default the one that :func:`index_file` chooses.
            progress: called with the number of sessions that have to be read, if they are many.
        """
        file = file or index_file(results_dir)
        if file is None:
            return cls._in_memory(results_dir, progress)
        lock = file.with_suffix(".lock")
        try:
            index = cls._existing(results_dir, file)
            if index is not None:
                index.load_problems()
                if not (changed := index.changed()):
                    return index
            # Whoever has nothing yet to answer from waits for the one that builds it.
            with locked_file(lock, timeout_s=LOCK_WAIT_S if index is not None else 60.0, mode=0o600):
                if index is None and (index := cls._existing(results_dir, file)) is None:
                    return cls._built(results_dir, file, progress)
                index.update(progress)
                return index
        except LockedError:
            if index is not None:
                are = "session is" if len(changed) == 1 else "sessions are"
                index.problems.append(f"another process is updating {file}: {len(changed)} {are} not in it yet")
                return index
        except (OSError, sqlite3.Error):
            pass
        return cls._in_memory(results_dir, progress)

    @classmethod
    def rebuild(cls, results_dir: Path, *, file: Path | None = None) -> Index:
        """Make the index anew, whatever is there."""
        file = file or index_file(results_dir)
        if file is None:
            return cls._in_memory(results_dir)
        with locked_file(file.with_suffix(".lock"), mode=0o600):
            return cls._built(results_dir, file)

    @classmethod
    def cached(cls, results_dir: Path) -> Index | None:
        """Open the cache as it is, to look at it; ``None`` where there is none, or one that is made anew when used."""
        file = index_file(results_dir)
        return None if file is None else cls._existing(results_dir, file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the cache."""
        self._database.close()

    # --- questions ---

    def environment(self, session: str) -> Mapping[str, Any]:
        """Return what a session ran on: the content of its ``env.json``; empty where that is unknown."""
        rows = self._database.execute("SELECT environment FROM session WHERE name = ?", (session,))
        return next((json.loads(text) for (text,) in rows), {})

    def results(self, session: str) -> list[Record]:
        """Return the results of a session, by entry."""
        rows = self._database.execute(
            f"{_RECORDS} WHERE session.name = ? ORDER BY result.entry",
            (session,),
        )
        return [self._record(row) for row in rows]

    def past(self, entry: str, *, before: str | None = None, limit: int = -1) -> Iterator[Record]:
        """Yield the results of an entry, the newest first.

        Args:
            entry: its name.
            before: only those that started before (UTC, ISO 8601).
            limit: at most so many; all by default.
        """
        rows = self._database.execute(
            f"{_RECORDS} WHERE entry = ? AND result.started_at < ? ORDER BY result.started_at DESC LIMIT ?",
            (entry, before or "~", limit),
        )
        return (self._record(row) for row in rows)

    def entries(self) -> list[str]:
        """Return the names of all entries that have a result."""
        return [name for (name,) in self._database.execute("SELECT DISTINCT entry FROM result ORDER BY entry")]

    def check(self) -> str | None:
        """Return what is wrong with the cache's file, in SQLite's words; ``None`` if it is whole."""
        found = [text for (text,) in self._database.execute("PRAGMA integrity_check(3)")]
        return None if found == ["ok"] else "; ".join(found)

    def sessions(self) -> list[str]:
        """Return the names of the sessions that are in it, as it is."""
        return [name for (name,) in self._database.execute("SELECT name FROM session ORDER BY name")]

    def outdated(self) -> list[str]:
        """Return the sessions whose files say something else than it, although nothing shows that; reads them all."""

        def comparable(records: Iterable[Record]) -> list[Record]:
            # The directory names the session, and its start stands in for a missing one.
            return [replace(record, session="", started_at="") for record in records]

        names = sorted({*self.sessions()} - self.changed().keys())
        return [name for name in names if comparable(self.results(name)) != comparable(_read(self.results_dir / name))]

    def _record(self, row: Sequence[Any]) -> Record:
        session, entry, status, reason, error, started_at, setting, metrics, names, figures = row
        values = array("d")
        values.frombytes(figures)
        return Record(
            session=session,
            entry=entry,
            status=status,
            reason=reason,
            error=error,
            started_at=started_at,
            setting=self._content(setting),
            figures=dict(zip(self._content(names), values, strict=True)),
            **self._content(metrics),
        )

    def _content(self, number: int) -> Any:
        if number not in self._shared:
            ((text,),) = self._database.execute("SELECT content FROM shared WHERE id = ?", (number,))
            self._shared[number] = json.loads(text)
        return self._shared[number]

    # --- the cache ---

    @classmethod
    def _existing(cls, results_dir: Path, file: Path) -> Index | None:
        """Return the index that the file holds; ``None`` if it holds none, or a damaged one."""
        database = None
        try:
            database = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=LOCK_WAIT_S)
            database.execute("PRAGMA synchronous = OFF")  # what a crash of the machine damages is made anew
            is_own = database.execute("PRAGMA user_version").fetchone() == (VERSION,)
            if is_own and database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                return cls(results_dir, file, database)
        except sqlite3.Error:
            pass
        if database is not None:
            database.close()
        return None

    @classmethod
    def _built(cls, results_dir: Path, file: Path, progress: Callable[[int], None] = lambda _count: None) -> Index:
        """Make the cache in a new file that takes the place of the old one when it is whole; under the lock."""
        new = file.with_suffix(".new")
        for leftover in (new, new.with_name(f"{new.name}-journal")):
            leftover.unlink(missing_ok=True)
        database = sqlite3.connect(new)
        index = cls(results_dir, file, database)
        database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_TABLES}")
        index.update(progress)
        database.close()
        # A journal that belongs to the damaged file would be applied to the new one.
        file.with_name(f"{file.name}-journal").unlink(missing_ok=True)
        new.replace(file)
        problems, index = index.problems, cls(results_dir, file, sqlite3.connect(file, timeout=LOCK_WAIT_S))
        index.problems = problems
        return index

    @classmethod
    def _in_memory(cls, results_dir: Path, progress: Callable[[int], None] = lambda _count: None) -> Index:
        database = sqlite3.connect(":memory:")
        database.executescript(_TABLES)
        index = cls(results_dir, None, database)
        index.update(progress)
        return index

    def changed(self) -> dict[str, str | None]:
        """Return the signature of each session that isn't in the cache as it is; ``None`` for one that is gone."""
        cached = dict(self._database.execute("SELECT name, signature FROM session"))
        found = _signatures(self.results_dir)
        changed: dict[str, str | None] = {name: text for name, text in found.items() if cached.get(name) != text}
        return changed | dict.fromkeys(cached.keys() - found.keys())

    def update(self, progress: Callable[[int], None]) -> None:
        """Read what has changed; under the lock."""
        changed = self.changed()
        if len(changed) > _MANY:
            progress(len(changed))
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for name, signature in changed.items():
                self._remove(name)
                if signature is not None:
                    self._add(name, signature)
        self.load_problems()

    def load_problems(self) -> None:
        """Take the sentences about what couldn't be read from the cache."""
        rows = self._database.execute("SELECT problems FROM session WHERE problems != '[]' ORDER BY name")
        self.problems = [problem for (text,) in rows for problem in json.loads(text)]

    def _remove(self, name: str) -> None:
        for (number,) in self._database.execute("SELECT id FROM session WHERE name = ?", (name,)).fetchall():
            self._database.execute("DELETE FROM result WHERE session = ?", (number,))
            self._database.execute("DELETE FROM session WHERE id = ?", (number,))

    def _add(self, name: str, signature: str) -> None:
        directory = self.results_dir / name
        problems: list[str] = []
        records: Sequence[Record] = ()
        summary: dict[str, Any] = {}
        try:
            summary = read_file(directory / SESSION_NAME)
            records, problems = read_records(directory)
        except (OSError, ValueError) as error:
            problems = [str(error)]
        started_at = str(summary.get("started_at") or "")
        kept = {key: summary.get(key) for key in ("status", "finished_at", "counts", "reason", "exit_status")}
        number = self._database.execute(
            "INSERT INTO session (name, signature, started_at, summary, environment, problems) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                name,
                signature,
                started_at,
                json.dumps(kept),
                json.dumps(read_environment(directory, "")),
                json.dumps(problems),
            ),
        ).lastrowid
        self._database.executemany(
            "INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    record.entry,
                    record.started_at or started_at,
                    number,
                    record.status,
                    record.reason,
                    record.error,
                    self._shared_number(record.setting),
                    self._shared_number(
                        {
                            "rules": list(record.rules),
                            "required": list(record.required),
                            "marks": list(record.marks),
                            "owner": record.owner,
                        }
                    ),
                    self._shared_number(list(record.figures)),
                    array("d", record.figures.values()).tobytes(),
                )
                for record in records
            ],
        )

    def _shared_number(self, content: object) -> int:
        text = json.dumps(content)
        if text not in self._numbers:
            self._database.execute("INSERT OR IGNORE INTO shared (content) VALUES (?)", (text,))
            ((number,),) = self._database.execute("SELECT id FROM shared WHERE content = ?", (text,))
            self._numbers[text] = number
        return self._numbers[text]


def _signatures(results_dir: Path) -> dict[str, str]:
    """Return what shows that a session has changed, by session: time, size and inode of its ``session.json``."""
    found = {}
    with contextlib.suppress(OSError), os.scandir(results_dir) as children:
        for child in children:
            if not child.name.startswith("."):
                with contextlib.suppress(OSError):
                    status = os.stat(f"{child.path}/{SESSION_NAME}")  # noqa: PTH116  # faster
                    found[child.name] = f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"
    return found


def _read(directory: Path) -> Sequence[Record]:
    try:
        read_file(directory / SESSION_NAME)
        return read_records(directory)[0]
    except (OSError, ValueError):
        return ()
