# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which settings of sinks are secret; ``docs/sinks.md`` has the rules for users.

In the sink itself a value from the environment, or under a telling key, is masked whatever it is. Elsewhere a value is
masked only if that garbles nothing else: paths, numbers, words, hosts and names stand everywhere, and keep no secret.
"""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from pytest_curator_bench._util.masking import ANYWHERE, MASK, ORDINARY, Masker, spells_number
from pytest_curator_bench.config.env_vars import FromEnvironment
from pytest_curator_bench.config.matrix.combinations import in_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Secrets", "is_secret_variable", "masked_variables", "names_secret"]

_Value = TypeVar("_Value")

# Variables that every process has, and that sinks only use to build paths.
_EVERYWHERE = frozenset(
    {"HOME", "USER", "LOGNAME", "PWD", "TMPDIR", "PATH", "SHELL", "LANG", "HOSTNAME", "HOST_HOSTNAME"}
)
# Three patterns, because a wrong guess costs differently: little in a sink, whose keys its author chose, and one value
# in the record of a script's environment. A script's own variable is masked everywhere: its pattern is the narrowest.
_SECRET_KEY = re.compile(r"webhook|token|secret|passw|credential|api_?key|(?:^|[_-])key(?:$|[_-])", re.IGNORECASE)
# Further words in the names of environment variables.
_SECRET_IN_ENVIRONMENT = re.compile(
    r"(?:^|_)(?:pass|pwd|auth|cookies?|credentials?|private|sas|dsn|pat|jwt|bearer)(?:_|$)"
    r"|apikey|connection_string|passphrase",
    re.IGNORECASE,
)
# Counts of tokens, such as `MAX_TOKENS`, where the value is a number.
_COUNT = re.compile(r"tokens(?:_|$)|tokens?_(?:count|limit)$", re.IGNORECASE)
_NOT_SECRET = frozenset({"PWD", "OLDPWD", "RAY_AUTH_MODE", "SSH_AUTH_SOCK"})
# `token_file: /run/token` names the file and not the token.
_FILE_KEY = re.compile(r"(?:^|[_-])(?:file|dir|directory)$", re.IGNORECASE)
_PATH_KEY = re.compile(r"(?:^|[_-])(?:path|script)$", re.IGNORECASE)
# A link is there to be shown.
_LINK_KEY = "viewer_url"
_FILE_URI = re.compile(r"(?:sqlite:///|file:)", re.IGNORECASE)
# A script's own variable: `HF_TOKEN`, and not `MAX_TOKENS` or `TOKENIZERS_PARALLELISM`.
_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:token|secret|passw(?:or)?d|credentials?|(?:api|access|secret|private)_?key)$", re.IGNORECASE
)
_SHORTEST_SECRET = 4
_SHORTEST_VALUE = 6
_LONGEST_WORD = 12
_RUNS = ("entries", "data_setups")
_NAMED = ("entries", "data_setups", "datasets", "paths", "sinks")


def is_secret_variable(name: str, value: str) -> bool:
    """Whether an environment variable seems to hold a secret; flags, counts and names of files do not."""
    is_named = names_secret(name) or (_SECRET_IN_ENVIRONMENT.search(name) and not _FILE_KEY.search(name))
    if not is_named or name in _NOT_SECRET or _PATH_KEY.search(name) or (_COUNT.search(name) and value.isdecimal()):
        return False
    return _is_long(value)


def masked_variables(env: Mapping[str, _Value]) -> dict[str, _Value | str]:
    """Return a script's own variables with what stands under a telling name masked, words that stand everywhere too."""
    return {
        name: MASK
        if isinstance(value, str) and _SECRET_VARIABLE.search(name) and is_secret_variable(name, value)
        else value
        for name, value in env.items()
    }


