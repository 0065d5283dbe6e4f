# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the sink ``slack``."""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING, Any

from pydantic import Field

from pytest_curator_bench.sinks.base import SinkConfigError, SinkSettings
from pytest_curator_bench.sinks.slack.client import API_URL
from pytest_curator_bench.sinks.slack.messages import is_notable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["TOKEN_VARIABLE", "SlackSettings", "check"]

TOKEN_VARIABLE = "SLACK_BOT_TOKEN"  # noqa: S105  # a name
"""The environment variable that has the token if the settings don't."""
_URL = re.compile(r"https?://[^\s/]+/\S*")


class SlackSettings(SinkSettings):
    """Settings of the sink ``slack``."""

    webhook_url: str | None = Field(default=None, description="An incoming webhook's URL; instead of a bot token.")
    bot_token: str | None = Field(default=None, description="An app's bot token, default: SLACK_BOT_TOKEN's value.")
    channel_id: str | None = Field(default=None, description="The channel's ID, or a person's, for a bot token.")
    api_url: str = Field(default=API_URL, description="Where Slack's Web API is.")
    live_updates: bool | None = Field(default=None, description="Whether the summary is updated while entries run.")
    thread_replies_for_failures_or_warnings_only: bool | None = Field(
        default=None, description="Whether entries that passed without a warning get no message of their own."
    )
    default_metrics: tuple[str, ...] = Field(default=("exec_time_s",), description="Metrics shown for every entry.")
    viewer_url: str | None = Field(default=None, description="Link to a viewer, where the session has none.")
    ping_users_on_failure: bool = Field(default=True, description="Whether an entry's ping_on_failure has an effect.")

    @property
    def is_webhook(self) -> bool:
        """Whether messages go to an incoming webhook."""
        return self.webhook_url is not None

    def wants_message(self, result: Mapping[str, Any]) -> bool:
        """Whether a result gets a message of its own; of a webhook's by default only what is worth an interruption."""
        only_notable = self.thread_replies_for_failures_or_warnings_only
        return is_notable(result) or not (self.is_webhook if only_notable is None else only_notable)


def check(settings: SlackSettings, environ: Mapping[str, str]) -> str:
    """The bot token, empty for a webhook; raises SinkConfigError for settings that can't work."""
    token = "" if settings.is_webhook else (settings.bot_token or environ.get(TOKEN_VARIABLE, "")).strip()
    problems = [*(_of_webhook(settings) if settings.is_webhook else _of_bot(settings, token))]
    if not _URL.fullmatch(settings.api_url):
        problems.append(("api_url", f"found text that is no URL, expected one like {API_URL}"))
    if importlib.util.find_spec("slack_sdk") is None:
        problems.append(("", "slack_sdk is not installed: pip install 'pytest-curator-bench[slack]'"))
    if problems:
        raise SinkConfigError(*problems[0], *problems[1:])
    return token


def _of_webhook(settings: SlackSettings) -> Iterator[tuple[str, str]]:
    if not _URL.fullmatch(settings.webhook_url or ""):
        yield "webhook_url", "found text that is no URL, expected one that begins with https://"
    for key in ("bot_token", "channel_id"):
        if getattr(settings, key) is not None:
            yield key, "found together with webhook_url, expected one of both: a webhook has its own channel"
    if settings.live_updates:
        yield "live_updates", "found true, but a webhook can't change messages: use a bot_token, or leave it out"


def _of_bot(settings: SlackSettings, token: str) -> Iterator[tuple[str, str]]:
    if not token:
        yield "bot_token", f"found nothing, expected a bot token, here or in {TOKEN_VARIABLE}, or webhook_url instead"
    elif not re.fullmatch(r"xox[A-Za-z0-9.-]+", token):
        yield "bot_token", "found text that is no token, expected one that begins with xoxb-"
    if settings.channel_id is None:
        yield "channel_id", "found nothing, expected the channel's ID, like C0123456789: see the channel's details"
    elif not re.fullmatch(r"[CGDUW][A-Z0-9]{2,}", settings.channel_id):
        expected = "one like C0123456789 (see the channel's details), or a person's like U0123456789"
        yield "channel_id", f"found text that is no ID, expected {expected}"
