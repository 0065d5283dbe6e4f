# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench schema``: the JSON Schema of configuration files, or of a session's files."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pytest_curator_bench.config.json_schema import json_schema
from pytest_curator_bench.results.json_schema import results_schema

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Print the JSON Schema of configuration files, for editors and checks, or that of the JSON files of a session."
    )
    parser.add_argument("of", nargs="?", choices=["config", "results"], default="config", help="default: config")


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    schema = results_schema() if options.of == "results" else json_schema()
    sys.stdout.write(json.dumps(schema, indent=2) + "\n")
    return 0
