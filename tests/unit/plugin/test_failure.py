# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is said of the log of an entry that did not pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.config.schema_models import Requirement
from pytest_curator_bench.plugin.terminal.failure import failure_repr, failure_text, one_line
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.results.requirements import judge, with_verdicts

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
    text = failure_text("It failed.", result, str)
    assert text.splitlines() == ["It failed.", *(line.format(log=log) for line in said)]


def test_one_line_for_summaries() -> None:
    """The cause is the first line; of requirements each one that was not met is a cause."""
    result: Any = SimpleNamespace(reason="exit-code")
    assert one_line("ValueError: x (exit status 1)\nraised at a.py:3", result) == "ValueError: x (exit status 1)"
    requirements = [Requirement(metric="a", exact_value=2), Requirement(metric="b", min_value=1)]
    run = EntryResult(
        name="e",
        session_name="s",
        status="passed",
        timeout_s=1.0,
        nodeid="e",
        entry_dir="/e",
        stdouterr_file="/e/stdouterr.log",
        script_metrics={"a": 15000},
    )
    unmet = with_verdicts(run, judge(requirements, [run]), strict=False)
    assert one_line(f"{unmet.error}\nc", unmet) == "a 15,000 ≠ 2; b is missing; c"
    assert one_line("a = 15,000, must be exactly 2 (7,500× as much)", unmet).endswith("(7,500× as much)")
    assert [one_line("", None), one_line("a\nb", None)] == ["", "a"]


def test_what_pytest_is_given() -> None:
    """All of the text in the failure; one line and the entry's place for summaries."""
    found = failure_repr("text\nof two lines", "cause", "benchmarks/config.yaml", 3)
    assert str(found) == "text\nof two lines"
    assert str(found.reprcrash) == "benchmarks/config.yaml:3: cause"
