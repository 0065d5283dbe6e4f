# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The link to where a session's results can be looked at, from a template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_curator_bench._util.container import to_host_path
from pytest_curator_bench._util.text import one_of
from pytest_curator_bench.config.placeholders import Placeholders, Scanner, Substitution

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VIEWER_PLACEHOLDERS = tuple(
    name + suffix for name in ("results_path", "session_name", "session_path") for suffix in ("", "_url")
)
"""What a template may name: the results directory, the session's name and its directory, each also with
everything but letters, digits and ``_.-~`` as ``%XX``, slashes too, for use within a query."""


# What Python's format() would take for a placeholder: `{name!r}`, `{name:>9}`, `{name[0]}`, `{ name }`, `{0}`, `{}`.
_FORMATTED = re.compile(r"(?<!\{)\{(?!dataset:)(?P<inner>\s*(?P<name>[A-Za-z_]\w*|\d*)(?P<rest>[\s!:\[][^{}\"']*)?)\}")


def viewer_problems(template: str) -> tuple[str, ...]:
    """Return what is wrong with a template: for each placeholder what was found and what was expected."""
    formatted = [_format_problem(match) for match in _FORMATTED.finditer(template)]
    return (*Scanner(VIEWER_PLACEHOLDERS).scan(template).problems, *filter(None, formatted))


def _format_problem(match: re.Match[str]) -> str | None:
    inner, name = match["inner"], match["name"]
    if inner == name and name and not name.isdigit():
        return None  # a plain name, which the scanner knows or refuses
    if name in VIEWER_PLACEHOLDERS:
        return f"found {{{inner}}}, expected {{{name}}}: a placeholder takes neither a conversion nor a format"
    words = [f"{{{word}}}" for word in VIEWER_PLACEHOLDERS]
    return f"found {{{inner}}}, expected {one_of(words)} (write %7B for a brace)"


def viewer_url(template: str, session_dir: Path, mounts: Iterable[tuple[Path, Path]] = ()) -> str:
    """The link for a session; directories are those of the host, because nobody clicks in a container.

    Args:
        template: one without :func:`viewer_problems`.
        session_dir: the session's directory, which is called as the session and lies in the results directory.
        mounts: container path and host path of what is mounted; see
            :func:`~pytest_curator_bench._util.container.to_host_path`.
    """
    host_dir = to_host_path(session_dir, mounts)
    results = to_host_path(session_dir.parent, mounts)
    values = {"results_path": str(results), "session_name": session_dir.name, "session_path": str(host_dir)}
    values |= {f"{name}_url": quote(value, safe="") for name, value in values.items()}
    return Substitution(Placeholders(paths={}, datasets={}), values).text(template)
