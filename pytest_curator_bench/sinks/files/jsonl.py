# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results as JSON Lines: one line for each, in the session's directory or in one file for many sessions."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import json_line
from pytest_curator_bench.sinks.base import delivery_key
from pytest_curator_bench.sinks.files.locking import FileSink, append, locked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["JsonLinesSink"]


class JsonLinesSink(FileSink):
    """Adds each result to a file, as strict JSON on one line, its delivery key first (``delivery_key``).

    A line whose key is in the file already is not written again. Several processes may add to one file.
    """

    default_name = "results.jsonl"

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._keys: set[str] = set()
        self._read_up_to = 0

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Add one line, unless it is there."""
        key = delivery_key(result)
        line = json_line({"delivery_key": key, **self.masked(result)}).encode()
        with locked(self.file) as descriptor:
            ends_open = self._read_on(descriptor)
            if key not in self._keys:
                append(descriptor, (b"\n" if ends_open else b"") + line + b"\n")
                self._keys.add(key)

    def _read_on(self, descriptor: int) -> bool:
        """Note the keys of lines that are new to us; whether the last line has no end: somebody died writing it."""
        size = os.fstat(descriptor).st_size
        if size < self._read_up_to:
            self._keys.clear()  # another file has taken its place
            self._read_up_to = 0
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(self._read_up_to)
            line = b"\n"
            for line in file:
                # A part of a line is no JSON object: one without an end that can be read only lacks that.
                self._keys.update(_key_of(line))
                if line.endswith(b"\n"):
                    self._read_up_to += len(line)
                self.report_progress()
        return not line.endswith(b"\n")


def _key_of(line: bytes) -> set[str]:
    try:
        return {json.loads(line)["delivery_key"]}
    except (ValueError, TypeError, KeyError):
        return set()
