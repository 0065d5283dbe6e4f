# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Deleting trees: however deep, whatever lies in them, and never what is only mounted there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.trees import remove_tree, tree_size
from tests.support.mounts import in_mount_namespace

if TYPE_CHECKING:
    from pathlib import Path

CODE = "import os, sys; from pytest_curator_bench._util import trees; print(trees.remove_tree(sys.argv[1]))"


def make_deep(directory: Path, levels: int) -> None:
    """Make nested directories, the path of the last far longer than the system's limit, with a file in each."""
    directory.mkdir()
    here = os.open(directory, os.O_RDONLY)
    for _ in range(levels):
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.mkdir("directory", dir_fd=here)
        below = os.open("directory", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_thousands_of_nested_directories(tmp_path: Path) -> None:
    """Neither Python's recursion limit, nor the longest path, nor the number of open files ends it."""
    make_deep(tmp_path / "deep", 5000)
    assert remove_tree(tmp_path / "deep") is None
    assert list(tmp_path.iterdir()) == []


def test_everything_that_may_lie_in_one(tmp_path: Path) -> None:
    """Links are not followed; pipes, names that are no text and dangling links go like files."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data").touch()
    top = tmp_path / "top"
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "c").mkdir()
    (top / "a" / "link").symlink_to(outside)
    (top / "a" / "b" / "dangling").symlink_to("nowhere")
    os.mkfifo(top / "pipe")
    (top / os.fsdecode(b"\xff\n")).mkdir()
    assert remove_tree(top) is None
    assert not top.exists()
    assert (outside / "data").exists()


def test_what_is_no_directory(tmp_path: Path) -> None:
    """A link or a file in its place is unlinked; where nothing is, nothing is left."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "file").touch()
    assert [remove_tree(tmp_path / name) for name in ("link", "file", "nothing", "nothing/below")] == [None] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("path", ["", ".", "..", "below/", "below/.", "below/.."])
def test_a_path_without_a_name_deletes_nothing(tmp_path: Path, path: str) -> None:
    """An empty setting must not delete the working directory, nor anything above it; tried where that does no harm."""
    (tmp_path / "here" / "below").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", CODE, path], cwd=tmp_path / "here", capture_output=True, text=True, check=False
    )
    assert "does not end with the name of a directory" in done.stderr
    assert (tmp_path / "here" / "below").is_dir()


@pytest.mark.parametrize("kind", ["tmpfs", "directory of the same file system", "file", "top"])
def test_what_is_mounted_is_left(tmp_path: Path, kind: str) -> None:
    """With the directories above it, and with one sentence; everything beside it is deleted."""
    precious, top = tmp_path / "precious", tmp_path / "top"
    precious.mkdir()
    (precious / "data").write_text("precious")
    here, file = top / "with space" / "here", top / "with space" / "file"
    here.mkdir(parents=True)
    file.touch()
    (top / "beside" / "below").mkdir(parents=True)
    point, mount, left = {
        "tmpfs": (here, f"mount -t tmpfs none '{here}'; touch '{here}/data'", 4),
        "directory of the same file system": (here, f"mount --bind {precious} '{here}'", 4),
        "file": (file, f"mount --bind {precious}/data '{file}'", 3),
        "top": (top, f"mount --bind {precious} {top}", 2),
    }[kind]
    output = in_mount_namespace(mount, [sys.executable, "-c", CODE, str(top)], f"find {top} | wc -l")
    said, count = output.splitlines()
    assert said.startswith(f"{point} is a mount point (")
    assert int(count) == left
    assert (precious / "data").read_text() == "precious"


def test_another_file_system_is_left_where_mounts_cannot_be_listed(tmp_path: Path) -> None:
    """The numbers of the file systems tell it, too."""
    here = tmp_path / "top" / "here"
    here.mkdir(parents=True)
    code = CODE.replace("print", "trees._MOUNTS_FILE = '/nowhere'; print")
    output = in_mount_namespace(
        f"mount -t tmpfs none {here}; touch {here}/data", [sys.executable, "-c", code, str(here.parent)], f"ls {here}"
    )
    assert output.splitlines() == [f"{here} is another file system", "data"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_what_cannot_be_deleted_is_named(tmp_path: Path) -> None:
    """As an ordinary user: somebody else's directory stays, with all above it, and the rest goes."""
    top = tmp_path / "top"
    (top / "theirs").mkdir(parents=True)
    (top / "theirs" / "file").touch()
    (top / "ours" / "unreadable").mkdir(parents=True)
    (top / "ours" / "unreadable" / "file").touch()
    (top / "ours" / "unreadable").chmod(0)
    for path in (tmp_path, top, top / "ours", top / "ours" / "unreadable"):
        os.chown(path, 65534, 65534)
    code = CODE.replace("print", "os.setuid(65534); print")
    output = subprocess.check_output([sys.executable, "-c", code, "top"], cwd=tmp_path, text=True)
    assert output.strip().endswith("top/theirs/file: Permission denied")
    assert sorted(path.name for path in top.rglob("*")) == ["file", "theirs"]


def test_the_size_of_a_tree(tmp_path: Path) -> None:
    """What the files take on the disk, each once; what links lead to is not in it."""
    tree, elsewhere = tmp_path / "tree", tmp_path / "elsewhere"
    (tree / "below").mkdir(parents=True)
    elsewhere.write_bytes(bytes(1_000_000))
    (tree / "link").symlink_to(elsewhere)
    small = tree_size(tree)
    assert small < 100_000
    (tree / "below" / "file").write_bytes(bytes(500_000))
    os.link(tree / "below" / "file", tree / "same")
    assert 500_000 <= tree_size(tree) - small < 600_000
    assert tree_size(tmp_path / "nowhere") == 0
