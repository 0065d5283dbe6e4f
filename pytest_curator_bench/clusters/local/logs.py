# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray's logs: keeping them, and finding the line that says why a cluster failed."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import time
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import create_new, open_regular
from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench.clusters import internals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["copy_end", "failure_summary", "keep_logs", "log_sizes"]

_MIB = 1024**2
# Logs are text that repeats itself: a tenth is left. Smaller ones are left readable.
_COMPRESSED_FROM_BYTES = _MIB
_DETAIL_LINES = 20

# A component's end, the end of a traceback, or click's refusal of an argument.
_ERROR_LINE = re.compile(r"^(?:[\w.]*(?:Error|Exception|Interrupt)\b.*|" + internals.COMPONENT_EXIT.pattern + ")")


def failure_summary(log_file: Path, session_logs: Path, *, log_begin: int = 0) -> tuple[str, str]:
    """Return the line of Ray's output that says most about its end, and details.

    Args:
        log_file: output of ``ray start``.
        session_logs: directory of the components' logs; it need not exist.
        log_begin: position in the output, in bytes, before which it is some earlier cluster's.

    Returns:
        That line, and the last lines of the output and of the native components' errors. Both are empty if there is
        no output.
    """
    lines = [internals.LOG_PREFIX.sub("", line) for line in log_tail(log_file, begin=log_begin)]
    found = next((line.strip() for line in reversed(lines) if _ERROR_LINE.match(line)), None)
    if found and internals.COMPONENT_EXIT.match(found):  # the first one brought about the others
        found = next(line.strip() for line in lines if internals.COMPONENT_EXIT.match(line))
    native = [
        f"{name}: {line}"
        for name in internals.NATIVE_LOGS
        for line in log_tail(session_logs / name)
        if internals.NATIVE_ERROR.match(line)
    ]
    return found or (lines[-1].strip() if lines else ""), "\n".join(lines[-_DETAIL_LINES:] + native[-_DETAIL_LINES:])


def keep_logs(
    source: Path,
    target: Path,
    *,
    deadline: float,
    begins: Mapping[Path, int] | None = None,
    max_file_bytes: int = 50 * _MIB,
    max_total_bytes: int = 500 * _MIB,
) -> bool:
    """Copy Ray's logs, of very large ones only the end; large ones are compressed, as ``NAME.gz``.

    Args:
        source: Ray's directory of logs.
        target: directory to copy them to; made if need be.
        begins: positions, in bytes, before which files are left out: an earlier entry's; empty files are left out.
        deadline: value of ``time.monotonic()`` after which no further file is copied.
        max_file_bytes: how much of one file is kept, at most.
        max_total_bytes: how much is kept in all, at most.

    Returns:
        Whether everything was kept in full.
    """
    if target.is_symlink():  # the script's doing: nothing is written where it leads
        return False
    whole = True
    left = max_total_bytes
    for file in sorted(_files(source), key=_importance):
        if left <= 0 or time.monotonic() > deadline:
            return False
        destination = target / file.relative_to(source)
        try:
            size = file.stat().st_size
            if begins is not None:
                size -= min(begins.get(file, 0), size)
                if not size:
                    continue
            destination.parent.mkdir(parents=True, exist_ok=True)
            kept = min(size, max_file_bytes, left)
            if kept < _COMPRESSED_FROM_BYTES:
                copy_end(file, destination, kept)
            else:
                copy_end(file, destination.with_name(f"{destination.name}.gz"), kept, compress=True)
        except OSError:
            whole = False
            continue
        whole = whole and kept == size
        left -= kept
    return whole


def log_sizes(directory: Path) -> dict[Path, int]:
    """Return how large the logs in a directory are now, in bytes, for ``begins`` of :func:`keep_logs`."""
    sizes = {}
    for file in _files(directory):
        with contextlib.suppress(OSError):
            sizes[file] = file.stat().st_size
    return sizes


def _files(directory: Path) -> Iterator[Path]:
    """Regular files below the directory; no symbolic link is followed."""
    for parent, _, names in os.walk(directory):
        for name in names:
            file = directory / parent / name
            if file.is_file() and not file.is_symlink():
                yield file


def _importance(file: Path) -> tuple[bool, str]:
    """Sort key that puts the components, which are few, before the workers."""
    return file.name.startswith(internals.WORKER_LOG_PREFIXES), str(file)


def copy_end(source: Path, target: Path, size: int, *, compress: bool = False) -> None:
    """Copy the last bytes of a file to a new one, in place of what has its name; raises OSError."""
    target.unlink(missing_ok=True)
    with (
        os.fdopen(open_regular(source), "rb") as reader,
        os.fdopen(create_new(target), "wb") as raw,
        gzip.GzipFile(source.name, "wb", 1, raw) if compress else contextlib.nullcontext(raw) as writer,
    ):
        reader.seek(-size, os.SEEK_END)
        left = size
        while left > 0 and (chunk := reader.read(min(left, _MIB))):
            left -= writer.write(chunk)
