# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The command ``curator-bench``, also ``python -m pytest_curator_bench``: one module for each subcommand."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from pytest_curator_bench import __version__
from pytest_curator_bench._util.streams import escape_unknown
from pytest_curator_bench._util.text import harmless
from pytest_curator_bench.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

# Each has a module here with ``add_arguments(parser)`` and ``run(options)``; only the one that is called is imported.
_COMMANDS = {
    "run-script": "run one entry's script by itself, under pdb if wanted",
    "schema": "print the JSON Schema of configuration files, or of results",
    "validate": "check configuration files without running a benchmark",
    "plan": "print what configuration files would run, for CI generators",
    "watch": "follow a session while it runs, from another terminal",
    "replay": "deliver to sinks what they don't have yet of a session",
    "preview": "show what a sink would send",
    "list": "list the sessions of a results directory",
    "show": "show one session, or one result in full",
    "compare": "compare sessions with what is usual, or with each other",
    "history": "show a metric over time",
    "env": "show what two sessions ran on",
    "export": "write the figures of sessions to a file for pandas or SQL",
    "import": "take over the results of NeMo Curator's own runner",
    "index": "look after the cache of past results",
    "clean": "delete old sessions and their scratch directories",
    "mounts": "print what a container needs of its host (for tools/run.sh)",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        arguments: the command line without the program's name; by default that of the process.

    Returns:
        the exit status.

    Raises:
        SystemExit: with status 2 and a message on stderr, for a command line that can't be understood.
    """
    escape_unknown(sys.stdout)
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="curator-bench", description="Tools for pytest-curator-bench.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in _COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name in arguments[:1]:
            module = import_module(f"{__name__}.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except CommandError as error:
        sys.stderr.write(harmless(f"{error}\n"))
        return 2
    except KeyboardInterrupt:
        return 130  # as a shell has it
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`).
        _drop_output()
        return 0
    except OSError as error:  # a full disk, say, or a terminal that went away
        _drop_output()
        sys.stderr.write(harmless(f"curator-bench: {error}\n"))
        return 2
    return status


def _drop_output() -> None:
    """Have what is still to be printed go nowhere: Python would complain once more when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
