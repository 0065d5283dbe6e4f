# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What goes to the cluster with a job: the script's directory, this package's sources, and the order."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_PACKAGE_BYTES", "ORDER_NAME", "PackageError", "write_package"]

ORDER_NAME = "curator-bench-job.json"
MAX_PACKAGE_BYTES = 100 * 1024**2
_PACKAGE_DIR = Path(__file__).parents[2]
_EXCLUDED = frozenset({"__pycache__", "node_modules"})
_NAMED_AT_MOST = 3
# The earliest moment that a zip file can carry: the same content gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class PackageError(Exception):
    """The directory can't be packaged; one sentence."""


def write_package(target: Path, script: Path, order: bytes) -> None:
    """Write the zip file that becomes the job's working directory.

    It holds what lies beside the script, down to any depth, at its root; the package ``pytest_curator_bench``; and
    the order. Left out are hidden files and directories, byte code, ``__pycache__``, ``node_modules``, links to
    directories, and what is no regular file.

    Args:
        target: the file to write.
        script: the script.
        order: content of the order's file.

    Raises:
        PackageError: it would be larger than 100 MiB, unpacked, or something can't be read.
    """
    files = dict(_files(script.parent))
    files |= {f"{_PACKAGE_DIR.name}/{name}": path for name, path in _files(_PACKAGE_DIR)}
    try:
        _check_size(files, script.parent)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, path in sorted(files.items()):
                info = zipfile.ZipInfo(name, _EPOCH)
                info.external_attr = (path.stat().st_mode & 0o777) << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, path.read_bytes())
            archive.writestr(zipfile.ZipInfo(ORDER_NAME, _EPOCH), order)
    except OSError as error:
        raise PackageError(f"{error.filename or script.parent} can't be packaged: {error.strerror or error}") from error


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """What is packaged of a directory, by its name in the package."""
    for parent, directories, names in os.walk(root):
        directories[:] = sorted(name for name in directories if name not in _EXCLUDED and not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix != ".pyc" and path.is_file():
                yield path.relative_to(root).as_posix(), path


def _check_size(files: dict[str, Path], script_dir: Path) -> None:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    if sum(sizes.values()) <= MAX_PACKAGE_BYTES:
        return
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_NAMED_AT_MOST]
    named = ", ".join(f"{name} ({sizes[name] / 2**20:.0f} MiB)" for name in largest)
    raise PackageError(
        f"The script's directory {script_dir} goes to the cluster with it, and has "
        f"{sum(sizes.values()) / 2**20:.0f} MiB, of which {MAX_PACKAGE_BYTES >> 20} are allowed ({named}): move what "
        "the script does not need, or give it a directory of its own"
    )
