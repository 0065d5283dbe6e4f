# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Entries are test items, and everything that pytest does with items works on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.bench_project import Project


def collected(result: pytest.RunResult) -> list[str]:
    """Node IDs that ``--collect-only -q`` printed."""
    return [line for line in result.outlines if "::" in line]


def test_one_item_per_enabled_entry(two: Project) -> None:
    """Node IDs are the config file's path and the entry's name; disabled entries are none; nothing is created."""
    result = two.run_here("--collect-only", "-q")
    assert result.ret == 0
    assert collected(result) == ["benchmarks/config.yaml::first", "benchmarks/config.yaml::second"]
    assert not (two.path / "results").exists()


def test_default_config_of_the_ini_file(two: Project) -> None:
    """``pytest -k`` with no path finds the config that the ini file names."""
    (two.path / "pytest.ini").write_text(
        "[pytest]\nbench_config = benchmarks/config.yaml\ntestpaths = benchmarks\nmarkers =\n    nightly: x\n"
    )
    result = two.pytester.runpytest_inprocess("-k", "second", "--collect-only", "-q")
    assert collected(result) == ["benchmarks/config.yaml::second"]


@pytest.mark.parametrize("name", ["config.yaml", "benchmarks/config.yaml"])
def test_config_is_looked_up_in_several_places(two: Project, name: str) -> None:
    """From the invocation directory, or from the directories that are given as arguments."""
    assert len(collected(two.run_here("--collect-only", "-q", config=name))) == 2


def test_config_outside_the_arguments_is_collected_too(two: Project) -> None:
    """``pytest benchmarks/ --bench-config elsewhere.yaml`` runs the entries of that file."""
    two.config("entries: [{name: far, script: ok.py}]\n", name="elsewhere/far.yaml")
    assert collected(two.run_here("--collect-only", "-q", config="elsewhere/far.yaml")) == ["elsewhere/far.yaml::far"]


def test_explicit_config_without_a_path_stands_alone(two: Project) -> None:
    """``pytest --bench-config FILE`` collects that config, not every test below the current directory."""
    two.pytester.makepyfile("def test_x(): pass")
    result = two.pytester.runpytest_inprocess("--bench-config", "benchmarks/config.yaml", "--collect-only", "-q")
    assert [line.split("::")[1] for line in collected(result)] == ["first", "second"]


def test_several_files_are_merged_and_each_entry_stays_in_its_file(two: Project) -> None:
    """An entry belongs to the file that defines it first; later files override it in place."""
    two.config(
        "entries:\n  - name: first\n    timeout_s: 9\n  - name: third\n    script: ok.py\n",
        name="m.yaml",
        head=False,
    )
    result = two.run_here("--bench-config", "m.yaml", "--collect-only", "-q")
    assert sorted(collected(result)) == [
        "benchmarks/config.yaml::first",
        "benchmarks/config.yaml::second",
        "m.yaml::third",
    ]
    dry = two.run_here("--bench-config", "m.yaml", "--bench-dry-run", "-k", "first")
    dry.stdout.fnmatch_lines(["  limits: 9 s,*"])


def test_a_bench_yaml_file_is_collected_alone(two: Project) -> None:
    """``pytest some.bench.yaml`` and its node IDs need no option, and leave the default config out."""
    two.config(
        "entries: [{name: solo, script: ok.py}, {name: duo, script: ok.py}]\n",
        name="benchmarks/some.bench.yaml",
    )
    run = two.pytester.runpytest_inprocess
    assert collected(run("benchmarks/some.bench.yaml", "--collect-only", "-q")) == [
        "benchmarks/some.bench.yaml::solo",
        "benchmarks/some.bench.yaml::duo",
    ]
    assert collected(run("benchmarks/some.bench.yaml::duo", "--collect-only", "-q")) == [
        "benchmarks/some.bench.yaml::duo"
    ]


def test_missing_config_lists_the_places(two: Project) -> None:
    """A config that is not there is a usage error with the places that were tried."""
    result = two.run_here(config="nope.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: benchmark config not found: nope.yaml; looked for",
            f"  {two.path}/nope.yaml",
            f"  {two.path}/benchmarks/nope.yaml",
        ]
    )


