# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether this process runs in a container, and the names of one path in host and container."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.small_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "IN_CONTAINER_VARIABLE",
    "MOUNT_DIR",
    "container_override",
    "display_path",
    "in_container",
    "mounted_path",
    "to_host_path",
]

IN_CONTAINER_VARIABLE = "CURATOR_BENCH_IN_CONTAINER"
"""Environment variable that takes precedence over detection: 1 or 0."""

MOUNT_DIR = "/MOUNT"
"""Below it the tools mount host paths for which the configuration names no path in the container."""

# The number of the first pid name space, fixed in the kernel (PROC_PID_INIT_INO).
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off", ""}
_RUNTIME_GROUPS = re.compile(r"docker|containerd|kubepods|libpod|crio|lxc|buildkit")


def container_override(environ: Mapping[str, str]) -> bool | None:
    """Return the value of ``CURATOR_BENCH_IN_CONTAINER``; ``None`` where it isn't set, false where it is empty.

    Raises:
        ValueError: it is neither yes nor no; the message is its value.
    """
    value = environ.get(IN_CONTAINER_VARIABLE)
    if value is None:
        return None
    word = value.strip().lower()
    if word not in _YES | _NO:
        raise ValueError(value)
    return word in _YES


def in_container(environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> bool:
    """Return whether this process runs in a container.

    ``/.dockerenv`` alone proves nothing: virtual machines made from images have it. It counts together with a
    pid name space that isn't the kernel's first, or an overlay as root file system.

    Args:
        environ: environment variables; this process's own by default.
        root: where the files are, for tests.

    Raises:
        ValueError: the variable is neither yes nor no.
    """
    environ = os.environ if environ is None else environ
    override = container_override(environ)
    if override is not None:
        return override
    if environ.get("container") or (root / "run/.containerenv").exists():  # systemd's and podman's own signs
        return True
    own_namespace = _pid_namespace(root) not in {None, _FIRST_PID_NAMESPACE}
    if own_namespace and environ.get("KUBERNETES_SERVICE_HOST"):
        return True
    if (root / ".dockerenv").exists() and (own_namespace or _has_overlay_root(root)):
        return True
    return bool(_RUNTIME_GROUPS.search(read_text(root / "proc/1/cgroup")))


def to_host_path(path: Path, mounts: Iterable[tuple[Path, Path]] = ()) -> Path:
    """Return a path of this container as the host calls it.

    Args:
        path: a path in the container.
        mounts: pairs of container path and host path; the longest one that holds ``path`` counts. Without any, a
            path of :func:`mounted_path` is translated back, and others stay as they are.
    """
    holders = [(inside, outside) for inside, outside in mounts if path.is_relative_to(inside)]
    if not holders and path.is_relative_to(MOUNT_DIR):
        holders = [(Path(MOUNT_DIR), Path("/"))]
    if not holders:
        return path
    inside, outside = max(holders, key=lambda holder: len(holder[0].parts))
    return outside / path.relative_to(inside)


def mounted_path(host_path: Path) -> Path:
    """Return where the tools mount a host path for which the configuration names no path in the container."""
    return Path(f"{MOUNT_DIR}{host_path}")


def display_path(path: Path | str, start: Path, mounts: Iterable[tuple[Path, Path]] = ()) -> str:
    """Return the path as people on the host call it: relative to ``start`` where it lies below that.

    Args:
        path: a path in this container, or on this machine.
        start: the directory that people work in.
        mounts: as in :func:`to_host_path`.
    """
    host, host_start = (to_host_path(Path(os.path.normpath(place)), mounts) for place in (path, start))
    return str(host.relative_to(host_start) if host.is_relative_to(host_start) else host)


def _has_overlay_root(root: Path) -> bool:
    lines = (line.split() for line in read_text(root / "proc/self/mounts").splitlines())
    return any(fields[1:3] in (["/", "overlay"], ["/", "fuse.fuse-overlayfs"]) for fields in lines)


def _pid_namespace(root: Path) -> str | None:
    try:
        return str((root / "proc/self/ns/pid").readlink())
    except OSError:
        return None
