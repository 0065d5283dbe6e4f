# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What holds for merging, placeholders and matrices, whatever the values."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pytest_curator_bench.config import load_config
from pytest_curator_bench.config.merge import merge_all
from pytest_curator_bench.config.placeholders import Placeholders, Substitution
from pytest_curator_bench.config.yaml.nodes import to_plain
from pytest_curator_bench.config.yaml.reader import read_yaml
from pytest_curator_bench.session.names import validate_entry_name

if TYPE_CHECKING:
    from pytest_curator_bench.config import BenchConfig, Entry
    from pytest_curator_bench.config.yaml.nodes import YamlMapping

PROPERTY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

KEYS = st.sampled_from(["a", "b", "c", "ray", "entries"])
SCALARS = st.one_of(st.integers(-5, 5), st.booleans(), st.sampled_from(["x", "y", "a b", "{p}", "1"]))


def named(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of mappings with names, each once."""
    items = st.dictionaries(st.sampled_from("pqr"), st.dictionaries(KEYS, inner, max_size=2), max_size=3)
    return items.map(lambda found: [{"name": name, **rest} for name, rest in found.items()])


TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.dictionaries(KEYS, inner, max_size=3), st.lists(SCALARS, max_size=3), named(inner)),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, TREES, min_size=1, max_size=4)
TEXT = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=6)


def read(*documents: Any) -> list[YamlMapping]:
    """Documents as they come out of files."""
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for number, document in enumerate(documents):
            file = Path(directory) / f"{number}.yaml"
            file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
            found += read_yaml(file)
    return found


def merged(*documents: YamlMapping) -> Any:
    """What comes out; where a mapping meets a list there is no right answer, and the example is dropped."""
    merging = merge_all(documents, str)
    assume(not merging.problems)
    return merging.data


def resolved(*documents: Any) -> tuple[BenchConfig, dict[str, Any]]:
    """The configuration of documents, and what is compared of it: entries without the lines that they stand at."""
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for number, document in enumerate(documents):
            files.append(Path(directory) / f"{number}.yaml")
            files[-1].write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        config = load_config(files, environ={}, strict=True, root_dir=Path("/project"))
        return config, {entry.name: facts(config, entry) for entry in config.entries}


def facts(config: BenchConfig, entry: Entry) -> tuple[object, ...]:
    """Everything that an entry says, but where it stands."""
    command = config.command_values(entry, session_entry_dir=Path("/s"), scratch_dir=Path("/t"))
    return (command.args, command.env, entry.timeout_s, entry.ray, entry.requirements, entry.sink_data, entry.matrix)


@PROPERTY
@given(first=DOCUMENTS, second=DOCUMENTS, third=DOCUMENTS)
def test_merging_disjoint_documents_is_associative(first: Any, second: Any, third: Any) -> None:
    """However files are grouped, what they say of different names comes out the same."""
    documents = [
        {f"{key}{number}": value for key, value in d.items()} for number, d in enumerate((first, second, third))
    ]
    entries = [{"list": [{"name": f"{number}", **d}]} for number, d in enumerate(documents)]
    for group in (documents, entries):
        a, b, c = read(*group)
        left, right = merged(merged(a, b), c), merged(a, merged(b, c))
        assert to_plain(left) == to_plain(right) == to_plain(merged(a, b, c))
        assert list(left) == list(right)


@PROPERTY
@given(document=DOCUMENTS)
def test_merging_a_document_with_itself_changes_nothing(document: Any) -> None:
    """Saying the same twice is saying it once, outside of include and exclude."""
    a, b = read(document, document)
    assert to_plain(merged(a, b)) == document


@PROPERTY
@given(base=DOCUMENTS, path=st.lists(KEYS, min_size=1, max_size=4), first=SCALARS, second=SCALARS)
def test_order_decides_conflicts(base: Any, path: list[str], first: object, second: object) -> None:
    """Of two files that say one thing differently, the later one wins, and says nothing about anything else."""
    overs = []
    for value in (first, second):
        over: Any = value
        for key in reversed(path):
            over = {key: over}
        overs.append(over)
    a, b, c = read(base, *overs)
    data = merged(a, b, c)
    others = {key: value for key, value in base.items() if key != path[0]}
    assert {key: value for key, value in to_plain(data).items() if key != path[0]} == others  # type: ignore[attr-defined]
    for key in path:
        data = data[key]
    assert (type(data), data) == (type(second), second)


VALUES = st.one_of(st.integers(0, 9), st.sampled_from(["ray_data", "xenna", "a/b", "c d"]))
AXES = st.dictionaries(
    st.sampled_from(["executor", "size", "model"]),
    st.lists(VALUES, min_size=1, max_size=3, unique_by=str),
    min_size=1,
)


@PROPERTY
@given(axes=AXES, data=st.data())
def test_matrices_are_products(axes: dict[str, list[Any]], data: st.DataObject) -> None:
    """One entry for each combination that is not excluded, in order, with its own values and a safe name of its own."""
    excluded = data.draw(
        st.lists(st.fixed_dictionaries({}, optional={a: st.sampled_from(v) for a, v in axes.items()}), max_size=2)
    )
    excluded = [item for item in excluded if item]
    left = [
        dict(zip(axes, values, strict=True))
        for values in itertools.product(*axes.values())
        if not any(all(dict(zip(axes, values, strict=True))[a] == v for a, v in item.items()) for item in excluded)
    ]
    assume(left)
    entry = {
        "name": "e",
        "script": "s.py",
        "args": [f"--{axis}={{matrix.{axis}}}" for axis in axes],
        "matrix": {**axes, "exclude": excluded},
    }
    config, _ = resolved({"results_dir": "/r", "entries": [entry]})
    assert [entry.matrix for entry in config.entries] == left
    assert [entry.args for entry in config.entries] == [
        tuple(f"--{axis}={value}" for axis, value in cell.items()) for cell in left
    ]
    names = [entry.name for entry in config.entries]
    assert len(set(names)) == len(names)
    for name in names:
        assert validate_entry_name(name) == name
        assert re.fullmatch(r"e\[[\w.+-]+\]", name)


@PROPERTY
@given(words=st.lists(TEXT, min_size=1, max_size=4), value=TEXT)
def test_a_value_is_put_in_once_and_whole(words: list[str], value: str) -> None:
    """In both forms of args, whatever it is made of, a value becomes exactly its own part of its own argument."""
    assume("{" not in "".join(words) and "$" not in "".join(words) + value and "{" not in value)
    written = [f"{word}{{matrix.v}}" for word in words]
    for args in (written, shlex.join(written)):
        entry = {"name": "e", "script": "s.py", "args": args, "matrix": {"v": [value]}}
        config, _ = resolved({"results_dir": "/r", "entries": [entry]})
        command = config.command_values(config.entries[0], session_entry_dir=Path("/s"), scratch_dir=Path("/t"))
        assert command.args == tuple(f"{word}{value}" for word in words)


@PROPERTY
@given(
    parts=st.lists(st.one_of(TEXT, st.sampled_from(["{p}", "{dataset:d,f}", "{scratch_dir}"])), max_size=5), path=TEXT
)
def test_placeholders_are_put_in_once(parts: list[str], path: str) -> None:
    """Putting them in again changes nothing, and a text without any stays as it is."""
    assume("{" not in path and not any("{" in part or "}" in part for part in parts if part[:1] != "{"))
    substitution = Substitution(Placeholders(paths={"p": path}, datasets={}), {"scratch_dir": "/t"})
    once = substitution.text("".join(parts))
    assert substitution.text(once) == once
    assert ("{p}" in once, "{scratch_dir}" in once) == (False, False)


@PROPERTY
@given(
    axes=AXES,
    limit=st.integers(1, 100),
    args=st.lists(st.sampled_from(["--x", "{matrix.l}", "{data}/y", "{{lit}}", "a b"]), max_size=4),
    over=st.one_of(st.none(), st.integers(1, 50)),
)
def test_resolving_is_idempotent(axes: dict[str, list[Any]], limit: int, args: list[str], over: int | None) -> None:
    """What a session keeps as its config.yaml is a configuration that resolves to the same entries."""
    entry = {
        "name": "e",
        "script": "s.py",
        "args": args,
        "env": {"L": "{matrix.l}"},
        "timeout_s": "{matrix.l}",
        "ray": {"num_cpus": "{matrix.l}"},
        "requirements": [{"metric": "m", "min_value": "{matrix.l}"}],
        "sink_data": [{"name": "slack", "note": "{matrix.l}"}],
        "matrix": {**axes, "include": [{"l": limit}]},
    }
    documents: list[Any] = [{"results_dir": "/r", "paths": [{"name": "data", "host_path": "/d"}], "entries": [entry]}]
    if over is not None:
        documents.append({"entries": [{"name": "e", "timeout_s": over}, {"name": "f", "script": "f.py"}]})
    config, first = resolved(*documents)
    again, second = resolved(config.merged)
    assert first == second
    assert again.merged == config.merged
    assert again.digest == config.digest
