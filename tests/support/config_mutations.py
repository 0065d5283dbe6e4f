# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Mutated configurations by the thousand: made from the real files, reproducible from a number.

Faster than hypothesis, which shrinks what it finds: this is for breadth. ``python -m tests.support.config_mutations
NUMBER`` prints the texts of one case.
"""

from __future__ import annotations

import copy
import json
import random
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pytest_curator_bench.config import ConfigError, load_config
from tests.support.config import EVERYTHING, MATRIX, NIGHTLY

ENVIRON = {"A": "1", "YES": "yes", "HOME": "/h", "S": "secret-value", "N": "12345", "SLACK_CHANNEL_ID": "C012345"}
SINKS = "sinks: [{name: slack, webhook_url: '${S}', n: '${N}', o: '${NOPE}'}, {name: m, enabled: '${YES}'}]\n"
REAL_FILES = [NIGHTLY[0], MATRIX, Path(__file__).parents[2] / "benchmarks" / "config.yaml"]
ENTRIES_AT_A_TIME = 2

# Text that means something to YAML, to variables, to placeholders, to a matrix or to a shell.
FRAGMENTS = [
    *"[]{}&*!|>'\"%@`#:-?,\\\t\n \0\x07\x85\u2028\ufeff\U0001f600", "\n---\n", "${", "${A}", "${NO}", "${NO:-", "}",
    "<<: ", "*a", "&a ", "!!python/object:os.system ", "{dataset:", "{x}", "{{x}}", "null", "true", "1e999", ".nan",
    "0x" + "f" * 300, "9" * 5000, "..", "::", "- ", "\n  ", "\n- name: all\n", "[" * 120, "${A:-${A}}", "'", '"', "é",
    "name: ", "x-a: ", "enabled: false", "enabled: ${A}", "2025-01-01", "~", "0b_", "1:30", "{matrix.", "{matrix.a}",
    "{matrix.executor}", "matrix: ", "matrix.executor: ", "include: ", "exclude: ", "min_value: ", "exact_value: ",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2.5, 10**300, float("nan"), float("inf"), "", " ", "a", "a/b", "..", "\0", "\ud800",
    "é",
    "${A}", "${NO}", "${", "{x}", "{dataset:d,json}", "'", "false", "cc", "all", "2%", "default", "entry", [], {}, [[]],
    [None], {"": ""}, ["a", 1], {"a": 1}, [{"name": "a"}], [{"metric": "m", "min_value": 1}], "{matrix.executor}",
    "x{matrix.executor}{matrix.size}", "{matrix.}", "{{matrix.executor}}", "{matrix.limit}", {"matrix.executor": {}},
    {"matrix.executor": {"ray_data": 1, "xenna": None}}, {"matrix.executor": 1, "a": 2}, {"matrix.": {"a": 1}},
    {"executor": ["ray_data", "xenna"]}, {"executor": ["a/b", "a_b"]}, {"executor": [1, 1.0, True, "1"]},
    {"executor": ["x" * 250]}, {"a": ["{matrix.a}"]}, {"a": list(range(150)), "b": list(range(150))},
    {"executor": ["ray_data"], "include": [{"executor": "xenna", "limit": 1}], "exclude": [{"executor": "ray_data"}]},
    {"include": [{"a": 1}]}, {"executor": ["a"], "include": [{"b": [1]}], "exclude": [{}]}, [{"executor": "a"}],
    {"metric": "m", "exact_value": float("nan")}, [{"metric": "m", "min_value": 2, "max_value": 1}],
]  # fmt: skip
KEYS = [
    "", "x-a", "name", "enabled", "script", "args", "env", "timeout_s", "ray", "matrix", "matrix.executor", "include",
    "exclude", "requirements", "metric", "min_value", "max_value", "exact_value", "warn_below", "warn_above", "judge",
    "xfail", "marks", "sink_data", "repeat", "results_dir", "entries", "a b", "1", "\n",
]  # fmt: skip


@cache
def _trees() -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each real file as what stands before its entries, and these."""
    trees = []
    for text in [EVERYTHING + SINKS, *(file.read_text() for file in REAL_FILES)]:
        tree = yaml.load(text, yaml.CSafeLoader)
        trees.append((tree, tree.pop("entries")))
    return trees


