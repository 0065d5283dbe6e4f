# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Directories, datasets, host and container, deprecated keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_curator_bench.config.paths import uses_container_paths
from tests.support.config import MINIMAL, load, problem

ENTRIES = "entries: [{name: a, script: a.py, args: '{p}'}]\n"
PATHS = """\
results_dir: /r
paths:
- {name: p, host_path: /host/p, container_path: /inside/p}
- {name: q, host_path: /host/q}
- {name: r, host_path: rel/r}
datasets: [{name: d, formats: [{type: f, path: "{q}/d"}]}]
"""
HOST, INSIDE = {"CURATOR_BENCH_IN_CONTAINER": "0"}, {"CURATOR_BENCH_IN_CONTAINER": "1"}


def test_on_the_host(tmp_path: Path) -> None:
    """Names stand for host paths, relative ones start at their file."""
    config = load(tmp_path, PATHS + ENTRIES, env=HOST)
    assert config.paths == {"p": Path("/host/p"), "q": Path("/host/q"), "r": tmp_path / "rel" / "r"}
    assert config.datasets == {("d", "f"): Path("/host/q/d")}


def test_in_a_container(tmp_path: Path) -> None:
    """Names stand for container paths, by default the host path below /MOUNT; a relative one lies beside its file."""
    config = load(tmp_path, PATHS + ENTRIES, env=INSIDE)
    assert config.paths == {
        "p": Path("/inside/p"),
        "q": Path("/MOUNT/host/q"),
        "r": tmp_path / "rel/r",
    }
    assert config.datasets == {("d", "f"): Path("/MOUNT/host/q/d")}
    command = config.command_values(config.entries[0], session_entry_dir=Path("/s"), scratch_dir=Path("/t"))
    assert command.args == ("/inside/p",)


@pytest.mark.parametrize(
    ("files", "said", "expected"),
    [
        ([], None, False),
        ([".dockerenv"], None, False),
        (["inside/p"], None, False),
        ([".dockerenv", "inside/p"], None, False),  # a virtual machine made from an image
        (["run/.containerenv"], None, False),
        (["run/.containerenv", "inside/p"], None, True),
        ([".dockerenv", "inside/p"], "0", False),
        ([".dockerenv", "inside/p"], "", False),
        ([], "1", True),
        ([], "Yes", True),
        ([], "off", False),
    ],
)
def test_signs_of_a_container(tmp_path: Path, files: list[str], said: str | None, expected: bool) -> None:
    """A marker file alone proves nothing: a configured path must be there too; the variable decides over both."""
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    environ = {} if said is None else {"CURATOR_BENCH_IN_CONTAINER": said}
    assert uses_container_paths(environ, [Path("/inside/p"), Path("/inside/q")], tmp_path) is expected


def test_a_variable_that_is_neither_yes_nor_no(tmp_path: Path) -> None:
    """It is told by name."""
    found = problem(tmp_path, MINIMAL, env={"CURATOR_BENCH_IN_CONTAINER": "perhaps"})
    assert found == ("found 'perhaps' in the environment variable CURATOR_BENCH_IN_CONTAINER, expected 1 or 0")


@pytest.mark.parametrize(
    ("text", "env", "results", "artifacts"),
    [
        ("results_dir: ./results", {}, "{here}/results", "{here}/results/artifacts"),
        ("results_dir: ../r", {}, "{here}/../r", "{here}/../r/artifacts"),
        ("results_dir: ~/r", {"HOME": "/home/me"}, "/home/me/r", "/home/me/r/artifacts"),
        ("results_dir: ${HOME}/r", {"HOME": "/home/me"}, "/home/me/r", "/home/me/r/artifacts"),
        ("results_dir: /r\nartifacts_dir: a", {}, "/r", "{here}/a"),
        ("results_dir: /r\nartifacts_dir: '{results_dir}/../big'", {}, "/r", "/r/../big"),
        ("results_dir: '{p}/r'\npaths: [{name: p, host_path: /p}]", {}, "/p/r", "/p/r/artifacts"),
        ("paths: [{name: results_path, host_path: /p/r}]", {}, "/p/r", "/p/r/artifacts"),
        ("results_dir: /r\npaths: [{name: results_path, host_path: /p/r}]", {}, "/r", "/r/artifacts"),
        ("results_dir: '{{x}}'", {}, "{here}/{{x}}", "{here}/{{x}}/artifacts"),
    ],
)
def test_directories(tmp_path: Path, text: str, env: dict[str, str], results: str, artifacts: str) -> None:
    """Relative to the file, home and placeholders put in; ``results_dir`` goes before the path of that use."""
    config = load(tmp_path, f"{text}\nentries: [{{name: a, script: a.py}}]\n", env=HOST | env)
    if "{{x}}" in text:
        assert config.results_dir == tmp_path / "{x}"
        return
    assert config.results_dir == Path(results.format(here=tmp_path))
    assert config.artifacts_dir == Path(artifacts.format(here=tmp_path))


