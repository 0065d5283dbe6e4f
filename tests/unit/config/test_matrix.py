# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Matrices: which combinations there are, what they are called, and how their values reach an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.config.matrix.combinations import MOST_COMBINATIONS
from pytest_curator_bench.session.names import validate_entry_name
from tests.support.config import EVERYTHING, MINIMAL, load, problem, problems

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.config import Entry

AXES = "executor: [ray_data, xenna], size: [1, 15]"


def entries(directory: Path, rest: str, *over: str, env: dict[str, str] | None = None) -> tuple[Entry, ...]:
    """The entries that one entry with these further keys makes."""
    return load(directory, f"{MINIMAL}  {rest}\n", *over, env=env).entries


def names(directory: Path, matrix: str, *over: str) -> list[str]:
    """What stands in the brackets of each."""
    return [
        entry.name.removeprefix("cc[").removesuffix("]") for entry in entries(directory, f"matrix: {matrix}", *over)
    ]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (f"{{{AXES}}}", ["ray_data-1", "ray_data-15", "xenna-1", "xenna-15"]),
        ("{a: [x]}", ["x"]),
        # exclude: all of its values must agree
        (f"{{{AXES}, exclude: [{{executor: xenna, size: 15}}]}}", ["ray_data-1", "ray_data-15", "xenna-1"]),
        (f"{{{AXES}, exclude: [{{executor: xenna}}, {{size: 15}}]}}", ["ray_data-1"]),
        # 1.0 is the number 1, but '1' is a text
        ("{a: [1, 2], exclude: [{a: 1.0}]}", ["2"]),
        ("{a: [1, 2], exclude: [{a: '1'}]}", ["1", "2"]),
        ("{a: [1, yes], exclude: [{a: true}]}", ["1"]),
        # include: extends what agrees, else adds
        (f"{{{AXES}, include: [{{executor: xenna, x: 1}}]}}", ["ray_data-1", "ray_data-15", "xenna-1", "xenna-15"]),
        ("{a: [1], include: [{a: 2}]}", ["1", "2"]),
        # what was excluded can be added again, and what was added can be extended
        ("{a: [1, 2], exclude: [{a: 2}], include: [{a: 2, x: 1}, {a: 2, y: 1}]}", ["1", "2"]),
    ],
)
def test_combinations(tmp_path: Path, matrix: str, expected: list[str]) -> None:
    """The product of the axes, the last one fastest, less what is excluded, then what is included."""
    assert names(tmp_path, matrix) == expected


def test_what_include_adds(tmp_path: Path) -> None:
    """An item without axes is for all; later items win; an axis is never changed; types are kept."""
    matrix = (
        f"{{{AXES}, include: [{{limit: 10, note: a}}, {{executor: xenna, limit: 2.5}}, "
        "{executor: xenna, size: 15, ok: true}, {executor: dask, size: 2, limit: 1}]}"
    )
    assert [dict(entry.matrix) for entry in entries(tmp_path, f"matrix: {matrix}")] == [
        {"executor": "ray_data", "size": 1, "limit": 10, "note": "a"},
        {"executor": "ray_data", "size": 15, "limit": 10, "note": "a"},
        {"executor": "xenna", "size": 1, "limit": 2.5, "note": "a"},
        {"executor": "xenna", "size": 15, "limit": 2.5, "note": "a", "ok": True},
        {"executor": "dask", "size": 2, "limit": 1},
    ]


def test_every_place_of_a_value(tmp_path: Path) -> None:
    """Arguments, variables, limit, marks, Ray, object store, requirements, sink data."""
    grid = [entry for entry in load(tmp_path, EVERYTHING).entries if entry.name.startswith("grid")]
    assert [entry.name for entry in grid] == [
        "grid[ray_data-1]",
        "grid[ray_data-2.50]",
        "grid[xenna-2.50]",
        "grid[xenna-7]",
    ]
    first, _, third, last = grid
    assert first.args == ("--size", "1", "--on=ray_data", "--limit=10")
    assert third.args == ("--size", "2.50", "--on=xenna", "--limit=20")
    assert (first.env, third.env) == (
        {"COMMON": "{data}", "SIZE": "1 GB"},
        {"COMMON": "{data}", "SIZE": "2.50 GB", "MODE": "batch"},
    )
    assert (first.timeout_s, third.timeout_s, last.timeout_s) == (10, 20, 30)
    assert [mark.name for mark in (*first.marks, *third.marks)] == ["ray_data", "xenna"]
    assert first.ray is not None
    assert (first.ray.num_cpus, first.ray.num_gpus) == (10, 1)
    assert (first.object_store_size, third.object_store_size) == (0.25, "default")
    assert [(r.metric, r.min_value, r.warn_below, r.max_value) for r in first.requirements] == [("rate", 1, 10, None)]
    assert [(r.metric, r.min_value, r.warn_below, r.max_value) for r in third.requirements] == [
        ("rate", 2, 20, None),
        ("io", None, None, 5),
    ]
    assert first.sink_data == {"slack": {"note": "on ray_data, {matrix.size}"}}
    assert {entry.line for entry in grid} == {EVERYTHING.splitlines().index("- name: grid") + 1}


