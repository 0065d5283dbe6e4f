# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench replay``: deliver to sinks what they don't have yet of a session."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import harmless
from pytest_curator_bench.delivery.replay import ReplayError, ReplayOptions, replay

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Deliver to sinks what they don't have yet of a session, also to sinks that it didn't have. "
        "Exit status 0: they have everything, 1: something is left, 2: nothing could be delivered like this."
    )
    parser.add_argument("session", type=Path, metavar="SESSION", help="the session's directory")
    parser.add_argument(
        "--sink", action="append", default=[], metavar="NAME", help="only this sink; repeatable (default: all)"
    )
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="config file with the sinks' settings; repeatable, merged in order (default: the config that the "
        "session recorded, which does not do for sinks with secrets)",
    )


def run(options: argparse.Namespace) -> int:
    """Deliver; returns the exit status."""
    wanted = ReplayOptions(session=options.session, sinks=tuple(options.sink), config_files=tuple(options.config))
    try:
        is_complete = replay(wanted, os.environ, _print_line)
    except ReplayError as error:
        sys.stderr.write(harmless(f"{error}\n"))
        return 2
    return 0 if is_complete else 1


def _print_line(line: str) -> None:
    sys.stdout.write(harmless(line) + "\n")
    sys.stdout.flush()
