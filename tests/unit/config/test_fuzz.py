# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""No input ends in a traceback: mutated configurations load, or raise ConfigError.

Breadth by plain random mutations of the real files, ``CONFIG_FUZZ_CASES`` of them (20,000 before a release: more than
a minute); depth by hypothesis, ``CONFIG_FUZZ_EXAMPLES`` for each test, which shrinks what it finds.
"""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_curator_bench.config import load_config
from tests.support.config import EVERYTHING, NIGHTLY
from tests.support.config_mutations import (
    ENVIRON,
    FRAGMENTS,
    REAL_FILES,
    SINKS,
    VALUES,
    check,
    run_cases,
)

if TYPE_CHECKING:
    from pathlib import Path

CASES = int(os.environ.get("CONFIG_FUZZ_CASES", "2000"))
EXAMPLES = int(os.environ.get("CONFIG_FUZZ_EXAMPLES", "150"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
SAMPLES = [EVERYTHING + SINKS, NIGHTLY[0].read_text(), REAL_FILES[1].read_text()]
FRAGMENT = st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=5))
ODD = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=3), st.dates(),
        st.sampled_from(VALUES),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=3)
    ),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.slow
def test_many_mutations() -> None:
    """Every case, by its number, is a configuration or an error; and enough of them are configurations."""
    loaded, failure = run_cases(range(CASES))
    assert failure is None
    # Were nearly all of them refused, little of what comes behind the reading would have been tried.
    assert loaded > CASES / 20


@FUZZ
@given(data=st.data())
def test_mutated_text(tmp_path: Path, data: st.DataObject) -> None:
    """Characters and fragments are put in, taken out and doubled; bytes that are no UTF-8 too."""
    text = data.draw(st.sampled_from(SAMPLES[:1] * 6 + SAMPLES[1:]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 30)))
        kind = data.draw(st.sampled_from(["insert", "replace", "delete", "double"]))
        new = {"delete": "", "double": text[start:end] * 2}.get(kind)
        if new is None:
            new = data.draw(FRAGMENT)
        text = text[:start] + new + text[start if kind == "insert" else end :]
    raw = text.encode("utf-8", "surrogatepass")
    if data.draw(st.integers(0, 9)) == 0:
        at = data.draw(st.integers(0, len(raw)))
        raw = raw[:at] + data.draw(st.binary(max_size=4)) + raw[at:]
    check(tmp_path, [raw], strict=data.draw(st.booleans()))


def nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values within data."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += nodes(inner, (*path, key))
    return found


def mutate(data: st.DataObject, tree: Any) -> Any:
    """Replace, remove or rename a value somewhere, or put one in."""
    tree = copy.deepcopy(tree)
    path = data.draw(st.sampled_from([path for path in nodes(tree) if path]))
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    kind = data.draw(st.sampled_from(["replace", "replace", "remove", "add", "double"]))
    if kind == "replace":
        parent[path[-1]] = data.draw(ODD)
    elif kind == "remove":
        del parent[path[-1]]
    elif isinstance(parent, list):
        parent.append(copy.deepcopy(parent[path[-1]]) if kind == "double" else data.draw(ODD))
    else:
        parent[data.draw(st.text(max_size=6))] = data.draw(ODD)
    return tree


TREES = [yaml.safe_load(text) for text in SAMPLES]


@FUZZ
@given(data=st.data())
def test_mutated_data(tmp_path: Path, data: st.DataObject) -> None:
    """Values of every type in every place, in one file or as an override of a correct one."""
    tree = data.draw(st.sampled_from(TREES[:1] * 6 + TREES[1:2]))
    changed = tree
    for _ in range(data.draw(st.integers(1, 3))):
        changed = mutate(data, changed)
    # The C dumper refuses lone surrogates.
    text = yaml.dump(changed, Dumper=yaml.SafeDumper, allow_unicode=True).encode("utf-8", "surrogatepass")
    texts = [yaml.dump(tree, Dumper=yaml.CSafeDumper).encode(), text] if data.draw(st.booleans()) else [text]
    check(tmp_path, texts, strict=data.draw(st.booleans()))


@pytest.mark.parametrize("text", SAMPLES)
def test_the_samples_themselves_load(tmp_path: Path, text: str) -> None:
    """The fuzz begins at correct files: otherwise it would try little."""
    file = tmp_path / "f.yaml"
    file.write_text(text)
    assert load_config([file], environ=ENVIRON, strict=False, root_dir=tmp_path).entries
