# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Config files, their directories and what they name may be symbolic links."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.text import printable
from tests.plugin.test_collection import collected

if TYPE_CHECKING:
    from tests.support.bench_project import Project

ENTRY = "entries: [{name: solo, script: ok.py}]\n"


def node_ids(project: Project, *args: str) -> list[str]:
    """The node IDs that pytest collects."""
    return collected(project.pytester.runpytest_inprocess("--collect-only", "-q", "-p", "no:cacheprovider", *args))


@pytest.fixture
def real(project: Project) -> Project:
    """A project whose files lie in ``real/``, which ``proj`` links to."""
    (project.path / "proj").symlink_to("real")
    project.scripts = project.path / "real" / "benchmarks" / "scripts"
    (project.path / "real").mkdir()
    (project.path / "benchmarks").rename(project.path / "real" / "benchmarks")
    project.config(ENTRY, name="real/benchmarks/a.bench.yaml")
    return project


@pytest.mark.parametrize("extra", [(), ("-n", "1")])
def test_a_file_through_a_linked_directory_runs(real: Project, extra: tuple[str, ...]) -> None:
    """Its scripts and its results are those of the directory that the link leads to."""
    file = "proj/benchmarks/a.bench.yaml"
    real.pytester.runpytest_subprocess(file, "-p", "no:cacheprovider", *extra).assert_outcomes(passed=1)
    (session,) = (path for path in (real.path / "real" / "results").iterdir() if path.name != "artifacts")
    assert (session / "solo" / "results.json").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("proj/benchmarks/a.bench.yaml::solo",),
        ("proj/benchmarks/a.bench.yaml", "-k", "solo"),
        ("--bench-config", "proj/benchmarks/a.bench.yaml"),
        ("proj/benchmarks", "--bench-config", "a.bench.yaml"),
        ("proj/benchmarks/scripts/../a.bench.yaml",),
    ],
)
def test_node_ids_keep_the_name_that_was_given(real: Project, args: tuple[str, ...]) -> None:
    """Pytest's own do so too, and a node ID must select what it was printed for."""
    assert node_ids(real, *args) == ["proj/benchmarks/a.bench.yaml::solo"]


