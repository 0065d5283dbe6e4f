# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What messages tell of a session, gathered from its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.results.format import read_file_or_skip
from pytest_curator_bench.results.metrics import find_metric
from pytest_curator_bench.results.statistics import is_number
from pytest_curator_bench.session.history import previous_result
from pytest_curator_bench.session.names import SESSION_NAME
from pytest_curator_bench.sinks.slack.blocks import Look, SessionView, entry_message, shown_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_curator_bench.sinks.slack.blocks import EntryLine
    from pytest_curator_bench.sinks.slack.settings import SlackSettings
    from pytest_curator_bench.sinks.slack.state import SlackState

__all__ = ["compared_message", "look_of", "session_view", "view_of"]


def look_of(settings: SlackSettings, env_data: Mapping[str, Any]) -> Look:
    """How messages are to look, from the settings and from what is known of the session."""
    viewer_url = env_data.get("viewer_url")
    return Look(
        default_metrics=settings.default_metrics,
        ping=settings.ping_users_on_failure,
        viewer_url=str(viewer_url) if viewer_url else None,
        session_dir=str(env_data.get("session_dir") or ""),
    )


def session_view(session_name: str, env_data: Mapping[str, Any], state: SlackState, *, is_over: bool) -> SessionView:
    """The session as it is now, with what all its runs have told.

    Args:
        session_name: its name.
        env_data: what the sink was told of it.
        state: what the runs have told.
        is_over: whether nothing more will run, where the session's own file doesn't say.
    """
    entries, running = state.runs()
    return view_of(session_name, env_data, entries, state.lines(), running=running, is_over=is_over)


def view_of(
    session_name: str,
    env_data: Mapping[str, Any],
    entries: Iterable[str],
    lines: Iterable[EntryLine],
    *,
    running: Iterable[str] = (),
    is_over: bool = True,
) -> SessionView:
    """The session with given lines; whether it is over, its own file says if it can."""
    session = read_file_or_skip(Path(str(env_data.get("session_dir"))) / SESSION_NAME)
    if session.get("status"):
        is_over = session["status"] != "running"
    facts = [str(env_data[key]) for key in ("reason", "hostname") if env_data.get(key)]
    return SessionView(
        name=session_name,
        is_over=is_over,
        entries=tuple(dict.fromkeys([*map(str, session.get("entries") or ()), *entries])),
        running=tuple(running),
        lines=tuple(lines),
        facts=tuple(facts),
    )


def compared_message(result: Mapping[str, Any], look: Look, results_dir: Path) -> dict[str, Any]:
    """The message for a result, compared with the entry's last one in ``results_dir``."""
    before = previous_result(results_dir, result) if result.get("status") in {"passed", "failed"} else None
    if before is None:
        return entry_message(result, look)
    values = {name: find_metric(before, name) for name in shown_metrics(result, look)}
    previous = {name: value for name, value in values.items() if is_number(value)}
    return entry_message(result, look, previous, before.session_name)
