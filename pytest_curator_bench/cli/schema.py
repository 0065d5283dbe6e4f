# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench schema``: the JSON Schema of configuration files, of a session's files, or of a plan."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pytest_curator_bench.cli.plan import plan_schema
from pytest_curator_bench.config.json_schema import json_schema
from pytest_curator_bench.results.json_schema import results_schema

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]

_SCHEMAS = {"config": json_schema, "results": results_schema, "plan": plan_schema}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Print the JSON Schema of configuration files, for editors and checks, that of the JSON files of a session, or "
        "that of a plan."
    )
    parser.add_argument("of", nargs="?", choices=_SCHEMAS, default="config", help="default: config")


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(json.dumps(_SCHEMAS[options.of](), indent=2) + "\n")
    return 0
