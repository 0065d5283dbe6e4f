# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench schema``: the JSON Schema of configuration files, for editors and checks."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pytest_curator_bench.config.json_schema import json_schema

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Print the JSON Schema of configuration files, for editors and checks."


def run(_options: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return 0
