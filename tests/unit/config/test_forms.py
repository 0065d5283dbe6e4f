# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What may be written in several forms, what an overlay switches off, and what the previous runner read otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.config import ConfigError, load_config
from tests.support.config import MINIMAL, load, problem, problems, write_files

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_curator_bench.config import BenchConfig, Entry


def entry(directory: Path, *texts: str) -> Entry:
    """The only entry."""
    (found,) = load(directory, *texts).entries
    return found


def lenient(directory: Path, *texts: str) -> BenchConfig:
    """The configuration with unknown keys as warnings."""
    return load_config(
        write_files(directory, *texts),
        environ={},
        strict_keys=False,
        root_dir=directory,
        display=lambda file: file.name,
    )


def test_environment_is_env(tmp_path: Path) -> None:
    """At the top, in entries and in data setups, in one file or several, merged by the variable's name."""
    base = "env: {A: top, B: top, C: top}\ndata_setups: [{name: p, script: p.py, environment: {B: own}}]\n" + MINIMAL
    config = load(tmp_path, base + "  environment: {B: base, C: base}\n", "entries: [{name: cc, env: {C: over}}]\n")
    assert config.entries[0].env == {"A": "top", "B": "base", "C": "over"}
    assert config.data_setups[0].env == {"A": "top", "B": "own", "C": "top"}


def test_environment_beside_env(tmp_path: Path) -> None:
    """Nobody knows which is meant."""
    text = MINIMAL + "  env: {A: x}\n  environment: {A: y}\n"
    assert "entries[cc].environment: found environment beside env" in problem(tmp_path, text)


def test_placeholders_of_the_common_environment(tmp_path: Path) -> None:
    """A dataset in it is one that each entry uses; a wrong one is named where it stands."""
    datasets = "datasets: [{name: d, formats: [{type: json, path: /d}]}]\n"
    found = entry(tmp_path, datasets + "env: {DATA: '{dataset:d,json}'}\n" + MINIMAL)
    assert [use.name for use in found.datasets_used] == ["d"]
    assert problem(tmp_path, "env: {DATA: '{dat}'}\n" + MINIMAL).startswith("a.yaml:1: env.DATA: found the unknown")


def test_requirements_and_sink_data_by_name(tmp_path: Path) -> None:
    """Mappings and lists are the same thing, and merge with one another."""
    base = (
        MINIMAL + "  requirements: {m: {min_value: 1, max_value: 5}, n: {exact_value: 2}}\n  sink_data: {s: {a: 1}}\n"
    )
    over = "entries:\n- name: cc\n  requirements: [{metric: m, min_value: 2}]\n  sink_data: [{name: s, b: 2}]\n"
    found = entry(tmp_path, base, over)
    assert [(one.metric, one.min_value, one.max_value) for one in found.requirements] == [
        ("m", 2, 5),
        ("n", None, None),
    ]
    assert found.sink_data == {"s": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    "over",
    ["requirements: {m: null}", "requirements: [{metric: m, enabled: false}]", "requirements: {m: {enabled: false}}"],
)
def test_an_overlay_drops_one_requirement(tmp_path: Path, over: str) -> None:
    """The others stay."""
    base = MINIMAL + "  requirements: [{metric: m, min_value: 1}, {metric: n, min_value: 1}]\n"
    found = entry(tmp_path, base, f"entries:\n- name: cc\n  {over}\n")
    assert [one.metric for one in found.requirements] == ["n"]


