# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What an entry is doing before its script starts, in a file of its directory: workers write, the live view reads."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["STATUS_NAME", "EntryStatus", "publish_status", "read_status"]

STATUS_NAME = ".status.json"


@dataclass(frozen=True, slots=True)
class EntryStatus:
    """What an entry is doing.

    Attributes:
        doing: in a few words, as in ``waiting for 4 GPUs``.
        detail: lines that say more.
        waiting: whether others keep it from going on.
    """

    doing: str
    detail: tuple[str, ...] = ()
    waiting: bool = False


@contextlib.contextmanager
def publish_status(entry_dir: Path) -> Iterator[Callable[[EntryStatus], None]]:
    """Give a function that says what the entry is doing, as long as the block lasts.

    A file that can't be written is no error: nothing depends on it.
    """
    said = False

    def say(status: EntryStatus) -> None:
        nonlocal said
        said = True
        with contextlib.suppress(OSError):
            write_json(entry_dir / STATUS_NAME, asdict(status), durable=False)

    try:
        yield say
    finally:
        if said:
            with contextlib.suppress(OSError):
                (entry_dir / STATUS_NAME).unlink(missing_ok=True)


def read_status(entry_dir: Path) -> EntryStatus | None:
    """What the entry says, if anything that can be read."""
    try:
        data = json.loads((entry_dir / STATUS_NAME).read_bytes())
        return EntryStatus(str(data["doing"]), tuple(map(str, data["detail"])), bool(data["waiting"]))
    except (OSError, KeyError, TypeError, ValueError):
        return None