def texts(number: int) -> list[bytes]:
    """The files of one case, in the order in which they are merged."""
    draw = random.Random(number)  # noqa: S311  # reproducible is what it must be
    head, entries = draw.choice(_trees())
    tree = head | {"entries": draw.sample(entries, min(ENTRIES_AT_A_TIME, len(entries)))}
    if draw.random() < 0.4:
        return [_mutated_text(draw, yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))]
    changed = copy.deepcopy(tree)
    for _ in range(draw.randint(1, 3)):
        _mutate(draw, changed)
    # JSON is YAML; the two that aren't JSON's are text there, or numbers, as anything may be.
    files = [json.dumps(each, indent=0).encode("utf-8", "surrogatepass") for each in (tree, changed)]
    return files if draw.random() < 0.3 else files[1:]


def _mutated_text(draw: random.Random, text: str) -> bytes:
    """Characters and fragments put in, taken out and doubled; sometimes bytes that are no UTF-8."""
    for _ in range(draw.randint(1, 2)):
        start = draw.randint(0, len(text))
        end = min(len(text), start + draw.randint(0, 30))
        kind = draw.choice(["insert", "replace", "delete", "double"])
        new = {"delete": "", "double": text[start:end] * 2}.get(kind, draw.choice(FRAGMENTS))
        text = text[:start] + new + text[start if kind == "insert" else end :]
    raw = text.encode("utf-8", "surrogatepass")
    if draw.random() < 0.1:
        at = draw.randint(0, len(raw))
        raw = raw[:at] + draw.randbytes(2) + raw[at:]
    return raw


def _mutate(draw: random.Random, tree: dict[str, Any]) -> None:
    """Replace, remove, double or rename a value somewhere, or put one in."""
    parent: Any = tree
    while True:
        keys: list[Any] = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        if not keys:
            return
        key = draw.choice(["entries"] if parent is tree and draw.random() < 0.8 else keys)
        inner = parent.get(key) if isinstance(parent, dict) else parent[key]
        if not isinstance(inner, dict | list) or not inner or draw.random() < 0.15:
            break
        parent = inner
    kind = draw.choice(["replace", "replace", "remove", "add", "rename"])
    value = copy.deepcopy(draw.choice(VALUES))
    if isinstance(parent, list):
        if kind == "remove":
            del parent[key]
        elif kind == "add":
            parent.insert(key, value)
        else:
            parent[key] = copy.deepcopy(parent[draw.choice(range(len(parent)))]) if kind == "rename" else value
    elif kind == "remove":
        parent.pop(key, None)
    elif kind == "rename":
        parent[draw.choice(KEYS)] = parent.pop(key, None)
    else:
        parent[draw.choice(KEYS) if kind == "add" else key] = value


def check(directory: Path, contents: list[bytes], *, strict: bool) -> bool:
    """Load, and use what was loaded as the plugin would; whether it could be loaded."""
    files = [directory / f"{number}.yaml" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    try:
        config = load_config(files, environ=ENVIRON, strict=strict, root_dir=directory)
    except ConfigError as error:
        problems = error.problems
        config = None
    if config is None:
        # Each problem can be written to a terminal: as one line, and the line of YAML that it is about, with a caret.
        assert problems
        for problem in problems:
            _, *quoted = problem.encode().decode().splitlines()
            assert len(quoted) in {0, 2}
            assert all(line.startswith("  ") for line in quoted)
        return False
    assert config.entries
    names = [entry.name for entry in config.entries]
    assert len(set(names)) == len(names)
    for run in (*config.entries, *config.data_setups):
        command = config.command_values(run, session_entry_dir=Path("/s"), scratch_dir=Path("/t"))
        assert all("\0" not in argument for argument in command.args)
        assert command.script
        assert 0 < run.timeout_s <= 31 * 24 * 3600
        assert (directory / run.name).parent == directory
    assert len(config.digest) == 64
    dumped = json.dumps(config.merged)
    assert not any(json.dumps(secret)[1:-1] in dumped for secret in config.secrets)
    return True


def run_cases(numbers: range) -> tuple[int, str | None]:
    """Check many; how many could be loaded, and what went wrong with the first that ended in a traceback."""
    loaded = 0
    with tempfile.TemporaryDirectory(prefix="curator-bench-fuzz-") as directory:
        for number in numbers:
            try:
                loaded += check(Path(directory), texts(number), strict=number % 4 == 0)
            except Exception as error:  # that is what is looked for
                return loaded, f"case {number}: {type(error).__name__}: {error}"
    return loaded, None


if __name__ == "__main__":
    for content in texts(int(sys.argv[1])):
        sys.stdout.buffer.write(content + b"\n")
