# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The command line ``curator-bench``: what it offers, and what it loads for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_curator_bench.cli import main

COMMANDS = ("schema", "validate", "replay", "preview", "mounts", "plan", "watch")


def test_the_commands_are_listed_without_loading_any(capsys: pytest.CaptureFixture[str]) -> None:
    """Help comes at once: neither a command's module nor pydantic is imported for it."""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    listed = capsys.readouterr().out
    assert all(f"    {name} " in listed for name in COMMANDS)
    code = (
        "import sys; from pytest_curator_bench.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if 'bench.cli.' in name or name == 'pydantic'], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_describes_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Its own help has its description."""
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"usage: curator-bench {command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["validate"], ["schema", "--nonsense"]])
def test_what_cannot_be_understood(arguments: list[str]) -> None:
    """Exit status 2, as argparse has it."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
