# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a local cluster takes of the machine besides its processes: a directory, a port number, shared memory.

*The port.* Ray lets the kernel choose almost all of a cluster's ports: a component binds port 0 and publishes what it
got, which collides with nothing. Only the Ray Client server insists on a number given beforehand. That one
is chosen here, below the range from which the kernel hands out ports, and *claimed* with an abstract Unix
socket that carries its number: such names live in the network namespace, exactly where ports do, they are
the same for every user and process of the machine, and the kernel frees them when their holder dies, so that
no lock goes stale.

*Shared memory.* Ray's object store unlinks its own file as soon as it is mapped. What tasks and actors create (shared
memory of ``multiprocessing``, named semaphores, NCCL's segments) is unlinked by those who made it, but they are
killed. Such files are found by who has them open just before the kill, and removed once nobody has.
"""

from __future__ import annotations

import os
import random
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.trees import remove_tree
from pytest_curator_bench.clusters import internals
from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.local.logs import failure_summary
from pytest_curator_bench.machine.hardware import SHARED_MEMORY_DIR
from pytest_curator_bench.machine.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ClusterFootprint", "PortClaim", "claim_port", "held_segments", "remove_segments", "segment_names"]

_PREFIX = "pcb-ray-"
_RANDOM_PART = 8
# Ray opens its directory to everybody (mode 0777); that it lies in one of ours is what keeps others out.
_INNER = "r"
_EPHEMERAL_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
# From here up, so that clusters started by hand keep Ray's own default worker ports (10002 to 19999).
_LOWEST_PORT = 20_000
_HIGHEST_PORT = 65_535
_FEWEST_CANDIDATES = 1_000


class ClusterFootprint:
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
        self.logs_dir = self.temp_dir / internals.LOGS_DIR
        self._segments_before = segment_names()
        self._segments: frozenset[str] = frozenset()

    def address(self) -> str:
        """The cluster's address as Ray wrote it, or the empty string if it did not yet."""
        with suppress(OSError, UnicodeDecodeError):
            written = (self.temp_dir / internals.ADDRESS_FILE).read_text("utf-8").strip()
            if written.rpartition(":")[2].isdigit():
                return written
        return ""

    def dashboard_url(self) -> str | None:
        """Where the dashboard answers, as the output of ``ray start`` tells; ``None`` if it does not yet."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_begin)
            found = internals.DASHBOARD_URL.search(log.read().decode("utf-8", "replace"))
        return found[1] if found else None

    def failure_summary(self) -> tuple[str, str]:
        """Summarise the output of ``ray start`` and, until removal, of the components; see :mod:`.logs`."""
        return failure_summary(self.log_file, self.logs_dir, log_begin=self._log_begin)

    def note_segments(self, keeper: int | None) -> None:
        """Remember which files in /dev/shm the processes below the given one have open."""
        if keeper is not None and keeper not in {1, os.getpid()}:
            self._segments |= held_segments(keeper, besides=self._segments_before)

    def remove_segments(self) -> None:
        """Remove the files remembered, as far as nobody has them open any more."""
        remove_segments(self._segments)

    def remove(self) -> str | None:
        """Remove Ray's files, as far as possible, and give the port number back; idempotent.

        Returns:
            What was left and why; ``None`` if nothing was.
        """
        left = remove_tree(self.private_dir)
        self.port.release()
        return left


def _make_private_dir(parents: tuple[str, ...]) -> Path:
    """Make a directory, of mode 0700, in the first of the given ones that is usable and short enough.

    Raises:
        ClusterError: if none is.
    """
    reasons: list[str] = []
    for parent in parents:
        temp_dir = Path(parent) / (_PREFIX + "x" * _RANDOM_PART) / _INNER
        if len(os.fsencode(temp_dir)) > internals.LONGEST_TEMP_DIR:
            reasons.append(f"{parent} is too long for Ray's sockets")
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
    raise ClusterError(f"Ray has no place for its temporary files ({'; '.join(reasons)}): set TMPDIR to a short one.")


class PortClaim:
    """A port number that this process holds until :meth:`release` or its death."""

    def __init__(self, number: int, holder: socket.socket) -> None:
        self.number = number
        self._holder = holder

    def release(self) -> None:
        """Give the number back; idempotent."""
        self._holder.close()


def claim_port() -> PortClaim:
    """Claim a free port.

    Returns:
        A claim on a port which nothing is bound to on any address, and which no other claim holds.

    Raises:
        ClusterError: if every candidate is taken.
    """
    candidates = _candidates(_EPHEMERAL_RANGE_FILE)
    start = random.randrange(len(candidates))  # noqa: S311 - spreads concurrent searches; nothing secret
    for offset in range(len(candidates)):
        port = candidates[(start + offset) % len(candidates)]
        holder = _claim(port)
        if holder is None:
            continue
        if _is_free(port):
            return PortClaim(port, holder)
        holder.close()
    raise ClusterError(
        f"No TCP port between {candidates[0]} and {candidates[-1]} is free for Ray: end what holds them."
    )


def _candidates(range_file: Path) -> range:
    """The ports that the kernel never chooses by itself: those below its range, or else those above it."""
    try:
        lowest, highest = (int(word) for word in range_file.read_text("ascii").split())
    except (OSError, ValueError):
        lowest, highest = 32_768, 60_999
    for candidates in (range(_LOWEST_PORT, lowest), range(highest + 1, _HIGHEST_PORT + 1)):
        if len(candidates) >= _FEWEST_CANDIDATES:
            return candidates
    return range(_LOWEST_PORT, _HIGHEST_PORT + 1)


def _claim(port: int) -> socket.socket | None:
    """A socket that holds the number's name, or None if somebody else does."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        holder.bind(f"\0pytest-curator-bench-port-{port}")
    except OSError:
        holder.close()
        return None
    return holder


