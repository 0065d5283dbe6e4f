# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The command line ``curator-bench``: what it offers, and what it loads for it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench import __version__
from pytest_curator_bench.cli import _COMMANDS, main
from tests.support.sessions import make_session

if TYPE_CHECKING:
    from pathlib import Path


def test_the_commands_are_listed_without_loading_any(capsys: pytest.CaptureFixture[str]) -> None:
    """Help comes at once: neither a command's module nor pydantic is imported for it."""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    listed = capsys.readouterr().out
    assert all(f"\n    {name}" in listed for name in _COMMANDS)
    code = (
        "import sys; from pytest_curator_bench.cli import _COMMANDS, main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"heavy = {{'pydantic', *(f'pytest_curator_bench.cli.{{name}}' for name in {_COMMANDS})}}\n"
        "print([name for name in sys.modules if name in heavy], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_commands_that_read_results_start_fast(tmp_path: Path) -> None:
    """With ``--results`` neither the configuration's models are imported nor pytest or Ray."""
    code = (
        "import sys; from pytest_curator_bench.cli import _COMMANDS, main\n"
        f"for command in ('list', 'show'): main([command, '--results', {str(tmp_path)!r}])\n"
        "print([name for name in ('pydantic', 'pytest', 'ray', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("device", "ended"), [("/dev/full", (2, "curator-bench: [Errno 28] No space left on device\n")), (None, (0, ""))]
)
@pytest.mark.parametrize("command", ["list", "watch"])
def test_output_that_cannot_be_written(
    tmp_path: Path, command: str, device: str | None, ended: tuple[int, str]
) -> None:
    """One sentence, as on a full disk; and none if the reader of a pipe has seen enough."""
    make_session(tmp_path, "s", a="passed")
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as pipe, open(device or os.devnull, "w") as file:  # noqa: PTH123  # a descriptor, a device
        done = subprocess.run(
            [sys.executable, "-m", "pytest_curator_bench", command, "--results", str(tmp_path)],
            stdout=file if device else pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == ended


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """It is that of the package."""
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"curator-bench {__version__}\n"


@pytest.mark.parametrize("command", _COMMANDS)
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
