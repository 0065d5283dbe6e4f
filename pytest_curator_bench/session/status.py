# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Progress of an entry before its script starts, in a file that workers write and the live view reads."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import read_json_object, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["STATUS_NAME", "EntryStatus", "publish_status", "read_status"]

STATUS_NAME = ".status.json"


@dataclass(frozen=True, slots=True)
class EntryStatus:
    """Progress of an entry.

    Attributes:
        doing: in a few words, as in ``waiting for 4 GPUs``.
        detail: further lines.
        waiting: whether the entry waits for others.
    """

    doing: str
    detail: tuple[str, ...] = ()
    waiting: bool = False


@contextlib.contextmanager
def publish_status(entry_dir: Path) -> Iterator[Callable[[EntryStatus], None]]:
    """Give a function that publishes what the entry is doing, as long as the block lasts.

    A file that can't be written is no error: nothing depends on it.
    """
    published = False

    def publish(status: EntryStatus) -> None:
        nonlocal published
        published = True
        with contextlib.suppress(OSError):
            write_json(entry_dir / STATUS_NAME, asdict(status), durable=False)

    try:
        yield publish
    finally:
        if published:
            with contextlib.suppress(OSError):
                (entry_dir / STATUS_NAME).unlink(missing_ok=True)


def read_status(entry_dir: Path) -> EntryStatus | None:
    """Return the published status, if there is one that can be read."""
    data = read_json_object(entry_dir / STATUS_NAME)
    try:
        return EntryStatus(str(data["doing"]), tuple(map(str, data["detail"])), bool(data["waiting"]))
    except (KeyError, TypeError):
        return None
