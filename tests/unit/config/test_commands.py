# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Arguments, environment and scripts, as the configuration gives them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_curator_bench.config.fields.types import split_arguments
from tests.support.config import MINIMAL, load, problem

if TYPE_CHECKING:
    from pytest_curator_bench.config import BenchConfig, ScriptRun


@given(st.text(alphabet="ab'\"\\ \t\n#$é\u00a0\u2028", max_size=30))
@example("a 'b c' \"d\\\"e\" f\\ g '' \"\" h''i")
@example("--kwargs='{\"tensor_parallel_size\": 1}'")
def test_splitting_is_shlexs(text: str) -> None:
    """Words, quotes and escapes are those of ``shlex.split``; what it refuses is refused."""
    try:
        expected = shlex.split(text)
    except ValueError:
        with pytest.raises(ValueError, match=r".*"):
            split_arguments(text)
        return
    assert split_arguments(text) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("--a 1 -b 'c d'", ("--a", "1", "-b", "c d")),
        (">-\n    --a=1\n    --b\n", ("--a=1", "--b")),
        ("[--a, 3.10, 012, yes, 1e3, 'x y', '']", ("--a", "3.10", "012", "yes", "1e3", "x y", "")),
        ("''", ()),
        ("", ()),
        ("[]", ()),
    ],
)
def test_args(tmp_path: Path, written: str, expected: tuple[str, ...]) -> None:
    """A string is split; a list is taken item by item, numbers and words as they are written."""
    assert load(tmp_path, MINIMAL + f"  args: {written}\n").entries[0].args == expected


def test_args_by_alias_and_variable(tmp_path: Path) -> None:
    """An alias brings the text with it; a variable is put in before a string is split, not after."""
    text = "x-a: &a [1.50, '${V}']\nx-n: &n '3.10'\n" + MINIMAL + "  args: *a\n  env: {A: *n, B: '${V}'}\n"
    entry = load(tmp_path, text, env={"V": "p q"}).entries[0]
    assert entry.args == ("1.50", "p q")
    assert entry.env == {"A": "3.10", "B": "p q"}
    assert load(tmp_path, MINIMAL + "  args: -x ${V}\n", env={"V": "p q"}).entries[0].args == ("-x", "p", "q")


def test_env(tmp_path: Path) -> None:
    """Values are text as written; keys may be words that YAML takes for booleans."""
    text = MINIMAL + "  env: {THREADS: '4', ON: 'yes', VERSION: '3.10', NAME: a b, EMPTY: ''}\n"
    assert load(tmp_path, text).entries[0].env == {
        "THREADS": "4",
        "ON": "yes",
        "VERSION": "3.10",
        "NAME": "a b",
        "EMPTY": "",
    }


def test_env_merges_by_variable(tmp_path: Path) -> None:
    """A later file changes one variable; the text as written comes from the file that wins."""
    over = "entries:\n- name: cc\n  env: {B: '2.50'}\n"
    assert load(tmp_path, MINIMAL + "  env: {A: '1.10', B: '1'}\n", over).entries[0].env == {
        "A": "1.10",
        "B": "2.50",
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            'args: "a \'b"',
            "args: found a quote that is never closed, or a backslash at the end, expected balanced",
        ),
        (
            "args: 'a \\'",
            "args: found a quote that is never closed, or a backslash at the end, expected balanced",
        ),
        ("args: 5", "args: found 5, expected one string or a list of strings and numbers"),
        ("args: {a: 1}", "args: found a mapping, expected one string or a list of strings and numbers"),
        ("args: [a, [b]]", "args[#2]: found a list, expected a string or a number"),
        ("args: [a, null]", "args[#2]: found nothing, expected a string or a number"),
        ('args: "a\\0b"', "args[#1]: found one, expected text without NUL characters"),
        ("env: A=1", "env: found 'A=1' (text), expected a mapping of variable names to strings"),
        ("env: {A: }", "env.A: found nothing, expected text, in quotes; '' for an empty one"),
        ("env: {A: 3.10}", "env.A: found 3.10, expected text: write A: '3.10', in quotes"),
        ("environment: {A: yes}", "environment.A: found yes, expected text: write A: 'yes', in quotes"),
        ("env: {A: [1]}", "env.A: found a list, expected text, in quotes; '' for an empty one"),
        ('env: {A: "\\0"}', "env.A: found one, expected text without NUL characters"),
        ("env: {A=B: x}", "env.A=B: found 'A=B' (text), expected the name of an environment variable"),
        ("env: {'': x}", "env.: found '' (text), expected the name of an environment variable"),
        ("script_base_dir: ''", "script_base_dir: found '' (text), expected a path"),
    ],
)
def test_wrong(tmp_path: Path, lines: str, message: str) -> None:
    """Each gives one problem at its line."""
    assert problem(tmp_path, MINIMAL + f"  {lines}\n").startswith(f"a.yaml:5: entries[cc].{message}")


def candidates(config: BenchConfig, run: ScriptRun) -> tuple[Path, ...]:
    """The places to look for a script."""
    return config.command_values(run, session_entry_dir=Path("/s"), scratch_dir=Path("/t")).script


