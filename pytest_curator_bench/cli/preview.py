# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench preview slack``: a session as it would look in Slack, without token or network."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.streams import encoding_of
from pytest_curator_bench._util.text import harmless
from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.delivery.replay import session_env_data
from pytest_curator_bench.delivery.replay_settings import from_session
from pytest_curator_bench.delivery.results import session_results, with_comparisons
from pytest_curator_bench.session.names import RUNS_NAME, SESSION_NAME
from pytest_curator_bench.sinks.base import SinkConfigError
from pytest_curator_bench.sinks.slack.messages import (
    EntryLine,
    MessageStyle,
    entry_message,
    session_view,
    summary_message,
)
from pytest_curator_bench.sinks.slack.settings import SlackSettings
from pytest_curator_bench.sinks.slack.state import latest_lines

if TYPE_CHECKING:
    import argparse

__all__ = ["PreviewError", "add_arguments", "preview_slack", "run"]

_CLASS_PATH = "pytest_curator_bench.sinks.slack.sink:SlackSink"


class PreviewError(Exception):
    """No preview is possible; the message says why, and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Write what a sink would send for a session, as JSON, and send nothing. "
        "Exit status 2: there is nothing to show."
    )
    parser.add_argument("sink", choices=["slack"], help="which sink")
    parser.add_argument("session", type=Path, metavar="SESSION", help="the session's directory")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE (default: standard output)")


def run(options: argparse.Namespace) -> int:
    """Write the messages; returns the exit status."""
    try:
        # Escapes are the one form of JSON that every terminal can show.
        is_utf = options.output is not None or encoding_of(sys.stdout).lower().startswith("utf")
        text = json.dumps(preview_slack(options.session), indent=2, ensure_ascii=not is_utf) + "\n"
    except PreviewError as error:
        sys.stderr.write(harmless(f"{error}\n"))
        return 2
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(harmless(f"can't write {options.output}: {error.strerror or error}\n"))
        return 2
    return 0


def preview_slack(session_dir: Path) -> dict[str, Any]:
    """Return the messages for a session as they would be sent, with the settings that it recorded.

    Returns:
        ``summary``, the session's message at its end, and ``entries``, the messages of its results in the order in
        which they ended, each with ``entry``, the name. Messages have ``text`` and ``blocks``, which
        https://app.slack.com/block-kit-builder shows.

    Raises:
        PreviewError: there is no session, or its recorded settings can't be read.
    """
    if not os.path.isdir(session_dir / RUNS_NAME):  # noqa: PTH112  # pathlib raises an error for too long paths
        raise PreviewError(f"no session at {session_dir}: give the directory that holds {SESSION_NAME}")
    session_dir = session_dir.resolve()
    settings = _settings(session_dir)
    env_data = session_env_data(session_dir)
    results, problems = session_results(session_dir)
    if problems:
        raise PreviewError("\n".join(problems))
    style = MessageStyle.of(settings, env_data)
    lines = latest_lines(EntryLine.of(result, style) for result in results)
    view = session_view(session_dir.name, env_data, map(str, env_data["entries"]), lines)
    return {
        "summary": summary_message(view, style),
        "entries": [
            {"entry": result["name"], **entry_message(result, style)}
            for result in with_comparisons(session_dir, results)
            if settings.wants_message(result)
        ],
    }


def _settings(session_dir: Path) -> SlackSettings:
    try:
        sinks = from_session(session_dir).sinks
    except ConfigError:
        raise PreviewError(
            f"{session_dir / 'config.yaml'} can't be read: the session has not recorded its settings"
        ) from None
    for sink in sinks:
        if sink.class_path == _CLASS_PATH or (sink.class_path is None and sink.name == "slack"):
            try:
                return SlackSettings.read({**sink.settings, "name": sink.name})
            except SinkConfigError as error:
                raise PreviewError(f"{session_dir / 'config.yaml'}: sinks[{sink.name}].{error}") from None
    return SlackSettings(name="slack")
