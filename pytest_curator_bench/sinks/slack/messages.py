# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages for Slack from results, within every limit whatever the results hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import change_text, format_number, format_percent, near, noise_text, quote
from pytest_curator_bench.history.reference import BASELINE
from pytest_curator_bench.results.format import read_file_or_skip
from pytest_curator_bench.results.metrics import MISSING, find_metric
from pytest_curator_bench.results.record import HARMLESS
from pytest_curator_bench.results.statistics import is_finite_number, is_number
from pytest_curator_bench.session.names import SESSION_NAME
from pytest_curator_bench.sinks.slack.text import MAX_TEXT, MessageBuilder, code, escape, fit, link

if TYPE_CHECKING:
    from pytest_curator_bench.sinks.slack.settings import SlackSettings

__all__ = [
    "EntryLine",
    "MessageStyle",
    "SessionView",
    "entry_message",
    "is_notable",
    "session_view",
    "shown_metrics",
    "summary_message",
]

EMOJI = {
    "passed": ":white_check_mark:",
    "failed": ":x:",
    "timeout": ":hourglass:",
    "error": ":boom:",
    "skipped": ":fast_forward:",
    "xfailed": ":heavy_check_mark:",
    "interrupted": ":black_square_for_stop:",
}
UNKNOWN_EMOJI = ":grey_question:"
FAILURES = frozenset({"failed", "timeout", "error"})
"""What owners are pinged for; nobody's benchmark is to blame for an interruption."""

