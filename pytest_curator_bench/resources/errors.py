# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with leases."""

from __future__ import annotations

__all__ = ["LeaseError"]


class LeaseError(RuntimeError):
    """Leases can't be kept, or one was asked for that can never be had; the text says what to do."""
