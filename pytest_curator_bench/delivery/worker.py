# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One sink's thread: it calls the sink in order, retries, keeps quiet during measurements, and ends in time."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from pytest_curator_bench._util.text import error_text, printable
from pytest_curator_bench.sinks.base import PermanentSinkError, TransientSinkError
from pytest_curator_bench.sinks.http import Backoff, asked_pause_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_curator_bench._util.masking import Masker
    from pytest_curator_bench.delivery.receipts import Receipts
    from pytest_curator_bench.results.compared import SinkResultDict
    from pytest_curator_bench.sinks.base import Sink

__all__ = ["SinkReport", "SinkWorker"]

LONGEST_CALL_S = 900.0
"""Longest that a call may take even if it reports progress, in seconds."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
# At the end of the session: attempts of one call, and the first pause between them.
LAST_ATTEMPTS = 4
FIRST_LAST_PAUSE_S = 0.5
MAX_FAILURES_IN_A_ROW = 4
"""Results that fail one right after the other before a pause."""
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
        left_out: what the sink left out of deliveries that it has made, one line each, secrets masked.
    """

    name: str
    delivered: int
    kept: tuple[str, ...] = ()
    is_finalized: bool = True
    failures: int = 0
    reason: str | None = None
    link: str | None = None
    left_out: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to a replay."""
        return self.is_finalized and not self.kept


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of the sink that has not returned."""

    what: str
    begun: float


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A result on its way, numbered in the order in which results came."""

    number: int
    result: Mapping[str, Any]


class SinkWorker:
    """The deliveries to one sink.

    The thread calls ``initialize``, then delivers what is queued, then calls ``finalize``. A result that fails for now
    is retried after those behind it, and after a pause; one that fails for good is passed over. A call that takes too
    long can't be ended: its thread is left to itself, and the sink is not called again.

    While something is measured, a sink with ``deliver: between`` is not called, but for ``entry_started``.

    Args:
        sink: called by this worker alone.
        receipts: where receipts and undelivered results go.
        start: the arguments of ``initialize``.
        masker: hides secrets.
        patience_s: how long the end of the session waits for a sign of life, in seconds.
    """

    def __init__(
        self,
        sink: Sink,
        receipts: Receipts,
        start: tuple[str, Mapping[str, Any]],
        masker: Masker,
        patience_s: float,
    ) -> None:
        self._sink = sink
        self._receipts = receipts
        self._start = start
        self._masker = masker
        self._patience_s = patience_s
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        # What follows is read and changed under the condition only. Times are those of time.monotonic().
        self._condition = threading.Condition()
        self._queue: deque[_Delivery | str] = deque()  # results, and names of entries that have started
        self._submitted = 0
        self._refused: list[_Delivery] = []
        self._left_out: list[str] = []
        self._left_out_now: list[str] = []  # by the present call
        self._delivered = 0
        self._call: _Call | None = None
        self._alive_at = 0.0
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._is_paused = False
        self._closing_at: float | None = None
        self._is_initialized = False
        self._is_finalized = False
        self._is_over = False
        self._failures = 0
        self._reason: str | None = None

    # --- the controller's side; only the methods called wait_… take time ---

    def open(self) -> None:
        """Begin; the sink is initialized in its own thread."""
        try:
            self._receipts.open()
        except OSError as error:
            self._give_up(f"cannot write in {self._receipts.root_dir} ({error.strerror or error})")
            return
        self._sink.state_dir = self._receipts.state_dir
        # The other half of the same contract.
        self._sink._on_progress = self._progress  # noqa: SLF001
        self._sink._on_left_out = self._note_left_out  # noqa: SLF001
        self._sink._masker = self._masker  # noqa: SLF001
        self._thread.start()

    def wait_opened(self, begun: float, *, silence_s: float, total_s: float) -> None:
        """Wait until the sink is initialized or has failed, for the times that :meth:`_wait_until` takes."""
        self._wait_until(lambda: self._is_initialized or bool(self._failures), begun, silence_s, total_s)

    def entry_started(self, name: str) -> None:
        """Tell the sink that an entry has started."""
        self._add(name)

    def submit(self, result: Mapping[str, Any]) -> None:
        """Deliver a result, now or later; nobody may change it from here on."""
        self._submitted += 1
        self._add(_Delivery(self._submitted, result))

    def _add(self, item: _Delivery | str) -> None:
        with self._condition:
            self._give_up_if_overdue()
            self._queue.append(item)
            self._condition.notify_all()

    def pause(self) -> None:
        """Note that something is measured from now on: a sink that delivers ``between`` is left alone."""
        with self._condition:
            self._is_paused = self._sink.deliver == "between"

    def resume(self) -> None:
        """Note that nothing is measured now."""
        with self._condition:
            self._is_paused = False
            self._condition.notify_all()

    def wait_paused(self, begun: float, *, silence_s: float, total_s: float) -> bool:
        """Wait for the end of a call that is under way; False if it goes on.

        The times are those that :meth:`_wait_until` takes.
        """

        def is_quiet() -> bool:
            return not self._is_paused or self._call is None or self._call.what == "entry_started"

        return self._wait_until(is_quiet, begun, silence_s, total_s)

    def begin_closing(self) -> None:
        """Nothing more will come: deliver what is left, and finalize."""
        with self._condition:
            self._closing_at = time.monotonic()
            self._is_paused = False
            self._backoff.restart(FIRST_LAST_PAUSE_S)
            self._queue = deque(item for item in self._queue if not isinstance(item, str))
            self._condition.notify_all()

    def abandon(self, reason: str) -> None:
        """Don't call the sink again, and don't wait for it."""
        with self._condition:
            if not self._is_over:
                self._give_up(reason)

    def wait_closed(self) -> SinkReport:
        """Wait for the end, or give up in time; keep what is left."""
        with self._condition:
            while not self._is_over:
                self._condition.wait(max(self._deadline() - time.monotonic(), 0.001))
                self._give_up_if_overdue()
            left = sorted(self._refused + self._waiting(), key=lambda delivery: delivery.number)
            report = SinkReport(
                name=self._masker.mask(self._sink.name),
                delivered=self._delivered,
                kept=tuple(str(delivery.result.get("name")) for delivery in left),
                is_finalized=self._is_finalized,
                failures=self._failures,
                reason=self._reason,
                link=self._link(),
                left_out=tuple(self._left_out),
            )
        for delivery in left:
            self._keep(delivery.result)
        return report

    def _waiting(self) -> list[_Delivery]:
        """The results that are not delivered yet; the condition is held."""
        return [item for item in self._queue if not isinstance(item, str)]

    def _link(self) -> str | None:
        link = self._sink.link
        return self._one_line(link) if isinstance(link, str) and link else None

    def _one_line(self, text: str) -> str:
        """The first line of a text that is not empty, secrets masked, short."""
        lines = self._masker.mask(text).splitlines()
        first = printable(next((line.strip() for line in lines if line.strip()), "it gave no reason"))
        return first if len(first) <= MAX_REASON_CHARACTERS else f"{first[: MAX_REASON_CHARACTERS - 1]}…"

    def _wait_until(self, is_so: Callable[[], bool], begun: float, silence_s: float, total_s: float) -> bool:
        """Wait until something is so, or the sink is given up; False if the time is up.

        Args:
            is_so: called with the condition held.
            begun: since when, a time of time.monotonic().
            silence_s: longest time without a sign of life, in seconds.
            total_s: longest time in all, in seconds.
        """
        with self._condition:
            while not (self._is_over or is_so()):
                left_s = min(max(begun, self._alive_at) + silence_s, begun + total_s) - time.monotonic()
                if left_s <= 0:
                    return False
                self._condition.wait(left_s)
            return True

    # --- deadlines; the condition is held ---

    def _deadline(self) -> float:
        """When the sink is given up, as things are now."""
        if self._closing_at is None:
            return self._call_deadline()
        return min(self._call_deadline(), max(self._closing_at, self._alive_at) + self._patience_s)

    def _call_deadline(self) -> float:
        if self._call is None:
            return threading.TIMEOUT_MAX
        begun = self._call.begun
        return min(max(begun, self._alive_at) + self._sink.call_limit_s, begun + LONGEST_CALL_S)

    def _give_up_if_overdue(self) -> None:
        now = time.monotonic()
        if self._is_over or now < self._deadline():
            return
        if self._call is None or (self._reason and now < self._call_deadline()):
            # The last attempt has just begun: the one before it, which has ended, says more.
            self._give_up(self._reason or "no time was left for another attempt")
        else:
            silent_s = now - max(self._call.begun, self._alive_at)
            self._give_up(f"{self._call.what}: no sign of life for {silent_s:.0f} s")

    def _give_up(self, reason: str) -> None:
        with self._condition:
            self._note_failure(reason)
            self._is_over = True
            self._condition.notify_all()

    def _note_failure(self, reason: str) -> None:
        self._reason = self._one_line(reason)
        self._failures += 1
        if self._failures == 1:  # once: the others are in the summary
            self._warn(str(self._reason))

    # --- the sink's thread ---

    def _note_left_out(self, text: str) -> None:
        with self._condition:
            self._left_out_now.append(self._one_line(text))

    def _progress(self) -> None:
        with self._condition:
            self._alive_at = time.monotonic()
            self._condition.notify_all()  # it is waited for longer now

    def _run(self) -> None:
        try:
            if self._repeat("initialize", self._initialize) == "done":
                has_delivered = self._deliver()
                if self._repeat("finalize", self._sink.finalize, LAST_ATTEMPTS if has_delivered else 1) == "done":
                    self._mark_finalized(self._left_out_now)
        finally:
            with self._condition:
                self._is_over = True
                self._condition.notify_all()

    def _initialize(self) -> None:
        name, env_data = self._start
        self._sink.initialize(name, copy.deepcopy(dict(env_data)))
        with self._condition:
            self._is_initialized = True

    def _deliver(self) -> bool:
        """Deliver what is queued until the session ends; False if something fails too often by then.

        A result that fails comes again after a pause. Where it fails once more it goes to the end of the queue, so that
        it holds up no other one, and the next pause comes when several, or all that wait, have failed in a row: that is
        the service's trouble rather than theirs.
        """
        is_in_trouble, failures, last_rounds = False, 0, LAST_ATTEMPTS
        while (item := self._next()) is not None:
            if isinstance(item, str):
                self._attempt("entry_started", partial(self._sink.entry_started, item))
                continue
            if not self._wait_turn():
                return False
            with self._condition:
                is_closing = self._closing_at is not None
                failures += is_in_trouble
                is_round_over = not is_in_trouble or failures >= min(len(self._waiting()), MAX_FAILURES_IN_A_ROW)
            outcome = self._attempt("process_result", partial(self._process, item.result), is_pausing=is_round_over)
            if outcome == "later":
                with self._condition:
                    self._queue.rotate(-is_in_trouble)
                    if is_round_over:
                        failures = 0
                        last_rounds -= is_closing and not self._backoff.is_asked_for
                    is_in_trouble = True
                    if last_rounds:
                        continue
                    self._backoff.restart(FIRST_LAST_PAUSE_S)
                return False
            is_in_trouble, failures, last_rounds = False, 0, LAST_ATTEMPTS
            left_out = self._left_out_now
            if outcome == "done":
                self._write_receipt(item.result, left_out)
            with self._condition:
                self._queue.popleft()
                if outcome == "done":
                    self._delivered += 1
                    self._left_out += [f"{item.result.get('name')}: {text}" for text in left_out]
                else:
                    self._refused.append(item)
        return True

    def _process(self, result: Mapping[str, Any]) -> None:
        try:
            self._sink.process_result(cast("SinkResultDict", copy.deepcopy(dict(result))))
        except BaseException:
            self._keep(result)  # at once: this process may not live to see another attempt
            raise

    def _next(self) -> _Delivery | str | None:
        """Wait for the first of the queue, where a result stays until it is delivered; ``None`` at the end."""
        with self._condition:
            while not self._is_over:
                if self._queue and not isinstance(self._queue[0], str):
                    return self._queue[0]
                if self._queue:
                    name = self._queue.popleft()
                    if time.monotonic() >= self._backoff.ready_at:  # else it is old news when the pause is over
                        return name
                elif self._closing_at is not None:
                    return None
                else:
                    self._condition.wait()
        return None

    def _repeat(self, what: str, call: Callable[[], None], last_attempts: int = LAST_ATTEMPTS) -> _Outcome:
        """Make a call as soon as the sink may be called, and again while that may help."""
        while last_attempts and self._wait_turn():
            with self._condition:
                is_closing = self._closing_at is not None
            outcome = self._attempt(what, call)
            if outcome != "later":
                return outcome
            # Neither a call that was under way when the end came nor an answer that asks for a pause counts.
            last_attempts -= is_closing and not self._backoff.is_asked_for
        return "later"

    def _wait_turn(self) -> bool:
        """Wait for the end of pauses and measurements; False if the sink is not to be called again."""
        with self._condition:
            while not self._is_over:
                pause_s = self._backoff.ready_at - time.monotonic()
                if self._closing_at is not None and self._backoff.ready_at > self._deadline():
                    return False  # the service asks for a longer pause than there is time
                if pause_s <= 0 and not self._is_paused:
                    return True
                self._condition.wait(None if self._is_paused else pause_s)
        return False

    def _attempt(self, what: str, call: Callable[[], None], *, is_pausing: bool = True) -> _Outcome:
        """Make a call; if it fails for now a pause begins, without ``is_pausing`` only if the service asks for one."""
        failure: BaseException | None = None
        with self._condition:
            if self._is_over:
                return "later"
            self._call = _Call(what, time.monotonic())
            self._left_out_now = []
            self._condition.notify_all()  # whoever waits for the end has a nearer deadline now
        try:
            call()
        except BaseException as error:  # sys.exit() of a sink's would end its thread unseen
            failure = error
        with self._condition:
            self._call = None
            self._condition.notify_all()
            if failure is not None:
                self._note_failure(f"{what}: {_described(failure)}")
            if failure is None or isinstance(failure, PermanentSinkError):
                self._alive_at = time.monotonic()
                self._backoff.succeeded()
                return "done" if failure is None else "refused"
            asked_s = getattr(failure, "retry_after_s", None) if isinstance(failure, TransientSinkError) else None
            if is_pausing or asked_pause_s(asked_s):
                self._backoff.failed(asked_s)
            # What starts while the sink is in trouble is old news when it is back.
            self._queue = deque(item for item in self._queue if not isinstance(item, str))
            return "later"

    # --- the disk; a full one must not end the thread ---

    def _write_receipt(self, result: Mapping[str, Any], left_out: Sequence[str]) -> None:
        try:
            self._receipts.mark_delivered(result, left_out)
        except OSError as error:
            self._warn(f"cannot write a receipt, a replay will deliver again: {error}")

    def _mark_finalized(self, left_out: Sequence[str]) -> None:
        with self._condition:
            self._is_finalized = True
            self._left_out += [f"the session: {text}" for text in left_out]
        try:
            self._receipts.mark_finalized(left_out)
        except OSError as error:
            self._warn(f"cannot note that it was finalized: {error}")

    def _keep(self, result: Mapping[str, Any]) -> None:
        try:
            self._receipts.keep(self._masker.mask_data(result))
        except OSError as error:
            self._warn(str(error))

    def _warn(self, text: str) -> None:
        _LOG.warning("%s", self._masker.mask(f"sink {self._sink.name}: {text}"))


def _described(error: BaseException) -> str:
    if isinstance(error, TransientSinkError | PermanentSinkError):
        return error_text(error).strip() or type(error).__name__
    return f"{type(error).__name__}: {error_text(error)}".removesuffix(": ")
