# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The command ``curator-bench``, also ``python -m pytest_curator_bench``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        arguments: the command line without the program's name; by default that of the process.

    Returns:
        the exit status.

    Raises:
        SystemExit: with status 2 and a message on stderr, for a command line that can't be understood.
    """
    parser = argparse.ArgumentParser(prog="curator-bench", description="Tools for pytest-curator-bench.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    schema = commands.add_parser(
        "schema",
        help="print the JSON Schema of configuration files, or of results",
        description="Print the JSON Schema of configuration files, for editors and checks, or that of the JSON files "
        "of a session.",
    )
    schema.add_argument("of", nargs="?", choices=["config", "results"], default="config", help="default: config")
    schema.set_defaults(run=_schema)
    _add_validate(commands)
    _add_replay(commands)
    _add_preview(commands)
    _add_mounts(commands)
    options = parser.parse_args(arguments)
    status = 0
    try:
        status = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`); Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _schema(options: argparse.Namespace) -> int:
    from pytest_curator_bench.config.json_schema import json_schema
    from pytest_curator_bench.results.json_schema import results_schema

    schema = results_schema() if options.of == "results" else json_schema()
    sys.stdout.write(json.dumps(schema, indent=2) + "\n")
    return 0


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    validate = commands.add_parser(
        "validate",
        help="check configuration files without running a benchmark",
        description="Check configuration files, merged in order, without running a benchmark: everything that they "
        "say, that scripts exist and accept --help, and that datasets exist. Exit status 0: nothing is wrong, "
        "1: something is, 2: this command line can't be understood.",
    )
    validate.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a configuration file, YAML")
    validate.add_argument("--no-datasets", action="store_true", help="don't look for datasets")
    validate.add_argument(
        "--no-scripts",
        action="store_true",
        help="don't look for scripts and Ray, and run no script with --help: for another machine than the one "
        "that runs the benchmarks",
    )
    validate.add_argument(
        "--strict", action="store_true", help="warnings are errors, and so is a variable that a sink lacks"
    )
    validate.add_argument(
        "--rootdir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the project's directory, whose benchmarks/scripts is the last place to look for scripts "
        "(default: the current directory)",
    )
    validate.set_defaults(run=_validate)


def _validate(options: argparse.Namespace) -> int:
    from pytest_curator_bench.cli.validate.command import ValidateOptions, validate

    return validate(
        ValidateOptions(
            files=tuple(options.files),
            datasets=not options.no_datasets,
            scripts=not options.no_scripts,
            strict=options.strict,
            root_dir=options.rootdir,
        )
    )


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser(
        "replay",
        help="deliver to sinks what they don't have yet of a session",
        description="Deliver to sinks what they don't have yet of a session, also to sinks that it didn't have. "
        "Exit status 0: they have everything, 1: something is left, 2: nothing could be delivered like this.",
    )
    replay.add_argument("session", type=Path, metavar="SESSION", help="the session's directory")
    replay.add_argument(
        "--sink", action="append", default=[], metavar="NAME", help="only this sink; repeatable (default: all)"
    )
    replay.add_argument(
        "--config",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="config file with the sinks' settings; repeatable, merged in order (default: the config that the "
        "session recorded, which does not do for sinks with secrets)",
    )
    replay.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    from pytest_curator_bench.delivery.replay import ReplayError, ReplayOptions, replay

    wanted = ReplayOptions(session=options.session, sinks=tuple(options.sink), config_files=tuple(options.config))
    try:
        is_complete = replay(wanted, os.environ, _print_line)
    except ReplayError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0 if is_complete else 1


def _add_preview(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    preview = commands.add_parser(
        "preview",
        help="show what a sink would send",
        description="Write what a sink would send for a session, as JSON, and send nothing. "
        "Exit status 2: there is nothing to show.",
    )
    preview.add_argument("sink", choices=["slack"], help="which sink")
    preview.add_argument("session", type=Path, metavar="SESSION", help="the session's directory")
    preview.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE (default: standard output)")
    preview.set_defaults(run=_preview)


def _preview(options: argparse.Namespace) -> int:
    from pytest_curator_bench.cli.preview_slack import PreviewError, preview_slack

    try:
        text = json.dumps(preview_slack(options.session), indent=2, ensure_ascii=False) + "\n"
    except PreviewError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"can't write {options.output}: {error.strerror or error}\n")
        return 2
    return 0


def _add_mounts(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    mounts = commands.add_parser(
        "mounts",
        help="print what a container needs of its host (for tools/run.sh)",
        description="Print what a container needs of its host for configuration files, merged in order. For each "
        "mount four fields, each ended by a NUL byte: make (written, made where missing), need (must be there) or "
        "read (only read, left out where missing); the path in the container; the path on the host; what in the "
        "configuration names it. To be called in the container; benchmarks/tools/run.sh does. Exit status 1: a "
        "file is wrong.",
    )
    mounts.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a configuration file, YAML")
    mounts.set_defaults(run=_mounts)


def _mounts(options: argparse.Namespace) -> int:
    from pytest_curator_bench._util.atomic import display_path
    from pytest_curator_bench.cli.mounts import needed_mounts
    from pytest_curator_bench.config import ConfigError, load_config

    image_dir = Path.cwd()
    try:
        config = load_config(
            [file.absolute() for file in options.files],
            environ=os.environ,
            strict=False,
            root_dir=image_dir,
            display=lambda path: display_path(path, image_dir),
        )
    except ConfigError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 1
    for mount in needed_mounts(config, image_dir):
        sys.stdout.write(f"{mount.kind}\0{mount.inside}\0{mount.outside}\0{mount.purpose}\0")
    return 0


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
