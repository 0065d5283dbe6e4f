# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Selectors of sessions on the command line: ``latest~1``, a name, a date, ``last:20``, a path, several of these.

A comma separates several, whose sessions are pooled. Dates are local ones, as those in names are.
"""

from __future__ import annotations

import difflib
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import counted, listed, quote
from pytest_curator_bench.history.sessions import list_sessions, read_session_ref
from pytest_curator_bench.session.names import SESSION_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_curator_bench.history.sessions import SessionRef

__all__ = ["SELECTORS", "SelectorError", "is_path", "select", "select_one", "sessions_of"]

SELECTORS = "latest, latest~1, last:20, 2026-11-25, 2026-11-01..2026-11-20, a name or its beginning, a path"
"""The forms of a selector, for messages and help."""

MAX_LISTED = 8
LEAST_LIKENESS = 0.6
_LATEST = re.compile(r"latest(?:~(\d{1,6}))?")
_LAST = re.compile(r"last:(\d{1,6})")
_DAY = r"\d{4}-\d{1,2}-\d{1,2}"
_DAYS = re.compile(rf"({_DAY})?(\.\.)?({_DAY})?")


class SelectorError(ValueError):
    """A selector selects nothing, or can't be understood; the message says so and names near sessions."""


def sessions_of(results_dir: Path, *, prefix: str | None = None, besides: str | None = None) -> list[SessionRef]:
    """Return the sessions whose names have the prefix, the one that started last first.

    Args:
        results_dir: where the sessions are.
        prefix: what ``--bench-session-name`` gave; ``None`` for all sessions.
        besides: name of a session that is left out, because it is still being filled.

    Raises:
        SelectorError: there are sessions, but none with this prefix.
    """
    known = list_sessions(results_dir, besides=besides)
    found = [ref for ref in known if prefix in {None, ref.prefix}]
    if known and not found:
        names = list(dict.fromkeys(ref.prefix for ref in known))
        raise SelectorError(f"no session in {results_dir} is called {quote(str(prefix))}{_near(str(prefix), names)}")
    return found


def select(
    results_dir: Path, selector: str, *, prefix: str | None = None, besides: str | None = None
) -> list[SessionRef]:
    """Return the sessions that a selector names, each once, the one that started last first.

    Args:
        results_dir: where the sessions are.
        selector: as the module's docstring and :data:`SELECTORS` say.
        prefix: what ``--bench-session-name`` gave; other sessions are out of sight, but for those given by path.
        besides: name of a session that is left out, because it is still being filled.

    Raises:
        SelectorError: it names none.
    """
    if is_path(selector):
        return [_at_path(Path(selector))]
    known = sessions_of(results_dir, prefix=prefix, besides=besides)
    by_name = {ref.name: ref for ref in known}
    parts = [selector] if selector in by_name else [part.strip() for part in selector.split(",")]
    found: dict[Path, SessionRef] = {}
    for part in parts:
        refs = [_at_path(Path(part))] if is_path(part) else _named(results_dir, part, known)
        found |= {ref.path: ref for ref in refs}
    return sorted(found.values(), key=lambda ref: (ref.started_at, ref.name), reverse=True)


def select_one(results_dir: Path, selector: str, *, prefix: str | None = None) -> SessionRef:
    """Return the only session that a selector names.

    Raises:
        SelectorError: it names none, or several.
    """
    first, *others = select(results_dir, selector, prefix=prefix)
    if others:
        raise _too_many(selector, [first, *others])
    return first


def is_path(selector: str) -> bool:
    """Whether a selector is the path of a session, which needs no results directory."""
    return ("/" in selector and ("," not in selector or Path(selector).is_dir())) or selector in {".", ".."}


def _at_path(path: Path) -> SessionRef:
    try:
        return read_session_ref(path.absolute() if path.name in {"", ".."} else path)
    except ValueError as error:
        raise SelectorError(f"no session at {path} ({error}): give the directory that holds {SESSION_NAME}") from None


def _named(results_dir: Path, selector: str, known: Sequence[SessionRef]) -> list[SessionRef]:
    """Return what a selector that is no path names."""
    if not known:
        raise SelectorError(f"no session in {results_dir}: run pytest benchmarks/ first, or give --results DIR")
    if exact := [ref for ref in known if ref.name == selector]:
        return exact
    if (match := _LATEST.fullmatch(selector)) is not None:
        back = int(match[1] or 0)
        if back >= len(known):
            raise SelectorError(f"{selector}: there are only {counted(len(known), 'session')} in {results_dir}")
        return [known[back]]
    if (match := _LAST.fullmatch(selector)) is not None and int(match[1]):
        return list(known[: int(match[1])])
    if selector and (match := _DAYS.fullmatch(selector)) is not None and (match[1] or match[2]):
        return _in_days(results_dir, selector, match, known)
    begun = [ref for ref in known if selector and ref.name.startswith(selector)]
    if len(begun) > 1:
        raise _too_many(selector, begun)
    if not begun:
        near = _near(selector, [*(ref.name for ref in known), "latest"])
        raise SelectorError(f"no session {quote(selector)} in {results_dir}{near}; selectors: {SELECTORS}")
    return begun


def _in_days(results_dir: Path, selector: str, match: re.Match[str], known: Sequence[SessionRef]) -> list[SessionRef]:
    try:
        first = _day(match[1], date.min)
        last = _day(match[3], date.max) if match[2] else first
    except ValueError as error:
        raise SelectorError(f"{selector}: {error}, expected a date as in 2026-11-25") from None
    found = [ref for ref in known if first <= _local_day(ref) <= last]
    if not found:
        middle = first if match[1] else last
        by_distance = sorted(known, key=lambda ref: abs(_local_day(ref) - middle))
        near = ", ".join(ref.name for ref in by_distance[:MAX_LISTED])
        raise SelectorError(f"no session of {selector} in {results_dir}; near ones: {near}")
    return found


def _day(text: str | None, default: date) -> date:
    return date(*map(int, text.split("-"))) if text else default


def _local_day(ref: SessionRef) -> date:
    return ref.started_at.astimezone().date()


def _too_many(selector: str, found: Sequence[SessionRef]) -> SelectorError:
    names = listed([ref.name for ref in found])
    return SelectorError(f"{quote(selector)} names {len(found)} sessions, expected one of {names}")


def _near(word: str, known: Iterable[str]) -> str:
    """Return the known words most like one, or the first ones where none is."""
    names = list(known)
    near = sorted(names, key=lambda name: _likeness(word, name), reverse=True)
    near = [name for name in near[:MAX_LISTED] if _likeness(word, name) >= LEAST_LIKENESS]
    return f"; near ones: {', '.join(near)}" if near else f"; there are {', '.join(names[:MAX_LISTED])}"


def _likeness(word: str, name: str) -> float:
    """Return how much a word is like a name, from 0 to 1: a part of it, or misspelt, or the same of its beginning."""
    if word and word.lower() in name.lower():
        return 1.0
    return max(difflib.SequenceMatcher(None, part, word).ratio() for part in (name, name[: len(word)]))
