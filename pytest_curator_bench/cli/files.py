# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The configuration files that several commands take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.container import display_path
from pytest_curator_bench._util.links import as_named

if TYPE_CHECKING:
    import argparse

    from pytest_curator_bench.config.model import BenchConfig

__all__ = ["add_file_arguments", "display", "load_files"]


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the configuration files, and ``unknown_keys``: ``error`` or ``warn``."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a configuration file, YAML")
    parser.add_argument(
        "--unknown-keys",
        "--bench-unknown-keys",
        choices=["error", "warn"],
        default="error",
        help="what an unknown key is, as --bench-unknown-keys of pytest (default: error)",
    )


def display(path: Path) -> str:
    """Return a path as messages show it: relative to the working directory if it lies below that."""
    return display_path(path.absolute(), Path.cwd())


def load_files(
    options: argparse.Namespace, *, strict: bool = False, strict_entries: bool = True, root_dir: Path | None = None
) -> BenchConfig:
    """Load the files that :func:`add_file_arguments` declares; the other arguments are those of ``load_config``.

    Raises:
        ConfigError: with every problem that was found.
    """
    from pytest_curator_bench.config import load_config  # slow to import

    return load_config(
        [as_named(file) for file in options.files],
        environ=os.environ,
        strict=strict,
        strict_entries=strict_entries,
        strict_keys=options.unknown_keys == "error",
        root_dir=root_dir,
        display=display,
    )
