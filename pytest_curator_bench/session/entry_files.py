# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What lies in an entry's directory: the mark of the run that made it, and the result; reading them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench.results.format import read_file
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.names import LOG_NAME, RESERVED_ENTRY_NAMES, RESULTS_NAME
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.runs import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "CLAIM_FILE",
    "EntryClaim",
    "has_result",
    "interrupted_result",
    "read_claim",
    "read_result",
    "read_results",
    "walk_entries",
    "write_claim",
]

CLAIM_FILE = ".run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryClaim:
    """Which run made an entry's directory, and what is known of the entry before it has a result.

    Attributes:
        run_id: the run.
        owner: the process that made it, an xdist worker for instance.
        prepared_at: UTC time, ISO 8601.
        nodeid: pytest's name of the item, or empty.
        timeout_s: the entry's limit in seconds, or 0.
    """

    run_id: str
    owner: ProcessIdentity
    prepared_at: str
    nodeid: str = ""
    timeout_s: float = 0.0

    def is_over(self, session_dir: Path) -> bool:
        """Whether it is certain that the run that made the mark writes nothing any more."""
        try:
            return read_run(session_dir, self.run_id).is_over()
        except (OSError, KeyError, TypeError, ValueError):
            return self.owner.state() == "dead"


def write_claim(entry_dir: Path, mark: EntryClaim) -> None:
    """Write ``mark``; raises OSError."""
    # Not worth a wait for the disk: it tells of a process that a crash of the machine ends as well.
    write_json(entry_dir / CLAIM_FILE, asdict(mark), durable=False)


def read_claim(entry_dir: Path) -> EntryClaim | None:
    """The directory's mark, if it has one that can be read."""
    try:
        data = json.loads((entry_dir / CLAIM_FILE).read_bytes())
        return EntryClaim(**{**data, "owner": ProcessIdentity.from_dict(data["owner"])})
    except (OSError, KeyError, TypeError, ValueError):
        return None


def has_result(entry_dir: Path) -> bool:
    """Whether there is a result, readable or not."""
    return (entry_dir / RESULTS_NAME).exists()


def read_result(entry_dir: Path) -> EntryResult:
    """Read the result in ``entry_dir``, in whichever format; paths in it are those of today.

    Raises:
        OSError: there is none, or it can't be read.
        NewerFormatError: a newer version wrote it.
        ValueError: it is no result. The message names the file.
    """
    file = entry_dir / RESULTS_NAME
    data = read_file(file)
    try:
        return EntryResult.from_dict(_relocated(data, entry_dir))
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{file}: no result ({error})") from error


def _relocated(data: dict[str, Any], entry_dir: Path) -> dict[str, Any]:
    """The same with paths below the entry's directory as they are now, wherever the session was written."""
    recorded = str(data.get("entry_dir"))

    def moved(path: object) -> str:
        below = PurePath(str(path))
        return str(entry_dir / (below.relative_to(recorded) if below.is_relative_to(recorded) else below.name))

    attempts = [{**attempt, "entry_dir": moved(attempt["entry_dir"])} for attempt in data.get("attempts", ())]
    log = moved(data.get("stdouterr_file") or LOG_NAME)
    return {**data, "entry_dir": str(entry_dir), "stdouterr_file": log, "attempts": attempts}


def read_results(session_dir: Path) -> tuple[list[EntryResult], list[str]]:
    """Every result of a session, by the entries' names, and one sentence for each that can't be read.

    Entries without a result are in neither: they are still running, or were never recovered.
    """
    results, problems = [], []
    for entry_dir in walk_entries(session_dir):
        try:
            results.append(read_result(entry_dir))
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{entry_dir / RESULTS_NAME}: can't be read ({error.strerror or error})")
        except ValueError as error:
            problems.append(str(error))
    return results, problems


def walk_entries(session_dir: Path) -> Iterator[Path]:
    """The directories of a session's entries, by name: those with a mark or a result."""
    for path in sorted(session_dir.iterdir()):
        if path.name.startswith(".") or path.name in RESERVED_ENTRY_NAMES:
            continue
        if (path / CLAIM_FILE).exists() or has_result(path):
            yield path


def interrupted_result(entry_dir: Path, mark: EntryClaim | None, reason: str, error: str, **known: Any) -> EntryResult:
    """What can be said of an entry whose run ended before it had a result.

    Its parameters and metrics stay unread: nobody knows how far the script had come.

    Args:
        entry_dir: the entry's directory.
        mark: its mark.
        reason: the result's reason.
        error: the result's error.
        known: fields that the caller knows better than the mark.
    """
    facts: dict[str, Any] = {
        "session_name": entry_dir.parent.name,
        "nodeid": mark.nodeid if mark else "",
        "timeout_s": mark.timeout_s if mark else 0.0,
        "started_at": mark.prepared_at if mark else None,
    }
    return EntryResult(
        name=entry_dir.name,
        status="interrupted",
        reason=reason,
        error=error,
        entry_dir=str(entry_dir),
        stdouterr_file=str(entry_dir / LOG_NAME),
        **{**facts, **known},
    )
