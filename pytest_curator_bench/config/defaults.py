# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The value of each key that no configuration file gives."""

from __future__ import annotations

from typing import Final, TypeVar

_T = TypeVar("_T")
_D = TypeVar("_D")

ARTIFACTS_DIR = "artifacts"
CLEANUP_TIMEOUT_S = 10.0
DELETE_SCRATCH = True
DELIVER: Final = "between"
FINGERPRINT: Final = "listing"
REPEAT = 1
RETRIES = 0
RETRY_ON = ("timeout", "error")
STARTUP_TIMEOUT_S = 120.0
TELEMETRY_INTERVAL_S = 1.0
TIMEOUT_S = 7200.0
WARMUP = 0


def otherwise(value: _T | None, default: _D) -> _T | _D:
    """Return ``value``, or ``default`` where it is not given."""
    return default if value is None else value
