# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Calls of Slack through slack_sdk, and what their errors mean: refused, not taken yet, or unknown."""

from __future__ import annotations

import json
import logging
import re
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.sinks.base import PermanentSinkError, TransientSinkError
from pytest_curator_bench.sinks.http import refusal, retry_after_s, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slack_sdk.web import SlackResponse

__all__ = ["API_URL", "METADATA_TYPE", "GoneError", "NotTakenError", "SlackBot", "SlackWebhook", "is_person"]

API_URL = "https://slack.com/api/"
# Longest that one request may wait for each answer, in seconds: three fit into one call of a sink.
REQUEST_TIMEOUT_S = 3
METADATA_TYPE = "curator_bench_delivery"
"""``event_type`` of our messages' metadata, by which a message is found whose answer got lost."""
MAX_PAGES = 10

_NOT_TAKEN = frozenset({"ratelimited", "rate_limited"})
_TEMPORARY = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_GONE = frozenset({"message_not_found", "thread_not_found", "cant_update_message"})
_REMEDIES = {
    "invalid_auth": "check bot_token",
    "not_authed": "check bot_token",
    "token_revoked": "check bot_token",
    "token_expired": "check bot_token",
    "account_inactive": "check bot_token",
    "channel_not_found": "check channel_id, and invite the bot to the channel",
    "user_not_found": "check channel_id: no such person is in the bot's workspace",
    "user_disabled": "choose another channel_id: the person's account is deactivated",
    "cannot_dm_bot": "choose another channel_id: a bot takes no direct messages",
    "messages_tab_disabled": "switch the app's messages tab on (App Home), so that it may write to people",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "choose another channel_id",
    "no_service": "check webhook_url",
    "no_team": "check webhook_url",
    "invalid_token": "check webhook_url",
    "channel_is_archived": "choose another channel for the webhook",
}


def is_person(channel: str) -> bool:
    """Whether an ID is that of a person, and of no channel."""
    return channel.startswith(("U", "W"))


class NotTakenError(TransientSinkError):
    """Slack says that it has not taken the request, and when it may come again."""


class GoneError(Exception):
    """The message of a call is gone, or can't be changed."""


