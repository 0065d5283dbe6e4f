# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["add_file_arguments"]


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the configuration files, and ``unknown_keys``: ``error`` or ``warn``."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a configuration file, YAML")
    parser.add_argument(
        "--unknown-keys",
        choices=["error", "warn"],
        default="error",
        help="what an unknown key is, as --bench-unknown-keys of pytest (default: error)",
    )