def test_script_and_its_directory(tmp_path: Path) -> None:
    """Each executor may have a script of its own."""
    first, second = entries(
        tmp_path,
        "matrix: {on: [a, b]}\n  script_base_dir: 'lib/{matrix.on}'",
        "entries: [{name: cc, script: '{matrix.on}.py'}]\n",
    )
    assert (first.script_base_dir, first.script) == ("lib/a", "a.py")
    assert (second.script_base_dir, second.script) == ("lib/b", "b.py")


def test_values_are_put_in_behind_the_splitting(tmp_path: Path) -> None:
    """A value with blanks or quotes stays one argument, in both forms of args; what it refers to is put in later."""
    matrix = "matrix: {q: ['a b', \"it's\", '{\"n\": 1}', '{session_entry_dir}/x']}\n  "
    for args in ("args: '--q {matrix.q} --r={matrix.q}'", "args: [--q, '{matrix.q}', '--r={matrix.q}']"):
        config = load(tmp_path, f"{MINIMAL}  {matrix}{args}\n")
        commands = [config.command_values(e, session_entry_dir=tmp_path, scratch_dir=tmp_path) for e in config.entries]
        assert [command.args for command in commands] == [
            ("--q", text, f"--r={text}") for text in ("a b", "it's", '{"n": 1}', f"{tmp_path}/x")
        ]


def test_literals(tmp_path: Path) -> None:
    """Doubled braces stay what they are, once."""
    config = load(
        tmp_path, MINIMAL + "  matrix: {a: [1]}\n  args: '{{matrix.a}} {matrix.a}'\n  env: {A: '{{matrix.a}}'}\n"
    )
    command = config.command_values(config.entries[0], session_entry_dir=tmp_path, scratch_dir=tmp_path)
    assert (command.args, command.env) == (("{matrix.a}", "1"), {"A": "{matrix.a}"})


def test_values_from_variables(tmp_path: Path) -> None:
    """A lone variable may be a number in a matrix too."""
    (entry,) = entries(
        tmp_path, "matrix: {a: ['${N}']}\n  timeout_s: '{matrix.a}'\n  args: '{matrix.a}'", env={"N": "7.50"}
    )
    assert (entry.name, entry.matrix, entry.timeout_s, entry.args) == ("cc[7.50]", {"a": 7.5}, 7.5, ("7.50",))


def test_choices_within_choices(tmp_path: Path) -> None:
    """A bound for each cell, as a table."""
    bound = "{matrix.executor: {ray_data: {matrix.size: {1: 10, 15: 11}}, xenna: 20}}"
    found = entries(tmp_path, f"matrix: {{{AXES}}}\n  requirements: [{{metric: m, min_value: {bound}}}]")
    assert [entry.requirements[0].min_value for entry in found] == [10, 11, 20, 20]


def test_choice_of_a_whole_section(tmp_path: Path) -> None:
    """``null`` leaves out a key, or an item of a list."""
    first, second = entries(
        tmp_path,
        "matrix: {on: [a, b]}\n"
        "  ray: {matrix.on: {a: {num_cpus: 2}, b: null}}\n"
        "  args: [--x, {matrix.on: {a: null, b: --only-b}}, --y]",
    )
    assert first.ray is not None
    assert (first.ray.num_cpus, second.ray) == (2, None)
    assert (first.args, second.args) == (("--x", "--y"), ("--x", "--only-b", "--y"))


NAMES = {
    "openai/gpt-oss-20b": "openai_gpt-oss-20b",
    "a b": "a_b",
    "../../etc": "_etc",
    "C:\\x": "C_x",
    "[x]": "_x_",
    "a::b": "a_b",
    "$(rm -rf *)": "_rm_-rf_",
    "": "_",
    "é": "é",
    "\u202e": "_",
    "1..2": "1_2",
    "a\tb": "a_b",
}