def _is_free(port: int) -> bool:
    """Whether the port can be bound on every IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def segment_names() -> frozenset[str]:
    """Names of the files in /dev/shm."""
    try:
        return frozenset(os.listdir(SHARED_MEMORY_DIR))  # noqa: PTH208 - names are wanted, not paths
    except OSError:
        return frozenset()


def held_segments(ancestor: int, *, besides: frozenset[str]) -> frozenset[str]:
    """Which files in /dev/shm, besides the given ones, the descendants of a process have open or mapped."""
    candidates = segment_names() - besides
    return _held(candidates, descendants(ancestor)) if candidates else candidates


def remove_segments(names: frozenset[str]) -> None:
    """Unlink those of the files in /dev/shm that are our user's and that no process has open any more."""
    ours = frozenset(name for name in names if _is_ours(SHARED_MEMORY_DIR / name))
    for name in ours - _held(ours, _all_pids()) if ours else ours:
        (SHARED_MEMORY_DIR / name).unlink(missing_ok=True)


def _held(names: frozenset[str], pids: Iterable[int]) -> frozenset[str]:
    """Those of the files that some of the processes have open or mapped."""
    return names & frozenset(name for pid in pids for name in _segments_of(pid))


def _segments_of(pid: int) -> Iterator[str]:
    """Names of the files in /dev/shm that the process has mapped or open, as far as we may know."""
    process = Path(f"/proc/{pid}")
    prefix = f"{SHARED_MEMORY_DIR}/"
    with suppress(OSError):  # it ended meanwhile, or is another user's
        for line in (process / "maps").read_text("utf-8", "replace").splitlines():
            _, found, name = line.partition(prefix)
            if found:
                yield name
        for descriptor in os.listdir(process / "fd"):  # noqa: PTH208 - names are wanted, not paths
            with suppress(FileNotFoundError):  # closed meanwhile
                target = str((process / "fd" / descriptor).readlink())
                if target.startswith(prefix):
                    yield target.removeprefix(prefix)


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _is_ours(file: Path) -> bool:
    try:
        return file.stat().st_uid == os.geteuid()
    except OSError:
        return False
