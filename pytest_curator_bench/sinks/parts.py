# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Deliveries of many parts: a part that the service does not take is left out, and the others arrive."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from pytest_curator_bench._util.text import error_text, printable
from pytest_curator_bench.sinks.base import PermanentSinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Parts", "send_what_is_taken"]

ATTEMPTS = 3
"""How often a part is tried that fails in a way that might pass."""
MAX_FAILURES = 3
"""Parts that fail in one call before it ends: then the service fails, rather than these parts."""
MAX_REFUSED = 20
"""Items that are left out of one call; of more the service's refusal is about something else."""
# Answers about what was sent; others, such as 401 and 403, would be given to all else, too.
_ABOUT_CONTENT = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.LENGTH_REQUIRED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_Item = TypeVar("_Item")


class Parts:
    """Delivers one part after the other, such as files.

    One that is refused is left out at once, unless it is the first and the refusal is not about its content. One that
    fails otherwise comes again with the next call of the sink, and is left out when it has failed three times.

    Args:
        report_left_out: called with a line for each part that is left out.
    """

    def __init__(self, report_left_out: Callable[[str], None]) -> None:
        self._report_left_out = report_left_out
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._delivery = ""
        self._failures: list[Exception] = []
        self._is_any_taken = False
        self.left_out: list[str] = []

    def begin(self, delivery: str) -> None:
        """Begin a call of the sink, or begin it again: parts of other deliveries may have the same names."""
        self._delivery = delivery
        self._failures, self._is_any_taken, self.left_out = [], False, []

    def deliver(self, name: str, call: Callable[[], object]) -> None:
        """Deliver a part.

        Raises:
            PermanentSinkError: the service refuses the first part, and not for what is in it.
            Exception: several parts have failed.
        """
        try:
            call()
        except PermanentSinkError as error:
            if error.status not in _ABOUT_CONTENT and not self._is_any_taken:
                raise
            self.leave_out(name, error_text(error))
        except Exception as error:  # whatever a library below the sink raises
            self._attempts[self._delivery, name] += 1
            if self._attempts[self._delivery, name] >= ATTEMPTS:
                self.leave_out(name, f"{error_text(error)} (tried {ATTEMPTS} times)")
                return
            self._failures.append(error)
            if len(self._failures) >= MAX_FAILURES:
                raise
        else:
            self._is_any_taken = True

    def leave_out(self, name: str, reason: str) -> None:
        """Leave out a part."""
        self.left_out.append(printable(name))
        self._report_left_out(f"{printable(name)}: {reason}")

    def end(self) -> None:
        """Raise the first failure of the call, if there was one, so that it comes again."""
        if self._failures:
            raise self._failures[0]


def send_what_is_taken(
    items: Sequence[_Item], send: Callable[[Sequence[_Item]], None], leave_out: Callable[[_Item, str], None]
) -> None:
    """Send items in one request, or where that is refused for what they hold in smaller ones, down to single items.

    Args:
        items: what to send.
        send: makes a request.
        leave_out: called with each item that is refused by itself, and the reason.

    Raises:
        PermanentSinkError: the service refuses all, or too many.
        TransientSinkError: no answer, or one that asks for a retry.
    """
    waiting, refused = [items], 0
    while waiting:
        batch = waiting.pop()
        try:
            send(batch)
        except PermanentSinkError as error:
            if error.status not in _ABOUT_CONTENT:
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                waiting += [batch[middle:], batch[:middle]]
                continue
            refused += 1
            if refused > MAX_REFUSED:
                raise
            leave_out(batch[0], error_text(error))
