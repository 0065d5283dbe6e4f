# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Paths as people are shown them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_curator_bench._util.container import display_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/project/results/s", "results/s"),
        ("/project/benchmarks/../results/s", "results/s"),
        ("/project", "."),
        ("/elsewhere/./a/../b", "/elsewhere/b"),
        ("/MOUNT/data/set", "/data/set"),
    ],
)
def test_paths_are_short(path: str, shown: str) -> None:
    """Relative to where pytest was called, without ``..`` in the middle; else the host's name for it."""
    assert display_path(Path(path), Path("/project")) == shown


@pytest.mark.parametrize(("path", "shown"), [("/work/results/s", "results/s"), ("/results/s", "/data/s")])
def test_display_path_with_mounts(path: str, shown: str) -> None:
    """Relative where the host's path lies below what the host calls the working directory."""
    mounts = [(Path("/work"), Path("/home/me/project")), (Path("/results"), Path("/data"))]
    assert display_path(path, Path("/work"), mounts) == shown