def test_each_directory_starts_at_the_file_that_gives_it(tmp_path: Path) -> None:
    """Files may lie in different directories."""
    from pytest_curator_bench.config import load_config

    (tmp_path / "sub").mkdir()
    base, over = tmp_path / "base.yaml", tmp_path / "sub" / "over.yaml"
    base.write_text(MINIMAL + "artifacts_dir: big\npaths: [{name: p, host_path: data}]\n")
    over.write_text("results_dir: r\ndatasets: [{name: d, formats: [{type: f, path: x}]}]\n")
    config = load_config([base, over], environ=HOST, strict=False, root_dir=tmp_path)
    assert config.results_dir == tmp_path / "sub" / "r"
    assert config.artifacts_dir == tmp_path / "big"
    assert config.paths["p"] == tmp_path / "data"
    assert config.datasets["d", "f"] == tmp_path / "sub" / "x"


def test_relative_files_give_absolute_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may be named relative to the working directory; what comes out doesn't depend on that."""
    from pytest_curator_bench.config import load_config

    (tmp_path / "a.yaml").write_text(MINIMAL)
    monkeypatch.chdir(tmp_path)
    config = load_config([Path("a.yaml")], environ={}, strict=False, root_dir=tmp_path)
    assert config.results_dir == tmp_path / "results"
    assert config.entries[0].script_dirs[0] == tmp_path / "scripts"


def test_deprecated_keys(tmp_path: Path) -> None:
    """They work as paths, with a warning each."""
    text = """\
results_path: /old/results
datasets_path: /old/datasets
model_weights_path: weights
entries:
- {name: a, script: a.py, args: "{results_path} {datasets_path} {model_weights_path}"}
"""
    config = load(tmp_path, text, env=HOST)
    assert config.results_dir == Path("/old/results")
    command = config.command_values(config.entries[0], session_entry_dir=Path("/s"), scratch_dir=Path("/t"))
    assert command.args == ("/old/results", "/old/datasets", str(tmp_path / "weights"))
    assert config.warnings == (
        "a.yaml:1: the key results_path is deprecated: write it as an item of paths",
        "a.yaml:2: the key datasets_path is deprecated: write it as an item of paths",
        "a.yaml:3: the key model_weights_path is deprecated: write it as an item of paths",
    )


def test_older_keys(tmp_path: Path) -> None:
    """``gpu_stats_recorder`` counts where ``telemetry`` gives no interval; ``min_timeout_s`` is checked and ignored."""
    older = MINIMAL + "min_timeout_s: 600\ngpu_stats_recorder: {interval_s: 3}\n"
    assert load(tmp_path, older).telemetry_interval_s == 3
    assert load(tmp_path, older + "telemetry: {}\n").telemetry_interval_s == 3
    assert load(tmp_path, older + "telemetry: {interval_s: 2}\n").telemetry_interval_s == 2
    assert load(tmp_path, older).merged["min_timeout_s"] == 600


def test_a_deprecated_key_beside_its_successor(tmp_path: Path) -> None:
    """The item of ``paths`` wins."""
    text = MINIMAL + "datasets_path: /old\npaths: [{name: datasets_path, host_path: /new}]\n"
    config = load(tmp_path, text, env=HOST)
    assert config.paths == {"datasets_path": Path("/new")}
    assert config.warnings == (
        "a.yaml:5: the key datasets_path is deprecated, and ignored because paths has an item of that name",
    )