def test_selection_by_node_id_keyword_mark_and_deselection(two: Project) -> None:
    """Node ID, -k, -m and --deselect select entries as they select tests."""

    def names(*args: str) -> list[str]:
        return [line.split("::")[1] for line in collected(two.run_here("--collect-only", "-q", *args))]

    assert names("-k", "first") == ["first"]
    assert names("-k", "first and not second") == ["first"]
    assert names("-m", "nightly") == ["second"]
    assert names("-m", "bench") == ["first", "second"]
    assert names("--deselect", "benchmarks/config.yaml::first") == ["second"]
    result = two.pytester.runpytest_inprocess(
        "benchmarks/config.yaml::second",
        "--bench-config",
        "config.yaml",
        "--rootdir",
        str(two.path),
        "--collect-only",
        "-q",
        "--bench-config",
        "benchmarks/config.yaml",
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR  # the first name leads nowhere: no directory was given
    result = two.pytester.runpytest_inprocess(
        "benchmarks/config.yaml::second", "--bench-config", "benchmarks/config.yaml", "--collect-only", "-q"
    )
    assert collected(result) == ["benchmarks/config.yaml::second"]


def test_keys_of_other_tools_are_let_pass_where_asked_for(two: Project) -> None:
    """By the option, or by the ini key, which the option overrides."""
    two.config("ci: {account: '${NOT_DEFINED_HERE}'}\nentries: [{name: a, script: ok.py}]\n")
    let_pass = ("-o", "bench_unknown_keys=warn")
    for args in (["--bench-unknown-keys=warn"], [*let_pass]):
        result = two.run_here("--collect-only", "-q", *args)
        assert collected(result) == ["benchmarks/config.yaml::a"]
        result.stdout.fnmatch_lines(["*config.yaml:*: ci: found the unknown key 'ci', which is ignored"])
    for args in ([], [*let_pass, "--bench-unknown-keys=error"]):
        result = two.run_here("--collect-only", "-q", *args)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*config.yaml:*: ci: found the unknown key 'ci', expected one of *"])
    result = two.run_here("-o", "bench_unknown_keys=maybe")
    result.stderr.fnmatch_lines(["*bench_unknown_keys in the ini file: found 'maybe', expected error or warn"])


def test_bench_entry_is_exact(two: Project) -> None:
    """``--bench-entry`` takes whole names; an unknown one is an error that lists near ones."""
    assert collected(two.run_here("--bench-entry", "first", "--collect-only", "-q")) == [
        "benchmarks/config.yaml::first"
    ]
    for args in (["first,second"], ["second, first,"], ["second", "--bench-entry", "first"]):
        assert len(collected(two.run_here("--bench-entry", *args, "--collect-only", "-q"))) == 2
    for value, name in (("first,secnd", "secnd"), (",", "found no name")):
        result = two.run_here("--bench-entry", value)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*--bench-entry*{name}*"])
    result = two.run_here("--bench-entry", "frist")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--bench-entry frist: no enabled entry has this name; did you mean first[?]*"])


def test_a_comma_may_be_part_of_a_name(two: Project) -> None:
    """What is an entry's whole name is taken as such."""
    two.config("entries: [{name: 'a,b', script: ok.py}, {name: a, script: ok.py}]")
    result = two.run_here("--bench-entry", "a,b", "--collect-only", "-q")
    assert collected(result) == ["benchmarks/config.yaml::a,b"]


def test_keywords_are_those_of_entries(two: Project) -> None:
    """``-k`` finds names and marks of entries, whatever their file and directory are called; tests as ever."""
    text = "entries:\n- {name: nightly_dedup, script: ok.py}\n- {name: my_benchmark, script: ok.py, marks: [slow]}\n"
    two.config(text, name="benchmarks/nightly-benchmark.yaml")
    (two.path / "benchmarks" / "test_own.py").write_text("def test_x(): pass\n")

    def names(expression: str) -> list[str]:
        done = two.run_here("-k", expression, "--collect-only", "-q", config="nightly-benchmark.yaml")
        return [line.split("::")[1] for line in collected(done)]

    assert names("not benchmark") == ["nightly_dedup"]
    assert sorted(names("slow or test_own")) == ["my_benchmark", "test_x"]
    assert names("yaml") == []
    done = two.run("-k", "not benchmark", "-n", "1", config="nightly-benchmark.yaml")
    done.assert_outcomes(passed=1)


def test_a_whole_project_is_not_collected_beside_a_config(two: Project) -> None:
    """Tests of the checkout whose root is named stay out, which is said; those of other directories are wanted."""
    for name in ("tests", "more"):
        (two.path / name).mkdir()
        (two.path / name / f"test_{name}.py").write_text("def test_x(): pass\n")
    (two.path / "checkout" / ".git").mkdir(parents=True)
    (two.path / "checkout" / "test_other.py").write_text("def test_other(): pass\n")
    run = two.pytester.runpytest_inprocess
    option = ("--bench-config", "benchmarks/config.yaml", "--collect-only", "-q")
    for args in ((".",), (str(two.path),), ("checkout",), ("checkout", ".")):
        result = run(*args, *option)
        assert [line.split("::")[1] for line in collected(result)] == ["first", "second"]
        result.stdout.fnmatch_lines(
            [f"*{', '.join(args)}: its tests are not collected beside*pytest --bench-config benchmarks/config.yaml. *"]
        )
    result = run(".", "more", *option)
    assert [line.split("::")[1] for line in collected(result)] == ["test_x", "first", "second"]
    (two.path / "pytest.ini").write_text("[pytest]\nbench_config = benchmarks/config.yaml\nmarkers = nightly: x\n")
    result = run(".", "--collect-only", "-q")
    assert len(collected(result)) == 5
    assert "not collected" not in result.stdout.str()


def test_reports_carry_the_entrys_own_line(two: Project) -> None:
    """A skipped entry is reported at its place in the YAML file."""
    two.config("entries:\n  - name: a\n    script: ok.py\n    marks:\n      - skip: not today\n")
    two.run("-rs").stdout.fnmatch_lines(["SKIPPED*benchmarks/config.yaml:3: not today"])


def test_scripts_are_no_test_modules(two: Project) -> None:
    """A script called ``test_*.py`` is not imported as a test module."""
    two.script("test_benchmark.py", "raise SystemExit('imported!')")
    assert two.run_here("--collect-only", "-q").ret == 0


@pytest.mark.curator
def test_gpu_entries_are_marked_and_skipped_where_there_are_no_gpus(two: Project) -> None:
    """Asking for GPUs sets the mark; without GPUs the entry is skipped with the reason, or fails if asked to."""
    two.config("entries: [{name: big, script: ok.py, ray: {num_gpus: 99}}, {name: small, script: ok.py}]")
    assert collected(two.run_here("-m", "gpu", "--collect-only", "-q")) == ["benchmarks/config.yaml::big"]
    result = two.run("-rs", "-m", "gpu")
    result.assert_outcomes(skipped=1, deselected=1)
    result.stdout.fnmatch_lines(["SKIPPED*needs 99 GPUs, this machine has *"])
    assert two.result("big")["status"] == "skipped"


@pytest.mark.curator
def test_require_resources_fails_what_would_be_skipped(two: Project) -> None:
    """``--bench-require-resources`` turns the skip into an error with the same reason."""
    two.config("entries: [{name: big, script: ok.py, ray: {num_gpus: 99}}]")
    result = two.run("--bench-require-resources")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs 99 GPUs, this machine has *"])
    data = two.result("big")
    assert (data["status"], data["reason"], data["success"]) == ("error", "resources", False)


def test_marks_from_yaml_with_arguments(two: Project) -> None:
    """Marks carry their arguments; an unregistered mark warns like one in Python does."""
    two.config("entries: [{name: a, script: ok.py, marks: [{xfail: {reason: known, strict: false}}], args: --exit 3}]")
    two.run().assert_outcomes(xfailed=1)
    two.config("entries: [{name: a, script: ok.py, marks: [nihgtly]}]")
    two.run_here("--collect-only").stdout.fnmatch_lines(["*Unknown pytest.mark.nihgtly*"])


def test_user_fixtures_of_module_scope(two: Project) -> None:
    """An autouse fixture of module scope in a conftest does not break entries, or is told clearly."""
    (two.path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(autouse=True, scope='session')\ndef s(): pass\n"
        "@pytest.fixture(autouse=True)\ndef f(): pass\n"
    )
    two.run().assert_outcomes(passed=2)
