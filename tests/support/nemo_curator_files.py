# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The written list of what tools of NeMo Curator's own runner read in a session's files, and a check against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "data" / "nemo_curator_files.json").read_text(encoding="utf-8")
)


def assert_has_keys(file: str, data: Mapping[str, Any]) -> None:
    """Check that every key of the list is there, with its type: ``object of number``, ``array of string`` and so on."""
    schema = {"required": list(KEYS[file]), "properties": {key: _schema(kind) for key, kind in KEYS[file].items()}}
    jsonschema.validate(dict(data), schema)


def _schema(kind: str) -> dict[str, Any]:
    outer, _, inner = kind.partition(" of ")
    if outer == "any":
        return {"type": ["string", "number"]}
    items = {"object": "additionalProperties", "array": "items"}
    return {"type": outer, **({items[outer]: {"type": inner}} if inner else {})}
