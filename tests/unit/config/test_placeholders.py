# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Placeholders: what is one, what is none, and what comes out of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.config.placeholders import DatasetPath, Placeholders, Scanner, Substitution
from tests.support.config import MINIMAL, load, problem, problems

NAMES = ("session_entry_dir", "scratch_dir", "curator_repo_dir", "datasets_path", "my-data.v2")
DATASETS = {("cc", "json"), ("cc", "parquet"), ("rpv2-2023-14-en", "parquet")}
VALUES = {"session_entry_dir": "/s/e", "scratch_dir": "/scratch", "curator_repo_dir": "/repo"}


def substitution() -> Substitution:
    """A substitution with a value for everything in NAMES and for two datasets."""
    return Substitution(
        Placeholders(
            paths={"datasets_path": "/data with blank", "my-data.v2": "{scratch_dir}"},
            datasets={
                ("cc", "json"): DatasetPath(bases=(Path("/base"),), written="{datasets_path}/cc.jsonl"),
                ("cc", "parquet"): DatasetPath(bases=(Path("/base"),), written="rel/{curator_repo_dir}x"),
            },
        ),
        VALUES,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{session_entry_dir}/x", "/s/e/x"),
        ("a={scratch_dir},{scratch_dir}", "a=/scratch,/scratch"),
        ("--in={dataset:cc,json}", "--in=/data with blank/cc.jsonl"),
        ("{dataset:cc,parquet}", "/base/rel/repox"),
        # A value is not searched for placeholders again.
        ("{my-data.v2}", "{scratch_dir}"),
        ("{{scratch_dir}}", "{scratch_dir}"),
        ("{{{scratch_dir}}}", "{{scratch_dir}}"),
        ("{{anything}}", "{anything}"),
        ("{{dataset:cc,json}}", "{dataset:cc,json}"),
        # Other braces.
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("{'a': 1}", "{'a': 1}"),
        ("a{2,3}b{}{{}}{ x }{{ x }}", "a{2,3}b{}{{}}{ x }{{ x }}"),
        ("{0} {x!r} {x:d} {x", "{0} {x!r} {x:d} {x"),
        ("{a,b}", "{a,b}"),
    ],
)
def test_substitution(text: str, expected: str) -> None:
    """Names and datasets are put in, doubled braces become single, everything else is left alone."""
    put_in = substitution()
    assert put_in.text(text) == expected
    assert not put_in.unresolved


def test_what_has_no_value_is_told() -> None:
    """It stays as it is; in a dataset's path too."""
    put_in = Substitution(
        Placeholders(paths={}, datasets={("d", "f"): DatasetPath(bases=(Path("/"),), written="{curator_repo_dir}/x")}),
        {},
    )
    assert put_in.text("{curator_repo_dir} {scratch_dir} {dataset:d,f}") == (
        "{curator_repo_dir} {scratch_dir} /{curator_repo_dir}/x"
    )
    assert list(put_in.unresolved) == ["{curator_repo_dir}", "{scratch_dir}"]


