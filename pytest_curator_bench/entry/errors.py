# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Errors that end an entry and are shown by their message: a traceback through this package would explain nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.processes.client import SupervisionError
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.session.errors import BusyEntryError, SessionError

if TYPE_CHECKING:
    from pytest_curator_bench.results.record import Status

__all__ = ["EXPECTED_ERRORS", "EntryFailedError", "explain"]


class EntryFailedError(Exception):
    """An entry did not pass.

    Attributes:
        status: what it is recorded as.
        reason: the kind within the status.
    """

    def __init__(self, message: str, *, status: Status = "error", reason: str = "setup") -> None:
        super().__init__(message)
        self.status: Status = status
        self.reason = reason


EXPECTED_ERRORS = (EntryFailedError, SessionError, ClusterError, LeaseError, SupervisionError)


def explain(error: BaseException) -> tuple[Status, str, str]:
    """Return the status, the reason and the sentence that an entry gets which ``error`` has ended."""
    match error:
        case EntryFailedError():
            return error.status, error.reason, str(error)
        case SessionError():
            return "error", "busy" if isinstance(error, BusyEntryError) else "session", str(error)
        case ClusterError():
            return "error", "ray", str(error)
        case LeaseError():
            return "error", "lease", str(error)
        case SupervisionError():
            return "error", "supervisor-lost", str(error)
    return "error", "internal", f"{type(error).__name__}: {error}"
