# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbers that YAML reads otherwise than people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.config import MINIMAL, load, problem

if TYPE_CHECKING:
    from pathlib import Path

HINTS = {
    "timeout_s: 1e-3": "; write 1.0e-3",
    "timeout_s: 1e3": "; write 1.0e+3",
    "timeout_s: 2.5e1": "; write 2.5e+1",
    "timeout_s: 0o10": "; write 8",
    "timeout_s: '10'": "; write 10 without quotes",
    "timeout_s: 08": "; write 8 without quotes",
    "repeat: 1e1": "; write 10",
    "repeat: 1,000": "; write 1000 without quotes",
    "object_store_size: 4.0e9": "; write 4000000000",
    "repeat_until_ci: 2e-2": "; write 2.0e-2",
    "ray: {object_store_memory: 1e9}": "; write 1000000000",
    "requirements: [{metric: m, min_value: -1e-3}]": "; write -1.0e-3",
    "timeout_s: inf": "(31 days)",
    "timeout_s: .nan": "(31 days)",
    "timeout_s: -.inf": "(31 days)",
    "timeout_s: 10s": "(31 days)",
    "timeout_s: yes": "(31 days)",
}
MISREAD = {
    "timeout_s: 0010": "entries[cc].timeout_s: 0010 means 8: ",
    "repeat: 010": "entries[cc].repeat: 010 means 8: ",
    "timeout_s: 1:30": "entries[cc].timeout_s: 1:30 means 90: ",
    "requirements: [{metric: m, min_value: -0017}]": "entries[cc].requirements[m].min_value: -0017 means -15: ",
    "marks: [{mine: 0010}]": "entries[cc].marks[#1].mine: 0010 means 8: ",
}


@pytest.mark.parametrize("line", HINTS)
def test_what_is_text_to_yaml_is_refused_with_what_to_write(tmp_path: Path, line: str) -> None:
    """The hint is part of the one error; what is no number at all gets none."""
    text = problem(tmp_path, f"{MINIMAL}  {line}\n")
    assert text.startswith("a.yaml:5: entries[cc].")
    assert text.endswith(HINTS[line])


@pytest.mark.parametrize("line", MISREAD)
def test_a_number_with_another_meaning_is_told(tmp_path: Path, line: str) -> None:
    """Octal and sexagesimal numbers stay what YAML makes of them, with a warning."""
    (warning,) = load(tmp_path, f"{MINIMAL}  {line}\n").warnings
    assert warning.startswith(f"a.yaml:5: {MISREAD[line]}YAML reads ")


def test_what_is_taken_as_written_or_plain_gives_no_warning(tmp_path: Path) -> None:
    """Arguments have no types, and most numbers mean what they seem to."""
    lines = "  args: [0010, 1:30]\n  timeout_s: 1_000\n  repeat: 0x10\n  warmup: 0\n"
    config = load(tmp_path, MINIMAL + lines)
    assert config.warnings == ()
    assert config.entries[0].args == ("0010", "1:30")
