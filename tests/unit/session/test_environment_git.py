# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which commit the code comes from: real repositories, and git that is slow, missing or refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.session import checkouts
from pytest_curator_bench.session.checkouts import read_checkout, source_dir

if TYPE_CHECKING:
    from pathlib import Path


def git(directory: Path, *arguments: str) -> str:
    """Run git as nobody in particular."""
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "safe.directory=*")
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.check_output(command, text=True).strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    directory = tmp_path / "repository"
    directory.mkdir()
    git(directory, "init", "-q", "-b", "work")
    (directory / "tracked").write_text("one")
    (directory / ".gitignore").write_text("results/\n")
    git(directory, "add", ".")
    git(directory, "commit", "-q", "-m", "first")
    return directory


def test_a_clean_checkout(repository: Path) -> None:
    """Commit and branch, seen from a directory below, too."""
    (repository / "below").mkdir()
    checkout = read_checkout(repository / "below")
    assert checkout is not None
    assert checkout.commit == git(repository, "rev-parse", "HEAD")
    assert (checkout.branch, checkout.dirty, checkout.untracked_count) == ("work", False, 0)


def test_changes_to_tracked_files_make_it_dirty(repository: Path) -> None:
    """Changed, staged and deleted alike."""
    (repository / "tracked").write_text("two")
    for action in (("status",), ("add", "."), ("rm", "-q", "--cached", "-f", "tracked")):
        git(repository, *action)
        checkout = read_checkout(repository)
        assert checkout is not None
        assert checkout.dirty


def test_new_files_are_counted_and_ignored_ones_are_not(repository: Path) -> None:
    """Results that git ignores say nothing about the code; a new script does."""
    for name in ("results/session/results.json", "new/a.py", "new/b.py", "c.py"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).touch()
    checkout = read_checkout(repository)
    assert checkout is not None
    assert (checkout.dirty, checkout.untracked_count) == (False, 2)


def test_a_detached_head_has_no_branch_and_a_new_repository_no_commit(repository: Path, tmp_path: Path) -> None:
    """CI checks out commits."""
    git(repository, "checkout", "-q", "--detach")
    checkout = read_checkout(repository)
    assert checkout is not None
    assert checkout.branch is None
    assert checkout.commit is not None
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q", "-b", "main")
    checkout = read_checkout(tmp_path / "empty")
    assert checkout is not None
    assert (checkout.commit, checkout.branch) == (None, "main")


def test_hooks_dont_lead_git_elsewhere(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run started by a git hook has its repository in the environment."""
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    checkout = read_checkout(repository)
    monkeypatch.undo()
    assert checkout is not None
    assert checkout.commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_another_users_checkout_is_read(repository: Path) -> None:
    """In a container the mounted checkout belongs to the user outside."""
    for path in (repository, repository / ".git"):
        os.chown(path, 12345, 12345)
    checkout = read_checkout(repository)
    assert checkout is not None
    assert checkout.commit is not None


def test_the_index_is_not_rewritten(repository: Path) -> None:
    """Several workers and a person at the keyboard use the repository at the same time."""
    (repository / "tracked").touch()
    before = (repository / ".git" / "index").stat().st_mtime_ns
    read_checkout(repository)
    assert (repository / ".git" / "index").stat().st_mtime_ns == before


def test_no_repository_and_no_git_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed from an archive, on a machine without git."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_checkout(tmp_path) is None
    assert read_checkout(tmp_path / "missing") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_checkout(tmp_path) is None


def test_a_git_that_hangs_is_given_up(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a dead network file system, for instance."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "git"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(checkouts, "GIT_TIMEOUT_S", 0.2)
    assert read_checkout(repository) is None


def make_package(directory: Path, name: str) -> None:
    """A package that fails if it is imported."""
    (directory / name).mkdir(parents=True)
    (directory / name / "__init__.py").write_text("raise AssertionError('imported')")


def test_a_module_from_source_leads_to_its_checkout(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found where Python would import it from, and not imported."""
    make_package(repository / "src", "module_from_source")
    monkeypatch.syspath_prepend(str(repository / "src"))
    assert source_dir("module_from_source") == repository.resolve()
    assert "module_from_source" not in sys.modules


def test_a_virtual_environment_inside_a_checkout_is_no_part_of_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its packages have nothing to do with that commit; a missing module has no directory either."""
    site_packages = repository / ".venv" / "lib" / "python3.11" / "site-packages"
    make_package(site_packages, "module_from_archive")
    monkeypatch.syspath_prepend(str(site_packages))
    assert source_dir("module_from_archive") is None
    assert source_dir("module_that_is_missing") is None
