# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results in a Slack channel: one message for a session, kept up to date, with replies; or an incoming webhook."""

from __future__ import annotations

import hashlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.sinks.base import (
    PermanentSinkError,
    Sink,
    TransientSinkError,
    delivery_key,
)
from pytest_curator_bench.sinks.slack.client import GoneError, NotTakenError, SlackBot, SlackWebhook
from pytest_curator_bench.sinks.slack.messages import (
    EntryLine,
    MessageStyle,
    entry_message,
    session_view,
    summary_message,
)
from pytest_curator_bench.sinks.slack.settings import SlackSettings, check
from pytest_curator_bench.sinks.slack.state import SlackState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SlackSink"]

UPDATE_INTERVAL_S = 1.5
"""Mean time between live updates at the least, in seconds: Slack takes some 50 of them a minute."""
MAX_UPDATES_AT_ONCE = 10
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
        self._updates_left = float(MAX_UPDATES_AT_ONCE)
        self._updated_at = time.monotonic()

    def initialize(self, session_name: str, env_data: Mapping[str, Any]) -> None:
        """Load slack_sdk; nothing is sent before there is something to report."""
        self._session_name = session_name
        self._env_data = env_data
        self._style = MessageStyle.of(self._settings, env_data)
        self._state = SlackState(self.state_dir)
        if self._settings.webhook_url is not None:
            self._webhook = SlackWebhook(self._settings.webhook_url, self.report_progress)
        else:
            channel = str(self._settings.channel_id)
            channel = self._state.conversation(channel) or channel
            self._bot = SlackBot(self._token, channel, self._settings.api_url, self.report_progress)
        self._write_run()

    def entry_started(self, name: str) -> None:
        """Show it in the summary."""
        self._running.add(name)
        self._write_run()
        self._update()

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Send its message, if it gets one; update the summary if others run that may run for long."""
        key = delivery_key(result)
        self._running.discard(str(result.get("name")))
        self._write_run()
        self._state.add_line(key, EntryLine.of(result, self._style))
        if self._settings.wants_message(result):
            message = entry_message(result, self._style)
            if self._webhook is not None:
                self._send_by_webhook(key, message)
            else:
                self._reply(key, message)
        if self._running:  # else the next entry or the end updates it at once
            self._update()

    def finalize(self) -> None:
        """Send the summary as it is at the end."""
        self._running.clear()
        self._write_run()
        if self._webhook is None:
            self._publish_summary(is_over=True)
            return
        message = self._summary(is_over=True)
        digest = hashlib.sha256(repr(message).encode()).hexdigest()[:32]
        self._send_by_webhook(f"{SUMMARY}-{digest}", message)

    def _write_run(self) -> None:
        run_id = str(self._env_data.get("run_id") or "run")
        self._state.write_run(run_id, self._env_data.get("entries") or (), self._running)

    def _summary(self, *, is_over: bool = False) -> dict[str, Any]:
        entries, running = self._state.runs()
        lines = self._state.lines()
        view = session_view(self._session_name, self._env_data, entries, lines, running=running, is_over=is_over)
        return summary_message(view, self._style)

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
            self._webhook.post(self.masked(message))
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

    def _update(self) -> None:
        """Update the summary while entries run, if that is wanted, possible, and not too often."""
        if self._bot is None or self._settings.live_updates is False:
            return
        now = time.monotonic()
        fresh = (now - self._updated_at) / UPDATE_INTERVAL_S
        self._updates_left = min(self._updates_left + fresh, MAX_UPDATES_AT_ONCE)
        self._updated_at = now
        if self._updates_left >= 1:
            self._updates_left -= 1
            self._publish_summary(is_over=False)

    def _publish_summary(self, *, is_over: bool) -> None:
        """Post the summary, or update it; one of the runs that share it at a time."""
        summary = partial(self._summary, is_over=is_over)
        with self._state.locked(SUMMARY):
            ts, is_new = self._sent_once(SUMMARY, summary)
            note = self._state.note(SUMMARY)
            if is_new or self._bot is None or note is None:
                return
            try:
                self._bot.update(ts, self.masked(summary()), note.message_id)
            except GoneError:
                self._state.forget(SUMMARY)
                self._sent_once(SUMMARY, summary)

    def _sent_once(
        self, key: str, message: Callable[[], dict[str, Any]], thread: str | None = None
    ) -> tuple[str, bool]:
        """Post a message unless it exists; return its ``ts``, and whether it is new. Its lock is held."""
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
            ts = self._bot.post(self.masked(message()), note.message_id, thread)
        except (PermanentSinkError, NotTakenError, GoneError):
            self._state.forget(key)  # it is certain that it has not arrived: nothing to look for
            raise
        if self._bot.channel != self._settings.channel_id:
            self._state.keep_conversation(str(self._settings.channel_id), self._bot.channel)
        self._state.end(key, note, ts)
        return ts, True

    def _forget_summary(self, thread: str) -> None:
        with self._state.locked(SUMMARY):
            note = self._state.note(SUMMARY)
            if note is not None and note.ts == thread:
                self._state.forget(SUMMARY)
