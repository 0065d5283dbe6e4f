# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whole configurations: defaults, inheritance, limits, data setups, and what is missing."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from pytest_curator_bench.config import ConfigError, Mark, load_config
from tests.support.config import EVERYTHING, MINIMAL, load, problem, problems


def test_defaults(tmp_path: Path) -> None:
    """The least configuration, and what everything is without being said."""
    config = load(tmp_path, MINIMAL)
    assert config.files == (tmp_path / "a.yaml",)
    assert config.results_dir == tmp_path / "results"
    assert config.artifacts_dir == tmp_path / "results" / "artifacts"
    assert (config.default_timeout_s, config.max_timeout_s) == (7200, None)
    assert (config.cleanup_timeout_s, config.telemetry_interval_s) == (10, 1)
    assert config.delete_scratch
    assert (config.gpu_mem_use_warning_threshold, config.compat) == (0.05, None)
    assert (config.sinks, config.switched_off_sinks, config.data_setups, config.warnings) == ((), (), (), ())
    assert (config.datasets, config.paths, config.run_reason, config.viewer_url) == ({}, {}, None, None)
    (entry,) = config.entries
    assert (entry.name, entry.script, entry.args, entry.env) == ("cc", "bench.py", (), {})
    assert (entry.file, entry.line, entry.timeout_s) == (tmp_path / "a.yaml", 3, 7200)
    assert (entry.marks, entry.ray, entry.delete_scratch, entry.object_store_size) == ((), None, True, None)
    assert (entry.requirements, entry.sink_data, entry.matrix, entry.datasets_used) == ((), {}, {}, ())
    assert (entry.repeat, entry.warmup, entry.repeat_until_ci, entry.exclusive) == (1, 0, None, None)
    assert (entry.retries, entry.retry_on) == (0, ("timeout", "error"))


def test_every_key(tmp_path: Path) -> None:
    """All keys at once, typed and resolved."""
    config = load(tmp_path, EVERYTHING)
    assert (config.results_dir, config.artifacts_dir) == (Path("/r"), Path("/r/big"))
    assert (config.default_timeout_s, config.max_timeout_s) == (100, 1000)
    assert (config.cleanup_timeout_s, config.telemetry_interval_s, config.delete_scratch) == (5, 2, False)
    assert config.gpu_mem_use_warning_threshold == 0.01
    assert (config.run_reason, config.viewer_url_template) == ("nightly", "http://x/{session_name}")
    assert config.paths == {"data": Path("/data")}
    assert config.datasets == {("d", "json"): Path("/data/d.json"), ("d", "parquet"): tmp_path / "rel"}
    rule = {"name": "num_x", "direction": "lower", "unit": "tries", "headline": True, "judge": False}
    assert config.metric_rules == (rule,)
    (setup,) = config.data_setups
    assert (setup.name, setup.args, setup.timeout_s) == ("prep", ("--out", "{data}/x"), 50)
    everything, plain, none, *_cells = config.entries
    assert (everything.line, everything.timeout_s, everything.env) == (
        27,
        200.5,
        {"COMMON": "{data}", "A": "{data}"},
    )
    assert (everything.startup_timeout_s, everything.slurm_max_time_s) == (30, 900)
    assert (plain.startup_timeout_s, plain.slurm_max_time_s) == (60, 1000)
    assert [(use.name, use.format, use.path) for use in everything.datasets_used] == [
        ("d", "json", Path("/data/d.json")),
        ("d", "parquet", tmp_path / "rel"),
    ]
    assert everything.marks == (
        Mark(name="slow"),
        Mark(name="flaky", args=(3,)),
        Mark(name="depends", args=("a", "b")),
        Mark(name="options", kwargs={"k": "v"}),
        Mark(name="bare"),
    )
    assert everything.ray is not None
    assert everything.ray.model_dump() == {
        "num_cpus": 8,
        "num_gpus": 0,
        "enable_object_spilling": True,
        "object_store_memory": 2097152,
        "scope": "session",
        "address": None,
        "job": None,
        "keep_logs": True,
        "dashboard": True,
    }
    assert (everything.object_store_size, everything.delete_scratch) == ("default", True)
    first, *others = everything.requirements
    assert (first.metric, first.min_value, first.max_value, first.warn_below) == ("m", 1, 2, 1.5)
    assert (first.judge, first.xfail) == ("all", "known")
    assert [(type(r.exact_value), r.exact_value) for r in others] == [
        (bool, True),
        (int, 3),
        (float, 3.0),
        (str, "text"),
    ]
    assert everything.sink_data == {"slack": {"ping": ["U1"], "nested": {"a": 1}}}
    assert everything.gpu_mem_use_warning_threshold == 0.2
    assert everything.matrix == {}
    assert (everything.repeat, everything.warmup, everything.repeat_until_ci) == (8, 1, 0.02)
    assert (everything.exclusive, everything.retries, everything.retry_on) == (True, 1, ("timeout", "error"))
    assert plain.ray is not None
    assert (plain.ray.num_cpus, plain.ray.num_gpus, plain.timeout_s) == (8, 1, 100)
    assert (plain.object_store_size, plain.delete_scratch) == (0.5, False)
    assert plain.gpu_mem_use_warning_threshold == 0.01
    assert none.ray is None