MAX_ERROR = 1500
MAX_NAMES = 10
MAX_PINGS = 20
_ENTRY_KEYS = ("additional_metrics", "ping_on_failure")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStyle:
    """How messages look.

    Attributes:
        default_metrics: names of metrics that are shown for every entry, in their order.
        ping: whether the owners that an entry names are mentioned when it fails.
        viewer_url: where the session can be looked at.
        session_dir: where it lies.
    """

    default_metrics: tuple[str, ...] = ("exec_time_s",)
    ping: bool = True
    viewer_url: str | None = None
    session_dir: str = ""

    @classmethod
    def of(cls, settings: SlackSettings, env_data: Mapping[str, Any]) -> MessageStyle:
        """Return the style for the sink's settings and what is known of the session."""
        viewer_url = env_data.get("viewer_url") or settings.viewer_url
        return cls(
            default_metrics=settings.default_metrics,
            ping=settings.ping_users_on_failure,
            viewer_url=str(viewer_url) if viewer_url else None,
            session_dir=str(env_data.get("session_dir") or ""),
        )

    @property
    def pointer(self) -> str:
        """Where to find what a message leaves out, escaped."""
        return link(self.viewer_url, "viewer") if self.viewer_url else code(self.session_dir)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLine:
    """What the summary says of one entry; plain data, so that it can be kept in a file.

    Attributes:
        name: the entry's name.
        status: its result's.
        reason: its result's.
        started_at: UTC time, ISO 8601; the later of two results of one entry counts.
        metrics: one line of text, escaped.
        warnings: number of warnings.
    """

    name: str
    status: str
    reason: str = ""
    started_at: str = ""
    metrics: str = ""
    warnings: int = 0

    @classmethod
    def of(cls, result: Mapping[str, Any], style: MessageStyle) -> EntryLine:
        """The line for a result."""
        return cls(
            name=str(result.get("name")),
            status=str(result.get("status")),
            reason=str(result.get("reason") or ""),
            started_at=str(result.get("started_at") or result.get("finished_at") or ""),
            metrics=fit(", ".join(metric_texts(result, style.default_metrics, {})), MAX_TEXT),
            warnings=len(_list(result.get("warnings"))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """The state of a session.

    Attributes:
        name: its name.
        is_over: whether nothing runs any more.
        entries: the names of all entries that it has or will have.
        running: those that run at this moment.
        lines: what is known of those that have ended, at most one for each name.
        facts: more to say, each a short text: reason, host.
    """

    name: str
    is_over: bool = False
    entries: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    lines: tuple[EntryLine, ...] = ()
    facts: tuple[str, ...] = field(default=())


def session_view(
    session_name: str,
    env_data: Mapping[str, Any],
    entries: Iterable[str],
    lines: Iterable[EntryLine],
    *,
    running: Iterable[str] = (),
    is_over: bool = True,
) -> SessionView:
    """Return the state of a session; whether it is over stands in its own file, else ``is_over`` counts."""
    session = read_file_or_skip(Path(str(env_data.get("session_dir"))) / SESSION_NAME)
    if session.get("status"):
        is_over = session["status"] != "running"
    return SessionView(
        name=session_name,
        is_over=is_over,
        entries=tuple(dict.fromkeys([*map(str, session.get("entries") or ()), *entries])),
        running=tuple(running),
        lines=tuple(lines),
        facts=tuple(str(env_data[key]) for key in ("reason", "hostname") if env_data.get(key)),
    )


def is_notable(result: Mapping[str, Any]) -> bool:
    """Whether a result is a failure or has a warning, one about its settings for Slack included."""
    is_failure = str(result.get("status")) not in HARMLESS
    return is_failure or bool(_list(result.get("warnings"))) or bool(_entry_settings(result)[2])


def summary_message(session: SessionView, style: MessageStyle) -> dict[str, Any]:
    """The message for a session: counts, then a line for each entry, failures first.

    Returns:
        ``text`` and ``blocks``.
    """
    counts = Counter(line.status for line in session.lines)
    total = len({*session.entries, *(line.name for line in session.lines)})
    failed = any(status not in HARMLESS for status in counts)
    state = ":x:" if failed else ":hourglass_flowing_sand:" if not session.is_over else ":white_check_mark:"
    verdicts = ", ".join(f"{count} {escape(status)}" for status, count in _by_gravity(counts)) or "none yet"
    done = f"{len(session.lines)} of {total} benchmarks done: {fit(verdicts, MAX_TEXT)}"
    builder = MessageBuilder(
        style.pointer,
        [
            *(escape(fact) for fact in session.facts),
            link(style.viewer_url, "viewer") if style.viewer_url else "",
            code(style.session_dir) if style.session_dir else "",
        ],
    )
    builder.header(f"{session.name}: {'finished' if session.is_over else 'running'}")
    builder.section(f"{state} *{done}*")
    if session.running and not session.is_over:
        builder.section(f"running: {_names(session.running)}")
    missing = [name for name in session.entries if name not in {line.name for line in session.lines}]
    if session.is_over and missing:
        builder.section(f":warning: without a result: {_names(missing)}")
    order = {name: index for index, name in enumerate(session.entries)}
    lines = sorted(session.lines, key=lambda line: (_gravity(line.status), order.get(line.name, len(order)), line.name))
    builder.lines([_summary_line(line) for line in lines])
    return {"text": fit(f"{escape(session.name)}: {done}", MAX_TEXT), "blocks": builder.blocks()}


def entry_message(result: Mapping[str, Any], style: MessageStyle) -> dict[str, Any]:
    """The message for one result, with everything that its owner wants to know first.

    Args:
        result: as sinks are given it.
        style: how it looks.

    Returns:
        ``text`` and ``blocks``.
    """
    status = str(result.get("status"))
    name = str(result.get("name"))
    reason = f" ({escape(fit(str(result['reason']), 60))})" if result.get("reason") else ""
    title = f"{EMOJI.get(status, UNKNOWN_EMOJI)} *{code(name, 200)}* {escape(fit(status, 60))}{reason}"
    _, owners, problems = _entry_settings(result)
    pings = " ".join(map(_mention, owners[:MAX_PINGS])) if style.ping and status in FAILURES else ""
    log = str(result.get("stdouterr_file") or "")
    comparison = _mapping(result.get("comparison"))
    builder = MessageBuilder(
        code(log) if log else style.pointer,
        [
            code(log) if log else "",
            link(style.viewer_url, "viewer") if style.viewer_url else "",
            f"▲▼ against {escape(_reference(comparison))}" if comparison.get("changes") else "",
        ],
    )
    builder.section(f"{title}\n{pings}" if pings else title)
    builder.lines([_requirement_line(record) for record in _unmet(result)])
    changes = _mapping(comparison.get("changes"))
    # What is not as usual is worth a line wherever it is.
    changed = [name for name, change in changes.items() if _mapping(change).get("verdict") != "usual"]
    names = dict.fromkeys([*shown_metrics(result, style), *changed])
    builder.lines([f"• {text}" for text in metric_texts(result, list(names), changes)])
    differences = "; ".join(map(str, _list(comparison.get("differences"))))
    builder.lines([f":grey_question: not comparable: {escape(differences)}"] if differences else [])
    warnings = [*map(str, _list(result.get("warnings"))), *problems]
    builder.lines([f":warning: {escape(' '.join(warning.split()))}" for warning in warnings])
    if not _unmet(result):  # the error only repeats them
        builder.quote(str(result.get("error") or ""), MAX_ERROR)
    return {"text": fit(f"{code(name, 200)} {escape(status)}{reason}", MAX_TEXT), "blocks": builder.blocks()}


def shown_metrics(result: Mapping[str, Any], style: MessageStyle) -> list[str]:
    """Names of the metrics that a result's message shows: the default ones, and the entry's own."""
    return list(dict.fromkeys([*style.default_metrics, *_entry_settings(result)[0]]))


def _entry_settings(result: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """An entry's own metrics and owners, and what is wrong with its settings for Slack."""
    data = result.get("sink_data")
    data = data.get("slack") if isinstance(data, Mapping) else None
    if data is None:
        return [], [], []
    if not isinstance(data, Mapping):
        return [], [], ["sink_data of slack is no mapping"]
    problems = [
        f"sink_data of slack: unknown key {quote(str(key))}{near(str(key), _ENTRY_KEYS)}"
        for key in data
        if key not in {*_ENTRY_KEYS, "name"}
    ]
    values: list[list[str]] = []
    for key in _ENTRY_KEYS:
        value = data.get(key)
        value = [value] if isinstance(value, str) else value
        values.append([item for item in _list(value) if isinstance(item, str)])
        if value is not None and len(values[-1]) != len(value if isinstance(value, list) else [value]):
            problems.append(f"sink_data of slack: {key}: expected a list of texts")
    return values[0], values[1], problems


def _mention(owner: str) -> str:
    """A user's ID (U…, W…) or a user group's (S…) as a mention; what is neither stands there as it is."""
    owner = owner.strip().strip("<@>")
    if owner.isascii() and owner.isalnum() and owner.isupper() and len(owner) < 30:
        if owner[0] in "UW":
            return f"<@{owner}>"
        if owner[0] == "S":
            return f"<!subteam^{owner}>"
    return escape(fit(owner, 60))


def _requirement_line(record: Mapping[str, Any]) -> str:
    sentence = record.get("sentence")
    if not isinstance(sentence, str) or not sentence:
        sentence = f"{record.get('metric')} = {show(record.get('actual'))}, must be {record.get('bound')}"
        margin = record.get("margin_percent")
        if is_number(margin) and abs(margin) <= 100:
            sentence += f" ({'+' if margin > 0 else ''}{format_percent(margin)})"
    return f":small_red_triangle_down: {escape(' '.join(sentence.split()))}"


def _unmet(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    records = _list(result.get("requirements"))
    return [record for record in records if isinstance(record, Mapping) and record.get("met") is False]


def _summary_line(line: EntryLine) -> str:
    parts = [f"{EMOJI.get(line.status, UNKNOWN_EMOJI)} {code(line.name, 200)}"]
    if line.status != "passed" or line.reason:
        parts.append(escape(fit(f"{line.status} ({line.reason})" if line.reason else line.status, 100)))
    if line.metrics:
        parts.append(line.metrics)
    if line.warnings:
        parts.append(f":warning: {line.warnings}")
    return " · ".join(parts)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(code(name, 200) for name in names[:MAX_NAMES]) + more


def _by_gravity(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-_gravity(item[0]), item[0]))


def _gravity(status: str) -> int:
    """Sorts failures first, what passed last."""
    order = ("error", "timeout", "failed", "interrupted", "xfailed", "skipped", "passed")
    return order.index(status) if status in order else 0


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _reference(comparison: Mapping[str, Any]) -> str:
    against = str(comparison.get("against"))
    return "what is usual" if against == BASELINE else fit(against, 100)


def metric_texts(result: Mapping[str, Any], names: Sequence[str], changes: Mapping[str, Any]) -> list[str]:
    """``name = value`` for each metric that is there, and how it compares; escaped."""
    texts = []
    for name in names:
        value = find_metric(result, name)
        if value is not MISSING and value is not None and not isinstance(value, Mapping):
            texts.append(f"{escape(fit(name, 100))} = {escape(show(value))}{_change(_mapping(changes.get(name)))}")
    return texts


def _change(data: Mapping[str, Any]) -> str:
    """How a metric compares, as in ``▲ +17.2 % (worse, noise ±3.3 %)``; escaped."""
    verdict, change, noise = (data.get(key) for key in ("verdict", "change", "noise"))
    if not isinstance(verdict, str):
        return ""
    if verdict == "usual":
        return " (as usual)"
    # Plain data may have come through a file: only numbers are shown.
    arrow = f" {'▲' if change > 0 else '▼'} {change_text(change)}" if is_finite_number(change) and change else ""
    return escape(f"{arrow} ({fit(verdict, 20)}, noise {noise_text(noise) if is_finite_number(noise) else 'unknown'})")


def show(value: object) -> str:
    """``value`` on one short line, not escaped."""
    return format_number(value) if is_number(value) else fit(str(value), 100)
