# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema accepts what the plugin accepts, refuses unknown keys, and explains every key."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from pytest_curator_bench.cli import main
from pytest_curator_bench.config.json_schema import json_schema
from tests.support.config import EVERYTHING, MATRIX, MINIMAL, NIGHTLY, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def complaints(text: str) -> list[str]:
    """What the schema says against a YAML text."""
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_one() -> None:
    """It follows its own dialect."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", [*NIGHTLY, MATRIX], ids=lambda file: file.name)
def test_the_nightly_files(file: Path) -> None:
    """Each by itself, though the second is no configuration alone; and the first as rewritten with matrices."""
    assert complaints(file.read_text()) == []


ACCEPTED = [
    MINIMAL,
    EVERYTHING,
    MINIMAL + "  timeout_s: ${T:-5}\n  enabled: ${E:-true}\n  ray: ${R:-false}\n",
    MINIMAL + "  args: [a, 1, 2.5, true]\n  environment: {A: '1', C: x}\nenv: {D: y}\n",
    MINIMAL + "  timeout_s:\n  marks:\n  requirements:\nsinks:\nray:\n",
    MINIMAL + "sinks: [{name: s, class: a.b:C, anything: {at: [all]}}]\n",
    MINIMAL + "results_path: a\ndatasets_path: b\nmodel_weights_path: c\n",
    MINIMAL + "  requirements: {m: {min_value: 1}, n: null}\n  sink_data: {slack: {a: 1}}\n",
    MINIMAL + "  requirements: [{metric: m, min_value: 1, enabled: false}]\n",
    MINIMAL + "ray: false\nx-own: {a: 1}\n",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_the_plugin_accepts_the_schema_accepts(tmp_path: Path, text: str) -> None:
    """Nobody's editor marks a correct file."""
    load(tmp_path, text)
    assert complaints(text) == []


def test_a_file_may_be_one_of_several() -> None:
    """An override says as little as a name and one key."""
    assert complaints("entries: [{name: a, timeout_s: 5}]\n") == []
    assert complaints("datasets: [{name: d, formats: [{type: f}]}]\npaths: [{name: p}]\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "entires: []",
        "entries: [{name: a, timeuot_s: 5}]",
        "entries: [{script: a.py}]",
        "entries: [{name: a, ray: {num_cpu: 1}}]",
        "entries: [{name: a, ray: true}]",
        "entries: [{name: a, ray: null}]",
        "entries: [{name: a, timeout_s: '10'}]",
        "entries: [{name: a, timeout_s: -1}]",
        "entries: [{name: a, timeout_s: true}]",
        "entries: [{name: a, requirements: [{metric: m, min: 1}]}]",
        "entries: [{name: a, requirements: [{min_value: 1}]}]",
        "entries: [{name: a, requirements: [{metric: m, judge: best}]}]",
        "entries: [{name: a, marks: [timeout]}]",
        "entries: [{name: a, marks: [{a: 1, b: 2}]}]",
        "entries: [{name: a, args: {a: 1}}]",
        "entries: [{name: a, args: [[a]]}]",
        "entries: [{name: a, env: [a]}]",
        "entries: [{name: a, matrix: {a: 5}}]",
        "entries: [{name: a, timeout_s: {matrix.a: 5}}]",
        "entries: [{name: a, timeout_s: {matrix.a: {}, b: 1}}]",
        "entries: [{name: {matrix.a: {x: y}}}]",
        "entries: [{name: a, matrix: {a: [1], include: [{a: [1]}]}}]",
        "default_timeout_s: {matrix.a: {x: 1}}",
        "entries: [{name: a, object_store_size: half}]",
        "entries: [{name: a, repeat: 0}]",
        "entries: {a: 1}",
        "sinks: [{enabled: true}]",
        "telemetry: {interval: 1}",
        "datasets: [{name: d, formats: [{type: f, path: x, size: 1}]}]",
        "paths: [{name: 'a b', host_path: x}]",
        "data_setups: [{name: d, ray: {}}]",
        "default_timeout_s: soon",
        "- a",
    ],
)
def test_mistakes_are_seen_in_the_editor(text: str) -> None:
    """Unknown keys at every level, missing names, wrong types and bounds."""
    assert complaints(text)


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that any mapping may have, with its schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for value in schema.values():
            yield from properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from properties(value)


def test_every_key_is_described() -> None:
    """The documentation is made from these: each ends like a sentence."""
    found = list(properties(SCHEMA))
    assert len(found) > 70
    for name, schema in found:
        assert schema.get("description", "").endswith((".", ")")), name


def test_defaults_in_descriptions_only() -> None:
    """``null`` is no default that a user could write for a reason, and titles repeat the key."""
    for name, schema in properties(SCHEMA):
        assert "title" not in schema, name
        assert "default" not in schema, name


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """``curator-bench schema``."""
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA


@pytest.mark.parametrize("arguments", [[], ["shema"], ["schema", "extra"], ["--nope"]])
def test_other_command_lines_are_refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Status 2 and one error line; nothing on stdout."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines()[-1].startswith("curator-bench")


def test_as_a_module_without_pytest() -> None:
    """``python -m pytest_curator_bench schema`` needs no pytest, and survives a reader that has seen enough."""
    program = (
        "import runpy, sys; sys.modules['pytest'] = None; sys.argv = ['x', 'schema'];"
        "runpy.run_module('pytest_curator_bench', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout) == SCHEMA
    with subprocess.Popen(
        [sys.executable, "-m", "pytest_curator_bench", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
