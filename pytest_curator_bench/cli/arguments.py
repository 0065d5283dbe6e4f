# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Kinds of values that several commands take."""

from __future__ import annotations

from argparse import ArgumentTypeError

__all__ = ["whole_number"]


def whole_number(text: str) -> int:
    """Return a number from 1 on; argparse prints the message if it is none."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"found {text!r}, expected a whole number from 1 on")
    return int(text)
