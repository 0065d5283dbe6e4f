# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Types, bounds and names: what each key accepts, and the message for what it doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.config import MINIMAL, load, problem, problems

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = "a number of seconds above 0 and at most 2678400 (31 days)"
RAY = "a mapping (`ray: {}` for a cluster with default settings) or false for no cluster"
STORE = "a whole number of bytes (at least 1048576), a fraction of memory such as 0.5, or default"
MARK = "a mark's name (letters, digits and _, no _ first) or a mapping of one name to its arguments"
ENTRY = {
    "timeout_s: -1": f"timeout_s: found -1, expected {LIMIT}",
    "timeout_s: 0": f"timeout_s: found 0, expected {LIMIT}",
    "timeout_s: 2678400.5": f"timeout_s: found 2678400.5, expected {LIMIT}",
    "timeout_s: 1.0e+300": f"timeout_s: found 1e+300, expected {LIMIT}",
    "timeout_s: 1" + "0" * 290: "timeout_s: found 1000000000",
    "timeout_s: .inf": f"timeout_s: found inf, expected {LIMIT}",
    "timeout_s: -.inf": f"timeout_s: found -inf, expected {LIMIT}",
    "timeout_s: .nan": f"timeout_s: found nan, expected {LIMIT}",
    "timeout_s: true": f"timeout_s: found true, expected {LIMIT}",
    "timeout_s: '10'": f"timeout_s: found '10' (text), expected {LIMIT}",
    "timeout_s: 1e3": f"timeout_s: found '1e3' (text), expected {LIMIT}",
    "timeout_s: [1]": f"timeout_s: found a list, expected {LIMIT}",
    "timeout_s: {a: 1}": f"timeout_s: found a mapping, expected {LIMIT}",
    "timeout_s: 2025-01-23": f"timeout_s: found '2025-01-23' (text), expected {LIMIT}",
    "enabled: 'false'": "enabled: found 'false' (text), expected true or false",
    "enabled: 1": "enabled: found 1, expected true or false",
    "delete_scratch: 0": "delete_scratch: found 0, expected true or false",
    "exclusive: maybe": "exclusive: found 'maybe' (text), expected true or false",
    "ray:": f"ray: found nothing, expected {RAY}",
    "ray: true": f"ray: found true, expected {RAY}",
    "ray: [num_cpus]": f"ray: found a list, expected {RAY}",
    "ray: {num_cpus: 1.0}": "ray.num_cpus: found 1.0, expected a whole number from 0 to 1000000",
    "ray: {num_gpus: -1}": "ray.num_gpus: found -1, expected a whole number from 0 to 1000000",
    "ray: {num_gpus: true}": "ray.num_gpus: found true, expected a whole number from 0 to 1000000",
    "ray: {scope: cluster}": "ray.scope: found 'cluster' (text), expected one of entry, session",
    "ray: {address: ''}": "ray.address: found '' (text), expected auto, or the host:port of a cluster's head node",
    "ray: {address: head}": "ray.address: found 'head' (text), expected auto, or the host:port",
    "ray: {address: 'head:70000'}": "ray.address: found 'head:70000' (text), expected auto, or the host:port",
    "ray: {address: 'ray://head:10001'}": "ray.address: found 'ray://head:10001' (text), expected auto, or",
    "ray: {job: 'head:8265'}": "ray.job: found 'head:8265' (text), expected the URL of a cluster's dashboard",
    "ray: {job: 'http://me:secret@head:8265'}": "ray.job: found 'http://***@head:8265' (text), expected the URL",
    "ray: {job: 'http://head:8265', address: auto}": "ray: found address and job, expected one of scope, address",
    "ray: {job: 'http://head:8265', scope: session}": "ray: found scope and job, expected one of scope, address",
    "ray: {object_store_memory: 0.5}": "ray.object_store_memory: found 0.5, expected a whole number of bytes",
    "object_store_size: 1": f"object_store_size: found 1, expected {STORE}",
    "object_store_size: 1.5": f"object_store_size: found 1.5, expected {STORE}",
    "object_store_size: 0.0": f"object_store_size: found 0.0, expected {STORE}",
    "object_store_size: half": f"object_store_size: found 'half' (text), expected {STORE}",
    "object_store_size: true": f"object_store_size: found true, expected {STORE}",
    "marks: slow": "marks: found 'slow' (text), expected a list",
    "marks: [a-b]": f"marks[#1]: found 'a-b' (text), expected {MARK}",
    "marks: [slow, class]": f"marks[#2]: found 'class' (text), expected {MARK}",
    "marks: [{a: 1, b: 2}]": f"marks[#1]: found a mapping, expected {MARK}",
    "marks: [{}]": f"marks[#1]: found a mapping, expected {MARK}",
    "marks: [5]": f"marks[#1]: found 5, expected {MARK}",
    "marks: [timeout]": "marks[#1]: found the mark 'timeout', expected timeout_s for the limit",
    "marks: [{timeout: 5}]": "marks[#1]: found the mark 'timeout', expected timeout_s for the limit",
    "marks: [{parametrize: [a, [1]]}]": "marks[#1]: found the mark 'parametrize', expected matrix for several",
    "marks: [{usefixtures: x}]": "marks[#1]: found the mark 'usefixtures', expected no fixtures",
    "requirements: {metric: a}": "requirements[#1]: found 'a' (text), expected a mapping",
    "requirements: [a]": "requirements[#1]: found 'a' (text), expected a mapping",
    "requirements: [{min_value: 1}]": "requirements[#1].metric: found nothing, expected this key: The metric",
    "requirements: [{metric: a}]": "requirements[a]: found none, expected a bound: min_value, max_value, exact_",
    "requirements: [{metric: a, min_value: x}]": "requirements[a].min_value: found 'x' (text), expected a finite",
    "requirements: [{metric: a, min_value: .nan}]": "requirements[a].min_value: found nan, expected a finite num",
    "requirements: [{metric: a, max_value: .inf}]": "requirements[a].max_value: found inf, expected a finite num",
    "requirements: [{metric: a, min: 1}]": "requirements[a].min: found the unknown key 'min', expected one of ",
    "requirements: [{metric: a, min_value: 2, max_value: 1}]": "requirements[a]: found min_value 2 and max_value 1",
    "requirements: [{metric: a, exact_value: 2, max_value: 1}]": "requirements[a]: found both, expected exact_v",
    "requirements: [{metric: a, exact_value: 2, warn_below: 1}]": "requirements[a]: found both, expected exact_va",
    "requirements: [{metric: a, warn_below: 2, xfail: slow}]": "requirements[a]: found none, expected min_value, ",
    "requirements: [{metric: a, warn_below: 2, warn_above: 1}]": "requirements[a]: found 2 and 1, expected warn_b",
    "requirements: [{metric: a, min_value: 2, warn_below: 2}]": "requirements[a]: found warn_below 2, expected wa",
    "requirements: [{metric: a, max_value: 2, warn_below: 3}]": "requirements[a]: found warn_below 3, expected wa",
    "requirements: [{metric: a, min_value: 2, max_value: 4, warn_above: 5}]": (
        "requirements[a]: found warn_above 5, expected warn_above to lie inside of min_value 2 and max_value 4"
    ),
    "requirements: [{metric: a, exact_value: [1]}]": "requirements[a].exact_value: found a list, expected a num",
    "requirements: [{metric: a, exact_value: .inf}]": "requirements[a].exact_value: found inf, expected a numb",
    "requirements: [{metric: a, min_value: 1, judge: best}]": "requirements[a].judge: found 'best' (text), exp",
    "requirements: [{metric: 5, min_value: 1}]": "requirements[#1].metric: found 5, expected text that isn't em",
    "sink_data: {slack: x}": "sink_data[#1]: found 'x' (text), expected a mapping",
    "sink_data: [{channel: a}]": "sink_data[#1].name: found nothing, expected this key: The sink's name",
    "gpu_mem_use_warning_threshold: 1.1": "gpu_mem_use_warning_threshold: found 1.1, expected a fraction from ",
    "matrix: [a]": "matrix: found a list, expected a mapping",
    "matrix: {a: 5}": "matrix.a: found 5, expected a list",
    "matrix: {a: []}": "matrix: found none for the axis 'a', expected at least one value for each axis",
    "matrix: {a b: [1]}": "matrix: found the axis 'a b', expected axes named with letters, digits and _",
    "matrix: {a: [[1]]}": "matrix.a[#1]: found a list, expected a number, a text, true or false",
    "matrix: {a: [1], include: [5]}": "matrix.include[#1]: found 5, expected a mapping",
    "matrix: {a: [1], exclude: [{a: {b: 1}}]}": "matrix.exclude[#1].a: found a mapping, expected a number, a t",
    "repeat: 0": "repeat: found 0, expected a whole number from 1 to 10000",
    "repeat: 2.0": "repeat: found 2.0, expected a whole number from 1 to 10000",
    "warmup: -1": "warmup: found -1, expected a whole number from 0 to 1000000",
    "retries: many": "retries: found 'many' (text), expected a whole number",
    "retry_on: [unmet]": "retry_on[#1]: found 'unmet' (text), expected one of timeout, error, failed",
    "repeat_until_ci: 2": "repeat_until_ci: found 2, expected a percentage such as 2%",
    "repeat_until_ci: 200%": "repeat_until_ci: found '200%' (text), expected a percentage such as 2%",
    "script_base_dir: 5": "script_base_dir: found 5, expected a path; write it in quotes",
    "timeuot_s: 5": "timeuot_s: found the unknown key 'timeuot_s'; did you mean 'timeout_s'? Expected one of ",
}