def test_items_of_other_lists_are_switched_off(tmp_path: Path) -> None:
    """Datasets, formats, paths and settings for sinks."""
    base = (
        "datasets:\n- {name: d, formats: [{type: json, path: /d}, {type: csv, path: /c}]}\n"
        "- {name: e, formats: [{type: json, path: /e}]}\npaths: [{name: p, host_path: /p}, {name: q, host_path: /q}]\n"
    )
    over = (
        "datasets:\n- {name: d, formats: [{type: csv, enabled: false}]}\n- {name: e, enabled: false}\n"
        "paths: [{name: q, enabled: false}]\nentries: [{name: cc, sink_data: [{name: s, enabled: false}]}]\n"
    )
    config = load(tmp_path, base + MINIMAL + "  sink_data: [{name: s, a: 1}, {name: t, enabled: true}]\n", over)
    assert set(config.datasets) == {("d", "json")}
    assert set(config.paths) == {"p"}
    assert config.entries[0].sink_data == {"t": {}}


def test_a_switch_may_depend_on_the_matrix(tmp_path: Path) -> None:
    """What one combination is not held to."""
    text = (
        MINIMAL + "  matrix: {size: [1, 2]}\n  requirements:\n"
        "  - {metric: m, min_value: 1, enabled: {matrix.size: {1: true, 2: false}}}\n"
    )
    assert [len(one.requirements) for one in load(tmp_path, text).entries] == [1, 0]


def test_what_null_has_removed_begins_anew(tmp_path: Path) -> None:
    """A later file's requirement counts, and nothing of the removed one; so do settings for a sink."""
    base = MINIMAL + "  requirements: [{metric: m, min_value: 1, max_value: 5}]\n  sink_data: {s: {a: 1}}\n"
    drop = "entries: [{name: cc, requirements: {m: null}, sink_data: {s: null}}]\n"
    again = "entries: [{name: cc, requirements: {m: {min_value: 7}}, sink_data: [{name: s, b: 2}]}]\n"
    found = entry(tmp_path, base, drop, again)
    assert [(one.metric, one.min_value, one.max_value) for one in found.requirements] == [("m", 7, None)]
    assert found.sink_data == {"s": {"b": 2}}
    found = entry(tmp_path, base, drop)
    assert (found.requirements, found.sink_data) == ((), {})


def test_a_choice_in_a_mapping_by_name(tmp_path: Path) -> None:
    """Settings of one metric by the value of an axis; null leaves it out."""
    text = MINIMAL + (
        "  matrix: {size: [1, 2], kind: [a]}\n  requirements:\n    n: {max_value: 9}\n"
        "    m: {matrix.size: {1: {min_value: {matrix.kind: {a: 3}}}, 2: null}}\n"
        "  sink_data: {s: {matrix.size: {1: {matrix.kind: {a: {x: 1}}}, 2: {x: 2}}}}\n"
    )
    one, two = load(tmp_path, text).entries
    assert [(found.metric, found.min_value) for found in one.requirements] == [("n", None), ("m", 3)]
    assert [found.metric for found in two.requirements] == ["n"]
    assert (one.sink_data, two.sink_data) == ({"s": {"x": 1}}, {"s": {"x": 2}})


@pytest.mark.parametrize(
    ("over", "bounds"),
    [
        ("null", [None, None]),
        ("{min_value: 9}", [9, 9]),
        ("{matrix.x: {b: {min_value: 5}}}", [3, 5]),
        ("{matrix.x: {a: null}}", [None, None]),
        ("{matrix.y: {c: {min_value: 7}}}", [7, 7]),
    ],
)
def test_an_overlay_finds_a_choice_by_its_name(tmp_path: Path, over: str, bounds: list[float | None]) -> None:
    """It removes or replaces it, or changes what it has for some values."""
    base = "  matrix: {x: [a, b], y: [c]}\n  requirements: {m: {matrix.x: {a: {min_value: 3}, b: null}}}\n"
    config = load(tmp_path, MINIMAL + base, f"entries: [{{name: cc, requirements: {{m: {over}}}}}]\n")
    assert [one.requirements[0].min_value if one.requirements else None for one in config.entries] == bounds


