# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The end of a log, of whatever size and content."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_curator_bench._util.log_tail import log_tail

if TYPE_CHECKING:
    from pathlib import Path


def test_the_last_lines_that_are_not_empty(tmp_path: Path) -> None:
    """Progress bars count as lines; colours, control characters and bytes of no encoding do no harm."""
    log = tmp_path / "log"
    log.write_bytes(b"first\n\n 10 %\r 20 %\n\x1b[31mred\x1b[0m\x07\t!\n  \nno \xff UTF-8  \n\n")
    assert log_tail(log) == ["first", " 10 %", " 20 %", "red  !", "no \ufffd UTF-8"]
    assert log_tail(log, 2) == ["red  !", "no \ufffd UTF-8"]
    assert log_tail(log, 0) == []


def test_only_the_end_is_read(tmp_path: Path) -> None:
    """Neither what comes before the last bytes asked for, nor what comes before the beginning, nor endless lines."""
    log = tmp_path / "log"
    log.write_text("one\ntwo\nthree\n" + "x" * 5000)
    assert log_tail(log, max_bytes=5006) == ["three", "x" * 1000]
    assert log_tail(log, begin=4)[0] == "two"
    assert log_tail(log, begin=100_000) == []


def test_nothing_to_read(tmp_path: Path) -> None:
    """A missing log, a directory and a pipe that nobody writes to have no lines, and nobody waits for them."""
    os.mkfifo(tmp_path / "pipe")
    assert log_tail(tmp_path / "none") == log_tail(tmp_path) == log_tail(tmp_path / "pipe") == []
