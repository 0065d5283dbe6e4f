# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From merged data to the typed model, and from pydantic's errors to messages for users."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from pytest_curator_bench._util.text import instead_of, near, quote
from pytest_curator_bench.config.env_vars import FromEnvironment, Unresolved
from pytest_curator_bench.config.forms import is_choice
from pytest_curator_bench.config.locate import Location, key_path, place_of, without
from pytest_curator_bench.config.older_keys import ConfigFile
from pytest_curator_bench.config.prepare import is_comment
from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

_COLLECTIONS = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "string_type": "text",
}
_UNKNOWN_KEY = "extra_forbidden"
_FOR_OTHERS = "; for keys that other tools read: --bench-unknown-keys=warn"
# Settings of sinks may be secrets: their values appear in no message.
_SINKS = "sinks"


def without_unknown_keys(document: YamlMapping) -> tuple[YamlMapping, list[Problem]]:
    """Return the content of a file without keys that have no meaning, and a problem for each of them.

    It is done before files are merged, so that nothing in such a key, such as a variable, can be wrong.
    """
    unknown = [*_unknown_keys(document, ConfigFile, ())]
    problems: list[Problem] = []
    for location in unknown:
        if not is_comment(str(location[-1])):
            text = _unknown_key(_keys_of(location), ignored=True)
            problems.append(Problem(place_of(document, location), key_path(document, location), text))
    return without(document, unknown), problems


def _unknown_keys(value: object, model: type[BaseModel], location: Location) -> Iterator[Location]:
    """Yield where keys are that the model of a mapping, or of each item of a list, does not have."""
    if isinstance(value, YamlList):
        for index, item in enumerate(value):
            yield from _unknown_keys(item, model, (*location, index))
    elif isinstance(value, YamlMapping):
        known = {field.alias or name: field for name, field in model.model_fields.items()}
        for key, inner in value.items():
            if is_choice(value):
                for branch, chosen in inner.items() if isinstance(inner, YamlMapping) else ():
                    yield from _unknown_keys(chosen, model, (*location, key, branch))
            elif key in known:
                inner_model = _inner_model(known[key].annotation)
                yield from _unknown_keys(inner, inner_model, (*location, key)) if inner_model else ()
            elif model.model_config.get("extra") == "forbid":
                yield (*location, key)


def validated(data: YamlMapping) -> tuple[ConfigFile | None, list[Problem]]:
    """Check the structure, types and bounds of a whole configuration.

    Values that still wait for an environment variable count as right: what they will be, nobody knows.

    Args:
        data: the configuration.

    Returns:
        the model, or ``None`` where something is wrong, and the problems.
    """
    try:
        return ConfigFile.model_validate(data), []
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
    return None, [_problem(data, error) for error in errors if not isinstance(error["input"], Unresolved)]


def _problem(data: YamlMapping, error: ErrorDetails) -> Problem:
    location = tuple(step for step in error["loc"] if step != "[key]")
    return Problem(place_of(data, location), key_path(data, location), _message(location, error))


def _message(location: Location, error: ErrorDetails) -> str:
    kind = error["type"]
    if kind == _UNKNOWN_KEY:
        return _unknown_key(_keys_of(location))
    if kind == "missing":
        return f"found nothing, expected {_description(location)}"
    context: dict[str, Any] = error.get("ctx") or {}
    expected = context.get("expected") or _COLLECTIONS.get(kind) or error["msg"]
    secret = location[:1] == (_SINKS,)
    found = context.get("found") or describe(error["input"], secret=secret)
    return f"found {found}, expected {expected}"


def _keys_of(location: Location) -> tuple[str, ...]:
    return tuple(step for step in location if isinstance(step, str))


@cache
def _unknown_key(keys: tuple[str, ...], *, ignored: bool = False) -> str:
    known = _keys(_model_at(keys[:-1]))
    found, meant = f"found the unknown key {quote(keys[-1])}", near(keys[-1], known)
    if ignored:
        return f"{found}, which is ignored{meant}"
    return f"{found}{instead_of(keys[-1], known)}{'' if meant else _FOR_OTHERS}"


def _description(location: Location) -> str:
    """What a key is for: the first sentence of its description."""
    keys = _keys_of(location)
    fields = _model_at(keys[:-1]).model_fields
    field = fields.get(keys[-1])
    text = (field.description if field else None) or "a value"
    return f"this key: {text.partition('. ')[0].rstrip('.')}"


def _model_at(keys: tuple[str, ...]) -> type[BaseModel]:
    """The model of the mapping at a path of keys."""
    model: type[BaseModel] = ConfigFile
    for key in keys:
        field = model.model_fields.get(key)
        model = (_inner_model(field.annotation) if field else None) or model
    return model


def _inner_model(annotation: object) -> type[BaseModel] | None:
    """The model somewhere within an annotation such as ``tuple[EntryModel, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_inner_model(argument) for argument in get_args(annotation))
    return next((model for model in found if model), None)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def describe(value: object, *, secret: bool = False) -> str:
    """Return a value as messages show it: short, with its type where that isn't plain; a secret by type alone."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        return "text" if secret else _text(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "a number" if secret else str(value)


def _text(value: str) -> str:
    if isinstance(value, FromEnvironment):
        return f"the value of {quote(value.written)} (text)"
    return f"{quote(value)} (text)"
