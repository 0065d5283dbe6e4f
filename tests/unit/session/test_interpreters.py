# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is found out of another interpreter, and the environment that a script gets for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_curator_bench.config.paths import CuratorRepo
from pytest_curator_bench.session.interpreters import InterpreterError, ask_interpreter
from tests.support.environments import make_environment, packages_of


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an empty virtual environment."""
    return make_environment(tmp_path / "env")


def test_an_environment_of_its_own(python: Path) -> None:
    """Nothing of the harness's environment is taken for the other's."""
    found = ask_interpreter("pr", 2, str(python), CuratorRepo(Path("/harness"), is_package=True))
    assert (found.name, found.position, found.python) == ("pr", 2, str(python))
    assert (found.prefix, found.is_virtual) == (str(python.parents[1]), True)
    assert (found.ray_version, found.ray_dir, found.curator_version, found.curator_repo_dir) == (None,) * 4
    inherited = {"PATH": f"{sys.prefix}/bin:/usr/bin", "VIRTUAL_ENV": sys.prefix, "HOME": "/h"}
    expected = {"PATH": f"{python.parent}:/usr/bin", "VIRTUAL_ENV": found.prefix, "HOME": "/h"}
    assert found.environment(inherited) == expected
    base = ask_interpreter("base", 1, str(Path(sys.base_prefix, "bin", "python3")), None)
    assert "VIRTUAL_ENV" not in base.environment(inherited)


def test_nemo_curator_of_a_checkout_and_of_an_index(python: Path, tmp_path: Path) -> None:
    """Its commit is known; a checkout is preferred to what the configuration found, a package is not."""
    checkout = tmp_path / "Curator"
    (checkout / "nemo_curator").mkdir(parents=True)
    (checkout / "nemo_curator" / "__init__.py").write_text("raise SystemExit('imported')\n")
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "a"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    packages = packages_of(python)
    (packages / "curator.pth").write_text(f"{checkout}\n")
    configured = CuratorRepo(Path("/configured"))
    found = ask_interpreter("pr", 1, str(python), configured)
    assert (found.curator_commit, found.curator_is_dirty, found.curator_repo_dir) == (commit, False, checkout)
    (packages / "curator.pth").unlink()
    (packages / "nemo_curator").mkdir()
    info = packages / "nemo_curator-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nemo-curator\nVersion: 1.5\n")
    (info / "direct_url.json").write_text('{"url": "https://h/c", "vcs_info": {"vcs": "git", "commit_id": "abc"}}')
    found = ask_interpreter("pr", 1, str(python), configured)
    assert (found.curator_version, found.curator_commit) == ("1.5", "abc")
    assert found.curator_repo_dir == configured.path
    assert ask_interpreter("pr", 1, str(python), None).curator_repo_dir == packages
    record = found.record("cc")
    assert (record["entry"], record["versions"]["nemo_curator"]) == ("cc", "1.5")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "can't be run (No such file or directory)"),
        ("#!/bin/sh\necho broken env >&2; exit 3\n", "is no Python from 3.11 on that works: broken env"),
        ("#!/bin/sh\nexit 3\n", "is no Python from 3.11 on that works: exit status 3"),
    ],
)
def test_what_is_no_python(tmp_path: Path, script: str | None, why: str) -> None:
    """One sentence with the cause."""
    path = tmp_path / "python"
    if script is not None:
        path.write_text(script)
        path.chmod(0o755)
    with pytest.raises(InterpreterError) as caught:
        ask_interpreter("a", 1, str(path), None)
    assert str(caught.value) == f"{path} {why}"
