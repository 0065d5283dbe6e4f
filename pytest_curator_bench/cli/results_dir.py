# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which results directory a command reads, and which of its sessions."""

from __future__ import annotations

import contextlib
import os
import tomllib
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.keyword_expression import compile_keywords
from pytest_curator_bench._util.links import as_named
from pytest_curator_bench.cli.errors import CommandError
from pytest_curator_bench.cli.files import display
from pytest_curator_bench.config.defaults import ARTIFACTS_DIR
from pytest_curator_bench.history.selectors import SelectorError, is_path, select, select_one, sessions_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.config.model import BenchConfig
    from pytest_curator_bench.history.sessions import SessionRef

__all__ = [
    "add_directory_arguments",
    "add_keyword_argument",
    "add_results_arguments",
    "all_sessions",
    "artifacts_dir",
    "keyword_filter",
    "one_session",
    "results_dir",
    "some_sessions",
]

DEFAULT = Path("results")
# Where pytest looks for its configuration, in its order; the first file with a section for pytest counts.
_INI_FILES = {
    "pytest.toml": ("pytest",),
    ".pytest.toml": ("pytest",),
    "pytest.ini": ("pytest",),
    ".pytest.ini": ("pytest",),
    "pyproject.toml": ("tool", "pytest"),
    "tox.ini": ("pytest",),
    "setup.cfg": ("tool:pytest",),
}


def add_directory_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--results`` and ``--bench-config``."""
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="the results directory (default: that of the configuration, else results)",
    )
    parser.add_argument(
        "--bench-config",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="configuration file that names the results directory; repeatable, merged in order (default: those that "
        "bench_config of pytest's ini file names)",
    )


def add_results_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--results``, ``--bench-config`` and ``--session-name``."""
    add_directory_arguments(parser)
    parser.add_argument(
        "--session-name", metavar="PREFIX", help="only sessions of this name, as --bench-session-name gave it"
    )


def add_keyword_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``-k``."""
    parser.add_argument(
        "-k", dest="keywords", default="", metavar="EXPR", help="only entries whose names or marks match, as in pytest"
    )


def keyword_filter(options: argparse.Namespace) -> Callable[[Iterable[str]], bool] | None:
    """Return what says whether an entry's name and marks match ``-k``; ``None`` without it.

    Raises:
        CommandError: the expression can't be understood.
    """
    if not options.keywords:
        return None
    try:
        return compile_keywords(options.keywords)
    except ValueError as error:
        raise CommandError(f"-k {error}") from None


def results_dir(options: argparse.Namespace, *, make: bool = False) -> Path:
    """Return the results directory that the options, or else the configuration, name.

    Args:
        options: the command line.
        make: make it where it is missing.

    Raises:
        CommandError: there is none, or the configuration is wrong.
    """
    found: Path | None = options.results
    if found is None:
        config = _config(options)
        found = DEFAULT if config is None else Path(display(config.results_dir))
    if make:
        try:
            found.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{found} can't be made: {error.strerror}") from None
    if not found.is_dir():
        raise CommandError(f"no results directory {found}: run pytest benchmarks/ first, or give --results DIR")
    return found


def artifacts_dir(options: argparse.Namespace, results_dir: Path) -> Path:
    """Return the directory of the sessions' scratch directories, by the configuration if that has the same results.

    Raises:
        CommandError: the configuration is wrong.
    """
    config = _config(options)
    if config is not None and os.path.realpath(config.results_dir) == os.path.realpath(results_dir):
        return config.artifacts_dir
    return results_dir / ARTIFACTS_DIR


def all_sessions(options: argparse.Namespace, results_dir: Path) -> list[SessionRef]:
    """Return the sessions of the name that the options give, the one that started last first; raises CommandError."""
    with _as_command_error():
        return sessions_of(results_dir, prefix=options.session_name)


def some_sessions(options: argparse.Namespace, selector: str) -> list[SessionRef]:
    """Return the sessions that a selector names, the one that started last first; raises CommandError."""
    with _as_command_error():
        return select(_directory_of(options, selector), selector, prefix=options.session_name)


def one_session(options: argparse.Namespace, selector: str) -> SessionRef:
    """Return the session that a selector names; raises CommandError."""
    with _as_command_error():
        return select_one(_directory_of(options, selector), selector, prefix=options.session_name)


def _directory_of(options: argparse.Namespace, selector: str) -> Path:
    return Path() if is_path(selector) else results_dir(options)


@contextlib.contextmanager
def _as_command_error() -> Iterator[None]:
    try:
        yield
    except SelectorError as error:
        raise CommandError(str(error)) from None


def _config(options: argparse.Namespace) -> BenchConfig | None:
    files = options.bench_config or _default_files()
    if not files:
        return None
    from pytest_curator_bench.config import ConfigError, load_config  # slow to import

    try:
        return load_config(
            [as_named(file) for file in files],
            environ=os.environ,
            strict_entries=False,
            strict_keys=False,
            display=display,
        )
    except ConfigError as error:
        hint = "\nTo look at results without a configuration, give --results DIR." if options.results is None else ""
        raise CommandError(f"{error}{hint}") from None


def _default_files() -> list[Path]:
    """Return the files that ``bench_config`` names in pytest's ini file, relative to that."""
    for directory in (Path.cwd(), *Path.cwd().parents):
        for name, sections in _INI_FILES.items():
            section = _section(directory / name, sections)
            if section is not None:
                named = section.get("bench_config", [])
                names = named.split() if isinstance(named, str) else named
                return [directory / str(file) for file in names]
    return []


def _section(file: Path, path: Sequence[str]) -> Mapping[str, Any] | None:
    """Return a section of an ini or TOML file; ``None`` where there is none, or none that can be read."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".toml":
            section: Any = tomllib.loads(text)
        else:
            ini = ConfigParser(interpolation=None, strict=False)
            ini.read_string(text)
            section = ini
        for key in path:
            section = section[key]
    except (OSError, UnicodeDecodeError, IniError, tomllib.TOMLDecodeError, KeyError, TypeError):
        return None
    found: Mapping[str, Any] = section.get("ini_options", section) if path == ("tool", "pytest") else section
    return found