@pytest.mark.parametrize(("value", "label"), NAMES.items())
def test_names_are_safe(tmp_path: Path, value: str, label: str) -> None:
    """Whatever a value is, the name is one directory, one node ID, and can stand in -k."""
    import json

    (entry,) = entries(tmp_path, f"matrix: {{a: [{json.dumps(value)}]}}\n  args: ['{{matrix.a}}']")
    assert entry.name == f"cc[{label}]"
    assert validate_entry_name(entry.name) == entry.name
    assert entry.args == (value,)
    assert (tmp_path / entry.name).parent == tmp_path


def test_later_files(tmp_path: Path) -> None:
    """Axes are replaced, items of include and exclude are added: later ones win."""
    base = (
        "matrix: {executor: [a, b], size: [1, 2], include: [{executor: a, limit: 1}],"
        " exclude: [{executor: a, size: 2}]}\n"
    )
    over = (
        "entries: [{name: cc, matrix: {size: [1, 2, 3], include: [{executor: a, size: 1, limit: 9}],"
        " exclude: [{executor: a, size: 3}]}}]\n"
    )
    found = entries(tmp_path, base, over)
    assert [entry.name for entry in found] == ["cc[a-1]", "cc[b-1]", "cc[b-2]", "cc[b-3]"]
    assert found[0].matrix["limit"] == 9


def test_axes_called_like_keys_of_lists(tmp_path: Path) -> None:
    """``type`` and ``name`` may be axes: two combinations with one value are no double name."""
    include = "include: [{type: a, name: x, l: 1}, {type: a, name: y, l: 2}]"
    found = entries(tmp_path, "matrix: {type: [a], name: [x, y]}", f"entries: [{{name: cc, matrix: {{{include}}}}}]\n")
    assert [entry.matrix["l"] for entry in found] == [1, 2]


def test_a_narrowed_axis_is_told(tmp_path: Path) -> None:
    """An exclude that takes out nothing may be a mistake, or left over: a warning."""
    config = load(tmp_path, MINIMAL + "  matrix: {a: [1], exclude: [{a: 2}]}\n")
    assert config.warnings == (
        "a.yaml:5: entries[cc].matrix.exclude[#1]: takes out no combination: none has these values",
    )


PROBLEMS = {
    # text after the entry's first keys: the message
    "matrix: {}": "matrix: found none, expected at least one axis with its values",
    "matrix: {include: [{a: 1}]}": "matrix: found none, expected at least one axis",
    "matrix: {a: [.nan]}": "matrix.a[#1]: found nan, expected a number, a text, true or false",
    "matrix: {a: ['{matrix.b}']}": "matrix.a[#1]: found '{matrix.b}' (text), expected a value that does not refer",
    "matrix: {a: [1, 2, 1.0]}": "matrix.a[#3]: found 1.0 behind 1, expected each value once",
    "matrix: {a: [1], include: [{'b c': 1}]}": "matrix: found the axis 'b c', expected axes named with letters",
    "matrix: {exec: [1], exclude: [{exek: 1}]}": "matrix.exclude[#1].exek: found the unknown axis 'exek'; "
    "did you mean 'exec'? Expected one of exec",
    "matrix: {a: [1], exclude: [{}]}": "matrix.exclude[#1]: found nothing, expected values of axes",
    "matrix: {a: [1], exclude: [{a: 1}]}": "matrix: found no combination that is left, expected at least one",
    "matrix: {a: [1], b: [2], include: [{a: 3}]}": "matrix.include[#1]: found no value for the axis b and no",
    "matrix: {m: [a/b, a_b]}": "matrix: found two combinations that would both be called 'cc[a_b]' "
    "(m: a/b, and m: a_b), expected values that stay different",
    "matrix: {a: ['x-y', x], b: [y, 'y-y']}": "matrix: found two combinations that would both be called 'cc[x-y-y]' "
    "(a: x-y, b: y, and a: x, b: y-y)",
    f"matrix: {{a: [{'x' * 200}]}}": "matrix: found a combination whose name has 204 bytes",
    "matrix: {a: [1]}\n  args: '{matrix.b}'": "args: found {matrix.b}, which nothing in the matrix gives; "
    "did you mean '{matrix.a}'? Expected one of {matrix.a}",
    "matrix: {a: [1, 2], include: [{a: 2, b: 3}]}\n  args: '{matrix.b}'": "args: found {matrix.b}, which has no value "
    "in the combination 1, expected one (`include` can give it)",
    "matrix: {a: [x]}\n  timeout_s: '{matrix.a}'": "timeout_s: found 'x' (text), expected a number of seconds",
    "matrix: {a: [x]}\n  timeout_s: '{matrix.}'": "timeout_s: found {matrix.}, which nothing in the matrix gives",
    "matrix: {a: [1, 0]}\n  timeout_s: '{matrix.a}'": "timeout_s: found 0, expected a number of seconds above 0",
    "matrix: {a: [1, 2]}\n  repeat: many": "repeat: found 'many' (text), expected a whole number",
    "matrix: {a: [1]}\n  enabled: '{matrix.a}'": "enabled: found '{matrix.a}' (text), expected true or false",
    'matrix: {a: [1]}\n  args: "\'{matrix.a}"': "args: found a quote that is never closed",
    "matrix: {a: [x]}\n  timeout_s: {matrix.a: {y: 1}}": "timeout_s: found nothing for 'x' (one of y)",
    "matrix: {a: [x]}\n  timeout_s: {matrix.b: {x: 1}}": "timeout_s: found matrix.b, which is no axis; did you mean ",
    "matrix: {a: [x]}\n  timeout_s: {matrix.a: 1}": "timeout_s: found something else behind matrix.a",
    "matrix: {a: [x]}\n  env: {matrix.a: {x: 1}, B: c}": "env: found matrix.a beside other keys",
    "sink_data: [{name: s, a: '{matrix.x}'}]": "sink_data[s].a: found {matrix.x} in an entry without a matrix",
    "sink_data: [{name: s, a: {matrix.x: {}}}]": "sink_data[s].a: found matrix.x in an entry without a matrix",
    "args: '{matrix.x}'": "args: found {matrix.x} where no matrix gives it a value",
    "timeout_s: '{matrix.x}'": "timeout_s: found '{matrix.x}' (text), expected a number",
    "matrix: {a: [1]}\n  requirements: [{metric: m, min_value: 1}, {metric: '{matrix.b}', min_value: 1}]": "require"
    "ments[{matrix.b}].metric: found {matrix.b}, which nothing",
    "matrix: {a: [m]}\n  requirements: [{metric: m, min_value: 1}, {metric: '{matrix.a}', min_value: 1}]": "require"
    "ments: found the metric 'm' twice",
}