class Secrets:
    """The secrets of merged data.

    Attributes:
        values: the strings that must not appear in any output.
        masker: hides them.
        variables: the environment variables that scripts must not inherit.

    Args:
        whole: all sections, environment variables substituted.
        sink_variables: names of the variables that enabled sinks mention, defined or not.
        sink_values: values of those that are defined, by name.
        environ: the environment variables.
    """

    def __init__(
        self,
        whole: Mapping[str, object],
        sink_variables: set[str],
        sink_values: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        self._whole = whole
        sinks = whole.get("sinks")
        self._sinks: list[object] = sinks if isinstance(sinks, list) else []
        self._sink_values = sink_values
        texts = list(_texts(self._sinks))
        named = {variable for key, text in texts if names_secret(key) for variable in _variables(text)}
        self._telling = {*named, *filter(names_secret, sink_variables)}
        self._paths = _EVERYWHERE | (self._path_variables(texts) - self._telling)
        self._ordinary = self._paths | self._url_variables(texts)
        host = socket.gethostname()
        self._known = {host, host.partition(".")[0], *(environ.get(name, "") for name in _EVERYWHERE)}
        self._names = list(_names(whole))
        self.values = frozenset(self._secret_values(texts))
        self.masker = Masker(self.values)
        self.variables = frozenset(sink_variables - self._paths)

    def is_in_name(self, name: str) -> bool:
        """Whether a name shows a secret, also in the form that a matrix gives it."""
        return any(value in name or in_name(value) in name for value in self.values if len(value) >= ANYWHERE)

    def masked(self) -> object:
        """Return everything, secrets masked."""
        sinks = [self._masked_sink(sink) for sink in self._sinks]
        whole = {key: sinks if key == "sinks" and sinks else value for key, value in self._whole.items()}
        whole = _with_masked_env(whole)
        for section in _RUNS:
            if isinstance(items := whole.get(section), list):
                whole[section] = [_with_masked_env(item) if isinstance(item, dict) else item for item in items]
        return self.masker.mask_data(whole) if self.values else whole

    def _masked_sink(self, value: object, *, is_named: bool = False) -> object:
        """Return a sink's settings with each value masked that is a secret by its place."""
        if isinstance(value, dict):
            return {key: self._masked_sink(item, is_named=is_named or names_secret(key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._masked_sink(item, is_named=is_named) for item in value]
        if is_named and value is not None and not isinstance(value, bool):
            return MASK
        return MASK if isinstance(value, str) and _variables(value) - self._paths else value

    def _secret_values(self, texts: list[tuple[str, str]]) -> Iterator[str]:
        for name, value in self._sink_values.items():
            if name not in self._paths and self._is_secret(value, {name}):
                yield value
        for key, text in texts:
            is_named = names_secret(key)
            is_found = is_named or (isinstance(text, FromEnvironment) and self._is_secret(text, _variables(text)))
            if is_found and _is_long(text, _SHORTEST_SECRET if is_named else _SHORTEST_VALUE):
                yield str(text)
            yield from _passwords(text)
        for key, text in _environments(self._whole):
            if _SECRET_VARIABLE.search(key) and self._is_secret(text, {""}):
                yield str(text)

    def _is_secret(self, value: str, variables: set[str] | frozenset[str]) -> bool:
        if variables & self._telling:
            return _is_long(value)
        return not (
            variables <= self._ordinary
            or not _is_long(value, _SHORTEST_VALUE)
            or (value.isalpha() and len(value) <= _LONGEST_WORD)
            or value in self._known
            or spells_number(value)
            or _is_path(value)
            or any(value in name for name in self._names)
        )

    def _path_variables(self, texts: list[tuple[str, str]]) -> set[str]:
        """The variables that paths and links are made of, here and in other sections, and those whose value is one."""
        found = {name for name, value in self._sink_values.items() if _is_path(value)}
        for key, text in texts:
            if _names_path(key) or key == _LINK_KEY or _FILE_URI.match(text):
                found |= _variables(text)
        for section, value in self._whole.items():
            if section != "sinks":
                found |= {name for key, text in _texts(value, section) if _names_path(key) for name in _variables(text)}
        return found

    def _url_variables(self, texts: list[tuple[str, str]]) -> set[str]:
        """The variables that are the host of a URL, or the user beside a password."""
        found = set()
        for _, text in texts:
            parts = _url_parts(text)
            found |= {name for name in _variables(text) if self._sink_values.get(name, "").lower() in parts}
        return found


def _texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text in ``value`` with its key; below a telling key, with that.

    Texts that still wait for a variable are left out: they appear nowhere.
    """
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, key if names_secret(key) else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)
    elif isinstance(value, str) and (isinstance(value, FromEnvironment) or "${" not in value):
        yield key, value


def _with_masked_env(mapping: Mapping[str, object]) -> dict[str, object]:
    env = mapping.get("env")
    return {**mapping, "env": masked_variables(env)} if isinstance(env, dict) else {**mapping}


def _environments(whole: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the environment variables that scripts get."""
    yield from _texts(whole.get("env"))
    for section in _RUNS:
        items = whole.get(section)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                yield from _texts(item.get("env"))


def _names(whole: Mapping[str, object]) -> Iterator[str]:
    """The names that the configuration itself spells out."""
    for section in _NAMED:
        items = whole.get(section)
        for item in items if isinstance(items, list) else ():
            name = item.get("name") if isinstance(item, dict) else None
            if isinstance(name, str) and (section != "sinks" or not isinstance(name, FromEnvironment)):
                yield name


def _variables(text: str) -> frozenset[str]:
    return text.variables if isinstance(text, FromEnvironment) else frozenset()


def _is_long(value: str, shortest: int = _SHORTEST_SECRET) -> bool:
    """Whether a value is long enough to be a secret, and no word such as ``true``."""
    return len(value) >= shortest and value.lower() not in ORDINARY


def names_secret(key: str) -> bool:
    """Return whether a key, or a line of a file, says that its value is secret."""
    return _SECRET_KEY.search(key) is not None and _FILE_KEY.search(key) is None


def _names_path(key: str) -> bool:
    return not names_secret(key) and (_FILE_KEY.search(key) or _PATH_KEY.search(key)) is not None


def _is_path(value: str) -> bool:
    """Whether a value is the path of something on this machine; a secret may begin with a slash, too."""
    if "\n" in value or "\0" in value or not value.startswith(("/", "~/")):
        return False
    # Unlike pathlib's, this function raises no error for a user without a home.
    first = os.path.expanduser(value) if value.startswith("~") else f"/{value.strip('/').partition('/')[0]}"  # noqa: PTH111
    return os.path.lexists(first)


def _url_parts(text: str) -> set[str]:
    """The host of a URL, with and without its port, and the user if there is a password."""
    if "://" not in text:
        return set()
    try:
        url = urlsplit(text)
        parts = {url.hostname, f"{url.hostname}:{url.port}", url.username if url.password else None}
    except ValueError:
        return set()
    return {part.lower() for part in parts if part}


def _passwords(text: str) -> Iterator[str]:
    """The password of a URL, wherever the URL stands."""
    if "://" in text and "@" in text:
        try:
            password = urlsplit(text).password
        except ValueError:
            return
        if password and len(password) >= _SHORTEST_SECRET:
            yield password