@pytest.mark.parametrize(
    ("common", "own", "expected"),
    [
        ("", "", None),
        ("", "ray: {}", (None, None)),
        ("", "ray: {num_cpus: 2}", (2, None)),
        ("ray: {}", "", (None, None)),
        ("ray:", "", None),
        ("ray: {num_cpus: 4, num_gpus: 1}", "", (4, 1)),
        ("ray: {num_cpus: 4, num_gpus: 1}", "ray: {}", (4, 1)),
        ("ray: {num_cpus: 4, num_gpus: 1}", "ray: {num_gpus: 0}", (4, 0)),
        ("ray: {num_cpus: 4}", "ray: {num_cpus: null}", (4, None)),
        ("ray: {num_cpus: 4}", "ray: false", None),
        ("ray: {num_cpus: 4}", "ray: ${NO}", None),
        ("ray: false", "", None),
        ("ray: false", "ray: {num_cpus: 2}", (2, None)),
        ("ray: false", "ray: {}", (None, None)),
    ],
)
def test_ray(tmp_path: Path, common: str, own: str, expected: tuple[int | None, int | None] | None) -> None:
    """An entry gets a cluster only where a section, its own or the global one, says so; keys are inherited."""
    entry = load(tmp_path, f"{common}\n{MINIMAL}  {own}\n", env={"NO": "false"}).entries[0]
    assert (None if entry.ray is None else (entry.ray.num_cpus, entry.ray.num_gpus)) == expected


def test_defaults_of_nemo_curators_own_runner(tmp_path: Path) -> None:
    """One line takes them all, for entries that say nothing."""
    config = load(tmp_path, f"compat: nemo-curator\n{MINIMAL}")
    (entry,) = config.entries
    assert (config.compat, config.max_timeout_s, entry.timeout_s) == ("nemo-curator", 14340, 7200)
    assert (config.cleanup_timeout_s, config.grace_s, config.min_timeout_s) == (60, 10, 600)
    assert (entry.startup_timeout_s, entry.slurm_max_time_s) == (600, 14400)
    assert (entry.object_store_size, entry.gpu_mem_use_warning_threshold) == (0.5, 0)
    assert entry.ray is not None
    assert entry.ray.model_dump(exclude_none=True) == {"num_gpus": 0, "dashboard": True}


def test_what_files_say_overrides_the_defaults_of_the_other_runner(tmp_path: Path) -> None:
    """Every key of a file takes precedence; `compat: null` takes the whole of it back."""
    text = (
        "compat: nemo-curator\nmax_timeout_s: 20000\ncleanup_timeout_s: 30\nmin_timeout_s: 0\nstartup_timeout_s: 60\n"
        "slurm_max_time_s: 5000\nobject_store_size: default\ngpu_mem_use_warning_threshold: 0.01\nray: {num_gpus: 8}\n"
        f"{MINIMAL}  timeout_s: 15000\n"
        "- {name: own, script: s.py, ray: {num_gpus: 2, dashboard: false}}\n"
        "- {name: none, script: s.py, ray: false}\n- {name: there, script: s.py, ray: {address: auto}}\n"
    )
    config = load(tmp_path, text)
    common, own, none, there = config.entries
    assert (config.max_timeout_s, config.cleanup_timeout_s, config.grace_s, config.min_timeout_s) == (20000, 30, 10, 0)
    assert (common.timeout_s, common.startup_timeout_s, common.slurm_max_time_s) == (15000, 60, 5000)
    assert (common.object_store_size, common.gpu_mem_use_warning_threshold) == ("default", 0.01)
    assert [entry.ray and (entry.ray.num_gpus, entry.ray.dashboard) for entry in (common, own, none, there)] == [
        (8, True),
        (2, False),
        None,
        (8, None),
    ]
    ours = load(tmp_path, text, "compat: null\n")
    assert (ours.compat, ours.grace_s, ours.min_timeout_s) == (None, 30, 0)


