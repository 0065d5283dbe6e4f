# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the index of a results directory lies: in the user's cache, but never on a network's file system.

SQLite's locks are not to be relied on there (https://www.sqlite.org/faq.html#q5).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["index_file"]

_LOCAL_DIR = Path("/var/tmp")  # noqa: S108  # outlives a boot; the directory in it is the user's alone
_NETWORK_TYPES = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs"),
        *("gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "pvfs2", "smb2", "smb3", "smbfs", "virtiofs", "wekafs"),
    }
)


def index_file(results_dir: Path, *, mounts: Path = Path("/proc/self/mountinfo")) -> Path | None:
    """Return where the index of a results directory lies; its directory is made.

    Args:
        results_dir: the directory, by any of its names.
        mounts: the kernel's list of mounts, for tests.

    Returns:
        the file, which need not exist; ``None`` where no directory can be written.
    """
    digest = hashlib.sha256(os.fsencode(os.path.realpath(results_dir))).hexdigest()[:32]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "curator-bench"
    for directory in (cache, _LOCAL_DIR / f"curator-bench-{os.getuid()}"):
        if not _is_on_network(directory, mounts) and _is_own(directory):
            return directory / f"{digest}.sqlite"
    return None


def _is_own(directory: Path) -> bool:
    """Make the directory; return whether it is this user's and can be written."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)


def _is_on_network(directory: Path, mounts: Path) -> bool:
    """Return whether the file system that holds the directory, or would, is one of a network."""
    real = os.path.realpath(directory)
    found = ("", "")
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    for line in lines:
        # Fields as in proc_pid_mountinfo(5): the mount point is the fifth, the type follows the lone hyphen.
        words = line.split(" ")
        if "-" not in words or len(words) < 5:
            continue
        point = words[4].encode(errors="surrogateescape").decode("unicode_escape")
        kind = words[words.index("-") + 1 :][:1]
        inside = point in {"/", real} or real.startswith(f"{point}/")
        if kind and inside and len(point) >= len(found[0]):
            found = (point, kind[0])
    return found[1] in _NETWORK_TYPES