def test_a_choice_takes_the_place_of_an_item_of_its_name(tmp_path: Path) -> None:
    """In a later file."""
    base = MINIMAL + "  matrix: {x: [a, b]}\n  requirements: [{metric: m, min_value: 3, judge: all}]\n"
    over = "entries: [{name: cc, requirements: {m: {matrix.x: {a: {min_value: 4}, b: {min_value: 5}}}}}]\n"
    found = [one.requirements[0] for one in load(tmp_path, base, over).entries]
    assert [(one.min_value, one.judge) for one in found] == [(4, None), (5, None)]


def test_null_removes_what_an_earlier_file_says(tmp_path: Path) -> None:
    """A key of a mapping, or a whole list, as whoever writes it expects."""
    base = (
        "ray: {num_cpus: 4, num_gpus: 1}\n" + MINIMAL + "  timeout_s: 5\n  requirements: [{metric: m, min_value: 1}]\n"
    )
    found = entry(tmp_path, base, "ray: {num_gpus: null}\nentries: [{name: cc, timeout_s: ~, requirements: null}]\n")
    assert found.ray is not None
    assert (found.ray.num_cpus, found.ray.num_gpus, found.requirements, found.timeout_s) == (4, None, (), 7200)


def test_a_list_with_nothing_behind_it_is_named(tmp_path: Path) -> None:
    """All of it may have been commented out by accident."""
    config = load(tmp_path, MINIMAL + "sinks: [{name: jsonl}]\n", "sinks:\n# - name: csv\n")
    assert config.sinks == ()
    removes = "b.yaml:1: sinks: nothing stands behind it, which removes what a.yaml:5 says"
    assert config.warnings == (f"{removes}: write null if that is meant, else leave the key out",)


def test_what_only_adds_to_an_entry_that_is_not_there(tmp_path: Path) -> None:
    """The message says so, and names the near one; or it is a warning, since overlays lag behind renamed entries."""
    over = "entries:\n- {name: cccc, timeout_s: 5}\n"
    text = (
        "b.yaml:2: entries[cccc]: found 'cccc' without a script, and no other file has an entry of that name; "
        "did you mean 'cc'?"
    )
    assert problem(tmp_path, MINIMAL, over) == text
    config = lenient(tmp_path, MINIMAL, over)
    assert config.warnings == (text,)
    assert [one.name for one in config.entries] == ["cc"]


def test_parts_of_an_entry_come_in_any_order(tmp_path: Path) -> None:
    """An overlay may stand before the file that has the entry."""
    paths = "results_dir: r\n"
    over = "entries: [{name: cc, timeout_s: 5, enabled: true}]\n"
    assert load(tmp_path, paths, over, MINIMAL).entries[0].timeout_s == 5
    assert load(tmp_path, over, MINIMAL).entries[0].timeout_s == 5
    assert "entries[#2].name: found nothing" in problem(tmp_path, paths, MINIMAL + "- script: s.py\n")


def test_what_only_adds_to_a_data_setup_that_is_not_there(tmp_path: Path) -> None:
    """Of a file that isn't given: the same, also where no file has any."""
    over = "data_setups:\n- {name: fleurs, enabled: false}\n"
    found = "found 'fleurs' without a script, and no other file has a data setup of that name"
    text = f"b.yaml:2: data_setups[fleurs]: {found}"
    assert problem(tmp_path, MINIMAL, over) == text
    config = lenient(tmp_path, MINIMAL, over)
    assert (config.warnings, config.data_setups) == ((text,), ())


def tolerant(directory: Path, *texts: str) -> tuple[Entry, ...]:
    """The entries, each with its own problems."""
    files = write_files(directory, *texts)
    return load_config(files, environ={}, strict_entries=False, root_dir=directory).entries