def test_limits_above_the_other_runners_highest(tmp_path: Path) -> None:
    """The message names the line that chose it; data setups have no such bound there."""
    setup = "data_setups: [{name: d, script: s.py, timeout_s: 20000}]\n"
    assert problem(tmp_path, f"compat: nemo-curator\n{setup}{MINIMAL}  timeout_s: 14341\n") == (
        "a.yaml:7: entries[cc].timeout_s: found 14341, expected at most 14340 "
        "(the default of max_timeout_s, by compat in a.yaml:1)"
    )


@pytest.mark.parametrize(
    ("top", "own", "expected"),
    [
        ("", "", 7200),
        ("default_timeout_s: 50", "", 50),
        ("default_timeout_s: 50", "timeout_s: 60", 60),
        ("default_timeout_s: 50", "timeout_s: null", 50),
        ("max_timeout_s: 100", "", 100),
        ("default_timeout_s: 500\nmax_timeout_s: 100", "", 100),
        ("max_timeout_s: 100", "timeout_s: 100", 100),
        ("", "timeout_s: 2678400", 2678400),
    ],
)
def test_limits(tmp_path: Path, top: str, own: str, expected: float) -> None:
    """The entry's own limit, else the default, which the ceiling caps."""
    entry = load(tmp_path, f"{top}\n{MINIMAL}  {own}\n").entries[0]
    assert entry.timeout_s == expected
    assert type(entry.timeout_s) is float


def test_a_limit_above_the_ceiling(tmp_path: Path) -> None:
    """Both lines are named, also where they stand in different files; so for data setups."""
    over = "max_timeout_s: 100\ndata_setups:\n- {name: d, script: a, timeout_s: 100.5}\n"
    assert problems(tmp_path, MINIMAL + "  timeout_s: 101\n", over) == (
        "a.yaml:5: entries[cc].timeout_s: found 101, expected at most 100 (max_timeout_s in b.yaml:1)",
        "b.yaml:3: data_setups[d].timeout_s: found 100.5, expected at most 100 (max_timeout_s in b.yaml:1)",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("results_dir: r\n", "a.yaml: entries: found none, expected at least one entry"),
        ("results_dir: r\nentries:\n# none\n", "a.yaml:2: entries: found none, expected at least one entry"),
        ("results_dir: r\nentries: []\n", "a.yaml:2: entries: found none, expected at least one entry"),
        (
            MINIMAL + "  enabled: false\n",
            "a.yaml:2: entries: found none that is enabled, expected at least one entry",
        ),
        (
            "entries: [{name: a, script: a.py}]\n",
            "a.yaml: results_dir: found nothing, expected a directory here, or an item results_path in paths",
        ),
        (
            MINIMAL + "viewer_url: a\nviewer_url_template: b\n",
            "a.yaml:6: viewer_url_template: found it beside viewer_url, expected one of the two",
        ),
        ("results_dir: r\nentries: 5\n", "a.yaml:2: entries: found 5, expected a list"),
        ("results_dir: r\nentries: [x]\n", "a.yaml:2: entries[#1]: found 'x' (text), expected a mapping"),
    ],
)
def test_what_a_configuration_must_have(tmp_path: Path, text: str, message: str) -> None:
    """Entries and a place for results; one problem for each."""
    assert problem(tmp_path, text) == message


def test_no_files() -> None:
    """An empty list of files is an error, not an empty configuration."""
    with pytest.raises(ConfigError, match="no configuration file"):
        load_config([], environ={}, strict=False, root_dir=Path("/"))


def test_all_unreadable_files_are_told(tmp_path: Path) -> None:
    """Each by its own problem, before anything is merged."""
    with pytest.raises(ConfigError) as caught:
        load_config([tmp_path / "missing.yaml", tmp_path], environ={}, strict=False, root_dir=tmp_path, display=str)
    assert caught.value.problems == (
        f"{tmp_path}/missing.yaml: found no such file, expected a YAML file",
        f"{tmp_path}: found a directory, expected a YAML file",
    )


def test_merging_across_files(tmp_path: Path) -> None:
    """A paths file and a machine file on top of the benchmarks, as the guide has it."""
    config = load(
        tmp_path,
        "entries:\n"
        "- {name: one, script: a.py, requirements: [{metric: m, min_value: 5}]}\n"
        "- {name: two, script: b.py}\n",
        "results_dir: /from/b\n",
        "results_dir: /from/c\nentries:\n- {name: two, enabled: false}\n- {name: three, script: c.py}\n"
        "- {name: one, requirements: [{metric: m, min_value: 3}], timeout_s: 5}\n",
    )
    assert config.results_dir == Path("/from/c")
    assert [(entry.name, entry.file.name, entry.line) for entry in config.entries] == [
        ("one", "a.yaml", 2),
        ("three", "c.yaml", 4),
    ]
    assert [(r.metric, r.min_value) for r in config.entries[0].requirements] == [("m", 3)]