def test_scan() -> None:
    """A scan names what a text refers to, with problems only for what is unknown."""
    scan = Scanner(NAMES, DATASETS).scan("{scratch_dir} {dataset:cc,json} {{x}} {datasets_path} {2,3}")
    assert scan == (("scratch_dir", "datasets_path"), (("cc", "json"),), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{sesion_entry_dir}",
            (
                "found the unknown placeholder {sesion_entry_dir}; did you mean '{session_entry_dir}'? "
                "Expected one of {curator_repo_dir}, "
                "{dataset:NAME,FORMAT}, {datasets_path}, {my-data.v2}, {scratch_dir}, {session_entry_dir} (write "
                "{{sesion_entry_dir}} for a literal {sesion_entry_dir})"
            ),
        ),
        ("{foo.bar}", "found the unknown placeholder {foo.bar}"),
        ("{matrix.executor}", "found {matrix.executor} where no matrix gives it a value"),
        ("{dataset}", "found '{dataset}', expected {dataset:NAME,FORMAT} without blanks"),
        ("{dataset:cc}", "found '{dataset:cc}', expected {dataset:NAME,FORMAT}"),
        ("{dataset:cc,json,x}", "found '{dataset:cc,json,x}', expected {dataset:NAME,FORMAT}"),
        ("{dataset:cc, json}", "found '{dataset:cc, json}', expected {dataset:NAME,FORMAT}"),
        ("{dataset:cc,", "found '{dataset:cc,', expected {dataset:NAME,FORMAT}"),
        ("{dataset:,}", "found '{dataset:,}'"),
        (
            "{dataset:rpv2-2023-14,parquet}",
            (
                "found the unknown dataset 'rpv2-2023-14'; did you mean 'rpv2-2023-14-en'? "
                "Expected one of cc, rpv2-2023-14-en"
            ),
        ),
        (
            "{dataset:cc,jsonl}",
            (
                "found the unknown format 'jsonl' of the dataset 'cc'; did you mean 'json'? "
                "Expected one of json, parquet"
            ),
        ),
    ],
)
def test_scan_finds_what_is_wrong(text: str, message: str) -> None:
    """Each message says what is known, and the nearest."""
    (found,) = Scanner(NAMES, DATASETS).scan(text).problems
    assert found.startswith(message)


def test_no_datasets_at_all(tmp_path: Path) -> None:
    """The message doesn't offer an empty choice."""
    found = problem(tmp_path, MINIMAL + "  args: '{dataset:a,b}'\n")
    assert (
        found
        == "a.yaml:5: entries[cc].args: found the unknown dataset 'a', expected one that is defined; none are defined"
    )


def test_placeholders_are_checked_everywhere(tmp_path: Path) -> None:
    """Script, its directory, arguments, environment, dataset paths and directories, with their own lines."""
    found = problems(
        tmp_path,
        """\
results_dir: "{nope1}/r"
artifacts_dir: "{nope2}/r"
datasets:
- name: d
  formats:
  - {type: f, path: "{nope3}"}
entries:
- name: cc
  script: "{nope4}.py"
  script_base_dir: "{nope5}"
  args:
  - fine
  - "{nope6}"
  env:
    A: "{nope7}"
data_setups:
- name: prepare
  script: a.py
  args: "{nope8} {nope9}"
""",
    )
    where = [line.partition(": found")[0] for line in found]
    assert where == [
        "a.yaml:1: results_dir",
        "a.yaml:2: artifacts_dir",
        "a.yaml:6: datasets[d].formats[f].path",
        "a.yaml:9: entries[cc].script",
        "a.yaml:10: entries[cc].script_base_dir",
        "a.yaml:13: entries[cc].args[#2]",
        "a.yaml:15: entries[cc].env.A",
        "a.yaml:19: data_setups[prepare].args",
        "a.yaml:19: data_setups[prepare].args",
    ]
    assert all(f"{{nope{number}}}" in line for number, line in enumerate(found, 1))


def test_a_path_with_blanks_stays_one_argument(tmp_path: Path) -> None:
    """Values go in after splitting, and quotes in the values mean nothing."""
    config = load(tmp_path, MINIMAL + "  args: --out={session_entry_dir}/x 'a {scratch_dir}' {{y}}\n")
    command = config.command_values(config.entries[0], session_entry_dir=Path("/a b/'c"), scratch_dir=Path('/d "e'))
    assert command.args == ("--out=/a b/'c/x", 'a /d "e', "{y}")
    assert command.unresolved == ()


def test_disabled_entries_may_name_unknown_things(tmp_path: Path) -> None:
    """Their datasets and variables need not exist."""
    text = MINIMAL + "- {name: unused, enabled: false, script: '${NOPE}', args: '{dataset:a,b} {nope}'}\n"
    assert [entry.name for entry in load(tmp_path, text).entries] == ["cc"]


@given(st.text(alphabet="{}dataset:,ab_.1 \"'", max_size=40))
def test_any_text_can_be_scanned_and_substituted(text: str) -> None:
    """Nothing raises; text without problems and placeholders changes only where braces are doubled."""
    scan = Scanner(NAMES, DATASETS).scan(text)
    result = substitution().text(text)
    if not scan.names and not scan.datasets and not scan.problems and "{{" not in text:
        assert result == text
