# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which scripts Python runs, and which run themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.interpreter import runs_itself, script_command, why_not_executable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "content", "itself"),
    [
        ("a.py", "#!/bin/sh\n", False),
        ("a.py", "", False),
        ("a", "print()\n", False),
        ("a", "#!/usr/bin/env python3\n", False),
        ("a", "#!/bin/sh\n", True),
        ("a.sh", "#!/bin/bash\n", True),
        ("a.sh", "echo\n", True),
        ("a", "\x7fELF", True),
        ("gone", None, False),
    ],
)
def test_what_runs_itself(tmp_path: Path, name: str, content: str | None, *, itself: bool) -> None:
    """By the interpreter line, and by the name where there is none."""
    script = tmp_path / name
    if content is not None:
        script.write_text(content)
    assert runs_itself(script) == itself
    assert script_command(script, "python") == ([str(script)] if itself else ["python", str(script)])


def test_what_it_lacks(tmp_path: Path) -> None:
    """An interpreter line, or the permission to be executed."""
    script = tmp_path / "a.sh"
    script.write_text("echo\n")
    assert "has no interpreter line" in str(why_not_executable(script))
    script.write_text("#!/bin/sh\necho\n")
    assert "is not executable: chmod +x it" in str(why_not_executable(script))
    script.chmod(0o755)
    assert why_not_executable(script) is None