def test_what_is_known_of_an_entry_that_lacks_a_variable(tmp_path: Path) -> None:
    """What selects and delivers it: `-m 'not gpu'` must leave it out, and Slack ping its owner."""
    _, bad = tolerant(
        tmp_path,
        MINIMAL + "- {name: bad, script: s.py, args: '${NO}', marks: [slow, '${NO}'], timeout_s: 5, retry_on: [error],"
        " retries: '${NO}', ray: {num_gpus: 8, num_cpus: '${NO}'},"
        " sink_data: [{name: a, b: 1}, {name: c, d: '${NO}'}]}\n",
    )
    assert [mark.name for mark in bad.marks] == ["slow"]
    assert bad.ray is not None
    assert bad.ray.model_dump(exclude_none=True) == {"num_gpus": 8}
    assert (bad.timeout_s, bad.sink_data) == (5, {"a": {"b": 1}})
    assert len(bad.problems) == 5


def test_nothing_refers_to_a_matrix_that_lacks_a_variable(tmp_path: Path) -> None:
    """It is one problem of its entry."""
    keys = "marks: ['{matrix.x}', gpu], timeout_s: {matrix.x: {a: 1}}, ray: {matrix.x: {a: {num_gpus: 1}}}"
    _, bad = tolerant(tmp_path, MINIMAL + f"- {{name: bad, script: s.py, matrix: {{x: [a, '${{NO}}']}}, {keys}}}\n")
    assert [mark.name for mark in bad.marks] == ["gpu"]
    assert [one.path for one in bad.problems] == ["entries[bad].matrix.x[#2]"]


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ("args: '{matrix.no}', matrix: {x: [1]}", "args"),
        ("marks: ['{matrix.no}'], matrix: {x: [1]}", "marks[#1]"),
        ("timeout_s: '{matrix.no}', matrix: {x: [1]}", "timeout_s"),
        ("marks: ['{matrix.no}']", "marks[#1]"),
    ],
)
def test_a_reference_to_a_matrix_that_has_no_value_is_the_entrys_own_problem(
    tmp_path: Path, keys: str, path: str
) -> None:
    """As any other placeholder that is not defined; the rest of the entry is checked all the same."""
    text = MINIMAL + f"- {{name: bad, script: s.py, {keys}}}\n"
    good, bad = tolerant(tmp_path, text)
    assert not good.problems
    assert [one.path for one in bad.problems] == [f"entries[bad].{path}"]
    assert problems(tmp_path, text)[-1].startswith(f"a.yaml:5: entries[bad].{path}: found {{matrix.no}}")
    with pytest.raises(ConfigError, match=r"repeat: found 'x' \(text\)"):
        tolerant(tmp_path, text.replace("}\n", ", repeat: x}\n"))


def test_one_combination_that_lacks_a_value_stops_no_other(tmp_path: Path) -> None:
    """They are entries of their own."""
    matrix = "matrix: {x: [1, 2], include: [{x: 1, limit: 5}]}, timeout_s: '{matrix.limit}'"
    _, good, bad = tolerant(tmp_path, MINIMAL + f"- {{name: m, script: s.py, {matrix}}}\n")
    assert (good.name, good.timeout_s, good.problems) == ("m[1]", 5, ())
    assert (bad.name, len(bad.problems)) == ("m[2]", 1)


@pytest.mark.parametrize("off", ["enabled: false", "args: '${NO}'"])
def test_what_is_switched_off_in_an_entry_that_does_not_run(tmp_path: Path, off: str) -> None:
    """A requirement without a bound is no mistake there either."""
    requirements = "requirements: {m: null}, sink_data: [{name: a, enabled: false}]"
    tolerant(tmp_path, MINIMAL + f"- {{name: b, script: s.py, {off}, {requirements}}}\n")


def test_an_empty_mapping_by_name_changes_nothing(tmp_path: Path) -> None:
    """As any mapping: only an empty list empties a list."""
    base = MINIMAL + "  requirements: [{metric: m, min_value: 1}]\n"
    assert len(entry(tmp_path, base, "entries: [{name: cc, requirements: {}}]\n").requirements) == 1
    assert entry(tmp_path, MINIMAL + "  requirements: {}\n").requirements == ()


