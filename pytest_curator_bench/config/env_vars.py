# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Environment variables in configuration values: ``${NAME}`` and ``${NAME:-default}``, as a shell reads them.

The default also stands in for a variable that is empty, and may itself contain variables. ``$${`` is a
literal ``${``. What comes out of a variable is never searched again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_curator_bench._util.text import near
from pytest_curator_bench.config.locate import key_path
from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_curator_bench.config.locate import Location
    from pytest_curator_bench.config.problems import Place

_SPECIAL = re.compile(r"\$\$\{|\$\{|\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_NESTING = 20
_MALFORMED = "found ${ with something else behind it, expected ${NAME} or ${NAME:-default}, or $${ for a literal ${"


class FromEnvironment(str):
    """Text with environment variables substituted.

    Attributes:
        written: the text as it is in the file.
        alone: whether that is one ``${...}`` and nothing else, so that it may stand for another type.
        variables: the names of the variables that went in.
    """

    written: str
    alone: bool
    variables: frozenset[str]

    @classmethod
    def of(cls, value: str, written: str, *, alone: bool, variables: Iterable[str]) -> FromEnvironment:
        """Return the text ``value`` with its attributes."""
        text = cls(value)
        text.written = written
        text.alone = alone
        text.variables = frozenset(variables)
        return text


class Unresolved(str):
    """Text that keeps its ``${...}``, because a variable isn't defined or what was written can't be read."""

    __slots__ = ()


class EnvExpander:
    """Substitutes variables in whole trees of data, and keeps account of them.

    Args:
        root: the data that the values come from, for key paths.
        environ: the variables.
        allow_empty: whether a variable may be defined and empty; where not, it counts as undefined.

    Attributes:
        problems: what could not be substituted; of the kind ``variable`` where one is not defined.
        undefined: the names of the variables that are not defined and needed, each with its first place.
        used: the variables that were substituted, with their values.
        named: the names of all variables met, defined or not.
    """

    def __init__(self, root: YamlMapping, environ: Mapping[str, str], *, allow_empty: bool = True) -> None:
        self.problems: list[Problem] = []
        self.undefined: dict[str, Place] = {}
        self.used: dict[str, str] = {}
        self.named: set[str] = set()
        self._root = root
        self._environ = environ
        self._allow_empty = allow_empty
        self._location: list[str | int] = []

    def value(self, value: object, place: Place, location: Location = ()) -> object:
        """Return a copy of ``value`` with variables substituted; parts without variables are shared, not copied.

        Args:
            value: data of any kind.
            place: where it is in the files.
            location: where it is in the data.
        """
        self._location = list(location)
        return self._item(value, place)

    def _collection(self, value: object) -> object:
        if isinstance(value, YamlMapping):
            return self._mapping(value)
        if isinstance(value, YamlList):
            return self._list(value)
        return value

    def _mapping(self, mapping: YamlMapping) -> YamlMapping:
        changed: YamlMapping | None = None
        for key, value in mapping.items():
            if isinstance(value, str):
                if "${" not in value:
                    continue
                self._location.append(key)
                after: object = self._text(value, mapping.places[key])
                self._location.pop()
            elif isinstance(value, dict | list):
                self._location.append(key)
                after = self._collection(value)
                self._location.pop()
                if after is value:
                    continue
            else:
                continue
            if changed is None:
                changed = mapping.copied()
            changed[key] = after
        return mapping if changed is None else changed

    def _list(self, items: YamlList) -> YamlList:
        changed: YamlList | None = None
        for index, value in enumerate(items):
            self._location.append(index)
            after = self._item(value, items.places[index])
            self._location.pop()
            if after is not value:
                if changed is None:
                    changed = items.copied()
                changed[index] = after
        return items if changed is None else changed

    def _item(self, value: object, place: Place) -> object:
        if isinstance(value, str):
            return self._text(value, place) if "${" in value else value
        return self._collection(value)

    def _text(self, text: str, place: Place) -> str:
        reader = _Reader(text, self._environ, allow_empty=self._allow_empty)
        try:
            value = reader.read()
        except _MissingError as error:
            name = error.args[0]
            self.undefined.setdefault(name, place)
            self._report(place, _missing(name, self._environ), kind="variable")
        except ValueError as error:
            self._report(place, str(error))
        else:
            self.used.update(reader.used)
            return FromEnvironment.of(value, text, alone=reader.alone, variables=reader.used)
        finally:
            self.named.update(reader.named)
        return Unresolved(text)

    def _report(self, place: Place, text: str, *, kind: str = "config") -> None:
        self.problems.append(Problem(place, key_path(self._root, self._location), text, kind))


def _missing(name: str, environ: Mapping[str, str]) -> str:
    state = "is empty" if name in environ else "is not defined"
    hint = "" if name in environ else near(name, environ)
    return (
        f"found the environment variable {name}, which {state}, expected one with a value: "
        f"define it, or write ${{{name}:-default}}{hint}"
    )


class _MissingError(Exception):
    """A variable that has no default is not defined; the argument is its name."""


class _Reader:
    """Reads one text.

    Attributes:
        used: the variables that went into the result, with their values.
        named: the names of all variables met.
        alone: whether the text is one ``${...}`` and nothing else.
    """

    def __init__(self, text: str, environ: Mapping[str, str], *, allow_empty: bool) -> None:
        self.used: dict[str, str] = {}
        self.named: set[str] = set()
        self.alone = False
        self._text = text
        self._environ = environ
        self._allow_empty = allow_empty
        self._depth = 0

    def read(self) -> str:
        """Return the text with its variables substituted; raises _MissingError, or ValueError if it is malformed."""
        return self._until_end(0, wanted=True)[0]

    def _until_end(self, position: int, *, wanted: bool) -> tuple[str, int]:
        """Read to the brace that closes a default, or to the end; return the value and where it ends."""
        parts: list[str] = []
        while match := _SPECIAL.search(self._text, position):
            parts.append(self._text[position : match.start()])
            position = match.end()
            if match[0] == "${":
                start = match.start()
                value, position = self._variable(position, wanted=wanted)
                self.alone = self._depth == 0 and start == 0 and position == len(self._text)
                parts.append(value)
            elif match[0] == "}" and self._depth:
                return "".join(parts), position
            else:
                parts.append(match[0].removeprefix("$"))
        if self._depth:
            raise ValueError(_MALFORMED)
        return "".join([*parts, self._text[position:]]), len(self._text)

    def _variable(self, position: int, *, wanted: bool) -> tuple[str, int]:
        """Read from behind ``${``; with ``wanted`` false only to find the end."""
        match = _NAME.match(self._text, position)
        if not match or self._depth >= _MAX_NESTING:
            raise ValueError(_MALFORMED)
        name, end = match[0], match.end()
        self.named.add(name)
        value = self._environ.get(name)
        if self._text.startswith("}", end):
            if wanted and (value is None or not (value or self._allow_empty)):
                raise _MissingError(name)
            return self._use(name, value, wanted=wanted), end + 1
        if not self._text.startswith(":-", end):
            raise ValueError(_MALFORMED)
        self._depth += 1
        default, end = self._until_end(end + 2, wanted=wanted and not value)
        self._depth -= 1
        return (self._use(name, value, wanted=wanted) if value else default), end

    def _use(self, name: str, value: str | None, *, wanted: bool) -> str:
        if not wanted or value is None:
            return ""
        self.used[name] = value
        return value
