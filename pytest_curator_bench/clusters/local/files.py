# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a cluster has besides its processes: a temporary directory, a port number, shared memory."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local import shared_memory
from pytest_curator_bench.clusters.local.logs import last_words
from pytest_curator_bench.clusters.local.ports import claim_port

__all__ = ["ClusterFiles"]

# Ray puts Unix sockets below its temporary directory, whose paths must stay under 108 bytes: a session's name
# takes up to 43 with its slash, a socket up to 22 with its directory.
_LONGEST_TEMP_DIR = 42
_PREFIX = "pcb-ray-"
_RANDOM_PART = 8
# Ray opens its directory to everybody (mode 0777); that it lies in one of ours is what keeps others out.
_INNER = "r"
_DASHBOARD = re.compile(r"RAY_API_SERVER_ADDRESS='(http://[^']+)'")


class ClusterFiles:
    """What one cluster takes of the machine, from before its start until :meth:`remove`.

    Attributes:
        log_file: output of ``ray start``; not removed.
        private_dir: the directory around all of Ray's files, which its user alone may enter.
        temp_dir: Ray's temporary directory in it, which Ray itself makes.
        logs_dir: the logs of Ray's components in it.
        port: the one port number that Ray needs beforehand.
    """

    def __init__(self, log_file: Path) -> None:
        """Take a port number and make the temporary directory.

        Raises:
            ClusterError: if there is no free port, or no directory with a name short enough.
        """
        self.log_file = log_file
        self._log_begin = log_file.stat().st_size if log_file.exists() else 0
        self.port = claim_port()
        try:
            self.private_dir = _make_private_dir((tempfile.gettempdir(), "/tmp", "/var/tmp"))  # noqa: S108 - mkdtemp makes it
        except BaseException:
            self.port.release()
            raise
        self.temp_dir = self.private_dir / _INNER
        self.logs_dir = self.temp_dir / "session_latest" / "logs"
        self._segments_before = shared_memory.segment_names()
        self._segments: frozenset[str] = frozenset()

    def address(self) -> str:
        """The cluster's address as Ray wrote it, or the empty string if it did not yet."""
        with suppress(OSError, UnicodeDecodeError):
            written = (self.temp_dir / "ray_current_cluster").read_text("utf-8").strip()
            if written.rpartition(":")[2].isdigit():
                return written
        return ""

    def dashboard_url(self) -> str | None:
        """Where the dashboard answers, as the output of ``ray start`` tells; ``None`` if it does not yet."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_begin)
            found = _DASHBOARD.search(log.read().decode("utf-8", "replace"))
        return found[1] if found else None

    def last_words(self) -> tuple[str, str]:
        """What ``ray start`` and, until removal, the components say last; see :mod:`.logs`."""
        return last_words(self.log_file, self.logs_dir, log_begin=self._log_begin)

    def note_segments(self, keeper: int | None) -> None:
        """Remember which files in /dev/shm the processes below the given one have open."""
        if keeper is not None and keeper not in {1, os.getpid()}:
            self._segments |= shared_memory.held_segments(keeper, besides=self._segments_before)

    def remove_segments(self) -> None:
        """Remove the files remembered, as far as nobody has them open any more."""
        shared_memory.remove_segments(self._segments)

    def remove(self) -> None:
        """Remove Ray's files, as far as possible, and give the port number back; idempotent."""
        shutil.rmtree(self.private_dir, ignore_errors=True)
        self.port.release()


def _make_private_dir(parents: tuple[str, ...]) -> Path:
    """Make a directory, of mode 0700, in the first of the given ones that is usable and short enough.

    Raises:
        ClusterError: if none is.
    """
    reasons: list[str] = []
    for parent in parents:
        temp_dir = Path(parent) / (_PREFIX + "x" * _RANDOM_PART) / _INNER
        if len(os.fsencode(temp_dir)) > _LONGEST_TEMP_DIR:
            reasons.append(f"{parent} is too long for Ray's sockets")
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
    raise ClusterError(f"Ray has no place for its temporary files ({'; '.join(reasons)}): set TMPDIR to a short one.")
