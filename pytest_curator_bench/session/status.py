# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The present step of an entry, in a file that workers write and the live view and ``curator-bench watch`` read."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import read_json_object, write_json
from pytest_curator_bench._util.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["STATUS_NAME", "EntryStatus", "publish_status", "read_status"]

STATUS_NAME = ".status.json"
_MOST_DETAILS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryStatus:
    """The present step of an entry.

    Attributes:
        doing: in a few words, as in ``waiting for 4 GPUs``.
        since: when the step began.
        detail: what the entry waits for: who holds it, who is queued before it.
        held_by: IDs of the processes whose leases the entry waits for; empty where it doesn't wait.
        leased_at: when the entry's lease was granted; ``None`` before.
        cpus: number of leased CPUs, 0 where nothing is said about them.
        gpus: NVML's numbers of the leased GPUs.
        run: name of the directory, below the entry's, of the run whose script runs: empty for the entry's own
            directory; ``None`` while no script runs.
    """

    doing: str
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    detail: tuple[str, ...] = ()
    held_by: tuple[int, ...] = ()
    leased_at: datetime | None = None
    cpus: int = 0
    gpus: tuple[int, ...] = ()
    run: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the entry waits: for a lease, or for a quiet machine."""
        return bool(self.held_by or self.detail)

    @property
    def details(self) -> str:
        """The details, on one line."""
        more = [f"and {len(self.detail) - _MOST_DETAILS} more"] if len(self.detail) > _MOST_DETAILS else []
        return printable("; ".join([*self.detail[:_MOST_DETAILS], *more]))

    @property
    def text(self) -> str:
        """The step with its details, on one line."""
        return printable(f"{self.doing} ({self.details})" if self.detail else self.doing)


@contextlib.contextmanager
def publish_status(entry_dir: Path) -> Iterator[Callable[[EntryStatus], None]]:
    """Give a function that publishes the entry's step, as long as the block lasts: all that it is given are one step.

    A file that can't be written is no error: nothing depends on it.
    """
    began: datetime | None = None

    def publish(status: EntryStatus) -> None:
        nonlocal began
        began = began or status.since
        with contextlib.suppress(OSError):
            write_json(entry_dir / STATUS_NAME, asdict(replace(status, since=began)), durable=False)

    try:
        yield publish
    finally:
        if began is not None:
            with contextlib.suppress(OSError):
                (entry_dir / STATUS_NAME).unlink(missing_ok=True)


def read_status(entry_dir: Path) -> EntryStatus | None:
    """Return the published status, if there is one that can be read."""
    data = read_json_object(entry_dir / STATUS_NAME)
    try:
        return EntryStatus(
            doing=str(data["doing"]),
            since=_moment(data["since"]),
            detail=tuple(map(str, data["detail"])),
            held_by=tuple(map(int, data["held_by"])),
            leased_at=None if data["leased_at"] is None else _moment(data["leased_at"]),
            cpus=int(data["cpus"]),
            gpus=tuple(map(int, data["gpus"])),
            run=None if data["run"] is None else str(data["run"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
