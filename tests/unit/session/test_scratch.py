# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Scratch directories: linked beside the results, deleted whole, and nothing outside them touched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pytest_curator_bench.session.errors import SessionError
from pytest_curator_bench.session.scratch import ScratchDirs
from pytest_curator_bench.session.store import SessionStore


@pytest.fixture
def scratch(tmp_path: Path) -> ScratchDirs:
    """Scratch directories in the default layout, with an entry's directory for the link."""
    (tmp_path / "results" / "s" / "a").mkdir(parents=True)
    return ScratchDirs(tmp_path / "results", tmp_path / "results" / "artifacts", "s")


def test_the_script_gets_the_directory_itself(scratch: ScratchDirs, tmp_path: Path) -> None:
    """And a link to it lies beside the results."""
    directory = scratch.prepare("a")
    assert directory == tmp_path / "results" / "artifacts" / "s" / "a" / "scratch"
    assert not directory.is_symlink()
    link = tmp_path / "results" / "s" / "a" / "scratch"
    assert link.is_symlink()
    assert link.resolve() == directory.resolve()


def test_a_second_go_finds_directory_and_link(scratch: ScratchDirs) -> None:
    """Retry plugins repeat fixtures; a link that leads elsewhere is put right."""
    scratch.prepare("a")
    scratch.link("a").unlink()
    scratch.link("a").symlink_to("/nowhere")
    assert scratch.prepare("a") == scratch.prepare("a")
    assert scratch.link("a").resolve() == scratch.path("a").resolve()


def test_links_survive_moving_results_and_artifacts_together(scratch: ScratchDirs, tmp_path: Path) -> None:
    """Artifacts among the results are linked relatively: mounted elsewhere, the links still lead to them."""
    (scratch.prepare("a") / "data").touch()
    (tmp_path / "results").rename(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "s" / "a" / "scratch" / "data").exists()


def test_links_survive_moving_results_alone(tmp_path: Path) -> None:
    """Artifacts on another disk are linked absolutely: their place doesn't depend on the results'."""
    (tmp_path / "results" / "s" / "a").mkdir(parents=True)
    scratch = ScratchDirs(tmp_path / "results", tmp_path / "disk", "s")
    (scratch.prepare("a") / "data").touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "results").rename(tmp_path / "deeper" / "results")
    assert (tmp_path / "deeper" / "results" / "s" / "a" / "scratch" / "data").exists()


def test_relative_links_are_right_behind_a_linked_directory(tmp_path: Path) -> None:
    """Users' results directories are often links themselves: ``..`` leads out of what they lead to."""
    real = tmp_path / "deep" / "deeper" / "real"
    (real / "s" / "a").mkdir(parents=True)
    (tmp_path / "results").symlink_to(real)
    scratch = ScratchDirs(tmp_path / "results", real / "artifacts", "s")
    (scratch.prepare("a") / "data").touch()
    assert (scratch.link("a") / "data").exists()


def test_removing_leaves_no_directory_and_no_link(scratch: ScratchDirs) -> None:
    """A dangling link would look like lost data."""
    (scratch.prepare("a") / "deep" / "deeper").mkdir(parents=True)
    assert scratch.remove("a") is None
    assert not scratch.path("a").parent.exists()
    assert not scratch.link("a").is_symlink()
    assert scratch.remove("a") is None


def test_removing_follows_no_link_out(scratch: ScratchDirs, tmp_path: Path) -> None:
    """A dataset linked into scratch is not deleted, nor are its permissions changed."""
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    (dataset / "rows").touch()
    dataset.chmod(0o500)
    directory = scratch.prepare("a")
    (directory / "input").symlink_to(dataset)
    (directory / "rows").symlink_to(dataset / "rows")
    assert scratch.remove("a") is None
    assert (dataset / "rows").exists()
    assert dataset.stat().st_mode & 0o777 == 0o500


