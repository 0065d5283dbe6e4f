# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is installed in the environment of another interpreter: it is asked once, and imports nothing for that."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.interpreter import Interpreter
from pytest_curator_bench.session.checkouts import checkout_of, read_checkout

if TYPE_CHECKING:
    from pytest_curator_bench.config.paths import CuratorRepo

__all__ = ["InterpreterError", "ask_interpreter"]

_LIMIT_S = 60.0
_PROGRAM = """
import importlib.metadata, importlib.util, json, platform, sys

def directory(module):
    spec = importlib.util.find_spec(module)
    return next(iter(spec.submodule_search_locations or ()), None) if spec else None

def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

def commit(name):
    try:
        origin = importlib.metadata.distribution(name).read_text("direct_url.json")
        return json.loads(origin or "{}").get("vcs_info", {}).get("commit_id")
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None

print(json.dumps({
    "version": platform.python_version(),
    "prefix": sys.prefix,
    "is_virtual": sys.prefix != sys.base_prefix,
    "ray_version": version("ray"),
    "ray_dir": directory("ray"),
    "curator_version": version("nemo-curator"),
    "curator_dir": directory("nemo_curator"),
    "curator_commit": commit("nemo-curator"),
}))
"""


class InterpreterError(Exception):
    """An interpreter can't be run; the message quotes why."""


def ask_interpreter(name: str, position: int, python: str, repo: CuratorRepo | None) -> Interpreter:
    """Return what an interpreter says of its environment.

    Its own checkout of NeMo Curator takes precedence as ``{curator_repo_dir}``. A package that is installed there lacks
    the scripts, so that a checkout of the configuration's is preferred to it.

    Args:
        name: what the user calls it.
        position: its place on the command line, from 1.
        python: its path.
        repo: NeMo Curator's directory for the configuration, if there is one.

    Raises:
        InterpreterError: it can't be run, or is too old.
    """
    facts = _answer(python)
    curator_dir, commit, is_dirty = facts.pop("curator_dir"), facts.pop("curator_commit"), False
    repo_dir = Path(curator_dir).absolute().parent if curator_dir else None
    checkout_dir = checkout_of(Path(curator_dir)) if curator_dir else None
    if checkout_dir is not None and (checkout := read_checkout(checkout_dir)) is not None:
        commit, is_dirty = checkout.commit, checkout.dirty
    if checkout_dir is None and repo is not None and not repo.is_package:
        repo_dir = repo.path
    return Interpreter(
        name=name,
        position=position,
        python=python,
        curator_commit=commit,
        curator_is_dirty=is_dirty,
        curator_repo_dir=repo_dir,
        **facts,
    )


def _answer(python: str) -> dict[str, Any]:
    try:
        # -P: a script does not find the modules of the working directory either.
        done = subprocess.run(
            [python, "-P", "-c", _PROGRAM],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InterpreterError(f"{python} does not answer within {_LIMIT_S:g} s") from None
    except OSError as error:
        raise InterpreterError(f"{python} can't be run ({error.strerror})") from None
    try:
        facts: dict[str, Any] = dict(json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError):
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
        raise InterpreterError(f"{python} is no Python from 3.11 on that works: {lines[-1][:500]}") from None
    return facts
