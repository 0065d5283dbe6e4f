# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench validate``: check configuration files on this machine without running a benchmark."""

from __future__ import annotations

from pytest_curator_bench.cli.validate.command import add_arguments, run

__all__ = ["add_arguments", "run"]