def test_a_variable_that_no_file_sets_may_be_removed(tmp_path: Path) -> None:
    """Overlays lag behind their base; where a file stands alone nothing is removed."""
    over = "entries: [{name: cc, environment: {GONE: null}}]\n"
    assert entry(tmp_path, MINIMAL + "  env: {A: b}\n", over).env == {"A": "b"}


def test_a_path_that_is_not_defined_is_the_entrys_own_problem(tmp_path: Path) -> None:
    """Where the dataset that names it is used; elsewhere it is none."""
    datasets = "datasets: [{name: d, formats: [{type: json, path: '{nope}/d'}, {type: csv, path: /d}]}]\n"
    text = datasets + MINIMAL + "- {name: bad, script: s.py, args: '{dataset:d,json}'}\n"
    assert problem(tmp_path, text).startswith("a.yaml:1: datasets[d].formats[json].path: found the unknown placeholder")
    config = load_config(write_files(tmp_path, text), environ={}, strict_entries=False, root_dir=tmp_path)
    assert [len(one.problems) for one in config.entries] == [0, 1]
    assert config.entries[1].problems[0].path == "datasets[d].formats[json].path"
    assert set(config.datasets) == {("d", "csv")}


def test_a_variable_of_a_dataset_stops_those_that_use_it(tmp_path: Path) -> None:
    """And nobody where the dataset, its format or a path is switched off."""
    datasets = "datasets: [{name: d, formats: [{type: json, path: '${NO}/{nope}'}]}]\n"
    text = datasets + MINIMAL + "- {name: bad, script: s.py, args: '{dataset:d,json}'}\n"
    assert problem(tmp_path, text).startswith(
        "a.yaml:1: datasets[d].formats[json].path: found the environment variable"
    )
    good, bad = tolerant(tmp_path, text)
    assert (len(good.problems), [one.kind for one in bad.problems]) == (0, ["variable"])
    off = "paths: [{name: p, host_path: '${NO}', enabled: false}]\n" + MINIMAL
    for formats in ("enabled: false, formats: [{type: a, path: '${NO}'}]", "formats: [{type: a, enabled: false}]"):
        load(tmp_path, off, f"datasets: [{{name: d, {formats}}}]\n")


def test_a_script_that_lacks_a_variable_has_one_problem(tmp_path: Path) -> None:
    """What is left of its text is no placeholder."""
    text = MINIMAL + "- {name: bad, script: '${NOT_DEFINED}/s.py'}\n"
    config = load_config(write_files(tmp_path, text), environ={}, strict_entries=False, root_dir=tmp_path)
    assert [one.kind for one in config.entries[1].problems] == ["variable"]


def test_unknown_keys_as_warnings(tmp_path: Path) -> None:
    """At any depth, for keys that only other tools read; nothing else is let pass."""
    config = lenient(
        tmp_path, "ci: {nightly: true}\n" + MINIMAL + "  owner_team: data\n  ray: {num_cpus: 2, gang: 1}\n"
    )
    assert sorted(config.warnings) == [
        "a.yaml:1: ci: found the unknown key 'ci', which is ignored",
        "a.yaml:6: entries[cc].owner_team: found the unknown key 'owner_team', which is ignored; did you mean 'owner'?",
        "a.yaml:7: entries[cc].ray.gang: found the unknown key 'gang', which is ignored",
    ]
    assert config.entries[0].ray is not None
    assert config.entries[0].ray.num_cpus == 2
    with pytest.raises(ConfigError, match=r"repeat: found 'x' \(text\)"):
        lenient(tmp_path, "ci: 1\n" + MINIMAL + "  repeat: x\n")
    assert problem(tmp_path, "ci: 1\n" + MINIMAL).endswith(
        "; for keys that other tools read: --bench-unknown-keys=warn"
    )


