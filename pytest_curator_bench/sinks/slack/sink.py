# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results in a Slack channel: one message for a session, kept up to date, with replies; or an incoming webhook."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.sinks.base import (
    PermanentSinkError,
    Sink,
    TransientSinkError,
    delivery_key,
)
from pytest_curator_bench.sinks.slack.blocks import EntryLine, summary_message
from pytest_curator_bench.sinks.slack.client import GoneError, NotTakenError, SlackBot, SlackWebhook
from pytest_curator_bench.sinks.slack.session import compared_message, look_of, session_view
from pytest_curator_bench.sinks.slack.settings import SlackSettings, check
from pytest_curator_bench.sinks.slack.state import SlackState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SlackSink"]

UPDATE_PAUSE_S = 1.5
"""Least time between two live updates, in seconds: Slack takes about one message a second and channel."""
TROUBLE_PAUSE_S = 5.0
SUMMARY = "summary"
# Slack's clock and ours may differ by so much, in seconds.
_CLOCK_TOLERANCE_S = 300.0


class SlackSink(Sink):
    """Posts to a Slack channel.

    With a bot token: one message for the session, which all its runs share and keep up to date, and a reply to it for
    each result. What was sent is noted in ``state_dir`` before and after; a message whose answer got lost is looked for
    in the channel before it is sent again. With an incoming webhook, which can neither change nor find messages: one
    message for each failure or warning, and the summary at the end.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = SlackSettings.read(config)
        self._token = check(self._settings, os.environ)
        self._bot: SlackBot | None = None
        self._webhook: SlackWebhook | None = None
        self._running: set[str] = set()
        self._is_finalizing = False
        self._timer: threading.Timer | None = None
        self._next_update_at = 0.0  # in the time of time.monotonic()

    def initialize(self, session_name: str, env_data: Mapping[str, Any]) -> None:
        """Load slack_sdk; nothing is sent before there is something to tell."""
        self._session_name = session_name
        self._env_data = env_data
        self._look = look_of(self._settings, env_data)
        self._state = SlackState(self.state_dir)
        if self._settings.webhook_url is not None:
            self._webhook = SlackWebhook(self._settings.webhook_url, self.report_progress)
        else:
            channel = str(self._settings.channel_id)
            self._bot = SlackBot(self._token, channel, self._settings.api_url, self.report_progress)
        self._write_run()

    def entry_started(self, name: str) -> None:
        """Show it in the summary, soon."""
        self._running.add(name)
        self._write_run()
        self._update_soon()

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Send its message, if it gets one, and have the summary updated soon."""
        key = delivery_key(result)
        self._running.discard(str(result.get("name")))
        self._write_run()
        self._state.add_line(key, EntryLine.of(result, self._look))
        if self._settings.wants_message(result):
            message = compared_message(result, self._look, Path(str(self._env_data.get("results_dir"))))
            if self._webhook is not None:
                self._send_by_webhook(key, message)
            else:
                self._reply(key, message)
        self._update_soon()

    def finalize(self) -> None:
        """Send the summary as it is at the end."""
        self._is_finalizing = True
        timer = self._timer  # its own thread may set it to None this moment
        if timer is not None:
            timer.cancel()
        self._running.clear()
        self._write_run()
        if self._webhook is None:
            self._publish_summary()
            return
        message = self._summary()
        digest = hashlib.sha256(repr(message).encode()).hexdigest()[:32]
        self._send_by_webhook(f"{SUMMARY}-{digest}", message)

    def _write_run(self) -> None:
        run_id = str(self._env_data.get("run_id") or "run")
        self._state.write_run(run_id, self._env_data.get("entries") or (), self._running)

    def _summary(self) -> dict[str, Any]:
        view = session_view(self._session_name, self._env_data, self._state, is_over=self._is_finalizing)
        return summary_message(view, self._look)

    # --- the incoming webhook ---

    def _send_by_webhook(self, key: str, message: dict[str, Any]) -> None:
        if self._webhook is None:
            raise RuntimeError("initialize() comes first")
        with self._state.locked(key):
            note = self._state.note(key)
            if note is not None and note.is_sent:
                return
            # An answer that got lost leaves no trace: better twice than never.
            note = note or self._state.begin(key)
            self._webhook.post(message)
            self._state.end(key, note)

    # --- the bot ---

    def _reply(self, key: str, message: dict[str, Any]) -> None:
        with self._state.locked(SUMMARY):
            thread, _ = self._sent_once(SUMMARY, self._summary)
        with self._state.locked(key):
            try:
                self._sent_once(key, lambda: message, thread)
            except GoneError as error:
                self._forget_summary(thread)
                raise TransientSinkError(f"the session's message was deleted ({error}): a new one is posted") from None

    def _publish_summary(self) -> None:
        """Post the summary, or bring it up to date; other runs do so, too, one at a time."""
        with self._state.locked(SUMMARY):
            ts, is_new = self._sent_once(SUMMARY, self._summary)
            note = self._state.note(SUMMARY)
            if is_new or self._bot is None or note is None:
                return
            try:
                self._bot.update(ts, self._summary(), note.message_id)
            except GoneError:
                self._state.forget(SUMMARY)
                self._sent_once(SUMMARY, self._summary)

    def _sent_once(
        self, key: str, message: Callable[[], dict[str, Any]], thread: str | None = None
    ) -> tuple[str, bool]:
        """Post a message unless it is there: its ``ts``, and whether it is new. Its lock is held."""
        if self._bot is None:
            raise RuntimeError("initialize() comes first")
        note = self._state.note(key)
        if note is not None and note.ts is not None:
            return note.ts, False
        found = None
        if note is not None:
            found = self._bot.find(note.message_id, note.sending_since - _CLOCK_TOLERANCE_S, thread)
        else:
            note = self._state.begin(key)
        if found is not None:
            self._state.end(key, note, found)
            return found, False
        try:
            ts = self._bot.post(message(), note.message_id, thread)
        except (PermanentSinkError, NotTakenError, GoneError):
            self._state.forget(key)  # it is certain that it has not arrived: nothing to look for
            raise
        self._state.end(key, note, ts)
        return ts, True

    def _forget_summary(self, thread: str) -> None:
        with self._state.locked(SUMMARY):
            note = self._state.note(SUMMARY)
            if note is not None and note.ts == thread:
                self._state.forget(SUMMARY)

    def _update_soon(self) -> None:
        """Have the summary updated by a thread of its own, so that events that come fast are told together."""
        if self._bot is None or self._settings.live_updates is False or self._timer is not None:
            return
        self._timer = threading.Timer(max(self._next_update_at - time.monotonic(), 0.0), self._update_now)
        self._timer.daemon = True
        self._timer.start()

    def _update_now(self) -> None:
        self._next_update_at = time.monotonic() + UPDATE_PAUSE_S
        self._timer = None  # what happens from here on needs another one
        if self._is_finalizing:
            return
        # Whatever it is, finalize() meets it again, and tells.
        with contextlib.suppress(Exception):
            self._publish_summary()
            return
        self._next_update_at = time.monotonic() + TROUBLE_PAUSE_S
