# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Commands of ``curator-bench``, called in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.cli import main

if TYPE_CHECKING:
    import pytest


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> list[list[str]]:
    """The words of each line of a command's output."""
    assert main(arguments) == status
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def data(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    """A command's output as JSON."""
    assert main([*arguments, "--format", "json"]) == status
    return json.loads(capsys.readouterr().out)


def errors(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 2) -> str:
    """What a command prints to standard error."""
    assert main(arguments) == status
    return capsys.readouterr().err
