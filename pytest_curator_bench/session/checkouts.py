# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Commit and state of the git checkout that code comes from."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Checkout", "checkout_of", "read_checkout", "source_dir"]

GIT_TIMEOUT_S = 5.0

# Variables that git sets in hooks and that would lead it to another repository than the one asked for.
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The state of a git checkout.

    Attributes:
        commit: full hash; ``None`` before the first commit.
        branch: ``None`` where no branch is checked out.
        dirty: whether files that git tracks were changed.
        untracked_count: files and directories that git neither tracks nor ignores; a directory counts once.
    """

    commit: str | None
    branch: str | None
    dirty: bool
    untracked_count: int


def read_checkout(directory: Path) -> Checkout | None:
    """Return the state of the checkout that holds ``directory``; ``None`` without one, or if git takes over 5 s."""
    # The directory may belong to another user than ours, as it does in containers; git refuses that for fear
    # of programs that a repository's configuration names. This code is about to be run anyway.
    command = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", str(directory)]
    environment = {key: value for key, value in os.environ.items() if key not in _MISLEADING}
    try:
        done = subprocess.run(
            [*command, "status", "--porcelain=v2", "--branch", "--no-renames", "--ignore-submodules=dirty"],
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode != 0:
        return None
    return _parsed(done.stdout.decode(errors="replace"))


def source_dir(module: str) -> Path | None:
    """Return the git checkout that ``module`` would be imported from; nothing is imported.

    ``None`` where it isn't installed, or installed from an archive.
    """
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    locations = list(spec.submodule_search_locations or ()) if spec is not None else []
    return next(filter(None, map(checkout_of, map(Path, locations))), None)


def checkout_of(package_dir: Path) -> Path | None:
    """Return the git checkout that a package lies in.

    ``None`` for an installed one: a virtual environment that lies in some checkout doesn't make its packages part of
    that.
    """
    if {"site-packages", "dist-packages"} & set(package_dir.parts):
        return None
    return next((parent for parent in package_dir.resolve().parents if (parent / ".git").exists()), None)


def _parsed(status: str) -> Checkout:
    lines = status.splitlines()
    headers = dict(line.removeprefix("# ").partition(" ")[::2] for line in lines if line.startswith("# "))
    commit, branch = headers.get("branch.oid"), headers.get("branch.head")
    return Checkout(
        commit=None if commit == "(initial)" else commit,
        branch=None if branch == "(detached)" else branch,
        dirty=any(line[:1] in {"1", "2", "u"} for line in lines),
        untracked_count=sum(line.startswith("? ") for line in lines),
    )
