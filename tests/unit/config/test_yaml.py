# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Reading of one YAML file: values as SafeLoader has them, positions, and everything that is refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping, to_plain
from pytest_curator_bench.config.yaml.reader import SourceError, parse_yaml, plain_value, read_yaml

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, text: str | bytes) -> YamlMapping:
    """Read a text as a file."""
    file = tmp_path / "f.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    (document,) = read_yaml(file)
    return document


def refusal(tmp_path: Path, text: str | bytes) -> tuple[int, str]:
    """Line and text of the only problem that a file has."""
    with pytest.raises(SourceError) as caught:
        read(tmp_path, text)
    (problem,) = caught.value.problems
    assert problem.path == ""
    assert problem.place is not None
    return problem.place.line, problem.text


PLAIN = [
    "1", "-1", "+1", "0", "012", "0o12", "0x1F", "0b101", "1_000", "1:30", "1.5", "1.", ".5", "1e3", "1.0e+3",
    "1.0e3", ".inf", "-.inf", "true", "True", "yes", "on", "off", "No", "y", "n", "null", "~", "Null", "none",
    "text", "2025-01-23", "12:30:45", "a b", "=", "3.10", "0b", "0x", "+", "190:20:30.15", "6.02e-23",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_scalar_means_what_safe_loader_makes_of_it(tmp_path: Path, text: str) -> None:
    """Numbers, booleans and nulls follow YAML 1.1 as PyYAML has it; dates and ``=`` stay text."""
    expected: object = text if text in {"2025-01-23", "="} else yaml.safe_load(f"k: {text}")["k"]
    found = read(tmp_path, f"k: {text}\n")["k"]
    assert (type(found), found) == (type(expected), expected)


@given(st.from_regex(r"[-+]?[0-9a-fxob_.:e+]{0,8}", fullmatch=True))
def test_numbers_are_safe_loaders(text: str) -> None:
    """Whatever looks like a number is the number that SafeLoader reads, or refused where it fails."""
    loader = yaml.SafeLoader("")
    tag: str = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # PyYAML's
    if tag.rpartition(":")[2] in {"timestamp", "value", "merge"}:
        assert plain_value(text) == text
        return
    try:
        expected = loader.construct_object(yaml.ScalarNode(tag, text))
    except (ValueError, IndexError):
        with pytest.raises(ValueError, match=r".*"):
            plain_value(text)
        return
    found = plain_value(text)
    assert type(found) is type(expected)
    assert found == expected


def test_quoted_and_tagged_scalars(tmp_path: Path) -> None:
    """Quotes make text; the standard tags force a type."""
    data = read(tmp_path, "a: '1'\nb: \"yes\"\nc: !!str 1\nd: !!int '5'\ne: !!float 1\nf: !!bool 'no'\ng: ! 7\n")
    assert data == {"a": "1", "b": "yes", "c": "1", "d": 5, "e": 1.0, "f": False, "g": "7"}
    assert type(data["e"]) is float


def test_keys_are_text_as_written(tmp_path: Path) -> None:
    """A key is never a boolean or a number: ``on: 1`` sets the key ``on``."""
    assert read(tmp_path, "on: 1\n1: 2\n'x': 3\n~: 4\n") == {"on": 1, "1": 2, "x": 3, "~": 4}


def test_a_whole_document_equals_safe_loaders(tmp_path: Path) -> None:
    """Block and flow style, folded and literal text, anchors, aliases and merge keys."""
    text = """\
x-base: &base {a: 1, b: [1, 2], c: &text hello}
x-more: &more {b: 9, d: 4}
one:
  <<: *base
  a: 2
two: {<<: [*more, *base], e: *text}
three:
- <<: *base
- *more
- folded: >-
    a
    b
  literal: |
    a
    b
empty: {}
none:
"""
    data = read(tmp_path, text)
    assert data == yaml.safe_load(text)
    assert list(data["one"]) == ["a", "b", "c"]  # type: ignore[call-overload]  # a mapping, as the text says


def test_positions(tmp_path: Path) -> None:
    """Each key and item knows its line and, for scalars, how it was written."""
    data = read(
        tmp_path,
        "a: 1\nentries:\n  - name: x\n    args: >-\n      one\n      two\n\n  - {name: y,\n     z: 3.10}\n",
    )
    assert data.places["entries"].line == 2
    entries = data["entries"]
    assert isinstance(entries, YamlList)
    assert [place.line for place in entries.places] == [3, 8]
    first, second = entries
    assert isinstance(first, YamlMapping)
    assert isinstance(second, YamlMapping)
    assert first.place.line == 3
    assert first.places["args"].line == 4
    assert second.places["z"][1:] == (9, "3.10")


def test_positions_of_aliases(tmp_path: Path) -> None:
    """A key or item that is an alias is where the alias is; what it stands for is where that is written."""
    data = read(tmp_path, "x: &x {a: 1}\ny: &y 2.50\nz:\n- *x\n- *y\nw:\n  *y : *y\n")
    items, mapping = data["z"], data["w"]
    assert isinstance(items, YamlList)
    assert isinstance(mapping, YamlMapping)
    assert [place[1:] for place in items.places] == [(4, None), (5, "2.50")]
    assert isinstance(items[0], YamlMapping)
    assert items[0].place.line == 1
    assert mapping.places["2.50"][1:] == (7, "2.50")


def test_without_libyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML's own parser gives the same."""
    monkeypatch.setattr("pytest_curator_bench.config.yaml.reader._SafeLoader", yaml.SafeLoader)
    test_positions(tmp_path)
    test_a_byte_order_mark_is_no_content(tmp_path)
    assert refusal(tmp_path, b"a: 1\n\nb: \x07\n")[0] == 3
    assert refusal(tmp_path, "x: " + "[" * 101)[1] == "found more than 100 levels of nesting, expected fewer"
    assert refusal(tmp_path, b"a: 1\nb: \xff\n")[1].startswith("found 0xff, expected text in UTF-8")


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    """Editors on Windows put one in front."""
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("- a\n", 1, "found a list, expected a mapping"),
        ("\njust text\n", 2, "found a single value, expected a mapping"),
        ("a: [1, 2\nb: 3\n", 2, "not valid YAML: while parsing a flow sequence"),
        ("a: 'x\n", 2, "not valid YAML"),
        ("a: b: c\n", 1, "not valid YAML"),
        ("a: 1\n---\n- b\n", 3, "found a list"),
        (b"a: 1\nb: \xff\n", 2, "found 0xff, expected text in UTF-8 that can be printed: invalid leading UTF-8 octet"),
        ("a: ü\n\nb: \x07\n", 3, "found 0x07, expected text in UTF-8 that can be printed: control characters"),
        (b"a: \x00\n", 1, "found 0x00"),
        ("a: ü\n\nb: \ufffe\n", 3, "found 0xfffe"),
        (b"a: \xed\xa0\x80\n", 1, "found 0xd800"),
        ("a: !!python/object/apply:os.system [echo]\n", 1, "found the tag !!python/object/apply:os.system"),
        ("a: !!python/name:os.system\n", 1, "found the tag !!python/name:os.system"),
        ("a: 1\nb: !own x\n", 2, "found the tag !own"),
        ("a: !!set {x, y}\n", 1, "found the tag !!set"),
        ("a: !!omap [x: 1]\n", 1, "found the tag !!omap"),
        ("a: !!binary aGk=\n", 1, "found the tag !!binary"),
        ("a: !!timestamp 2025-01-23\n", 1, "found the tag !!timestamp"),
        ("!!python/dict {a: 1}\n", 1, "found the tag !!python/dict"),
        ("a: !undefined!tag x\n", 1, "not valid YAML"),
        ("a: !!int abc\n", 1, "found 'abc', expected a value of the type"),
        ("a: !!bool abc\n", 1, "found 'abc', expected a value of the type"),
        ("a: 0b_\n", 1, "found '0b_', expected a value of the type"),
        ("a: " + "9" * 5000 + "\n", 1, "expected a value of the type"),
        ("a: 0x" + "f" * 5000 + "\n", 1, "expected a value of the type"),
        ("a: 1\nb: 2\na: 3\n", 3, "found the key 'a' twice (first in line 1), expected each key once"),
        ("x: {a: 1,\n  'a': 2}\n", 2, "found the key 'a' twice (first in line 1)"),
        ("? [a]\n: b\n", 1, "found a mapping or a list as a key"),
        ("x: &a [1]\n*a : b\n", 2, "found a mapping or a list as a key"),
        ("a: *nowhere\n", 1, "found the alias *nowhere, expected an anchor of that name before it"),
        ("a: &a\n  b: *a\n", 2, "found the alias *a inside of what it stands for"),
        ("a: &a [*a]\n", 1, "found the alias *a inside of what it stands for"),
        ("a: {<<: 5}\n", 1, "found something else behind <<"),
        ("b: &b [1]\na: {<<: *b}\n", 2, "found something else behind <<"),
        ('a: "\\ud800"\n', 1, "not valid YAML"),
    ],
)
def test_refused(tmp_path: Path, text: str | bytes, line: int, message: str) -> None:
    """Each of these gives one problem with its line."""
    found_line, found = refusal(tmp_path, text)
    assert message in found
    assert found_line == line


