# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of a session's files, made from their typed dictionaries."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

from pytest_curator_bench.results.format import FORMATS
from pytest_curator_bench.results.json_files import EnvironmentDict, ResultFileDict, RunDict, SessionDict, TasksDict

__all__ = ["DIALECT", "FILES", "object_schema", "results_schema"]

FILES = {
    "results.json": ResultFileDict,
    "tasks.json": TasksDict,
    "session.json": SessionDict,
    "run.json": RunDict,
    "env.json": EnvironmentDict,
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}


def results_schema() -> dict[str, Any]:
    """Return a schema that takes any of the files; ``$defs`` has one for each, by file name."""
    definitions: dict[str, Any] = {}
    for name, kind in FILES.items():
        definition = object_schema(kind, definitions)
        definition["properties"]["format"]["const"] = FORMATS[name]
        definitions[name] = definition
    return {
        "$schema": DIALECT,
        "title": "pytest-curator-bench results",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in FILES],
        "$defs": definitions,
    }


def object_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a typed dictionary; those of dictionaries within it are added to ``definitions``."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        "description": " ".join((kind.__doc__ or "").split()).replace("``", "`"),
        "type": "object",
        "properties": {key: _schema(hint, definitions) for key, hint in hints.items()},
        "required": [key for key, hint in hints.items() if get_origin(hint) is not NotRequired],
    }


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911  # one case a type
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        name = hint.__name__.removesuffix("Dict")
        definitions.setdefault(name, {})
        definitions[name] = object_schema(hint, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if origin is NotRequired:
        return _schema(arguments[0], definitions)
    if origin is Annotated:
        return {"description": arguments[1], **_schema(arguments[0], definitions)}
    if origin is UnionType:
        return {"anyOf": [_schema(argument, definitions) for argument in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    return {} if hint is Any else {"type": _TYPES[hint]}