def test_merge_conflicts_are_told(tmp_path: Path) -> None:
    """With both places, by the names that the user gave."""
    found = problem(tmp_path, MINIMAL + "  env: {A: x}\n", "entries:\n- name: cc\n  env: [A=1]\n")
    assert found == (
        "b.yaml:3: entries[cc].env: found a list, expected a mapping as in a.yaml:5: the two can't be merged"
    )


@pytest.mark.parametrize(
    ("line", "variables", "expected"),
    [
        ("timeout_s: ${T}", {"T": "30"}, 30.0),
        ("timeout_s: ${T:-40}", {}, 40.0),
        ("timeout_s: ${T:-${U}}", {"U": "1.5"}, 1.5),
        ("repeat: ${T}", {"T": "3"}, 3),
        ("exclusive: ${T}", {"T": "yes"}, True),
        ("object_store_size: ${T}", {"T": "default"}, "default"),
        ("object_store_size: ${T}", {"T": "0.25"}, 0.25),
        ("object_store_size: ${T}", {"T": "2097152"}, 2097152),
    ],
)
def test_a_variable_may_stand_for_a_number_or_a_boolean(
    tmp_path: Path, line: str, variables: dict[str, str], expected: object
) -> None:
    """Where the key wants one, and the variable stands there alone."""
    entry = load(tmp_path, MINIMAL + f"  {line}\n", env=variables).entries[0]
    value = getattr(entry, line.partition(":")[0])
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("line", "variables", "message"),
    [
        ("timeout_s: ${T}", {"T": "soon"}, "timeout_s: found the value of '${T}' (text), expected a number of"),
        ("timeout_s: ${T}", {"T": "0b_"}, "timeout_s: found the value of '${T}' (text), expected a number of"),
        ("timeout_s: 1${T}", {"T": "0"}, "timeout_s: found the value of '1${T}' (text), expected a number of"),
        ("timeout_s: ${T}", {"T": "-5"}, "timeout_s: found the value of '${T}' (text), expected a number of"),
        ("timeout_s: ${T}", {}, "timeout_s: found the environment variable T, which is not defined"),
        ("enabled: ${T}", {"T": "maybe"}, "enabled: found the value of '${T}' (text), expected true or false"),
        ("args: ${T", {}, "args: found ${ with something else behind it"),
    ],
)
def test_variables_that_do_not_fit(tmp_path: Path, line: str, variables: dict[str, str], message: str) -> None:
    """The message shows how the value is written, never the value itself."""
    found = problem(tmp_path, MINIMAL + f"  {line}\n", env=variables)
    assert found.startswith(f"a.yaml:5: entries[cc].{message}")


@pytest.mark.parametrize(("value", "expected"), [("false", ["cc"]), ("true", ["cc", "x"]), ("", ["cc", "x"])])
def test_enabled_by_variable(tmp_path: Path, value: str, expected: list[str]) -> None:
    """A variable may switch an entry; empty takes the default."""
    text = MINIMAL + "- {name: x, script: x.py, enabled: '${RUN_X:-true}'}\n"
    assert [entry.name for entry in load(tmp_path, text, env={"RUN_X": value}).entries] == expected


def test_everything_is_frozen(tmp_path: Path) -> None:
    """Nobody downstream changes what was configured."""
    config = load(tmp_path, EVERYTHING)
    with pytest.raises(FrozenInstanceError):
        config.results_dir = Path("/x")  # type: ignore[misc]  # that is the point
    with pytest.raises(FrozenInstanceError):
        config.entries[0].name = "x"  # type: ignore[misc]  # that is the point
    with pytest.raises(ValueError, match="frozen"):
        config.entries[0].requirements[0].min_value = 0


def test_who_answers_for_an_entry(tmp_path: Path) -> None:
    """The entry's own word, else whom Slack pings, whatever form that has."""
    text = """
        results_dir: /r
        machine_class: a100
        entries:
          - {name: own, script: s.py, owner: alice, sink_data: [{name: slack, ping_on_failure: [U1]}]}
          - {name: pinged, script: s.py, sink_data: [{name: slack, ping_on_failure: [U1, U2]}]}
          - {name: one, script: s.py, sink_data: [{name: slack, ping_on_failure: U1}]}
          - {name: wrong, script: s.py, sink_data: [{name: slack, ping_on_failure: {U1: 1}}]}
          - {name: nobody, script: s.py}
        """
    config = load(tmp_path, text)
    assert [entry.owner for entry in config.entries] == ["alice", "U1, U2", "U1", None, None]
    assert config.machine_class == "a100"