@pytest.mark.parametrize("line", ENTRY)
def test_a_wrong_value_in_an_entry(tmp_path: Path, line: str) -> None:
    """One message: file, line, key path, what was found and what was expected."""
    assert problem(tmp_path, MINIMAL + f"  {line}\n").startswith(f"a.yaml:5: entries[cc].{ENTRY[line]}")


def test_settings_of_repeats_that_could_never_act(tmp_path: Path) -> None:
    """An early end needs more runs than the least after which it is looked for; kinds of retries need retries."""
    text = problem(tmp_path, MINIMAL + "  retry_on: [error]\n")
    assert text.startswith("a.yaml:3: entries[cc]: found none, expected retries beside retry_on")
    for line, found in {"repeat_until_ci: 2%": 1, "repeat: 3\n  repeat_until_ci: 2%": 3}.items():
        text = problem(tmp_path, MINIMAL + f"  {line}\n")
        assert text.startswith(f"a.yaml:3: entries[cc]: found repeat {found}, expected repeat above 6 beside repeat_un")
    assert load(tmp_path, MINIMAL + "  repeat: 7\n  repeat_until_ci: 2%\n").entries[0].repeat == 7


TOP = {
    "results_dir: ''": "results_dir: found '' (text), expected a path",
    "artifacts_dir: 5": "artifacts_dir: found 5, expected a path; write it in quotes",
    "default_timeout_s: 0": f"default_timeout_s: found 0, expected {LIMIT}",
    "max_timeout_s: soon": f"max_timeout_s: found 'soon' (text), expected {LIMIT}",
    "min_timeout_s: -1": "min_timeout_s: found -1, expected a number of seconds from 0 to 2678400 (31 days)",
    "cleanup_timeout_s: .nan": "cleanup_timeout_s: found nan, expected a number of seconds from 0 to 2678400",
    "delete_scratch: 5": "delete_scratch: found 5, expected true or false",
    "telemetry: {interval_s: -1}": "telemetry.interval_s: found -1, expected a number of seconds from 0 to 3600",
    "telemetry: {interval: 1}": "telemetry.interval: found the unknown key 'interval'; did you mean 'interval_s'? ",
    "telemetry: 5": "telemetry: found 5, expected a mapping",
    "gpu_mem_use_warning_threshold: -0.1": "gpu_mem_use_warning_threshold: found -0.1, expected a fraction from",
    "run_reason: 5": "run_reason: found 5, expected text that isn't empty; write it in quotes",
    "sinks: {name: slack}": "sinks: found a mapping, expected a list",
    "sinks: [slack]": "sinks[#1]: found text, expected a mapping",
    "sinks: [{enabled: true}]": "sinks[#1].name: found nothing, expected this key: `mlflow`, `slack`, `gdrive`",
    "sinks: [{name: s, class: a.b.C}]": "sinks[s].class: found text, expected package.module:Class",
    "datasets: [{name: d}]": "datasets[d].formats: found nothing, expected this key: The forms in which it exists",
    "datasets: [{name: 'a,b', formats: []}]": "datasets[a,b].name: found 'a,b' (text), expected a name without",
    "datasets: [{name: d, formats: [{type: f}]}]": "datasets[d].formats[f].path: found nothing, expected this k",
    "datasets: [{name: d, formats: [{type: f, path: x, size: 1}]}]": "datasets[d].formats[f].size: found the unk",
    "paths: [{name: p}]": "paths[p].host_path: found nothing, expected this key: The path on the host",
    "paths: [{name: 'a b', host_path: x}]": "paths[a b].name: found 'a b' (text), expected a name that can be a",
    "paths: [{name: dataset, host_path: x}]": "paths[dataset].name: found 'dataset', which is a placeholder of ",
    "paths: [{name: scratch_dir, host_path: x}]": "paths[scratch_dir].name: found 'scratch_dir', which is a pl",
    "paths: [{name: p, host_path: x, container_path: y}]": "paths[p].container_path: found 'y', expected an absol",
    "data_setups: [{name: d}]": "data_setups[d].script: found nothing, expected this key: The script, Python or",
    "data_setups: [{name: d, script: s, ray: {}}]": "data_setups[d].ray: found the unknown key 'ray', expected",
    "ray: 5": f"ray: found 5, expected {RAY}",
    "ray: {num_cpu: 5}": "ray.num_cpu: found the unknown key 'num_cpu'; did you mean 'num_cpus'? Expected one of ",
    "entires: []": "entires: found the unknown key 'entires'; did you mean 'entries'? Expected one of ",
    "timeout_s: 5": "timeout_s: found the unknown key 'timeout_s'; did you mean 'min_timeout_s'? Expected one of ",
}


