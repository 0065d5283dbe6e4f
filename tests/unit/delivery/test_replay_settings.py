# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Where a replay has the settings of its sinks from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.delivery.replay_settings import from_config_files
from tests.support.config import MINIMAL, write_files

if TYPE_CHECKING:
    from pathlib import Path


def test_what_did_not_stop_the_session_does_not_stop_its_replay(tmp_path: Path) -> None:
    """An entry that lacks a variable, unknown keys, and an overlay's entry that is not there."""
    bad = "- {name: bad, script: s.py, args: '${NOT_DEFINED}'}\n"
    base = MINIMAL + bad + "sinks: [{name: jsonl}]\nci: {nightly: true}\n"
    files = write_files(tmp_path, base, "entries: [{name: gone, timeout_s: 5}]\n")
    assert [sink.name for sink in from_config_files(tuple(files), {}).sinks] == ["jsonl"]
