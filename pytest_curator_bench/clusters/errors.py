# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with a Ray cluster."""

from __future__ import annotations

__all__ = ["ClusterError", "StoreTooLargeError"]


class ClusterError(Exception):
    """A cluster could not be started, or left something behind.

    Attributes:
        sentence: one sentence that says what happened and, where it can be known, what to do.
        detail: further lines, such as the end of Ray's log; may be empty.
    """

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence, detail)
        self.sentence = sentence
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.sentence}\n{self.detail}" if self.detail else self.sentence


class StoreTooLargeError(ClusterError):
    """An object store was asked for that this machine has no room for."""
