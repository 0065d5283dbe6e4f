# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The end of a log, of whatever size and content."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.log_tail import log_tail

if TYPE_CHECKING:
    from pathlib import Path


def test_the_last_lines_that_are_not_empty(tmp_path: Path) -> None:
    """Colours, titles, control characters and bytes of no encoding do no harm."""
    log = tmp_path / "log"
    log.write_bytes(b"first\r\n\n\x1b]0;title\x07\x1b[31mred\x1b[0m\x07\t!\n  \nno \xff UTF-8  \n\n")
    assert log_tail(log) == ["first", "red  !", "no \ufffd UTF-8"]
    assert log_tail(log, 2) == ["red  !", "no \ufffd UTF-8"]
    assert log_tail(log, 0) == []


def test_only_the_end_is_read(tmp_path: Path) -> None:
    """Neither what comes before the last bytes asked for, nor what comes before the beginning, nor endless lines."""
    log = tmp_path / "log"
    log.write_text("one\ntwo\nthree\n" + "x" * 5000)
    assert log_tail(log, max_bytes=5006) == ["three", "x" * 1000]
    assert log_tail(log, begin=4)[0] == "two"
    assert log_tail(log, begin=100_000) == []


def test_a_line_that_was_rewritten_is_what_it_showed_last(tmp_path: Path) -> None:
    """The last thing between carriage returns that is not empty, also where a terminal was told to erase the line."""
    log = tmp_path / "log"
    log.write_bytes(b"before\n 10 %\r 20 %\r  \r\nWorking\rDone\r\x1b[2K\n")
    assert log_tail(log) == ["before", " 20 %", "Done"]


@pytest.mark.parametrize(
    "bar",
    [
        " {0}%|##    | {0}/100 [00:01<00:02, 3.0it/s]",
        "Running 0: {0} row [00:0{0}, ? row/s]: \u2588\u2588\u2588\u2588\u2588",
        "{0}it [00:01, 5.0it/s]",
        "{0} \u2501\u2501\u2501\u2501\u2501\u2578 0:00:01",
    ],
)
@pytest.mark.parametrize("end", ["\r", "\n", "\n\n"])
def test_progress_bars_in_a_row_are_one_line(tmp_path: Path, bar: str, end: str) -> None:
    """The tail goes on further up, beyond the bytes that are read at first, to what a reader wants to see."""
    log = tmp_path / "log"
    bars = end.join(bar.format(number) for number in range(5000))
    log.write_text(f"one\nreading 3 files\n{bars}\nKeyError: 'x'\n", newline="")
    assert log_tail(log, 3, max_bytes=1000) == ["reading 3 files", bar.format(4999), "KeyError: 'x'"]


def test_how_far_up_a_tail_goes_is_bounded(tmp_path: Path) -> None:
    """A log of nothing else is not read whole."""
    log = tmp_path / "log"
    log.write_text("one\n" + "\r 1%|# |" * 300_000)
    assert log_tail(log, 2) == [" 1%|# |"]


def test_nothing_to_read(tmp_path: Path) -> None:
    """A missing log, a directory and a pipe that nobody writes to have no lines, and nobody waits for them."""
    os.mkfifo(tmp_path / "pipe")
    assert log_tail(tmp_path / "none") == log_tail(tmp_path) == log_tail(tmp_path / "pipe") == []
