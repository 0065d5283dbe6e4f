# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench mounts``: what a container needs of its host; ``benchmarks/tools/run.sh`` asks for it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_curator_bench._util.container import display_path, to_host_path
from pytest_curator_bench._util.links import as_named
from pytest_curator_bench.config import ConfigError, load_config

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_curator_bench.config.model import BenchConfig, ScriptRun

__all__ = ["Mount", "add_arguments", "needed_mounts", "run"]

Kind = Literal["make", "need", "read"]

# The first counts where the same directory is named twice.
_ORDER: tuple[Kind, ...] = ("make", "need", "read")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Print what a container needs of its host for configuration files, merged in order. For each "
        "mount four fields, each ended by a NUL byte: make (written, made where missing), need (must be there) or "
        "read (only read, left out where missing); the path in the container; the path on the host; what in the "
        "configuration names it. To be called in the container; benchmarks/tools/run.sh does. Exit status 1: a "
        "file is wrong."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a configuration file, YAML")


def run(options: argparse.Namespace) -> int:
    """Print the mounts; returns the exit status."""
    image_dir = Path.cwd()
    try:
        config = load_config(
            [as_named(file) for file in options.files],
            environ=os.environ,
            strict_entries=False,
            strict_keys=False,
            root_dir=image_dir,
            display=lambda path: display_path(path, image_dir),
        )
    except ConfigError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 1
    for mount in needed_mounts(config, image_dir):
        paths = b"\0".join(map(os.fsencode, (mount.kind, mount.inside, mount.outside)))
        # Paths are bytes, whatever the encoding of the output.
        sys.stdout.buffer.write(paths + b"\0" + mount.purpose.encode(errors="backslashreplace") + b"\0")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file or directory of the host that the container needs.

    Attributes:
        kind: ``make`` for a directory that is written, and made where it is missing; ``need`` for what may be
            written and must be there; ``read`` for what is only read, and left out where it is missing, which
            preflight reports.
        inside: its path in the container, absolute.
        outside: its path on the host, absolute.
        purpose: what in the configuration names it.
    """

    kind: Kind
    inside: Path
    outside: Path
    purpose: str

    def serves(self, other: Mount) -> bool:
        """Whether what the other one mounts is there, and as writable, with this one alone."""
        if not other.inside.is_relative_to(self.inside) or (self.kind == "read" and other.kind != "read"):
            return False
        return other.outside == self.outside / other.inside.relative_to(self.inside)


def needed_mounts(config: BenchConfig, image_dir: Path) -> list[Mount]:
    """Return what to mount, outer directories first.

    Args:
        config: the configuration as the container reads it.
        image_dir: what lies in this directory is the image's own, as is the root directory.
    """
    wanted = [
        mount
        for mount in _wanted(config)
        if not mount.inside.is_relative_to(image_dir) and mount.inside != mount.inside.parent
    ]
    wanted.sort(key=lambda mount: (len(mount.inside.parts), _ORDER.index(mount.kind)))
    kept: list[Mount] = []
    for mount in wanted:
        if not any(other.serves(mount) or other.inside == mount.inside for other in kept):
            kept.append(mount)
    return kept


def _wanted(config: BenchConfig) -> Iterator[Mount]:
    def mount(kind: Kind, inside: Path, purpose: str) -> Mount:
        plain = Path(os.path.normpath(inside))
        return Mount(
            kind=kind, inside=plain, outside=Path(os.path.normpath(to_host_path(plain, config.mounts))), purpose=purpose
        )

    yield mount("make", config.results_dir, "results_dir")
    yield mount("make", config.artifacts_dir, "artifacts_dir")
    for name, path in config.paths.items():
        yield mount("need", path, f"paths: {name}")
    for sink_file in _sink_files(config):
        yield mount(*sink_file)
    for directory in config.file_dirs:
        yield mount("read", directory, "the directory of a configuration file")
    for run in (*config.data_setups, *config.entries):
        for use in run.datasets_used:
            purpose = f"datasets: {use.name}, {use.format}"
            # Set-ups make datasets, or replace them: where they lie must be writable.
            yield mount("make", use.path.parent, purpose) if config.data_setups else mount("read", use.path, purpose)
        for directory in _script_dirs(config, run):
            yield mount("read", directory, f"scripts of {run.name}")


def _sink_files(config: BenchConfig) -> Iterator[tuple[Kind, Path, str]]:
    """The files that settings of the built-in sinks name; relative ones start at ``results_dir``."""
    for sink in config.sinks:
        for key, is_written in (("path", True), ("service_account_file", False)):
            named = sink.settings.get(key)
            if isinstance(named, str):
                path, purpose = config.results_dir / Path(named).expanduser(), f"sinks: {sink.name}"
                yield ("make", path.parent, purpose) if is_written else ("read", path, purpose)


def _script_dirs(config: BenchConfig, run: ScriptRun) -> dict[Path, None]:
    # Neither directory exists yet, and no script lies in one.
    command = config.command_values(run, session_entry_dir=Path("/"), scratch_dir=Path("/"))
    return dict.fromkeys(path.parent for path in command.script) if not command.unresolved else {}
