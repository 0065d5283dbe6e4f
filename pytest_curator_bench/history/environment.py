# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What two sessions ran on, side by side: versions, commits, machine, packages, datasets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import read_regular
from pytest_curator_bench.history.setting import datasets_of, machine_facts
from pytest_curator_bench.session.names import PACKAGES_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_curator_bench.history.records import Record

__all__ = ["Fact", "dataset_facts", "environment_facts", "facts_of", "log_commands", "read_packages"]

_SHORT_COMMIT = 7
_PACKAGE = re.compile(r"^([^=\s]+)==(\S+)(?:\s+#\s*(.*))?$")
# As facts of the environment are called in env.json, and for people.
_NAMES = {
    "hostname": "host",
    "os": "system",
    "kernel": "kernel",
    "gpu_driver_version": "GPU driver",
    "cuda_driver_version": "CUDA of the driver",
    "cuda_toolkit_version": "CUDA toolkit",
    "image_digest": "image",
}
_CHECKOUTS = {"nemo_curator_git": "NeMo Curator commit", "git": "project commit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact on both sides.

    Attributes:
        name: what it is called for people.
        then: on the older side; ``None`` where it is unknown.
        now: on the newer side.
    """

    name: str
    then: str | None
    now: str | None

    @property
    def differs(self) -> bool:
        """Whether both sides are known to differ, or one has it and the other hasn't."""
        return self.then != self.now


def environment_facts(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Fact]:
    """Return the facts of two environments, the contents of two ``env.json``: versions and commits first."""
    return facts_of(dict(_facts(then)), dict(_facts(now)))


def facts_of(then: Mapping[str, str], now: Mapping[str, str]) -> list[Fact]:
    """Return what both sides say, by name."""
    return [Fact(name=name, then=then.get(name), now=now.get(name)) for name in {**then, **now}]


def dataset_facts(then: Iterable[Record], now: Iterable[Record]) -> list[Fact]:
    """Return the fingerprints of the datasets that two sessions' entries read."""
    before, after = (
        {name: text for record in side for name, text in datasets_of(record.setting)} for side in (then, now)
    )
    return facts_of(before, after)


def log_commands(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what shows the commits between two environments, one line for each checkout that differs."""
    lines = []
    for key, name in _CHECKOUTS.items():
        before, after = (_commit(side.get(key)).partition(" ")[0] for side in (then, now))
        if before and after and before != after:
            lines.append(f"git log --oneline {before}..{after}    # {name.removesuffix(' commit')}")
    return lines


def read_packages(session_dir: Path) -> dict[str, str]:
    """Return the packages that a session ran with: version, and the origin where it came from no index, by name."""
    try:
        lines = read_regular(session_dir / PACKAGES_NAME).decode(errors="replace").splitlines()
    except OSError:
        return {}
    found = (match for line in lines if (match := _PACKAGE.match(line)))
    return {match[1]: f"{match[2]} {match[3]}" if match[3] else match[2] for match in found}


def _facts(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    versions = environment.get("versions")
    if isinstance(versions, dict):
        yield from ((name, str(version)) for name, version in versions.items() if version)
    for key, name in _CHECKOUTS.items():
        if commit := _commit(environment.get(key)):
            yield name, commit
    for key, name in _NAMES.items():
        if value := environment.get(key):
            yield name, str(value)
    yield from machine_facts(environment).items()


def _commit(checkout: object) -> str:
    """Return a commit, and whether files were changed; nothing where it is unknown."""
    if not isinstance(checkout, dict) or not checkout.get("commit"):
        return ""
    return str(checkout["commit"])[:_SHORT_COMMIT] + (" with changes" if checkout.get("dirty") else "")
