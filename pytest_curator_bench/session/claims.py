# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The claim of a run on an entry's directory: which run made it, and what is known before there is a result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from pytest_curator_bench._util.atomic import read_json_object, write_json
from pytest_curator_bench.results.type_check import check_types
from pytest_curator_bench.session.names import CLAIM_NAME
from pytest_curator_bench.session.process_identity import ProcessIdentity
from pytest_curator_bench.session.runs import read_run, run_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EntryClaim", "read_claim", "session_of", "write_claim"]


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
        """Whether the run that made the claim has certainly ended."""
        try:
            return read_run(session_dir, self.run_id).is_over()
        except (OSError, KeyError, TypeError, ValueError):
            return self.owner.state() == "dead"


class _ClaimDict(TypedDict):
    run_id: str
    owner: dict[str, Any]
    prepared_at: str
    nodeid: NotRequired[str]
    timeout_s: NotRequired[float]


def write_claim(entry_dir: Path, claim: EntryClaim) -> None:
    """Write ``claim``; raises OSError."""
    # Not worth a wait for the disk: it names a process that a crash of the machine ends as well.
    write_json(entry_dir / CLAIM_NAME, asdict(claim), durable=False)


def read_claim(entry_dir: Path) -> EntryClaim | None:
    """Return the directory's claim, if it has one that can be read and that names a run of its session.

    A script can have copied the directory of an earlier session into its own, claim and all.
    """
    data = read_json_object(entry_dir / CLAIM_NAME)
    try:
        check_types(data, _ClaimDict)
        datetime.fromisoformat(data["prepared_at"])
        claim = EntryClaim(**{**data, "owner": ProcessIdentity.from_dict(data["owner"])})
        return claim if session_of(entry_dir, claim.run_id) is not None else None
    except (OSError, TypeError, ValueError):  # one that a script has written, such as with a run of 5,000 characters
        return None


def session_of(entry_dir: Path, run_id: str) -> Path | None:
    """Return the session that holds both the entry's directory and the run; ``None`` where that is none.

    Data setups and superseded entries lie one level deeper than others.
    """
    if not run_id:
        return None
    parents = list(entry_dir.parents)[:2]
    return next((parent for parent in parents if run_file(parent, run_id).parent.is_dir()), None)
