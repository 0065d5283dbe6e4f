# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Names of sessions and of what lies in a session's directory."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from pytest_curator_bench.config.reserved_names import RESERVED_ENTRY_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = [
    "CLAIM_NAME",
    "CONFIG_NAME",
    "DATASETS_NAME",
    "DATA_SETUP_NAME",
    "DEFAULT_PREFIX",
    "EXPECTED_NAME",
    "GPU_STATS_NAME",
    "LOG_NAME",
    "PACKAGES_NAME",
    "RESERVED_ENTRY_NAMES",
    "RESULTS_NAME",
    "RUNS_NAME",
    "SCRATCH_NAME",
    "SCRIPT_ENV_NAME",
    "SESSION_NAME",
    "SHARDS_NAME",
    "SINKS_NAME",
    "SUPERSEDED_NAME",
    "TELEMETRY_NAME",
    "candidate_names",
    "validate_entry_name",
    "validate_session_name",
]

DEFAULT_PREFIX = "session"
MAX_SESSION_NAME_BYTES = 150
# Scratch and temporary names grow no longer than the entry's, and file systems allow 255 bytes.
MAX_ENTRY_NAME_BYTES = 200

SESSION_NAME = "session.json"
PACKAGES_NAME = "packages.txt"
CONFIG_NAME = "config.yaml"
RESULTS_NAME = "results.json"
LOG_NAME = "stdouterr.log"
TELEMETRY_NAME = "telemetry.csv"
GPU_STATS_NAME = "gpustats.csv"
CLAIM_NAME = ".run.json"
SCRATCH_NAME = "scratch"
# It stays on the machine: sinks deliver what scripts print and write, not all that their environment holds.
SCRIPT_ENV_NAME = "script_env.json"
RUNS_NAME = "runs"
SINKS_NAME = "sinks"
SUPERSEDED_NAME = "superseded"
DATA_SETUP_NAME = "data_setup"
DATASETS_NAME = "datasets.json"
SHARDS_NAME = "shards.json"
EXPECTED_NAME = "expected.json"


def candidate_names(prefix: str, moment: datetime) -> Iterator[str]:
    """Yield ``prefix__2025-01-23__14-30-00``, then the same with ``-2``, ``-3`` and so on, without end.

    ``moment`` is printed as it is: give the wall time of the place where people read it.

    Raises:
        ValueError: ``prefix`` makes no session name.
    """
    name = f"{prefix}__{moment:%Y-%m-%d__%H-%M-%S}"
    yield validate_session_name(name)
    for number in itertools.count(2):
        yield f"{name}-{number}"


def validate_session_name(name: str) -> str:
    """Return ``name``, if it is safe as the name of a session's directory.

    Raises:
        ValueError: one sentence that says what is wrong with it.
    """
    return _validated(name, "session name", MAX_SESSION_NAME_BYTES)


def validate_entry_name(name: str) -> str:
    """Return ``name``, if it is safe as the name of an entry's directory.

    Raises:
        ValueError: one sentence that says what is wrong with it.
    """
    if name in RESERVED_ENTRY_NAMES:
        raise ValueError(
            f"entry name {name!r} is the name of something else in the session's directory: choose another"
        )
    return _validated(name, "entry name", MAX_ENTRY_NAME_BYTES)


def _validated(name: str, kind: str, max_bytes: int) -> str:
    problem = _problem(name, max_bytes)
    if problem:
        shown = name if len(name) <= 60 else f"{name[:59]}…"
        raise ValueError(f"{kind} {shown!r} {problem}")
    return name


def _problem(name: str, max_bytes: int) -> str | None:  # noqa: PLR0911  # one rule a line
    if not name.strip():
        return "is empty: give at least one character"
    if "/" in name or "\0" in name:
        return "has a slash or a null character: it names one directory"
    if ".." in name:
        return "has '..' in it: it names a directory inside the results directory"
    if name.startswith("."):
        return "begins with a dot: such directories are hidden"
    if not name.isprintable():
        return "has a control or other invisible character in it"
    if name != name.strip():
        return "begins or ends with a space"
    size = len(name.encode())
    if size > max_bytes:
        return f"has {size} bytes, at most {max_bytes} are allowed"
    return None
