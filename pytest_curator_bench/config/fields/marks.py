# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Pytest marks of an entry. What pytest's own marks take is checked here: pytest would fail on it during the run."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_curator_bench._util.text import one_of, quote
from pytest_curator_bench.config.env_vars import Unresolved
from pytest_curator_bench.config.fields.validators import FieldValidator, expected, from_variable
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_REFUSED = {
    "timeout": "timeout_s for the limit",
    "parametrize": "matrix for several variants",
    "usefixtures": "no fixtures: a benchmark is a script of its own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A pytest mark that the configuration gives to an entry.

    Attributes:
        name: the mark's name, an identifier.
        args: its positional arguments.
        kwargs: its keyword arguments.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


class _Own(NamedTuple):
    """What one of pytest's own marks takes.

    Attributes:
        positional: what each positional argument is.
        most: number of positional arguments, at most.
        named: what may be given by name.
    """

    positional: str
    most: int
    named: tuple[str, ...] = ()


_OWN = {
    "skip": _Own("reason", 1, ("reason",)),
    "skipif": _Own("condition", 100, ("condition", "reason")),
    "xfail": _Own("condition", 100, ("condition", "reason", "run", "strict")),
    "filterwarnings": _Own("filter", 100),
}


def _mark(value: object) -> Mark:
    """Read ``name`` or ``{name: argument}``; a list gives several arguments, a mapping named ones."""
    argument: object = None
    name = value
    if isinstance(value, dict) and len(value) == 1:
        ((name, argument),) = value.items()
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise expected("a mark's name (letters, digits and _, no _ first) or a mapping of one name to its arguments")
    if name in _REFUSED:
        raise expected(_REFUSED[name], found=f"the mark {name!r}")
    args, kwargs = _arguments(argument, value)
    if name in _OWN:
        args, kwargs = _checked(name, _OWN[name], args, kwargs)
    return Mark(
        name=str(name),
        args=tuple(to_plain(given.value) for given in args),
        kwargs={key: to_plain(given.value) for key, given in kwargs.items()},
    )


class _Given(NamedTuple):
    """An argument of a mark, and a number, boolean or null as it is written."""

    value: object
    written: str | None

    def __str__(self) -> str:
        if isinstance(self.value, dict | list):
            return "a mapping" if isinstance(self.value, dict) else "a list"
        return "nothing" if self.value is None else self.written or quote(str(self.value))


def _arguments(argument: object, mark: object) -> tuple[list[_Given], dict[str, _Given]]:
    if isinstance(argument, YamlMapping):
        if "self" in argument:
            raise expected("another one: pytest can't hand it over", found="an argument called self")
        return [], {key: _Given(value, argument.places[key].text) for key, value in argument.items()}
    if isinstance(argument, YamlList):
        return [_Given(value, place.text) for value, place in zip(argument, argument.places, strict=True)], {}
    if argument is None or not isinstance(mark, YamlMapping):
        return [], {}
    return [_Given(argument, next(iter(mark.places.values())).text)], {}


def _checked(
    name: str, own: _Own, args: list[_Given], kwargs: Mapping[str, _Given]
) -> tuple[list[_Given], dict[str, _Given]]:
    """Return the arguments of one of pytest's own marks, with variables as the booleans that they spell."""
    for key in kwargs:
        if key == "raises":
            raise expected("no exception: a script fails as a process", found=f"the mark {name!r} with {key}")
        if key not in own.named:
            what = one_of(own.named) if own.named else "a list"
            raise expected(what, found=f"the mark {name!r} with the unknown argument {quote(key)}")
    if len(args) > own.most:
        raise expected(f"one {own.positional}", found=f"the mark {name!r} with {len(args)}")
    if own.named == () and not args:
        raise expected(f"a {own.positional}: {_KINDS[own.positional].what}", found=f"the mark {name!r} alone")
    args = [_valid(name, own.positional, given) for given in args]
    named = {key: _valid(name, key, given) for key, given in kwargs.items()}
    conditions = [*args, *(given for key, given in named.items() if key == "condition")]
    if own.positional == "condition" and "reason" not in named and any(isinstance(c.value, bool) for c in conditions):
        example = f"a reason beside it: {{{name}: {{condition: true, reason: TEXT}}}}"
        raise expected(example, found=f"the mark {name!r} with a condition that is true or false")
    return args, named


def _valid(name: str, key: str, given: _Given) -> _Given:
    kind = _KINDS[key]
    if kind.may_be_flag:
        given = given._replace(value=from_variable(given.value))
    if not isinstance(given.value, Unresolved) and not kind.accepts(given.value):
        raise expected(kind.what, found=f"the mark {name!r} with {key} {given}")
    return given


class _Kind(NamedTuple):
    """A kind of argument: what is accepted, what is expected, and whether a variable may spell a boolean of it."""

    accepts: Callable[[object], bool]
    what: str
    may_be_flag: bool = False


def _is_condition(value: object) -> bool:
    if isinstance(value, bool):
        return True
    try:
        return isinstance(value, str) and bool(ast.parse(value, mode="eval"))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False


# As the `warnings` module has them; each may be abbreviated.
_ACTIONS = ("default", "always", "all", "ignore", "module", "once", "error")


def _is_filter(value: object) -> bool:
    """Whether ``warnings`` would take it; a category of a module is known only where that is imported."""
    if not isinstance(value, str) or value.count(":") > 4:
        return False
    action, message, category, module, line = (part.strip() for part in [*value.split(":"), *[""] * 4][:5])
    try:
        re.compile(message)
        re.compile(module)
    except re.error:
        return False
    known = getattr(builtins, category, None) if "." not in category else Warning
    return (
        any(word.startswith(action) for word in _ACTIONS)
        and (not category or (isinstance(known, type) and issubclass(known, Warning)))
        and (not line or (line.isascii() and line.isdigit()))
    )


_KINDS = {
    "reason": _Kind(lambda value: isinstance(value, str), "text; write it in quotes"),
    "condition": _Kind(_is_condition, "true, false or a Python expression; a reason is given as reason: TEXT", True),
    "run": _Kind(lambda value: isinstance(value, bool), "true or false", True),
    "strict": _Kind(lambda value: isinstance(value, bool), "true or false", True),
    "filter": _Kind(_is_filter, "a warning filter, action:message:category:module:line as for Python's -W"),
}

MARK_FIELD = FieldValidator(
    _mark,
    {
        "anyOf": [
            {"type": "string", "not": {"enum": sorted(_REFUSED)}},
            {"type": "object", "minProperties": 1, "maxProperties": 1},
        ]
    },
)
