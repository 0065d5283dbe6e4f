# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Real processes for tests, all marked, so that a test can prove that none is left."""

from __future__ import annotations

import itertools
import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.processes.client import SupervisedProcess, Supervisor
from tests.support.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DAEMON = """
import os, signal, time
def daemon():  # twice forked, in a session of its own, deaf to SIGTERM; writes its pid to the file "daemon"
    if (child := os.fork()) == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open("daemon.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename("daemon.new", "daemon")
        while True:
            time.sleep(100)
    os.waitpid(child, 0)
    while not os.path.exists("daemon"):
        time.sleep(0.01)
"""


class World:
    """A directory, a supervisor, and a mark in the environment of all processes that it starts."""

    def __init__(self, directory: Path, mark: str | None = None) -> None:
        self.directory = directory
        self.mark = mark or uuid.uuid4().hex
        self.environment = {"WORLD": self.mark, "PATH": os.environ["PATH"]}
        self.supervisor = Supervisor.start()
        self._numbers = itertools.count()

    def spawn(
        self, *argv: str, env: Mapping[str, str] | None = None, log: str = "log", **options: Any
    ) -> SupervisedProcess:
        """Start a job in the world's directory."""
        return self.supervisor.spawn(
            argv,
            env={**self.environment, **(env or {})},
            cwd=options.pop("cwd", self.directory),
            log_file=self.directory / log,
            name=options.pop("name", f"entry {next(self._numbers)}"),
            **options,
        )

    def python(self, code: str, *args: str, **options: Any) -> SupervisedProcess:
        """Start a job that runs Python code."""
        return self.spawn(sys.executable, "-I", "-S", "-c", code, *args, **options)

    def text(self, name: str = "log") -> str:
        """Content of a file of the world."""
        return (self.directory / name).read_text()

    def await_file(self, name: str) -> str:
        """Content of a file that a process makes, whole, under its last name."""
        eventually((self.directory / name).exists, f"file {name}")
        return self.text(name)

    def left(self) -> list[str]:
        """Processes of the world that still run; zombies do not."""
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                marked = self.mark.encode() in (directory / "environ").read_bytes()
                if marked and directory.name != str(os.getpid()):
                    found.append(f"{directory.name} {(directory / 'cmdline').read_bytes()!r}")
            except OSError:
                continue
        return found

    def await_nothing_left(self) -> None:
        """Fail unless all processes of the world are gone soon."""
        eventually(lambda: not self.left(), f"no process left, but {self.left()}")


def harness(world: World, code: str) -> list[str]:
    """A command that runs ``code`` in a harness of its own, whose ``world`` has a supervisor of its own."""
    prelude = f"""
import os, signal, sys, time
from pathlib import Path
from tests.support.process_world import DAEMON, World
world = World(Path({str(world.directory)!r}), {world.mark!r})
"""
    return [sys.executable, "-c", prelude + code]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A supervisor and a directory; nothing that the test started may be left behind."""
    world = World(tmp_path)
    yield world
    world.supervisor.close()
    world.await_nothing_left()
