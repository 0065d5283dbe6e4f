# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The error of this folder."""

from __future__ import annotations

__all__ = ["LeaseError"]


class LeaseError(RuntimeError):
    """The shared state can't be used, or a request exceeds the machine; the text says what to do."""