@pytest.mark.parametrize("line", TOP)
def test_a_wrong_value_at_the_top(tmp_path: Path, line: str) -> None:
    """The same for keys at the top level; values of sinks are shown by type alone."""
    text = f"{line}\nentries: [{{name: cc, script: a.py}}]\n"
    if not line.startswith("results_dir"):
        text += "results_dir: r\n"
    assert problem(tmp_path, text).startswith(f"a.yaml:1: {TOP[line]}")


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("timeuot_s", "timeout_s"),
        ("arg", "args"),
        ("envs", "env"),
        ("sinkdata", "sink_data"),
        ("raay", "ray"),
    ],
)
def test_the_nearest_key_is_suggested(tmp_path: Path, key: str, nearest: str) -> None:
    """A misspelt key is recognised."""
    found = problem(tmp_path, MINIMAL + f"  {key}: 5\n")
    assert f"; did you mean {nearest!r}? Expected one of " in found
    assert found.count(",") == 8  # eight names and how many more


def test_nothing_near_suggests_nothing(tmp_path: Path) -> None:
    """A key like no other gets only the list."""
    assert "did you mean" not in problem(tmp_path, MINIMAL + "  qqqqqq: 5\n")


NAMES = {
    "''": "found '' (text)",
    "a/b": "found 'a/b' (text)",
    "a\\b": "found 'a\\\\b' (text)",
    "'..'": "found '..' (text)",
    "a..b": "found 'a..b' (text)",
    "a::b": "found 'a::b' (text)",
    "'a[1]'": "found 'a[1]' (text)",
    "'a]'": "found 'a]' (text)",
    '"a\\tb"': "found 'a\\tb' (text)",
    '"a\\u2028b"': "found 'a\\u2028b' (text)",
    '"a\\x7f"': "found 'a\\x7f' (text)",
    ".hidden": "found '.hidden' (text)",
    "' a'": "found ' a' (text)",
    "'a '": "found 'a ' (text)",
    "a" * 201: "found 'aaaaaaaaaa",
    "é" * 101: "found 'éééééééééé",
    "yes": "found true, expected a name; write it in quotes",
    "1": "found 1, expected a name; write it in quotes",
    "session.json": "found 'session.json', which session directories use themselves, expected another name",
    "data_setup": "found 'data_setup', which session directories use themselves, expected another name",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("section", ["entries", "data_setups"])
def test_names_that_are_refused(tmp_path: Path, name: str, section: str) -> None:
    """Names become directories and node IDs, so that much is forbidden."""
    text = "results_dir: r\n" + ("entries: [{name: a, script: a.py}]\n" if section == "data_setups" else "")
    (found,) = problems(tmp_path, text + f"{section}:\n- name: {name}\n  script: a.py\n")
    assert NAMES[name] in found


@pytest.mark.parametrize(
    "name",
    ["a", "cc_extraction", "a b", "a:b", "a.b", "é ü", "日本", "a-b+c=d,e(f)", "a" * 200, "A@b#c%d'e\"f"],
)
def test_names_that_are_accepted(tmp_path: Path, name: str) -> None:
    """Anything else is a name."""
    quoted = name.replace("'", "''")
    config = load(tmp_path, f"results_dir: r\nentries:\n- name: '{quoted}'\n  script: a.py\n")
    assert config.entries[0].name == name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            MINIMAL + "- name: cc\n  script: b.py\n",
            "a.yaml:5: entries: found the name 'cc' twice (first in a.yaml:3), expected it once",
        ),
        (
            MINIMAL + "- {name: cc, script: b.py, enabled: false}\n",
            "a.yaml:5: entries: found the name 'cc' twice (first in a.yaml:3), expected it once",
        ),
        (
            MINIMAL + "  requirements:\n  - {metric: m, min_value: 1}\n  - {metric: m, max_value: 1}\n",
            "a.yaml:7: entries[cc].requirements: found the metric 'm' twice (first in a.yaml:6), expected it once",
        ),
        (
            MINIMAL + "  sink_data:\n  - {name: slack}\n  - {name: slack}\n",
            "a.yaml:7: entries[cc].sink_data: found the name 'slack' twice (first in a.yaml:6), expected it once",
        ),
        (
            MINIMAL + "sinks:\n- {name: slack}\n- {name: slack}\n",
            "a.yaml:7: sinks: found the name 'slack' twice (first in a.yaml:6), expected it once",
        ),
        (
            MINIMAL + "paths:\n- {name: p, host_path: a}\n- {name: p, host_path: b}\n",
            "a.yaml:7: paths: found the name 'p' twice (first in a.yaml:6), expected it once",
        ),
        (
            MINIMAL + "datasets:\n- name: d\n  formats:\n  - {type: f, path: a}\n  - {type: f, path: b}\n",
            "a.yaml:9: datasets[d].formats: found the type 'f' twice (first in a.yaml:8), expected it once",
        ),
        (
            MINIMAL + "data_setups:\n- {name: d, script: a}\n- {name: d, script: a}\n",
            "a.yaml:7: data_setups: found the name 'd' twice (first in a.yaml:6), expected it once",
        ),
    ],
)
def test_double_names(tmp_path: Path, text: str, found: str) -> None:
    """Two things of one name in one file are a mistake, told with both lines."""
    assert problem(tmp_path, text) == found


