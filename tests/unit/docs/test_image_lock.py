# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The image's locks hold what pyproject.toml and constraints.txt ask for; else run docker/lock.sh."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).parents[3]
LOCKS = ["requirements.lock", "requirements-cpu.lock"]
PYTHONS = ["3.11.9", "3.12.3", "3.13.1"]


def locked(lock: str, python: str) -> dict[str, str]:
    """Version by name, for a Python on Linux; every one must have a digest."""
    found: dict[str, str] = {}
    text = (REPO / "docker" / lock).read_text(encoding="utf-8").replace("\\\n", "")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pin, *digests = line.split("--hash=")
            assert digests, pin
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest.strip()) for digest in digests)
            requirement = Requirement(pin.strip())
            environment = {
                "python_version": python.rpartition(".")[0],
                "python_full_version": python,
                "sys_platform": "linux",
                "platform_machine": "x86_64",
            }
            if requirement.marker is None or requirement.marker.evaluate(environment):
                (specifier,) = requirement.specifier
                assert specifier.operator == "=="
                found[canonicalize_name(requirement.name)] = specifier.version
    return found


def wanted() -> list[Requirement]:
    """What the project asks for, with all extras."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for name, texts in project["optional-dependencies"].items() if name != "all" for text in texts]
    constraints = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in constraints if line and not line.startswith("#")]
    return [Requirement(text) for text in (*project["dependencies"], *extras, *pins)]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_is_asked_for(lock: str, python: str) -> None:
    """Each package at a version that will do; torch is left out of the one lock, with CUDA's libraries."""
    versions = locked(lock, python)
    left_out = {"torch"} if "cpu" in lock else set()
    wrong = [
        f"{requirement} (locked: {versions.get(canonicalize_name(requirement.name))})"
        for requirement in wanted()
        if requirement.name not in left_out
        and not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0"))
    ]
    assert wrong == []
    cuda = [name for name in versions if name.startswith("nvidia-") and name != "nvidia-ml-py"]
    assert bool(cuda) == bool("torch" in versions) == ("cpu" not in lock)