def test_all_duplicate_keys_are_told(tmp_path: Path) -> None:
    """Reading goes on after the first one."""
    with pytest.raises(SourceError) as caught:
        read(tmp_path, "a: 1\na: 2\nb: {c: 1, c: 2}\n")
    assert [problem.place and problem.place.line for problem in caught.value.problems] == [2, 3]


@pytest.mark.parametrize(
    "text",
    [
        "x: " + "[" * 101 + "]" * 101,
        "x: " + "[" * 300_000,
        "x: " + "{a: " * 300_000,
        "- " * 300_000,
        "".join(f"{' ' * level}a:\n" for level in range(300)),
        "a0: &a0 []\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 300)),
    ],
    ids=["levels", "open brackets", "open braces", "dashes", "indented keys", "aliases"],
)
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    """Far fewer levels than would end the process, however they come about."""
    _, message = refusal(tmp_path, text)
    assert message == "found more than 100 levels of nesting, expected fewer"


def test_a_hundred_levels_are_accepted(tmp_path: Path) -> None:
    """The mapping itself is one of them."""
    assert "x" in read(tmp_path, "x: " + "[" * 99 + "]" * 99)


@pytest.mark.parametrize("form", ["[{}]", "{{{}}}"], ids=["list", "mapping"])
def test_alias_bombs_are_refused(tmp_path: Path, form: str) -> None:
    """A small file that stands for billions of values is refused before it is one."""
    text = "a: &a [1]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True):
        aliases = [f"k{n}: *{before}" if "{{" in form else f"*{before}" for n in range(10)]
        text += f"{name}: &{name} {form.format(', '.join(aliases))}\n"
    _, message = refusal(tmp_path, text)
    assert "found aliases that stand for" in message


