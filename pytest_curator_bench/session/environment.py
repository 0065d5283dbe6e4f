# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Hardware and software that a session ran on: the content of ``env.json`` and ``packages.txt``.

Everything is read from files, the driver and git, in a fraction of a second, without a heavy import. Nothing that
is missing on a machine is an error. The variables of the environment are left out, as they hold secrets.
"""

from __future__ import annotations

import json
import os
import platform
import re
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.container import in_container
from pytest_curator_bench._util.interpreter import script_python
from pytest_curator_bench.machine.gpus import query_gpus
from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR, read_cpus, read_memory, read_space
from pytest_curator_bench.session.checkouts import read_checkout, source_dir
from pytest_curator_bench.session.packages import installed_packages, packages_text

if TYPE_CHECKING:
    from pytest_curator_bench.session.packages import Package

__all__ = ["Environment", "capture_environment"]

# Reported by name in env.json; packages.txt has them all.
_VERSIONS = {
    "ray": "ray",
    "nemo_curator": "nemo-curator",
    "torch": "torch",
    "pytest": "pytest",
    "pytest_curator_bench": "pytest-curator-bench",
}


# What setuptools-scm and its like make of a commit: 1.4.1.dev3+g7be1f02.
_COMMIT_IN_VERSION = re.compile(r"\+(?:.*[._])?g([0-9a-f]{7,40})(?:[._]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Description of the machine and its software.

    Attributes:
        data: content of ``env.json``, plain.
        packages: content of ``packages.txt``.
    """

    data: dict[str, Any]
    packages: str


def capture_environment(
    project_dir: Path,
    *,
    results_dir: Path | None = None,
    reason: str | None = None,
    machine_class: str | None = None,
) -> Environment:
    """Describe this machine and what is installed on it; never fails for what a machine lacks.

    Args:
        project_dir: directory of the project whose benchmarks run; its git checkout is described.
        results_dir: directory whose file system is described.
        reason: why the session was started.
        machine_class: name of the machines whose results may be compared.
    """
    packages = installed_packages()
    data = {
        "captured_at": datetime.now(UTC).isoformat(),
        "reason": reason,
        "machine_class": machine_class,
        "image_digest": os.environ.get("IMAGE_DIGEST") or None,
        "in_container": in_container(),
        **_system(),
        "cpu": asdict(read_cpus()),
        "memory": asdict(read_memory()),
        "shared_memory": _plain(read_space(SHARED_MEMORY_DIR)),
        "results_disk": _plain(read_space(results_dir)) if results_dir is not None else None,
        **_gpus(),
        "cuda_toolkit_version": _cuda_toolkit_version(),
        "versions": {
            "python": platform.python_version(),
            **{key: packages[name].version if name in packages else None for key, name in _VERSIONS.items()},
        },
        "git": _plain(read_checkout(project_dir)),
        "nemo_curator_git": _nemo_curator_commit(packages.get("nemo-curator")),
    }
    return Environment(data=data, packages=packages_text(packages.values()))


def _system() -> dict[str, Any]:
    # Not platform.platform(): it starts a process (uname -p).
    uname = os.uname()
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        name = None
    return {
        "hostname": os.environ.get("HOST_HOSTNAME") or socket.gethostname(),
        "platform": f"{uname.sysname}-{uname.release}-{uname.machine}",
        "os": name,
        "kernel": uname.release,
        "machine": uname.machine,
        "user": os.environ.get("USER") or str(os.getuid()),
        "python_executable": script_python(),
    }


def _gpus() -> dict[str, Any]:
    found = query_gpus()
    return {
        "gpus": [asdict(gpu) for gpu in found.gpus],
        "gpus_note": found.reason,
        "gpu_driver_version": found.driver_version,
        "cuda_driver_version": found.cuda_driver_version,
    }


def _cuda_toolkit_version() -> str | None:
    """Read it from the toolkit's own file, or from the variable of NVIDIA's images; nvcc would take a process."""
    homes = (os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda")
    for home in filter(None, homes):
        try:
            return str(json.loads(Path(home, "version.json").read_bytes())["cuda"]["version"])
        except (OSError, KeyError, TypeError, ValueError):
            continue
    return os.environ.get("CUDA_VERSION") or None


def _nemo_curator_commit(package: Package | None) -> dict[str, Any] | None:
    """Return NeMo Curator's commit, and where it is known from: what is imported says it best, the user last."""
    places = {"checkout": source_dir("nemo_curator"), "directory": package.directory if package else None}
    known: dict[str, str | None] = {}
    if package is not None:
        version = _COMMIT_IN_VERSION.search(package.version)
        known = {"repository": package.commit, "version": version[1] if version else None}
    for source, directory in places.items():
        if directory is not None and (checkout := read_checkout(directory)) is not None:
            return {**asdict(checkout), "source": source}
    known["CURATOR_COMMIT"] = os.environ.get("CURATOR_COMMIT")
    unknown = dict.fromkeys(("branch", "dirty", "untracked_count"))
    return next(({"commit": commit, **unknown, "source": source} for source, commit in known.items() if commit), None)


def _plain(value: Any) -> dict[str, Any] | None:
    return asdict(value) if value is not None else None