def test_where_scripts_are_looked_for(tmp_path: Path) -> None:
    """Beside the file that names the script, beside the other files, and in the project; each place once."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    base = here / "base.yaml"
    base.write_text(MINIMAL + "data_setups:\n- {name: d, script: prep.py}\n")
    over = there / "over.yaml"
    over.write_text("entries:\n- {name: cc, timeout_s: 5}\n- {name: new, script: sub/new.py}\n")
    from pytest_curator_bench.config import load_config

    config = load_config([base, over], environ={}, strict=False, root_dir=tmp_path / "root")
    first, second = config.entries
    project = tmp_path / "root" / "benchmarks"
    assert candidates(config, first) == tuple(
        directory / "scripts" / "bench.py" for directory in (here, there, project)
    )
    assert candidates(config, second) == tuple(
        directory / "scripts" / "sub" / "new.py" for directory in (there, here, project)
    )
    assert (first.file, first.line) == (base, 3)
    assert (second.file, second.line) == (over, 3)
    (setup,) = config.data_setups
    assert candidates(config, setup) == tuple(
        directory / kind / "prep.py" for directory in (here, there, project) for kind in ("data_prep", "scripts")
    )


def test_the_file_that_gives_the_script_counts(tmp_path: Path) -> None:
    """Where another file replaces the script, its own directory comes first."""
    (tmp_path / "sub").mkdir()
    base = tmp_path / "base.yaml"
    base.write_text(MINIMAL)
    over = tmp_path / "sub" / "over.yaml"
    over.write_text("entries: [{name: cc, script: mine.py}]\n")
    from pytest_curator_bench.config import load_config

    config = load_config([base, over], environ={}, strict=False, root_dir=tmp_path)
    entry = config.entries[0]
    assert candidates(config, entry)[0] == tmp_path / "sub" / "scripts" / "mine.py"
    assert entry.file == base


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("script_base_dir: /custom/path", "/custom/path/bench.py"),
        ("script_base_dir: sub/dir", "{here}/sub/dir/bench.py"),
        ("script_base_dir: ~/mine", "/home/me/mine/bench.py"),
        ("script_base_dir: '{p}/x'", "/data/p/x/bench.py"),
    ],
)
def test_a_script_with_a_directory_has_one_place(tmp_path: Path, lines: str, expected: str) -> None:
    """``script_base_dir`` replaces all other places; relative to its file, with placeholders."""
    text = MINIMAL + f"  {lines}\npaths: [{{name: p, host_path: /data/p}}]\n"
    config = load(tmp_path, text, env={"HOME": "/home/me"})
    assert candidates(config, config.entries[0]) == (Path(expected.format(here=tmp_path)),)


def test_an_absolute_script_has_one_place(tmp_path: Path) -> None:
    """With placeholders too."""
    text = "results_dir: r\nentries:\n- {name: a, script: /x/a.py}\n- {name: b, script: '{curator_repo_dir}/b.py'}\n"
    config = load(tmp_path, text, env={"CURATOR_REPO_DIR": "/repo"})
    assert candidates(config, config.entries[0]) == (Path("/x/a.py"),)
    assert candidates(config, config.entries[1]) == (Path("/repo/b.py"),)


def test_braces_in_a_directory_are_no_placeholders(tmp_path: Path) -> None:
    """Only what the configuration writes is searched, not where its file happens to lie."""
    directory = tmp_path / "{scratch_dir}"
    directory.mkdir()
    config = load(directory, MINIMAL)
    assert candidates(config, config.entries[0])[0] == directory / "scripts" / "bench.py"


def test_the_checkout_that_holds_a_file_comes_first(tmp_path: Path) -> None:
    """Its benchmarks are those of its own code, whatever a variable says."""
    (tmp_path / "nemo_curator").mkdir()
    (tmp_path / "nemo_curator" / "__init__.py").touch()
    (tmp_path / "benchmarking").mkdir()
    text = MINIMAL + "  args: '{curator_repo_dir}/x'\n"
    config = load(tmp_path / "benchmarking", text, env={"CURATOR_REPO_DIR": "/my/repo"})
    command = config.command_values(config.entries[0], session_entry_dir=Path("/s"), scratch_dir=Path("/t"))
    assert command.args == (f"{tmp_path}/x",)


def test_curator_repo_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables, else the installed package, which is not imported, else it stays and is told."""
    text = MINIMAL + "  args: '{curator_repo_dir}/x'\n"
    dirs = {"session_entry_dir": Path("/s"), "scratch_dir": Path("/t")}
    config = load(tmp_path, text, env={"CURATOR_REPO_DIR": "/my/repo"})
    assert config.command_values(config.entries[0], **dirs).args == ("/my/repo/x",)
    config = load(tmp_path, text, env={"CURATOR_BENCHMARK_CURATOR_REPO_DIR": "/other"})
    assert config.command_values(config.entries[0], **dirs).args == ("/other/x",)
    assert config.warnings == ()

    # Another test of this process may have imported the real one, which would be found first.
    monkeypatch.delitem(sys.modules, "nemo_curator", raising=False)
    package = tmp_path / "site" / "nemo_curator"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    config = load(tmp_path, text)
    assert config.command_values(config.entries[0], **dirs).args == (f"{tmp_path}/site/x",)
    missing = f"a.yaml:3: entries[cc]: {{curator_repo_dir}}/x is not part of the installed package in {tmp_path}/site"
    assert config.warnings == (f"{missing}: set CURATOR_REPO_DIR to a checkout of NeMo Curator",)
    (tmp_path / "site" / "x").touch()
    assert load(tmp_path, text).warnings == ()

    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.meta_path", [])
    command = load(tmp_path, text).command_values(config.entries[0], **dirs)
    assert command.args == ("{curator_repo_dir}/x",)
    assert command.unresolved == ("{curator_repo_dir}",)
