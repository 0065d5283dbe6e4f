# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which values are secrets, and the configuration without them.

A secret is what an environment variable put into a sink's settings, and what stands there under a key that
looks like one (``webhook_url``, ``bot_token``). Where it is known to stand, a value is masked whatever it
is; the list of strings to hide elsewhere leaves out short ones, which would blank out parts of every other
word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_curator_bench.config.env_vars import FromEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "***"
# Variables that every process has, and that sinks only use to build paths.
PUBLIC_VARIABLES = frozenset(
    {"HOME", "USER", "LOGNAME", "PWD", "TMPDIR", "PATH", "SHELL", "LANG", "HOSTNAME", "HOST_HOSTNAME"}
)
_SECRET_KEY = re.compile(r"webhook|token|secret|passw|credential|api_?key|(?:^|[_-])key(?:$|[_-])", re.IGNORECASE)
_SHORTEST_SECRET = 4
_SHORTEST_VALUE = 6
_WORDS = frozenset({"true", "false", "none", "null", "default"})


def secrets_of(sinks: Iterable[object], variables: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The strings that must not appear in any output.

    Args:
        sinks: the settings of all sinks, environment variables put in where they are known.
        variables: name and value of each variable that went into them.
    """
    found: set[str] = set()
    for value, under_secret_key in _texts(list(sinks), under_secret_key=False):
        if under_secret_key or _is_from_environment(value):
            shortest = _SHORTEST_SECRET if under_secret_key else _SHORTEST_VALUE
            found.update(part for part in (str(value), *_url_parts(value)) if len(part) >= shortest)
    found.update(value for name, value in variables if name not in PUBLIC_VARIABLES and len(value) >= _SHORTEST_VALUE)
    return frozenset(value for value in found if value.lower() not in _WORDS)


def masked(data: object, secrets: frozenset[str]) -> object:
    """Any data with every occurrence of a secret masked; the data itself where there are no secrets."""
    if not secrets:
        return data
    # The longest first: a URL goes before the path that is part of it.
    pattern = re.compile("|".join(re.escape(secret) for secret in sorted(secrets, key=len, reverse=True)))
    return _replaced(data, pattern)


def masked_sink(settings: object, secrets: frozenset[str]) -> object:
    """A sink's settings with each value masked that is, or contains, a secret."""
    return masked(_masked_places(settings, under_secret_key=False), secrets)


def _masked_places(value: object, *, under_secret_key: bool) -> object:
    if isinstance(value, dict):
        return {
            key: _masked_places(item, under_secret_key=under_secret_key or bool(_SECRET_KEY.search(key)))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked_places(item, under_secret_key=under_secret_key) for item in value]
    if under_secret_key and value is not None and not isinstance(value, bool):
        return MASK
    return MASK if isinstance(value, str) and _is_from_environment(value) else value


def _texts(value: object, *, under_secret_key: bool) -> Iterator[tuple[str, bool]]:
    """Each text in ``value``, and whether it stands under a key that looks like a secret's.

    Texts that still wait for a variable are left out: they appear nowhere.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, under_secret_key=under_secret_key or bool(_SECRET_KEY.search(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, under_secret_key=under_secret_key)
    elif isinstance(value, str) and (isinstance(value, FromEnvironment) or "${" not in value):
        yield value, under_secret_key


def _is_from_environment(value: str) -> bool:
    return isinstance(value, FromEnvironment) and not value.variables <= PUBLIC_VARIABLES


def _url_parts(value: str) -> tuple[str, ...]:
    """What of a URL is secret by itself: HTTP errors show a webhook's path without its host."""
    if "://" not in value:
        return ()
    try:
        url = urlsplit(value)
        target = f"{url.path}?{url.query}" if url.query else url.path
        return (url.password or "", target if len(target) > 2 * _SHORTEST_VALUE else "")
    except ValueError:
        return ()


def _replaced(data: object, pattern: re.Pattern[str]) -> object:
    if isinstance(data, dict):
        return {key: _replaced(item, pattern) for key, item in data.items()}
    if isinstance(data, list):
        return [_replaced(item, pattern) for item in data]
    return pattern.sub(MASK, data) if isinstance(data, str) else data
