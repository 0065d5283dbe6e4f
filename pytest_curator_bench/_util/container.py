# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether this process runs in a container, and what host and container call the same path."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

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
"""Environment variable that decides: 1 or 0, for machines that look like what they are not."""

MOUNT_DIR = "/MOUNT"
"""Below it the tools mount what has no place of its own in the container, at its path on the host."""

# The number of the first pid name space, fixed in the kernel (PROC_PID_INIT_INO).
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off", ""}
_RUNTIME_GROUPS = re.compile(r"docker|containerd|kubepods|libpod|crio|lxc|buildkit")


def container_override(environ: Mapping[str, str]) -> bool | None:
    """What ``CURATOR_BENCH_IN_CONTAINER`` says; ``None`` where it isn't set, empty is a no.

    Raises:
        ValueError: it is neither a yes nor a no; the message is its value.
    """
    said = environ.get(IN_CONTAINER_VARIABLE)
    if said is None:
        return None
    word = said.strip().lower()
    if word not in _YES | _NO:
        raise ValueError(said)
    return word in _YES


def in_container(environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> bool:
    """Whether this process runs in a container, by more than one file.

    ``/.dockerenv`` alone proves nothing: virtual machines made from images have it. It counts together with a
    pid name space that isn't the kernel's first, or an overlay as root file system.

    Args:
        environ: environment variables; this process's own by default.
        root: where the files are, for tests.

    Raises:
        ValueError: the variable is neither a yes nor a no.
    """
    environ = os.environ if environ is None else environ
    said = container_override(environ)
    if said is not None:
        return said
    if environ.get("container") or (root / "run/.containerenv").exists():  # systemd's and podman's own signs
        return True
    own_namespace = _pid_namespace(root) not in {None, _FIRST_PID_NAMESPACE}
    if own_namespace and environ.get("KUBERNETES_SERVICE_HOST"):
        return True
    if (root / ".dockerenv").exists() and (own_namespace or _has_overlay_root(root)):
        return True
    return bool(_RUNTIME_GROUPS.search(_read(root / "proc/1/cgroup")))


def to_host_path(path: Path, mounts: Iterable[tuple[Path, Path]] = ()) -> Path:
    """What the host calls a path of this container.

    Args:
        path: a path in the container.
        mounts: what is mounted, each as container path and host path; the longest one that holds ``path``
            counts. Without one it is the default place of :func:`mounted_path`, or ``path`` itself.
    """
    holders = [(inside, outside) for inside, outside in mounts if path.is_relative_to(inside)]
    if not holders and path.is_relative_to(MOUNT_DIR):
        holders = [(Path(MOUNT_DIR), Path("/"))]
    if not holders:
        return path
    inside, outside = max(holders, key=lambda holder: len(holder[0].parts))
    return outside / path.relative_to(inside)


def mounted_path(host_path: Path) -> Path:
    """Where the tools mount a path for which the configuration names no place in the container."""
    return Path(f"{MOUNT_DIR}{host_path}")


def display_path(path: Path, start: Path) -> str:
    """Return the path as people call it: relative to ``start`` where it lies below that, else as the host calls it."""
    plain = Path(os.path.normpath(path))
    return str(plain.relative_to(start) if plain.is_relative_to(start) else to_host_path(plain))


def _has_overlay_root(root: Path) -> bool:
    lines = (line.split() for line in _read(root / "proc/self/mounts").splitlines())
    return any(fields[1:3] in (["/", "overlay"], ["/", "fuse.fuse-overlayfs"]) for fields in lines)


def _pid_namespace(root: Path) -> str | None:
    try:
        return str((root / "proc/self/ns/pid").readlink())
    except OSError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
