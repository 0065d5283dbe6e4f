# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Notes of the Slack sink, in files that all runs of a session share.

{state_dir}/
    conversation.json       where direct messages to a person go
    messages/{key}.json     one message each (the summary: "summary"), and whether it is being sent or where it is
    entries/{key}.json      what the summary says of one result, by delivery key
    runs/{run id}.json      what one run will run, and is running now
    *.lock                  held while the message of that name is sent
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import read_json_object, write_json
from pytest_curator_bench.sinks.files.locking import locked
from pytest_curator_bench.sinks.slack.messages import EntryLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Note", "SlackState", "latest_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is known of a message.

    Attributes:
        message_id: what it is found by at Slack.
        sending_since: when it was first tried to send, in seconds since 1970.
        ts: what Slack calls it; ``None`` while that is not known, and always with a webhook.
        is_sent: whether it has arrived.
    """

    message_id: str
    sending_since: float
    ts: str | None = None
    is_sent: bool = False


class SlackState:
    """The files; every method raises OSError if the disk fails."""

    def __init__(self, state_dir: Path) -> None:
        self._dir = state_dir
        for name in ("messages", "entries", "runs"):
            (state_dir / name).mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Keep other runs from sending the message ``key``."""
        with locked(self._dir / f"{key}.lock"):
            yield

    def note(self, key: str) -> Note | None:
        """Return what is known of a message; ``None`` if nobody has tried to send it."""
        data = read_json_object(self._dir / "messages" / f"{key}.json")
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return Note(
                message_id=str(data["message_id"]),
                sending_since=float(data["sending_since"]),
                ts=data["ts"],
                is_sent=bool(data["is_sent"]),
            )
        return None

    def begin(self, key: str) -> Note:
        """Note that a message is about to be sent, so that whoever comes after a crash looks for it first."""
        note = Note(message_id=secrets.token_hex(16), sending_since=time.time())
        self._write_note(key, note)
        return note

    def end(self, key: str, note: Note, ts: str | None = None) -> None:
        """Note that a message has arrived."""
        self._write_note(key, replace(note, ts=ts, is_sent=True))

    def forget(self, key: str) -> None:
        """Note that a message does not exist: it may be sent anew."""
        (self._dir / "messages" / f"{key}.json").unlink(missing_ok=True)

    def _write_note(self, key: str, note: Note) -> None:
        write_json(self._dir / "messages" / f"{key}.json", asdict(note))

    def conversation(self, person: str) -> str | None:
        """Return the ID of the conversation with a person, if it is known."""
        data = read_json_object(self._dir / "conversation.json")
        return str(data["channel"]) if data.get("person") == person and data.get("channel") else None

    def keep_conversation(self, person: str, channel: str) -> None:
        """Remember the conversation with a person: only its ID leads to messages that were posted to it."""
        write_json(self._dir / "conversation.json", {"person": person, "channel": channel})

    def add_line(self, key: str, line: EntryLine) -> None:
        """Remember what the summary says of a result."""
        write_json(self._dir / "entries" / f"{key}.json", asdict(line))

    def lines(self) -> tuple[EntryLine, ...]:
        """Return the lines of all results, the latest of each entry."""
        lines = []
        for file in sorted((self._dir / "entries").glob("*.json")):
            with contextlib.suppress(TypeError):
                lines.append(EntryLine(**read_json_object(file)))
        return latest_lines(lines)

    def write_run(self, run_id: str, entries: Sequence[str], running: Iterable[str]) -> None:
        """Tell other runs what this one does."""
        # Names of runs hold nothing that a file's name can't.
        data = {"entries": list(entries), "running": sorted(running)}
        write_json(self._dir / "runs" / f"{run_id}.json", data, durable=False)

    def runs(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the entries of all runs, and of those that run now."""
        runs = [read_json_object(file) for file in sorted((self._dir / "runs").glob("*.json"))]
        entries, running = (
            tuple(dict.fromkeys(str(name) for run in runs for name in run.get(key) or ()))
            for key in ("entries", "running")
        )
        return entries, running


def latest_lines(lines: Iterable[EntryLine]) -> tuple[EntryLine, ...]:
    """Return one line per entry: the result that started last; ``skipped`` never replaces a result."""
    latest: dict[str, EntryLine] = {}
    for line in sorted(lines, key=lambda line: (line.status != "skipped", line.started_at)):
        latest[line.name] = line
    return tuple(latest.values())
