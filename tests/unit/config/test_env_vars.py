# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Environment variables in values."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.config.env_vars import EnvExpander, FromEnvironment, Unresolved
from pytest_curator_bench.config.problems import Place
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

HERE = Place(Path("f.yaml"), 7)
ROOT = YamlMapping(HERE)
ENVIRON = {"A": "alpha", "B": "beta", "EMPTY": "", "DOLLAR": "${A}", "_X1": "x"}


def expand(text: str, *, allow_empty: bool = True) -> tuple[object, EnvExpander]:
    """Expand one text."""
    expansion = EnvExpander(ROOT, ENVIRON, allow_empty=allow_empty)
    return expansion.value(text, HERE, ("key",)), expansion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "alpha"),
        ("x${A}y${B}z", "xalphaybetaz"),
        ("${_X1}", "x"),
        ("${EMPTY}", ""),
        ("${EMPTY:-d}", "d"),
        ("${NO:-d}", "d"),
        ("${NO:-}", ""),
        ("${A:-d}", "alpha"),
        ("${NO:-a b:c-d}", "a b:c-d"),
        ("${NO:-${B}}", "beta"),
        ("${NO:-<${NO2:-${A}}>}", "<alpha>"),
        ("${A:-${NO}}", "alpha"),
        ("$${A}", "${A}"),
        ("$A $$ $ {A} }", "$A $$ $ {A} }"),
        ("${DOLLAR}", "${A}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    """Variables, defaults, nested defaults and escapes; values are not searched again."""
    value, expansion = expand(text)
    assert value == expected
    assert not expansion.problems


SHELL_TEXTS = [
    "${A}",
    "-${A}-${B}-",
    "${EMPTY:-d}",
    "${NO:-d}",
    "${A:-d}",
    "${NO:-${B}}",
    "${NO:-}x",
    "${NO:-a}b}",
]


@pytest.mark.parametrize("text", SHELL_TEXTS)
def test_expansion_is_the_shells(text: str) -> None:
    """A shell makes the same of it."""
    shell = subprocess.run(
        ["/bin/sh", "-c", f'printf %s "{text}"'],
        env=ENVIRON | {"PATH": "/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert expand(text)[0] == shell.stdout


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A", "${A-b}", "${A:b}", "${A:-b", "${ A }", "x${A:-${B}"])
def test_malformed(text: str) -> None:
    """What only begins like a variable is refused, not passed on."""
    value, expansion = expand(text)
    assert isinstance(value, Unresolved)
    (problem,) = expansion.problems
    assert (problem.kind, expansion.undefined) == ("config", {})
    assert "expected ${NAME} or ${NAME:-default}, or $${" in problem.text


def test_nesting_is_bounded() -> None:
    """A thousand defaults within each other are malformed, not a recursion error."""
    _, expansion = expand("${N:-" * 1000 + "}" * 1000)
    assert len(expansion.problems) == 1


def test_a_missing_variable() -> None:
    """It is told with place and location, the nearest name, and what to do."""
    value, expansion = expand("x ${ALPHA} y")
    assert isinstance(value, Unresolved)
    assert value == "x ${ALPHA} y"
    (problem,) = expansion.problems
    assert (problem.path, problem.place, problem.kind) == ("key", HERE, "variable")
    assert expansion.undefined == {"ALPHA": HERE}
    assert problem.text == (
        "found the environment variable ALPHA, which is not defined, expected one with a value: "
        "define it, or write ${ALPHA:-default}"
    )


def test_a_near_name_is_suggested() -> None:
    """A misspelt variable is recognised."""
    assert expand("${EMTPY}")[1].problems[0].text.endswith("; did you mean 'EMPTY'?")


def test_empty_may_count_as_missing() -> None:
    """Then it is told as empty, unless a default allows it."""
    _, expansion = expand("${EMPTY}", allow_empty=False)
    assert "EMPTY, which is empty" in expansion.problems[0].text
    value, expansion = expand("${EMPTY:-}", allow_empty=False)
    assert value == ""
    assert not expansion.problems


def test_what_is_known_of_expanded_text() -> None:
    """How it was written, whether it was a variable alone, and which variables went in."""
    value, expansion = expand("${NO:-${A}}")
    assert isinstance(value, FromEnvironment)
    assert (value.written, value.alone) == ("${NO:-${A}}", True)
    assert value.variables == {"A"}
    assert expansion.used == {"A": "alpha"}
    assert expansion.named == {"NO", "A"}
    for text in ("x${A}", "${A}x", "${A}${B}"):
        found, _ = expand(text)
        assert isinstance(found, FromEnvironment)
        assert not found.alone


def test_trees_are_copied_only_where_needed() -> None:
    """Data may be shared by aliases: the original stays, and parts without variables are the same objects."""
    inner, items, root = YamlMapping(HERE), YamlList(HERE), YamlMapping(HERE)
    inner.put("k", "plain", HERE)
    for item in ("${A}", inner, 5):
        items.put(item, HERE)
    root.put("items", items, HERE)
    root.put("inner", inner, HERE)
    root.put("deep", "${NO}", Place(Path("f.yaml"), 9))
    expansion = EnvExpander(root, ENVIRON)
    result = expansion.value(root, HERE)
    assert result == {"items": ["alpha", {"k": "plain"}, 5], "inner": {"k": "plain"}, "deep": "${NO}"}
    assert isinstance(result, YamlMapping)
    assert result["inner"] is inner
    assert items[0] == "${A}"
    assert [(problem.path, problem.place) for problem in expansion.problems] == [("deep", root.places["deep"])]


@given(st.text(alphabet="${}:-AB_ x", max_size=30))
def test_any_text_gives_a_value_or_a_failure(text: str) -> None:
    """No text raises, and text without variables is unchanged."""
    value, expansion = expand(text)
    assert isinstance(value, str)
    assert bool(expansion.problems) == isinstance(value, Unresolved)
    if "${" not in text:
        assert value == text
