# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One sink's thread: it calls the sink, keeps the order, tries again, and gives up in time."""

from __future__ import annotations

import copy
import itertools
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pytest_curator_bench.sinks.base import PermanentSinkError, TransientSinkError, delivery_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_curator_bench.delivery.receipts import Spool
    from pytest_curator_bench.results.json_files import ResultDict
    from pytest_curator_bench.sinks.base import Sink

__all__ = ["Channel", "SinkReport"]

LONGEST_CALL_S = 900.0
"""Longest that a call may go even if it reports progress, in seconds."""
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
# What a service asks for beyond that lasts longer than any session; waits can't take any number.
LONGEST_ASKED_PAUSE_S = 1e6
# At the end: how often in a row deliveries, and finalize(), may still fail, and the pause between, in seconds.
LAST_TRIES = 2
LAST_PAUSE_S = 1.0
MAX_REASON_CHARACTERS = 300

_LOG = logging.getLogger("pytest_curator_bench.sinks")
_Outcome = Literal["done", "later", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkReport:
    """What became of one sink's deliveries.

    Attributes:
        name: the sink's name.
        delivered: number of results that it took.
        kept: names of entries whose results are kept for a replay, in their order.
        is_finalized: whether its ``finalize()`` came to its end.
        failures: number of calls that failed.
        reason: why the last of them did, one line, secrets masked; ``None`` if none did.
        link: the page that shows what was delivered, secrets masked; ``None`` if the sink names none.
    """

    name: str
    delivered: int
    kept: tuple[str, ...] = ()
    is_finalized: bool = True
    failures: int = 0
    reason: str | None = None
    link: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to a replay."""
        return self.is_finalized and not self.kept


class Channel:
    """The deliveries to one sink.

    A transient failure ends the present round; the next one begins after a pause that grows with each failure, or
    that the service asks for. A result that fails permanently is passed over. A call that takes too long can't be
    ended: its thread is left to itself, and the sink is called no more.

    Args:
        sink: its calls are made here alone.
        spool: where receipts and undelivered results go.
        start: what ``initialize`` is given.
        mask: hides secrets in a text.
        patience_s: how long, at the end, it may go on without a sign of life from the sink, in seconds.
    """

    def __init__(
        self,
        sink: Sink,
        spool: Spool,
        start: tuple[str, Mapping[str, Any]],
        mask: Callable[[str], str],
        patience_s: float,
    ) -> None:
        self._sink = sink
        self._spool = spool
        self._start = start
        self._mask = mask
        self._patience_s = patience_s
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        # What follows is read and changed under the condition only. Times are those of time.monotonic().
        self._condition = threading.Condition()
        # Results by delivery key, and names of entries that begin under keys of their own, in order.
        self._waiting: dict[str, Mapping[str, Any] | str] = {}
        self._refused: dict[str, Mapping[str, Any]] = {}
        self._delivered = 0
        self._call: tuple[str, float] | None = None  # what runs now, and since when
        self._alive_at = 0.0
        self._progress_at = 0.0  # the same without what only begins
        self._closing_at: float | None = None
        self._next_try_at = 0.0
        self._pause_is_asked_for = False
        self._failures_in_a_row = 0
        self._failures = 0
        self._tries_left = {"deliveries": LAST_TRIES, "finalize": LAST_TRIES}
        self._is_initialized = False
        self._is_finalized = False
        self._is_over = False
        self._reason: str | None = None

    # --- the controller's side; only wait_closed() takes time ---

    def open(self) -> None:
        """Begin; the sink is initialized in its own thread."""
        try:
            self._spool.open()
        except OSError as error:
            self._give_up(f"cannot write in {self._spool.root_dir} ({error.strerror or error})")
            return
        self._sink.state_dir = self._spool.state_dir
        self._sink._on_progress = self._progress  # noqa: SLF001  # the other half of the same contract
        self._thread.start()

    def wait_opened(self, begun: float, *, patience_s: float, at_most_s: float) -> None:
        """Wait until the sink was initialized, or has failed at it, or the time is up.

        Args:
            begun: since when it is waited for, a time of time.monotonic().
            patience_s: how long without a sign of life, in seconds.
            at_most_s: how long in all, in seconds.
        """
        with self._condition:
            while not (self._is_over or self._is_initialized or self._failures):
                until = min(max(begun, self._progress_at) + patience_s, begun + at_most_s)
                left_s = until - time.monotonic()
                if left_s <= 0:
                    return
                self._condition.wait(left_s)

    def entry_started(self, name: str) -> None:
        """Tell the sink that an entry begins."""
        self._add(f"started {next(self._numbers)}", name)

    def submit(self, result: Mapping[str, Any]) -> None:
        """Deliver a result, now or later; nobody may change it from here on."""
        self._add(delivery_key(result), result)

    def _add(self, key: str, item: Mapping[str, Any] | str) -> None:
        with self._condition:
            self._check_overdue()
            self._waiting[key] = item
            self._condition.notify_all()

    def begin_closing(self) -> None:
        """Nothing more will come: try what is left, and finalize."""
        with self._condition:
            self._closing_at = time.monotonic()
            if not self._pause_is_asked_for:
                self._next_try_at = 0.0
            self._condition.notify_all()

    def abandon(self, reason: str) -> None:
        """Call the sink no more, and wait for nothing."""
        with self._condition:
            if not self._is_over:
                self._give_up(reason)

    def wait_closed(self) -> SinkReport:
        """Wait for the end, or give up in time; keep what is left."""
        with self._condition:
            while not self._is_over:
                self._condition.wait(max(self._deadline() - time.monotonic(), 0.001))
                self._check_overdue()
            waiting = {key: item for key, item in self._waiting.items() if not isinstance(item, str)}
            left = list({**self._refused, **waiting}.values())
            report = SinkReport(
                name=self._sink.name,
                delivered=self._delivered,
                kept=tuple(str(result.get("name")) for result in left),
                is_finalized=self._is_finalized,
                failures=self._failures,
                reason=self._reason,
                link=None if self._sink.link is None else self._mask(self._sink.link),
            )
        for result in left:
            self._keep(result)
        return report

    def _deadline(self) -> float:
        """When patience ends, as things are now; the condition is held."""
        if self._closing_at is None:
            return self._call_deadline()
        return min(self._call_deadline(), max(self._closing_at, self._alive_at) + self._patience_s)

    def _call_deadline(self) -> float:
        """When the call under way has taken too long, whatever else there is; the condition is held."""
        if self._call is None:
            return threading.TIMEOUT_MAX
        begun = self._call[1]
        return min(max(begun, self._alive_at) + self._sink.call_limit_s, begun + LONGEST_CALL_S)

    def _check_overdue(self) -> None:
        now = time.monotonic()
        if self._is_over or now < self._deadline():
            return
        if self._call is None or (self._reason and now < self._call_deadline()):
            # A last try that has just begun says less than the one before it, which has ended.
            self._give_up(self._reason or "no time was left for another try")
        else:
            what, begun = self._call
            self._give_up(f"{what}: no sign of life for {now - max(begun, self._alive_at):.0f} s")

    def _give_up(self, reason: str) -> None:
        with self._condition:
            self._note_failure(reason)
            self._is_over = True
            self._condition.notify_all()

    def _note_failure(self, reason: str) -> None:
        lines = self._mask(reason).split("\n")
        first = next((line.strip() for line in lines if line.strip()), "it gave no reason")
        self._reason = first if len(first) <= MAX_REASON_CHARACTERS else f"{first[: MAX_REASON_CHARACTERS - 1]}…"
        self._failures += 1
        if self._failures == 1:  # once: the others are in the summary
            _LOG.warning("sink %s: %s", self._sink.name, self._reason)

    # --- the sink's thread ---

    def _progress(self) -> None:
        with self._condition:
            self._alive_at = self._progress_at = time.monotonic()
            self._condition.notify_all()  # it is waited for longer now

    def _run(self) -> None:
        try:
            while (work := self._next_work()) is not None:
                work()
        finally:
            with self._condition:
                self._is_over = True
                self._condition.notify_all()

    def _next_work(self) -> Callable[[], None] | None:
        """Wait until there is something to do; ``None`` when there will be nothing more."""
        with self._condition:
            while not self._is_over:
                work = self._due_work()
                if work is None and self._closing_at is not None:
                    return None
                pause_s = self._next_try_at - time.monotonic()
                if work is not None and pause_s <= 0:
                    return work
                if self._closing_at is not None and self._next_try_at > self._deadline():
                    return None  # the service asks for a longer pause than there is time
                self._condition.wait(pause_s if work is not None else None)
        return None

    def _due_work(self) -> Callable[[], None] | None:
        is_closing = self._closing_at is not None
        if (self._waiting or not self._is_initialized) and (not is_closing or self._tries_left["deliveries"]):
            return self._round
        if is_closing and self._is_initialized and not self._is_finalized and self._tries_left["finalize"]:
            return self._finalize
        return None

    def _round(self) -> None:
        """Deliver what waits, in order, until something fails that may work later."""
        if not self._is_initialized:
            name, env_data = self._start
            outcome = self._attempt("initialize", lambda: self._sink.initialize(name, copy.deepcopy(dict(env_data))))
            if outcome == "done":
                with self._condition:
                    self._is_initialized = True
                    self._condition.notify_all()
            elif outcome == "refused":
                self._give_up(self._reason or "")
            if outcome != "done":
                return
        while (item := self._first_waiting()) is not None:
            if not self._deliver(*item):
                return

    def _first_waiting(self) -> tuple[str, Mapping[str, Any] | str] | None:
        with self._condition:
            if self._is_over:
                return None
            return next(iter(self._waiting.items()), None)

    def _deliver(self, key: str, item: Mapping[str, Any] | str) -> bool:
        """Deliver one; false if the round ends with it."""
        if isinstance(item, str):
            with self._condition:
                self._waiting.pop(key, None)  # one try is all that it gets
            return self._attempt("entry_started", lambda: self._sink.entry_started(item)) != "later"
        outcome = self._attempt(
            "process_result", lambda: self._sink.process_result(cast("ResultDict", copy.deepcopy(dict(item))))
        )
        if outcome == "done":
            self._write_receipt(item)
        else:
            self._keep(item)
        with self._condition:
            if outcome == "done":
                self._delivered += 1
            elif outcome == "refused":
                self._refused[key] = item
            if outcome != "later":
                self._waiting.pop(key, None)
        return outcome != "later"

    def _finalize(self) -> None:
        outcome = self._attempt("finalize", self._sink.finalize)
        with self._condition:
            if outcome == "done":
                self._is_finalized = True
            elif outcome == "refused":
                self._tries_left["finalize"] = 0
        if outcome == "done":
            try:
                self._spool.mark_finalized()
            except OSError as error:
                _LOG.warning("sink %s: no note of its end can be written: %s", self._sink.name, error)

    def _attempt(self, what: str, call: Callable[[], None]) -> _Outcome:
        failure: BaseException | None = None
        with self._condition:
            if self._is_over:
                return "later"
            self._call = (what, time.monotonic())
            is_last = self._closing_at is not None
            self._condition.notify_all()  # whoever waits for the end has a nearer deadline now
        try:
            call()
        except BaseException as error:  # sys.exit() of a sink's would end its thread unseen
            failure = error
        outcome: _Outcome = (
            "done" if failure is None else "refused" if isinstance(failure, PermanentSinkError) else "later"
        )
        with self._condition:
            self._call = None
            if failure is not None:
                self._note_failure(f"{what}: {_described(failure)}")
            if outcome == "later":
                self._plan_next_try(what, failure, is_last=is_last)
            else:
                self._alive_at = time.monotonic()
                if what != "finalize":
                    self._tries_left["deliveries"] = LAST_TRIES
                self._failures_in_a_row = 0
                self._next_try_at = 0.0
                self._pause_is_asked_for = False
            self._condition.notify_all()
        return outcome

    def _plan_next_try(self, what: str, failure: BaseException | None, *, is_last: bool) -> None:
        asked_s = failure.retry_after_s if isinstance(failure, TransientSinkError) else None
        self._failures_in_a_row += 1
        if asked_s is not None:
            pause_s = min(asked_s, LONGEST_ASKED_PAUSE_S) if asked_s > 0 else 0.0  # not for NaN either
        elif self._closing_at is not None:
            pause_s = LAST_PAUSE_S
            if is_last:  # what was under way already when the end came is none of the last tries
                self._tries_left["finalize" if what == "finalize" else "deliveries"] -= 1
        else:
            pause_s = min(FIRST_PAUSE_S * 2 ** min(self._failures_in_a_row - 1, 10), LONGEST_PAUSE_S)
        self._next_try_at = time.monotonic() + pause_s
        self._pause_is_asked_for = asked_s is not None
        # What begins while the sink is in trouble is old news when it is back.
        self._waiting = {key: item for key, item in self._waiting.items() if not isinstance(item, str)}

    # --- the spool; a full disk must not end the thread ---

    def _write_receipt(self, result: Mapping[str, Any]) -> None:
        try:
            self._spool.mark_delivered(result)
        except OSError as error:
            _LOG.warning("sink %s: no receipt can be written, a replay will deliver again: %s", self._sink.name, error)

    def _keep(self, result: Mapping[str, Any]) -> None:
        try:
            self._spool.keep(result)
        except OSError as error:
            _LOG.warning("sink %s: %s", self._sink.name, error)


def _described(error: BaseException) -> str:
    if isinstance(error, TransientSinkError | PermanentSinkError):
        return str(error)
    return f"{type(error).__name__}: {error}".removesuffix(": ")
