# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What to type where pytest finds no benchmark for an argument.

Only pytest and the standard library are imported here, before a config was found.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

__all__ = ["suggestions"]

_YAML = (".yaml", ".yml")


def suggestions(config: pytest.Config) -> Iterator[str]:
    """Yield a sentence for each argument that names a YAML file which pytest does not collect, or an unknown entry."""
    for argument in config.args:
        name, _, entry = argument.partition("::")
        path = config.invocation_params.dir / name
        if path.suffix.lower() not in _YAML or not os.path.isfile(path):  # noqa: PTH113  # pathlib raises for long paths
            continue
        from pytest_curator_bench._util.text import instead_of, printable

        known = _entries(config, path)
        if known is None:
            yield printable(f"To run benchmarks of {name}, write: pytest {_command(name, entry)}")
        elif entry and entry not in known:
            yield printable(f"{name} has no enabled entry {entry!r}{instead_of(entry, known)}")


def _entries(config: pytest.Config, path: Path) -> list[str] | None:
    """Return the names of the entries of a config file of this run; ``None`` if it is none."""
    controller = config.pluginmanager.getplugin("curator_bench_run")
    if controller is None:
        return None
    from pytest_curator_bench.plugin.context import RUN

    bench_run = config.stash[RUN]
    return [entry.name for entry in bench_run.entries_of(path)] if bench_run.is_entry_file(path) else None


def _command(name: str, entry: str) -> str:
    return shlex.join(["--bench-config", name, *([f"{name}::{entry}"] if entry else [])])
