#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Write docs/schema.json, tables of configuration.md and results.md, and the captures of terminal.md and watching.md.

    python docs/generate.py

A test compares all of them with what is committed.
"""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

from pytest_curator_bench.config.fields.validators import VARIABLE
from pytest_curator_bench.config.json_schema import CHOICE, json_schema
from pytest_curator_bench.results.json_schema import FILES, results_schema

DOCS = Path(__file__).parent
RESULTS_MARK = "<!-- From here on: written by docs/generate.py, from the typed dictionaries of the files. -->"
MARK = "<!-- From here on: written by docs/generate.py, from the models that check a configuration. -->"
TERMINAL_MARK = "<!-- From here on: written by docs/generate.py, from the results in docs/captures.py. -->"
TITLES = {
    "EntryModel": "An entry (`entries`)",
    "RaySettings": "`ray`",
    "Requirement": "A requirement (`requirements`)",
    "Matrix": "`matrix`",
    "SinkData": "`sink_data`",
    "DatasetModel": "A dataset (`datasets`)",
    "DatasetFormat": "A form of a dataset (`formats`)",
    "PathModel": "A path (`paths`)",
    "DataSetupModel": "A data setup (`data_setups`)",
    "SinkModel": "A sink (`sinks`)",
    "MetricModel": "A metric (`metrics`)",
    "Telemetry": "`telemetry`",
}

KINDS = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "null": "",
    "object": "mapping",
    "string": "text",
}


def schema_text() -> str:
    """Content of docs/schema.json."""
    return json.dumps(json_schema(), indent=2) + "\n"


def configuration_text() -> str:
    """Content of docs/configuration.md: what stands before the mark is kept."""
    head = (DOCS / "configuration.md").read_text(encoding="utf-8").partition(MARK)[0]
    schema = json_schema()
    sections = [_section("Top level", schema)]
    sections += [_section(title, schema["$defs"][name]) for name, title in TITLES.items()]
    missing = set(schema["$defs"]) - {*TITLES, "MatrixChoice"}
    if missing:
        raise SystemExit(f"give these models a title in docs/generate.py: {', '.join(sorted(missing))}")
    return f"{head}{MARK}\n\n" + "\n".join(sections)


def results_text() -> str:
    """Content of docs/results.md: what stands before the mark is kept."""
    head = (DOCS / "results.md").read_text(encoding="utf-8").partition(RESULTS_MARK)[0]
    definitions = results_schema()["$defs"]
    sections = []
    for name in [*FILES, *(name for name in definitions if name not in FILES)]:
        model = {**definitions[name], "required": ()}
        heading, table = _section(f"`{name}`" if name in FILES else name, model).split("\n", 1)
        sections.append(f"{heading}\n\n{model['description']}\n{table}")
    return f"{head}{RESULTS_MARK}\n\n" + "\n".join(sections)


def terminal_text() -> str:
    """Content of docs/terminal.md: what stands before the mark is kept."""
    captures = runpy.run_path(str(DOCS / "captures.py"))
    head = (DOCS / "terminal.md").read_text(encoding="utf-8").partition(TERMINAL_MARK)[0]
    return f"{head}{TERMINAL_MARK}\n\n{captures['captures']()}"


def watching_text() -> str:
    """Content of docs/watching.md: each block behind a mark ``<!-- capture: NAME -->`` is made anew."""
    blocks = runpy.run_path(str(DOCS / "captures.py"))["live_captures"]()
    text = (DOCS / "watching.md").read_text(encoding="utf-8")
    return re.sub(
        r"(<!-- capture: (\w+) -->\n```text\n).*?\n```",
        lambda found: f"{found[1]}{blocks[found[2]]}\n```",
        text,
        flags=re.DOTALL,
    )


def _section(title: str, model: dict[str, Any]) -> str:
    lines = [f"### {title}", "", "| key | value | meaning |", "|---|---|---|"]
    for key, value in model.get("properties", {}).items():
        name = f"`{key}`" + (" (required)" if key in model.get("required", ()) else "")
        lines.append(f"| {name} | {_kind(value)} | {value.get('description', '').replace('|', '&#124;')} |")
    return "\n".join(lines) + "\n"


def _kind(value: dict[str, Any]) -> str:
    """What may stand there, in few words."""
    if "anyOf" in value or "oneOf" in value:
        kinds = dict.fromkeys(_kind(choice) for choice in value.get("anyOf", value.get("oneOf", ())))
        return " or ".join(kind for kind in kinds if kind)
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"])
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if value in (CHOICE, VARIABLE):
        return ""  # a value may come from a variable, or from a matrix: said once, in the text
    if "$ref" in value:
        return "mapping" + _of(value, ", ")
    kinds = value.get("type", "anything")
    text = " or ".join(KINDS.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    return text + _of(value.get("items"), " of ") + _of(value.get("additionalProperties"), " to ")


def _of(value: object, before: str) -> str:
    """A link to the table of what is in a mapping or a list, if it has one on the page."""
    name = str(value.get("$ref", "")).rpartition("/")[2] if isinstance(value, dict) else ""
    return "" if name in {"", *TITLES, "MatrixChoice"} else f"{before}[{name}](#{name.lower()})"


if __name__ == "__main__":
    (DOCS / "schema.json").write_text(schema_text(), encoding="utf-8")
    (DOCS / "configuration.md").write_text(configuration_text(), encoding="utf-8")
    (DOCS / "results.md").write_text(results_text(), encoding="utf-8")
    (DOCS / "terminal.md").write_text(terminal_text(), encoding="utf-8")
    (DOCS / "watching.md").write_text(watching_text(), encoding="utf-8")
