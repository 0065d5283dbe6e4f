# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What comes back through a job's log."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.clusters.jobs.handover import HandoverReader, handover_lines

WORD = "0123456789abcdef"
MEGABYTE = 2**20


def read(text: str, cuts: list[int] | None = None) -> tuple[str, HandoverReader]:
    """What is left of a log for people, and the reader that took the rest."""
    shown: list[str] = []
    reader = HandoverReader(WORD, shown.append)
    begin = 0
    for end in [*sorted(cuts or []), len(text)]:
        reader.feed(text[begin:end])
        begin = end
    reader.close()
    return "".join(shown), reader


@given(
    log=st.text(st.sampled_from("ab \r\n@"), max_size=30),
    content=st.binary(max_size=200),
    cuts=st.lists(st.integers(0, 600), max_size=20),
)
def test_any_log_cut_anywhere(log: str, content: bytes, cuts: list[int]) -> None:
    """The log is shown as it was, the file comes back as it was, wherever the pieces end."""
    text = log + "".join(handover_lines(WORD, {"exec_time_s": 1.5}, {"tasks.pkl": content}))
    shown, reader = read(text, [min(cut, len(text)) for cut in cuts])
    assert shown == log
    assert reader.received.files == {"tasks.pkl": content}
    assert reader.received.summary == {"exec_time_s": 1.5}
    assert reader.received.complete
    assert reader.received.problems == []


def test_lines_of_its_kind_in_the_log() -> None:
    """What a script prints is never taken for a hand-over: it can't know the word."""
    log = "@@curator-bench other summary {}\n@@curator-bench \ntext @@curator-bench " + WORD + " end\n"
    shown, reader = read(log)
    assert shown == log
    assert not reader.received.complete


def test_tens_of_megabytes() -> None:
    """Incompressible files of 40 MB come back; no line is near the 4 MiB that a web socket carries."""
    content = random.Random(1).randbytes(40 * 10**6)  # noqa: S311 - nothing secret
    lines = list(handover_lines(WORD, {}, {"tasks.pkl": content, "metrics.json": b"{}"}))
    assert max(map(len, lines)) < MEGABYTE
    _, reader = read("".join(lines))
    assert reader.received.files == {"tasks.pkl": content, "metrics.json": b"{}"}


@pytest.mark.parametrize("harm", ["lost line", "changed line", "cut short"])
def test_a_file_that_is_not_whole(harm: str) -> None:
    """It is not taken, and a sentence says so; the others are."""
    content = random.Random(1).randbytes(200_000)  # noqa: S311 - nothing secret
    lines = list(handover_lines(WORD, {}, {"metrics.json": b"{}", "tasks.pkl": content}))
    data = [index for index, line in enumerate(lines) if " data " in line]
    if harm == "lost line":
        del lines[data[2]]
    elif harm == "changed line":
        lines[data[2]] = lines[data[2]].replace(lines[data[2]][-20:-10], "AAAAAAAAAA")
    else:
        del lines[data[2] :]
    _, reader = read("".join(lines))
    assert reader.received.files == {"metrics.json": b"{}"}
    assert reader.received.problems == ["tasks.pkl did not come back whole from the cluster"]
    assert reader.received.complete == (harm != "cut short")
