# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of configuration files, for editors and for checks outside of pytest."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from pytest_curator_bench.config.forms import MAPPINGS_BY_NAME
from pytest_curator_bench.config.matrix.substitution import FIXED_KEYS
from pytest_curator_bench.config.merge import NAMING_KEYS
from pytest_curator_bench.config.older_keys import ConfigFile

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What may stand in the place of any value of an entry.
CHOICE = {"$ref": "#/$defs/MatrixChoice"}
_CHOICE = {
    "description": "Chooses by the value of an axis of the entry's matrix.",
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "patternProperties": {r"^matrix\.[A-Za-z_][A-Za-z0-9_]*$": {"type": "object"}},
    "additionalProperties": False,
}
_WITH_CHOICES = ("EntryModel", "RaySettings", "Requirement")
# Where keys that begin with x- are ignored.
_WITH_COMMENTS = ("EntryModel", "DataSetupModel")


class _Generator(GenerateJsonSchema):
    """Leaves out what is of no use: titles made from names of keys, and ``null`` as every default."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never."""
        del schema
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The schema of the value alone."""
        return self.generate_inner(schema["schema"])


def json_schema() -> dict[str, Any]:
    """Return the schema of one file, made from the models.

    A file may be one of several that are merged, and give as little of an entry as its name and one key: only
    names are required. What an editor can't know (that a placeholder exists, say) is left to the plugin.
    """
    schema = ConfigFile.model_json_schema(schema_generator=_Generator)
    for model in schema["$defs"].values():
        model["required"] = [key for key in model.get("required", ()) if key in NAMING_KEYS]
    for model in (schema, *(schema["$defs"][name] for name in _WITH_COMMENTS)):
        model["patternProperties"] = {"^x-": {"description": "Your own; ignored."}}
    for name in _WITH_CHOICES:
        properties = schema["$defs"][name]["properties"]
        properties.update({key: _or_choice(value) for key, value in properties.items() if key not in FIXED_KEYS})
    for model in (schema, schema["$defs"]["EntryModel"], schema["$defs"]["DataSetupModel"]):
        model["properties"]["environment"] = {**model["properties"]["env"], "description": "The same as `env`."}
    entry = schema["$defs"]["EntryModel"]["properties"]
    for key in MAPPINGS_BY_NAME:
        # The name is the key.
        by_name = {"type": "object", "additionalProperties": {"type": ["object", "null"]}}
        entry[key]["anyOf"].append(by_name)
    schema["$defs"]["MatrixChoice"] = copy.deepcopy(_CHOICE)
    return {"$schema": _DIALECT, **schema, "title": "pytest-curator-bench configuration"}


def _or_choice(value: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value for which, and for the items of which, a choice may stand."""
    about = {key: part for key, part in value.items() if key in {"description", "deprecated"}}
    inner = {key: part for key, part in value.items() if key not in about}
    choices = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
    return {**about, "anyOf": [*map(_with_choices_within, choices), CHOICE]}


def _with_choices_within(value: dict[str, Any]) -> dict[str, Any]:
    inner = {key: value[key] for key in ("items", "additionalProperties") if isinstance(value.get(key), dict)}
    return {**value, **{key: {"anyOf": [part, CHOICE]} for key, part in inner.items()}}