def test_a_scratch_directory_that_became_a_link_is_only_unlinked(scratch: ScratchDirs, tmp_path: Path) -> None:
    """A script that puts its scratch on another disk keeps what lies there."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "data").touch()
    scratch.prepare("a").rmdir()
    scratch.path("a").symlink_to(tmp_path / "disk")
    assert scratch.remove("a") is None
    assert (tmp_path / "disk" / "data").exists()
    assert not scratch.path("a").is_symlink()


def test_a_parent_that_became_a_link_is_not_followed(scratch: ScratchDirs, tmp_path: Path) -> None:
    """Deleting through it would delete somebody else's directory of the same name."""
    (tmp_path / "other" / "scratch").mkdir(parents=True)
    shutil.rmtree(scratch.prepare("a").parent)
    scratch.path("a").parent.symlink_to(tmp_path / "other")
    assert "a link leads out of" in (scratch.remove("a") or "")
    assert (tmp_path / "other" / "scratch").exists()


def test_read_only_directories_are_deleted_as_an_ordinary_user(scratch: ScratchDirs, tmp_path: Path) -> None:
    """Some tools write their caches so; tried in a child that gives up root's rights if it has them."""
    directory = scratch.prepare("a")
    for name in ("no-write", "nothing"):
        (directory / name / "below").mkdir(parents=True)
        (directory / name / "below" / "file").touch()
    dataset = tmp_path / "dataset"
    dataset.mkdir(mode=0o500)
    below = directory / "no-write" / "below"
    (below / "linked").symlink_to(os.path.relpath(dataset, below))
    below.chmod(0o555)
    (directory / "nothing").chmod(0)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if _remove_as_ordinary_user(tmp_path) is None else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not directory.exists()
    assert dataset.stat().st_mode & 0o777 == 0o500


def _remove_as_ordinary_user(tmp_path: Path) -> str | None:
    os.chdir(tmp_path)  # relative paths need no rights above it
    if os.getuid() == 0:
        for parent, names, files in os.walk("."):
            for name in (".", *names, *files):
                os.chown(f"{parent}/{name}", 65534, 65534, follow_symlinks=False)
        os.setgid(65534)
        os.setuid(65534)
    return ScratchDirs(Path("results"), Path("results/artifacts"), "s").remove("a")


def test_what_cant_be_deleted_is_a_warning(scratch: ScratchDirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, no exception: the benchmark's outcome is known already."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    directory = scratch.prepare("a")
    with monkeypatch.context() as refusing:
        refusing.setattr(os, "rmdir", refuse)
        warning = scratch.remove("a")
    assert warning == (
        f"scratch directory {directory} was not deleted whole ({directory}: Operation not permitted): "
        "delete the rest by hand"
    )


def test_an_unwritable_artifacts_dir_is_named(scratch: ScratchDirs, tmp_path: Path) -> None:
    """With the setting that puts it elsewhere."""
    (tmp_path / "results" / "artifacts").write_text("a file")
    with pytest.raises(SessionError, match="set artifacts_dir to another directory"):
        scratch.prepare("a")


def test_results_and_artifacts_may_share_a_directory(tmp_path: Path) -> None:
    """Then scratch lies in the entry's directory itself, without a link, and is moved and deleted there."""
    store = SessionStore.create(tmp_path, tmp_path, exact="s")
    store.entries.prepare("a")
    (store.scratch.prepare("a") / "first").touch()
    store.entries.prepare("a")
    assert (tmp_path / "s" / "superseded" / "a-1" / "scratch" / "first").exists()
    directory = store.scratch.prepare("a")
    assert directory == store.entries.path("a") / "scratch"
    assert list(directory.iterdir()) == []
    assert not directory.is_symlink()
    assert store.scratch.remove("a") is None
    assert not directory.exists()
    assert store.entries.path("a").exists()


def test_the_last_run_removes_what_is_empty(tmp_path: Path) -> None:
    """Empty directories in the artifacts go with the session's last run; what was kept in them stays."""
    results, artifacts = tmp_path / "results", tmp_path / "artifacts"
    first, second = (SessionStore.create(results, artifacts, exact="s") for _ in range(2))
    for store in (first, first.data_setups()):
        store.scratch.prepare("a")
        assert store.scratch.remove("a") is None
    first.finish([], exit_status=0)
    assert (artifacts / "s").exists()
    second.finish([], exit_status=0)
    assert list(artifacts.iterdir()) == []
    third = SessionStore.create(results, artifacts, exact="s")
    kept = third.data_setups().scratch.prepare("a") / "kept"
    kept.touch()
    third.finish([], exit_status=0)
    assert kept.exists()