def test_nothing_in_an_ignored_key_is_wrong(tmp_path: Path) -> None:
    """A variable of the CI system, a form that changes from file to file, a placeholder: only its tools know."""
    base = (
        "ci: {account: '${NOT_DEFINED}'}\n"
        + MINIMAL
        + (
            "  ci: {queue: '${NOT_DEFINED}'}\n  matrix: {size: [1, 2]}\n"
            "  ray: {matrix.size: {1: {num_cpus: 1, gang: '${NOT_DEFINED}'}, 2: {num_cpus: 2}}}\n  x-mine: 1\n"
        )
    )
    config = lenient(tmp_path, base, "ci: [other]\nentries: [{name: cc, ci: [other]}]\n")
    assert [(one.problems, one.ray.num_cpus) for one in config.entries if one.ray] == [((), 1), ((), 2)]
    assert [text.partition(": ")[0] for text in config.warnings] == [
        "a.yaml:1", "a.yaml:6", "a.yaml:8", "b.yaml:1", "b.yaml:2"
    ]  # fmt: skip


@pytest.mark.parametrize("empty", ["", "# nothing yet\n", "---\n"])
def test_an_overlay_may_be_empty(tmp_path: Path, empty: str) -> None:
    """It changes nothing; nothing at all is no configuration."""
    assert entry(tmp_path, MINIMAL, empty).name == "cc"
    assert (
        problem(tmp_path, empty) == "a.yaml: found nothing in the file, expected a mapping with results_dir and entries"
    )


def test_documents_of_one_file_merge_in_order(tmp_path: Path) -> None:
    """As if they were files of their own."""
    assert entry(tmp_path, MINIMAL + "  timeout_s: 5\n---\nentries: [{name: cc, timeout_s: 6}]\n").timeout_s == 6


def test_where_the_previous_runner_merges_otherwise(tmp_path: Path) -> None:
    """Named by place, for who changes over."""
    base = MINIMAL + "  args: [a]\n  marks: [x]\n  requirements: [{metric: m, min_value: 1}]\n"
    over = "entries:\n- name: cc\n  args: [b]\n  marks: []\n  requirements: []\n"
    assert load(tmp_path, base, over).differences == (
        "b.yaml:3: entries[cc].args: replaces the list; run.py appends to it",
        "b.yaml:4: entries[cc].marks: empties the list; run.py keeps it",
        "b.yaml:5: entries[cc].requirements: empties the list; run.py keeps it",
    )
    over = (
        "entries:\n- name: cc\n  args: [{matrix.n: {1: b}}]\n  matrix: {n: [1]}\n  requirements: {m: {max_value: 2}}\n"
    )
    assert load(tmp_path, base, over).differences == (
        "b.yaml:3: entries[cc].args: replaces the list; run.py appends to it",
        "b.yaml:5: entries[cc].requirements: merges a mapping by name and a list; run.py replaces the earlier one",
    )


MERGES = "merges a mapping by name and a list; run.py replaces the earlier one"


@pytest.mark.parametrize(
    ("base", "over", "difference"),
    [
        ("[{metric: m, min_value: 1}]", "{n: {min_value: 1}}", MERGES),
        ("{m: {min_value: 1}}", "[{metric: n, min_value: 1}]", MERGES),
        ("{m: {min_value: 1}}", "{n: {min_value: 1}}", None),
        ("{m: {min_value: 1}}", "{}", None),
        ("[{metric: m, min_value: 1}]", "{}", None),
        ("{m: {min_value: 1}}", "[]", None),
    ],
)
def test_where_it_takes_a_mapping_and_a_list_otherwise(
    tmp_path: Path, base: str, over: str, difference: str | None
) -> None:
    """It merges each with its like alone."""
    config = load(
        tmp_path,
        f"{MINIMAL}  requirements: {base}\n",
        f"entries:\n- name: cc\n  requirements: {over}\n",
        f"entries:\n- name: cc\n  requirements: {over}\n",
    )
    shown = [text.partition(": entries[cc].requirements: ") for text in config.differences]
    assert [(place, text) for place, _, text in shown if place == "b.yaml:3"] == (
        [("b.yaml:3", difference)] if difference else []
    )
    assert not [place for place, _, _ in shown if place == "c.yaml:3"]