class SlackBot:
    """An app with a bot token: it posts, changes what it has posted, and finds it again.

    Nothing is repeated here: the sink's worker calls again, and obeys ``Retry-After``.

    Args:
        token: the bot's token, ``xoxb-…``.
        channel: ID of the channel; or of a person, who gets direct messages.
        api_url: where the Web API is.
        report_progress: called after each answer.

    Attributes:
        channel: ID of the channel; for a person, of the conversation with them, once that is known.
    """

    def __init__(self, token: str, channel: str, api_url: str, report_progress: Callable[[], None]) -> None:
        from slack_sdk import WebClient

        self.channel = channel
        self._report_progress = report_progress
        self._client = WebClient(
            token, base_url=api_url, timeout=REQUEST_TIMEOUT_S, logger=_silent_logger(), retry_handlers=[]
        )

    def post(self, message: Mapping[str, Any], key: str, thread: str | None = None) -> str:
        """Post a message, findable by ``key``, into the channel or into the thread of another one.

        Returns:
            the message's ``ts``, by which Slack knows it in its channel.

        Raises:
            GoneError: the thread is not there any more.
            TransientSinkError: as it says; whether the message has arrived is not known.
            PermanentSinkError: Slack refuses it.
        """
        self._open_conversation()
        answer = self._call(
            lambda: self._client.chat_postMessage(
                channel=self.channel,
                thread_ts=thread,
                metadata={"event_type": METADATA_TYPE, "event_payload": {"key": key}},
                unfurl_links=False,
                unfurl_media=False,
                **message,
            )
        )
        if not answer.get("ts"):
            raise TransientSinkError("Slack answered without saying where the message is")
        if is_person(self.channel) and answer.get("channel"):
            self.channel = str(answer["channel"])
        return str(answer["ts"])

    def update(self, ts: str, message: Mapping[str, Any], key: str) -> None:
        """Replace a message's content; raises as :meth:`post` does."""
        self._open_conversation()
        metadata = {"event_type": METADATA_TYPE, "event_payload": {"key": key}}
        self._call(lambda: self._client.chat_update(channel=self.channel, ts=ts, metadata=metadata, **message))

    def find(self, key: str, oldest: float, thread: str | None = None) -> str | None:
        """The ``ts`` of the message that was posted under ``key``, if it has arrived.

        Args:
            key: as given to :meth:`post`.
            oldest: time before which it can't have been posted, in seconds since 1970.
            thread: the message in whose thread to look instead.

        Returns:
            ``None`` also where the token may not read messages: the scope ``channels:history`` (``groups:history``
            for private channels, ``im:history`` for direct messages) is not needed for anything else.

        Raises:
            GoneError, TransientSinkError, PermanentSinkError: as for :meth:`post`.
        """
        self._open_conversation()
        if is_person(self.channel):
            return None
        where = {"channel": self.channel, "oldest": f"{oldest:.6f}", "include_all_metadata": True, "limit": 200}
        cursor = None
        for _ in range(MAX_PAGES):
            page = {**where, **({"cursor": cursor} if cursor else {})}
            try:
                answer = self._call(lambda page=page: self._read(page, thread))  # type: ignore[misc]  # bound at once
            except PermanentSinkError as error:
                if "missing_scope" in str(error):
                    return None
                raise
            for message in answer.get("messages") or ():
                metadata = message.get("metadata") or {}
                is_ours = metadata.get("event_type") == METADATA_TYPE
                if is_ours and (metadata.get("event_payload") or {}).get("key") == key:
                    return str(message["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return None

    def _open_conversation(self) -> None:
        """Find the conversation with a person: messages are changed and found by its ID alone.

        It takes the scope ``im:write``. Without it a message can be posted to the person's ID all the same, and its
        answer names the conversation.
        """
        if not is_person(self.channel):
            return
        try:
            answer = self._call(lambda: self._client.conversations_open(users=self.channel))
        except PermanentSinkError as error:
            if "missing_scope" in str(error):
                return
            raise
        conversation = answer.get("channel")
        if not isinstance(conversation, dict) or not conversation.get("id"):
            raise TransientSinkError("Slack answered without saying where the conversation is")
        self.channel = str(conversation["id"])

    def _read(self, page: dict[str, Any], thread: str | None) -> SlackResponse:
        if thread is None:
            return self._client.conversations_history(**page)
        return self._client.conversations_replies(ts=thread, **page)

    def _call(self, call: Callable[[], SlackResponse]) -> SlackResponse:
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            answer = call()
        except SlackApiError as error:
            raise _refusal_of_api(error.response) from None
        except (OSError, HTTPException, ValueError, SlackClientError) as error:
            raise _no_answer(error) from None
        self._report_progress()
        return answer


class SlackWebhook:
    """An incoming webhook: it only posts, and never tells what became of a message whose answer got lost.

    Args:
        url: the webhook's URL.
        report_progress: called after each answer.
    """

    def __init__(self, url: str, report_progress: Callable[[], None]) -> None:
        from slack_sdk.webhook import WebhookClient

        url, headers = without_credentials(url)
        self._client = WebhookClient(
            url, timeout=REQUEST_TIMEOUT_S, default_headers=headers, logger=_silent_logger(), retry_handlers=[]
        )
        self._report_progress = report_progress

    def post(self, message: Mapping[str, Any]) -> None:
        """Post a message; raises TransientSinkError or PermanentSinkError."""
        try:
            answer = self._client.send_dict(dict(message))
        except (OSError, HTTPException, ValueError) as error:
            raise _no_answer(error) from None
        if answer.status_code != HTTPStatus.OK:
            body = answer.body.strip()
            raise _refusal(answer.status_code, body if re.fullmatch(r"[a-z_]+", body) else "", answer.headers)
        self._report_progress()


def _refusal_of_api(response: SlackResponse) -> Exception:
    code = response.get("error") if isinstance(response.data, dict) else None
    is_code = isinstance(code, str) and re.fullmatch(r"[a-z_]+", code) is not None
    details = [f"needs {response.get('needed')}"] if code == "missing_scope" else []
    problems = (response.get("response_metadata") or {}).get("messages") if is_code else None
    details += [str(problem) for problem in problems[:3]] if isinstance(problems, list) else []
    return _refusal(response.status_code, str(code) if is_code else "", response.headers, "; ".join(details))


def _refusal(status: int, code: str, headers: Mapping[str, Any], detail: str = "") -> Exception:
    told = f"Slack answered {code}" if code else f"Slack answered with status {status}"
    told += f" ({detail})" if detail else ""
    retry_after = next((str(value) for name, value in headers.items() if name.lower() == "retry-after"), None)
    if code in _GONE:
        return GoneError(told)
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in _NOT_TAKEN:
        return NotTakenError(told, retry_after_s(retry_after))
    # Of an answer of 200 that is none of Slack's, nobody knows what has become of the request.
    if code in _TEMPORARY or (status == HTTPStatus.OK and not code):
        status = HTTPStatus.SERVICE_UNAVAILABLE
    return refusal(told + (f": {_REMEDIES[code]}" if code in _REMEDIES else ""), status, retry_after)


def _no_answer(error: Exception) -> TransientSinkError:
    reason = getattr(error, "reason", error)
    text = (
        "an answer that is no JSON" if isinstance(error, json.JSONDecodeError) else f"{type(reason).__name__}: {reason}"
    )
    return TransientSinkError(f"no answer from Slack: {text}")


def _silent_logger() -> logging.Logger:
    """slack_sdk writes URLs and contents to its log; what matters comes back as an exception."""
    logger = logging.Logger("slack_sdk", logging.CRITICAL)  # not in the hierarchy, on purpose
    logger.disabled = True
    return logger