def test_linked_rootdir_and_linked_working_directory(real: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Node IDs start from the rootdir, by whichever name pytest knows it."""
    (real.path / "real" / "pytest.ini").write_text("[pytest]\nbench_config = benchmarks/a.bench.yaml\n")
    assert node_ids(real, "proj") == ["benchmarks/a.bench.yaml::solo"]
    assert node_ids(real, "proj/benchmarks", "-k", "solo") == ["benchmarks/a.bench.yaml::solo"]
    assert node_ids(real, "--rootdir", "proj", "real/benchmarks", "-c", "proj/pytest.ini") == [
        "benchmarks/a.bench.yaml::solo"
    ]
    monkeypatch.chdir(real.path / "proj")
    assert node_ids(real, "benchmarks/a.bench.yaml") == ["benchmarks/a.bench.yaml::solo"]
    assert node_ids(real) == ["benchmarks/a.bench.yaml::solo"]


@pytest.mark.parametrize(
    "args",
    [
        ("proj/benchmarks", "real/benchmarks", "--bench-config", "real/benchmarks/a.bench.yaml"),
        ("proj/benchmarks/a.bench.yaml", "real/benchmarks/a.bench.yaml"),
        ("--bench-config", "proj/benchmarks/a.bench.yaml", "--bench-config", "real/benchmarks/a.bench.yaml"),
        ("proj/benchmarks/a.bench.yaml", "--bench-config", "real/benchmarks/a.bench.yaml"),
        (".", "--bench-config", "real/benchmarks/a.bench.yaml"),
    ],
)
def test_a_file_with_two_names_is_collected_once(real: Project, args: tuple[str, ...]) -> None:
    """An entry would run twice otherwise."""
    assert len(node_ids(real, *args)) == 1


def test_linked_benchmarks_directory_with_linked_scripts(real: Project) -> None:
    """Directories of scripts hold no tests, whatever links to them, and their scripts are found."""
    elsewhere = real.path / "elsewhere"
    real.scripts.rename(elsewhere)
    (elsewhere / "test_script.py").write_text("raise SystemExit('a script was imported')\n")
    real.scripts.symlink_to("../../elsewhere")
    (real.path / "benchmarks").symlink_to("real/benchmarks")
    args = (".", "--bench-config", "benchmarks/a.bench.yaml")
    assert node_ids(real, *args) == ["benchmarks/a.bench.yaml::solo"]
    dry = real.pytester.runpytest_inprocess(*args, "--bench-dry-run")
    dry.stdout.fnmatch_lines([f"  command: *{real.path}/real/benchmarks/scripts/ok.py *"])


def test_files_of_a_config_map(real: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes mounts ``FILE -> ..data/FILE`` and ``..data -> ..2026_01``; relative paths start beside the file."""
    mount = real.path / "mount"
    data = mount / "..2026_01"
    data.mkdir(parents=True)
    (mount / "..data").symlink_to("..2026_01")
    (data / "a.bench.yaml").write_text("results_dir: results\n" + ENTRY)
    (mount / "a.bench.yaml").symlink_to("..data/a.bench.yaml")
    (mount / "scripts").symlink_to("../real/benchmarks/scripts")
    for args in (("mount",), ("mount/a.bench.yaml",), ()):
        assert node_ids(real, "--bench-config", "mount/a.bench.yaml", *args) == ["mount/a.bench.yaml::solo"]
    monkeypatch.chdir(mount)
    assert node_ids(real, "a.bench.yaml::solo") == ["a.bench.yaml::solo"]
    real.pytester.runpytest_subprocess("a.bench.yaml").assert_outcomes(passed=1)
    assert (mount / "results").is_dir()


def test_what_a_linked_config_names_is_looked_for_beside_the_link_and_then_beside_the_target(real: Project) -> None:
    """Scripts, their directories, datasets and paths."""
    target = real.path / "real" / "benchmarks" / "a.bench.yaml"
    target.write_text(
        """\
results_dir: results
paths: [{name: here, host_path: weights}]
datasets: [{name: d, formats: [{type: json, path: d.json}]}]
entries:
- {name: beside_target, script: ok.py, args: "{dataset:d,json} {here}"}
- {name: beside_link, script: mine.py}
- {name: with_base, script: ok.py, script_base_dir: scripts}
"""
    )
    for name in ("d.json", "weights"):
        (target.parent / name).touch()
    link = real.path / "links" / "nightly.yaml"
    (link.parent / "scripts").mkdir(parents=True)
    link.symlink_to(target)
    (link.parent / "scripts" / "mine.py").touch()
    (link.parent / "weights").touch()
    dry = real.pytester.runpytest_inprocess(f"--bench-config={link}", "--bench-dry-run")
    scripts = target.parent / "scripts"
    dry.stdout.fnmatch_lines(
        [
            f"  command: * {scripts}/ok.py {target.parent}/d.json {link.parent}/weights *",
            f"  command: * {link.parent}/scripts/mine.py *",
            f"  command: * {scripts}/ok.py *",
        ]
    )


def test_links_that_lead_nowhere_are_told_as_what_they_are(project: Project) -> None:
    """A dangling link and a loop give one clear error, as do paths that the system refuses."""
    (project.path / "gone.bench.yaml").symlink_to("nowhere/x.yaml")
    (project.path / "loop.bench.yaml").symlink_to("loop.bench.yaml")
    (project.path / "loop").symlink_to("loop")
    long = "x" * 300
    for name, reason in {
        "gone.bench.yaml": "a link to nowhere/x.yaml, which does not exist",
        "loop.bench.yaml": "Too many levels of symbolic links",
        "loop/a.bench.yaml": "Too many levels of symbolic links",
        long: "File name too long",
        "\x1b[31m\n": "",
    }.items():
        for args in ([f"--bench-config={name}"], [name] if name.endswith(".bench.yaml") else []):
            if not args:
                continue
            result = project.pytester.runpytest_inprocess(*args)
            assert result.ret == pytest.ExitCode.USAGE_ERROR
            shown = printable(name).replace("[", "[[]")
            why = f" ({reason})" if reason else ""
            result.stderr.fnmatch_lines(
                [f"ERROR: benchmark config not found: *{shown}*ooked for", f"  {project.path}/{shown}{why}"]
            )


def test_results_directory_that_is_a_link(two: Project) -> None:
    """Results go where it leads; a link that leads nowhere, or in a circle, is one clear error."""
    target = two.path / "big" / "disk"
    target.mkdir(parents=True)
    link = two.path / "results"
    link.symlink_to("big/disk")
    two.run("-k", "first").assert_outcomes(passed=1, deselected=1)
    assert [path for path in target.iterdir() if (path / "session.json").exists()]
    for where in (Path("nowhere"), Path("results")):
        link.unlink()
        link.symlink_to(where)
        result = two.run_here("-k", "first")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: *results*"])
        assert "Traceback" not in result.stderr.str()


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_directories_whose_names_pytest_takes_for_parts_of_tests(
    project: Project, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    """``[`` and ``::`` above the working directory are nothing to pytest; below it they are refused with a way out."""
    project.config("entries: [{name: a, script: ok.py}]")
    odd = project.path / "a [1]" / "b::c"
    odd.mkdir(parents=True)
    (project.path / "benchmarks").rename(odd / "benchmarks")
    (odd / "pytest.ini").write_text("[pytest]\n")
    run = project.pytester.runpytest_subprocess("--bench-config", f"{odd}/benchmarks/config.yaml", *workers)
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["ERROR: *config.yaml: pytest takes [[] and :: in a path for the name of a test: *"])
    monkeypatch.chdir(odd)
    project.run(*workers).assert_outcomes(passed=1)
