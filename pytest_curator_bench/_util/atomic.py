# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Files as this project writes and opens them: whole or not at all, strict JSON, and never a hanging open."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import stat
from typing import TYPE_CHECKING, Any, BinaryIO

from pytest_curator_bench._util.plain import to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "create_new",
    "encode_json",
    "json_line",
    "open_regular",
    "read_json_object",
    "read_regular",
    "replacing",
    "signature",
    "write_bytes",
    "write_json",
]

# Files up to this size are indented for people; indenting takes the json module's slow encoder.
MAX_INDENTED_CHARACTERS = 256 * 1024
# More than any file of ours holds. What a script has put in the place of one must not fill the memory.
MAX_READ_BYTES = 256 * 1024**2
USUAL_BYTES = 64 * 1024


def write_json(path: Path, data: object, *, durable: bool = True) -> None:
    """Write ``data`` to ``path`` as strict JSON; readers see the old content or the new, never a part.

    What JSON can't carry goes through :func:`~pytest_curator_bench._util.plain.to_plain`; NaN and infinities become
    the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.

    Args:
        path: where to; its directory must exist.
        data: anything.
        durable: as for :func:`write_bytes`.

    Raises:
        OSError: the file can't be written; nothing is left behind, and an old file stays as it was.
    """
    write_bytes(path, encode_json(data), durable=durable)


def read_json_object(path: Path, *, follow_links: bool = False) -> dict[str, Any]:
    """Return the JSON object that a file holds; an empty one if it can't be read or holds something else."""
    try:
        data = json.loads(read_regular(path, follow_links=follow_links))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` to ``path``; readers see the old content or the new, never a part.

    Args:
        path: where to; its directory must exist.
        data: the whole content.
        durable: as for :func:`replacing`.

    Raises:
        OSError: the file can't be written; nothing is left behind, and an old file stays as it was.
    """
    with replacing(path, durable=durable) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of ``path`` when the block ends without an error.

    Args:
        path: where to; its directory must exist.
        durable: wait until the content is on the disk, so that it outlives a crash of the machine, too. The
            directory is not synced: that would only decide which of the two files such a crash leaves.

    Raises:
        OSError: the file can't be written; nothing is left behind, and an old file stays as it was.
    """
    # The name starts with a dot and ends in .tmp, so no pattern for results ever matches it.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        # No tempfile here: it makes files that only their owner can read, and results are shared.
        with temporary.open("xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename, error.filename2 = str(path), None  # the temporary name means nothing to a reader
        raise


def json_line(data: object) -> str:
    """Return ``data`` as strict JSON on one line without its end, converted as :func:`write_json` does."""
    try:
        # Nearly all data is plain already: the C encoder is 20 times faster than looking at every value.
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):  # another type; NaN, or a lone surrogate
        text = json.dumps(to_plain(data, strict=True), ensure_ascii=False, allow_nan=False)
    return text


def encode_json(data: object) -> bytes:
    """Return what :func:`write_json` writes."""
    text = json_line(data)
    if len(text) <= MAX_INDENTED_CHARACTERS:
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    return f"{text}\n".encode()


def open_regular(path: Path, *, follow_links: bool = False) -> int:
    """Open a file for reading that another process, such as a script, may have made or replaced.

    Only regular files open: a pipe or a device neither blocks nor gets through. A symbolic link is followed within
    the file's own directory, and refused if it leads out of that.

    Args:
        path: the file.
        follow_links: follow links wherever they lead, as for a file that the user has named.

    Returns:
        A file descriptor, which the caller closes.

    Raises:
        OSError: missing, not readable, a link that leads elsewhere, or no regular file.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    if follow_links:
        descriptor = os.open(path, flags)
    else:
        try:
            descriptor = os.open(path, flags | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            descriptor = os.open(_target_within_directory(path), flags | os.O_NOFOLLOW)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def _target_within_directory(link: Path) -> str:
    target = os.path.realpath(link, strict=True)
    directory = os.path.realpath(link.parent)
    if os.path.commonpath([target, directory]) == directory:
        return target
    raise OSError(errno.ELOOP, "A link out of its directory", str(link))


def read_regular(path: Path, max_bytes: int = MAX_READ_BYTES, *, follow_links: bool = False) -> bytes:
    """Return the content of a file that :func:`open_regular` opens.

    Raises:
        OSError: as for :func:`open_regular`, or it has more than ``max_bytes``.
    """
    with os.fdopen(open_regular(path, follow_links=follow_links), "rb") as file:
        # Python reserves what may be read: most files are small, and thousands of them are read at once.
        content = file.read(min(USUAL_BYTES, max_bytes + 1)) or b""  # nothing where it would wait, as for /proc/kmsg
        if len(content) == USUAL_BYTES:
            content += file.read(max_bytes + 1 - USUAL_BYTES) or b""
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"Larger than {max_bytes >> 20} MiB", str(path))
    return content


def signature(path: Path) -> tuple[int, int, int] | None:
    """Return something that differs after each change of a file, and costs next to nothing; ``None`` without one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns, found.st_size


def create_new(path: Path) -> int:
    """Create a file for writing at its end, where nothing has its name, not even a link.

    Returns:
        A file descriptor, which the caller closes.

    Raises:
        OSError: it can't be created.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    return os.open(path, flags, 0o666)
