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
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_curator_bench._util.container import in_container
from pytest_curator_bench._util.interpreter import script_python
from pytest_curator_bench.machine.gpus import query_gpus
from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR, read_cpus, read_memory, read_space
from pytest_curator_bench.session.checkouts import read_checkout, source_dir
from pytest_curator_bench.session.packages import installed_packages, packages_text

__all__ = ["Environment", "capture_environment"]

# Reported by name in env.json; packages.txt has them all.
_VERSIONS = {
    "ray": "ray",
    "nemo_curator": "nemo-curator",
    "torch": "torch",
    "pytest": "pytest",
    "pytest_curator_bench": "pytest-curator-bench",
}


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
    project_dir: Path, *, results_dir: Path | None = None, reason: str | None = None
) -> Environment:
    """Describe this machine and what is installed on it; never fails for what a machine lacks.

    Args:
        project_dir: directory of the project whose benchmarks run; its git checkout is described.
        results_dir: directory whose file system is described.
        reason: why the session was started.
    """
    packages = installed_packages()
    data = {
        "captured_at": datetime.now(UTC).isoformat(),
        "reason": reason,
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
        "nemo_curator_git": _source_checkout("nemo_curator"),
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


def _source_checkout(module: str) -> dict[str, Any] | None:
    directory = source_dir(module)
    return _plain(read_checkout(directory)) if directory is not None else None


def _plain(value: Any) -> dict[str, Any] | None:
    return asdict(value) if value is not None else None
