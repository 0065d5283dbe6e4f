# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Where things are: relative paths, host and container, and NeMo Curator's own directory."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.container import container_override, in_container
from pytest_curator_bench._util.links import in_real_dir

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_curator_bench.config.problems import Place

CURATOR_REPO_VARIABLES = ("CURATOR_REPO_DIR", "CURATOR_BENCHMARK_CURATOR_REPO_DIR")
_PACKAGE = "nemo_curator"


def base_dirs(file: Path) -> tuple[Path, ...]:
    """Return the directories that relative paths of a file start from: its own, then its target's if it is a link."""
    return tuple(dict.fromkeys((in_real_dir(file.absolute()).parent, Path(os.path.realpath(file)).parent)))


def located(text: str, place: Place, environ: Mapping[str, str]) -> Path:
    """Return the path that ``text`` means in a file: relative to the file's directory, or to home after ``~/``."""
    return first_existing(base_dirs(place.file), home_expanded(text, environ))


def first_existing(directories: Sequence[Path], relative: str) -> Path:
    """Return the path in the first of the directories in which it exists, or in the first one if it exists nowhere."""
    paths = [directory / relative for directory in directories]
    # Not pathlib's exists(), which raises an error for paths that are too long.
    return next(filter(os.path.exists, paths), paths[0]) if len(paths) > 1 else paths[0]


def home_expanded(text: str, environ: Mapping[str, str]) -> str:
    """``text`` with ``~`` at its beginning replaced by the home directory, where that is known."""
    home = environ.get("HOME")
    return f"{home}{text[1:]}" if home and (text == "~" or text.startswith("~/")) else text


def uses_container_paths(environ: Mapping[str, str], container_paths: Iterable[Path], root: Path = Path("/")) -> bool:
    """Whether the configuration's ``container_path`` count, rather than its ``host_path``.

    The variable ``CURATOR_BENCH_IN_CONTAINER`` decides where it is set, as an image for benchmarks should.
    Otherwise two signs are needed: that this is a container, and at least one of the configured paths. The
    container alone proves nothing: in those of CI systems nothing is mounted.

    Args:
        environ: the environment.
        container_paths: the paths as they would be inside, absolute.
        root: the file system's root, for tests.

    Raises:
        ValueError: if the variable is neither a yes nor a no.
    """
    said = container_override(environ)
    if said is not None:
        return said
    return in_container(environ, root) and any(
        (root / path.relative_to("/")).exists() for path in container_paths if path.is_absolute()
    )


@dataclass(frozen=True, slots=True)
class CuratorRepo:
    """The directory that ``{curator_repo_dir}`` stands for.

    Attributes:
        path: the directory.
        is_package: whether it is only where the package is installed, which lacks all else of a checkout.
    """

    path: Path
    is_package: bool = False


def find_curator_repo(files: Iterable[Path], environ: Mapping[str, str]) -> CuratorRepo | None:
    """Return NeMo Curator's directory; ``None`` where there is none.

    It is the checkout that holds one of the configuration files; else what ``CURATOR_REPO_DIR`` names, or
    ``CURATOR_BENCHMARK_CURATOR_REPO_DIR``; else where the package is installed, which is found, not imported.
    """
    for file in files:
        for directory in file.absolute().parents:
            if (directory / _PACKAGE / "__init__.py").is_file():
                return CuratorRepo(directory)
    for name in CURATOR_REPO_VARIABLES:
        if environ.get(name):
            return CuratorRepo(Path(environ[name]).absolute())
    try:
        spec = importlib.util.find_spec(_PACKAGE)
    except (ImportError, ValueError):
        return None
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return CuratorRepo(Path(locations[0]).absolute().parent, is_package=True) if locations else None