def test_ordinary_anchors_in_a_big_file(tmp_path: Path) -> None:
    """10,000 entries that share settings by alias and by merge key are no bomb."""
    shared = ", ".join(f"K{n}: v{n}" for n in range(40))
    text = f"x-env: &env {{{shared}}}\nx-base: &base {{timeout_s: 5}}\nentries:\n"
    text += "".join(f"- {{name: e{n}, <<: *base, env: *env}}\n" for n in range(10_000))
    entries = read(tmp_path, text)["entries"]
    assert isinstance(entries, YamlList)
    assert to_plain(entries[9999]) == {
        "name": "e9999",
        "timeout_s": 5,
        "env": {f"K{n}": f"v{n}" for n in range(40)},
    }


def test_files_that_are_none(tmp_path: Path) -> None:
    """A directory, a missing file, a device, a pipe and an impossible name are told apart, and nothing hangs."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 10**12)
    cases = {
        tmp_path: "found a directory",
        tmp_path / "missing.yaml": "found no such file",
        tmp_path / "pipe": "no regular file",
        tmp_path / "a\0b": "found an impossible file name",
        tmp_path / ("x" * 300): "can't be read",
        tmp_path / "large": "Larger than 64 MiB",
    }
    for file, message in cases.items():
        with pytest.raises(SourceError) as caught:
            read_yaml(file)
        assert message in caught.value.problems[0].text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# only a comment\n", []),
        ("---\n", []),
        ("a: 1\n---\n# nothing\n---\nb: 2\n...\n", [{"a": 1}, {"b": 2}]),
        ("---\na: &x 1\n---\na: 2\n", [{"a": 1}, {"a": 2}]),
    ],
)
def test_documents_of_one_file(tmp_path: Path, text: str, expected: list[object]) -> None:
    """Each that isn't empty, in order."""
    file = tmp_path / "f.yaml"
    file.write_text(text)
    assert read_yaml(file) == expected


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system's reason is told; root may read everything, therefore the call fails by force."""
    file = tmp_path / "f.yaml"
    file.write_text("a: 1")

    def fail(*_args: object, **_options: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pytest_curator_bench.config.yaml.reader.read_regular", fail)
    with pytest.raises(SourceError) as caught:
        read_yaml(file)
    assert "can't be read (Permission denied)" in caught.value.problems[0].text


@pytest.mark.parametrize(
    ("text", "remedy", "excerpt"),
    [
        ("a: 1\nb:\n\tc: 3\n", "; indent with spaces, not with tabs", "→c: 3\n^"),
        ("a:\n  - b: 1\n   c: 2\n", "; correct the indentation: keys of one mapping", "   c: 2\n   ^"),
        ("a: 1\n  b: 2\n", "; correct the indentation, or quote", "  b: 2\n   ^"),
        ("a: 1\nb: 'x\n", " (begun in line 2)", "b: 'x\n   ^"),
        ("a: &a [*a]\n", "", "a: &a [*a]\n       ^"),
        (f"a: {'x' * 300}: b\n", "", f"{'x' * 50}: b\n{' ' * 50}^"),
        ("token: hunter2: x\n", "; correct the indentation, or quote", ""),
    ],
)
def test_the_line_is_shown_with_a_caret(tmp_path: Path, text: str, remedy: str, excerpt: str) -> None:
    """And what to do about it; a line that may hold a secret is not shown."""
    with pytest.raises(SourceError) as caught:
        parse_yaml(text.encode(), tmp_path / "a.yaml")
    (problem,) = caught.value.problems
    assert remedy in problem.text
    assert problem.excerpt == excerpt
    assert problem.shown().splitlines()[1:] == [f"    {line}" for line in excerpt.splitlines()]