def test_names_may_become_equal_through_variables(tmp_path: Path) -> None:
    """They are compared when variables are put in."""
    text = MINIMAL + "- {name: '${N}', script: b.py}\n"
    assert "found the name 'cc' twice" in problem(tmp_path, text, env={"N": "cc"})
    assert len(load(tmp_path, text, env={"N": "dd"}).entries) == 2


def test_all_problems_are_told_in_order(tmp_path: Path) -> None:
    """One run finds them all, by file and line; the message shows twenty and counts the rest."""
    from pytest_curator_bench.config import ConfigError

    first = "default_timeout_s: -1\n" + MINIMAL
    second = "entries:\n" + "".join(f"- {{name: e{n}, script: a.py, timeout_s: -1}}\n" for n in range(24))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, first, second)
    assert len(caught.value.problems) == 25
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("a.yaml:1: default_timeout_s")
    assert [line.partition(": ")[0] for line in lines[1:20]] == [f"b.yaml:{n}" for n in range(2, 21)]
    assert lines[20:] == ["... and 5 more"]


def test_messages_are_one_line_each(tmp_path: Path) -> None:
    """Control characters in what was found are escaped, long texts are cut."""
    found = problem(tmp_path, MINIMAL + '  ray: {scope: "a\\nb\\e[31m' + "x" * 200 + '"}\n')
    assert "\n" not in found
    assert "\x1b" not in found
    assert len(found) < 200
    key = problem(tmp_path, MINIMAL + '  "a\\nb": 1\n')
    assert "entries[cc].a\\nb: found the unknown key 'a\\nb'" in key


def test_disabled_items_are_checked(tmp_path: Path) -> None:
    """Unknown keys and wrong types are found in what is switched off, undefined variables are not."""
    off = "enabled: false"
    text = (
        MINIMAL
        + f"- {{name: x, script: a, {off}, timeuot_s: 1, timeout_s: '${{NOPE}}', ray: '${{NOPE}}'}}\n"
        + f"sinks:\n- {{name: s, {off}, class: wrong, url: '${{NOPE}}'}}\n"
        + f'data_setups:\n- {{name: d, {off}, script: a, args: "\'"}}\n'
    )
    found = problems(tmp_path, text)
    assert [line.split(" found")[0] for line in found] == [
        "a.yaml:5: entries[x].timeuot_s:",
        "a.yaml:7: sinks[s].class:",
        "a.yaml:9: data_setups[d].args:",
    ]
