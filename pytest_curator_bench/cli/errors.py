# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The error that ends a command."""

__all__ = ["CommandError"]


class CommandError(Exception):
    """The command can't do what it was asked for: ``main`` prints the message and returns exit status 2."""
