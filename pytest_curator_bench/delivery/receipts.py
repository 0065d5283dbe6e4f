# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a sink has received and what it still lacks, as files in the session's directory.

    {session_dir}/sinks/{sink}/
        delivered/{delivery key}.json    one receipt per result, written when the sink has taken it
        waiting/{delivery key}.json      whole results that could not be delivered, until they are
        finalized.json                   what was delivered when finalize() last succeeded
        state/                           the sink's own notes (Sink.state_dir)

One file for each, so that several processes, on several hosts, can write side by side without a lock.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import read_json_object, write_json
from pytest_curator_bench.session.names import SINKS_NAME
from pytest_curator_bench.session.runs import utc_now
from pytest_curator_bench.sinks.base import delivery_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Receipts"]


class Receipts:
    """One sink's directory in that of a session.

    Attributes:
        state_dir: the sink's own directory.
        root_dir: all of it.
    """

    def __init__(self, session_dir: Path, sink_name: str) -> None:
        self.root_dir = session_dir / SINKS_NAME / sink_name
        self.state_dir = self.root_dir / "state"
        self._delivered_dir = self.root_dir / "delivered"
        self._waiting_dir = self.root_dir / "waiting"
        self._finalized_file = self.root_dir / "finalized.json"

    def open(self) -> None:
        """Make the directories; raises OSError."""
        for directory in (self.state_dir, self._delivered_dir, self._waiting_dir):
            directory.mkdir(parents=True, exist_ok=True)

    def is_delivered(self, result: Mapping[str, Any]) -> bool:
        """Whether there is a receipt for ``result``."""
        return self._receipt(delivery_key(result)).exists()

    def mark_delivered(self, result: Mapping[str, Any], left_out: Sequence[str] = ()) -> None:
        """Write the receipt for ``result``, with what was left out of it; it is kept no longer; raises OSError."""
        key = delivery_key(result)
        receipt = {"name": result.get("name"), "delivered_at": utc_now()}
        write_json(self._receipt(key), {**receipt, **({"left_out": list(left_out)} if left_out else {})})
        self._waiting(key).unlink(missing_ok=True)

    def keep(self, result: Mapping[str, Any]) -> None:
        """Keep ``result`` for later, whatever becomes of the entry's own directory; raises OSError."""
        file = self._waiting(delivery_key(result))
        if not file.exists():
            write_json(file, result)

    def kept(self) -> list[dict[str, Any]]:
        """Return the kept results that can be read, in the order in which their entries ended."""
        # A file that is gone by now was delivered by another process.
        results = filter(None, map(read_json_object, self._waiting_dir.glob("*.json")))
        return sorted(results, key=lambda result: str(result.get("finished_at") or result.get("started_at") or ""))

    def mark_finalized(self, left_out: Sequence[str] = ()) -> None:
        """Note that finalize() has succeeded for all that is delivered by now, and what it left out; raises OSError."""
        receipt = {"digest": self._digest(), "finalized_at": utc_now()}
        write_json(self._finalized_file, {**receipt, **({"left_out": list(left_out)} if left_out else {})})

    def is_finalized(self) -> bool:
        """Whether nothing was delivered since finalize() last succeeded."""
        return read_json_object(self._finalized_file).get("digest") == self._digest()

    def _digest(self) -> str:
        names = sorted(file.name for file in self._delivered_dir.glob("*.json"))
        return hashlib.sha256("\n".join(names).encode()).hexdigest()

    def _receipt(self, key: str) -> Path:
        return self._delivered_dir / f"{key}.json"

    def _waiting(self, key: str) -> Path:
        return self._waiting_dir / f"{key}.json"