@pytest.mark.parametrize(("text", "message"), PROBLEMS.items())
def test_problems(tmp_path: Path, text: str, message: str) -> None:
    """Each is told once, whatever the number of combinations, with its line and key."""
    found = problem(tmp_path, f"{MINIMAL}  {text}\n")
    place, _, rest = found.partition(": entries[cc].")
    assert place == f"a.yaml:{5 + text.count(chr(10))}"
    assert rest.startswith(message)


def test_a_wrong_matrix_hides_no_other_problem(tmp_path: Path) -> None:
    """What waits for the matrix isn't told; what has nothing to do with it is."""
    rest = "  matrix: {a: 5}\n  timeout_s: '{matrix.a}'\n  ray: {matrix.a: {5: {}}}\n  repeat: x\n"
    found = problems(tmp_path, MINIMAL + rest)
    assert [text.split(":")[1] for text in found] == ["5", "8"]


def test_a_name_with_a_value(tmp_path: Path) -> None:
    """Names are made, not written."""
    text = "results_dir: r\nentries:\n- name: 'x-{matrix.a}'\n  script: s.py\n  matrix: {a: [1]}\n"
    assert "a.yaml:3: entries[x-{matrix.a}].name: found a placeholder in the name" in problem(tmp_path, text)


def test_too_many(tmp_path: Path) -> None:
    """All matrices together have a bound, told before anything is multiplied."""
    axis = f"[{', '.join(map(str, range(200)))}]"
    found = problem(tmp_path, f"{MINIMAL}  matrix: {{a: {axis}, b: {axis}, c: {axis}}}\n")
    assert found == (
        f"a.yaml:5: entries[cc].matrix: found 8,000,000 combinations, expected at most {MOST_COMBINATIONS:,} in all "
        "matrices together"
    )
    half = ", ".join(map(str, range(MOST_COMBINATIONS // 2)))
    text = f"{MINIMAL}  matrix: {{a: [{half}]}}\n- {{name: b, script: s.py, matrix: {{a: [{half}, x]}}}}\n"
    assert "entries[b].matrix: found 5,001 combinations" in problem(tmp_path, text)
    assert len(load(tmp_path, text.replace(", x]", "]")).entries) == MOST_COMBINATIONS


def test_disabled_entries_are_checked_too(tmp_path: Path) -> None:
    """As anything else of them is."""
    text = MINIMAL + "- {name: gone, enabled: false, script: s.py, matrix: {a: [1, x]}, timeout_s: '{matrix.a}'}\n"
    assert problem(tmp_path, text).startswith("a.yaml:5: entries[gone].timeout_s: found 'x' (text)")
    assert len(load(tmp_path, text.replace("[1, x]", "[1, 2]")).entries) == 1
