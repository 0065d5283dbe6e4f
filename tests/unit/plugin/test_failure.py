# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is said of the log of an entry that did not pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.plugin.terminal.failure import failure_repr, failure_text, one_line

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, []),
        (b"", ["log: {log} (empty)"]),
        (b"\0" * 5000, ["log: {log} (nothing that can be shown in its last lines)"]),
        (b"\n \n", ["log: {log} (nothing that can be shown in its last lines)"]),
        (b"a\n", ["last lines of {log}:", "  a"]),
    ],
)
def test_a_log_is_named_if_it_exists_and_called_empty_if_it_is(
    tmp_path: Path, content: bytes | None, said: list[str]
) -> None:
    """An entry that failed before its script began has none, and zeros are not nothing."""
    log = tmp_path / "stdouterr.log"
    if content is not None:
        log.write_bytes(content)
    result: Any = SimpleNamespace(stdouterr_file=str(log), command_line=None)
    text = failure_text("It failed.", result, lambda path: path)  # type: ignore[arg-type,return-value]
    assert text.splitlines() == ["It failed.", *(line.format(log=log) for line in said)]


def test_one_line_for_summaries() -> None:
    """The cause is the first line; of requirements each one that was not met is a cause."""
    result: Any = SimpleNamespace(reason="exit-code")
    assert one_line("ValueError: x (exit status 1)\nraised at a.py:3", result) == "ValueError: x (exit status 1)"
    result.reason = "requirements"
    assert one_line("a = 1, must be 2\nb is missing", result) == "a = 1, must be 2; b is missing"
    assert [one_line("", None), one_line("a\nb", None)] == ["", "a"]


def test_what_pytest_is_given() -> None:
    """All of the text in the failure; one line and the entry's place for summaries."""
    found = failure_repr("text\nof two lines", "cause", "benchmarks/config.yaml", 3)
    assert str(found) == "text\nof two lines"
    assert str(found.reprcrash) == "benchmarks/config.yaml:3: cause"
