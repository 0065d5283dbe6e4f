# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""When a request to a service is retried: one policy for all sinks that talk HTTP."""

from __future__ import annotations

import base64
import email.utils
import time
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from pytest_curator_bench.sinks.base import PermanentSinkError, TransientSinkError

__all__ = ["Backoff", "asked_pause_s", "is_temporary", "refusal", "retry_after_s", "without_credentials"]

_TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
# Longer than any session; a wait can't take just any number.
_LONGEST_S = 1e6


def is_temporary(status: int) -> bool:
    """Whether a request with this answer is worth another attempt: 408, 425, 429 and 5xx are."""
    return status in _TEMPORARY or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def refusal(message: str, status: int, retry_after: str | None = None) -> TransientSinkError | PermanentSinkError:
    """Return the error for an answer that is no success, ``retry_after`` being its header of that name."""
    if is_temporary(status):
        return TransientSinkError(message, retry_after_s(retry_after))
    return PermanentSinkError(message, status=status)


def without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without the user and the password in it, and the headers that carry them (RFC 7617).

    urllib takes what stands before the host for a part of its name.
    """
    split = urlsplit(url)
    if split.username is None:
        return url, {}
    credentials = f"{unquote(split.username)}:{unquote(split.password or '')}".encode()
    header = {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
    return split._replace(netloc=split.netloc.rpartition("@")[2]).geturl(), header


def retry_after_s(value: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110: a number, or a date); ``None`` for neither."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def asked_pause_s(value: object) -> float:
    """Return the pause that a sink hands on in seconds that can be waited for; 0 for what is no positive number."""
    try:
        seconds = float(value)  # type: ignore[arg-type]  # a sink of a user's may hand in anything
    except OverflowError:  # an integer beyond all floats
        return _LONGEST_S
    except (TypeError, ValueError):
        return 0.0
    return min(seconds, _LONGEST_S) if seconds > 0 else 0.0


class Backoff:
    """Pauses between attempts: each is twice as long as the one before, and never shorter than the service asks for.

    Attributes:
        ready_at: when the next attempt may begin, a time of time.monotonic().
        is_asked_for: whether the service has asked for the present pause.

    Args:
        first_s: the first pause, in seconds.
        longest_s: the longest, in seconds, unless the service asks for a longer one.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self.ready_at = 0.0
        self.is_asked_for = False
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def failed(self, retry_after_s: object = None) -> None:
        """Begin a pause.

        Args:
            retry_after_s: how long the service asks to be left alone; what is no positive number asks for nothing.
        """
        own_s = min(self._first_s * 2 ** min(self._failures, 10), self._longest_s)
        asked_s = asked_pause_s(retry_after_s)
        self.is_asked_for = asked_s > 0
        self._failures += 1
        self.ready_at = time.monotonic() + max(own_s, asked_s)

    def succeeded(self) -> None:
        """End the pause; the next one is the first again."""
        self.ready_at, self._failures, self.is_asked_for = 0.0, 0, False

    def restart(self, first_s: float) -> None:
        """Begin anew with another first pause; only a pause that the service asks for goes on."""
        self._first_s = first_s
        self._failures = 0
        if not self.is_asked_for:
            self.ready_at = 0.0
