# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for NVIDIA's driver library, for tests on machines without GPUs.

``nvml.c`` says which values it knows. The library is found through ``LD_LIBRARY_PATH``, which the loader
reads when a process starts: what uses it runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["build_stub_nvml", "stub_nvml_environment"]

_SOURCE = Path(__file__).with_name("nvml.c")


def build_stub_nvml(directory: Path) -> Path:
    """Compile ``libnvidia-ml.so.1`` into ``directory``, which exists; gives ``directory``.

    Raises:
        FileNotFoundError: there is no gcc.
        subprocess.CalledProcessError: the source doesn't compile.
    """
    library = directory / "libnvidia-ml.so.1"
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", f"-Wl,-soname,{library.name}"]
    subprocess.run(["gcc", *options, "-o", str(library), str(_SOURCE)], check=True)  # gcc is where PATH says
    return directory


def stub_nvml_environment(directory: Path, **values: object) -> dict[str, str]:
    """This process's environment, with the library in ``directory`` found first and all GPUs visible.

    Args:
        directory: what :func:`build_stub_nvml` gave.
        values: what the library says: ``count=2`` becomes ``STUB_NVML_COUNT``, ``name_1="L4"`` is the second
            GPU's name.
    """
    hidden = ("STUB_NVML_", "CUDA_VISIBLE_DEVICES")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    paths = [str(directory), *filter(None, [inherited.get("LD_LIBRARY_PATH")])]
    scripted = {f"STUB_NVML_{key.upper()}": str(value) for key, value in values.items()}
    return {**inherited, **scripted, "LD_LIBRARY_PATH": os.pathsep.join(paths)}
