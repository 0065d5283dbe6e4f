# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The live view: its clock, and where it writes."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.plugin.terminal.live import HEARTBEAT_S, LiveView, _Running

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_clock_starts_anew_with_each_run(tmp_path: Path) -> None:
    """The entry's log is a link that leads to the present run's; a log that is gone for a moment changes nothing."""
    link = tmp_path / "stdouterr.log"
    running = _Running("a", 100, link, begun=0)
    running.look(2)
    assert running.clock(5) == "preparing, 5 s"
    for name, now in (("run-1", 10), ("run-2", 50)):
        (tmp_path / name).write_text("x")
        link.unlink(missing_ok=True)
        running.look(now - 1)
        link.symlink_to(name)
        running.look(now)
        running.look(now + 3)
        assert running.clock(now + 3) == "0:03 / 1:40"


class Bare(io.StringIO):
    """A stream as notebooks have it: it calls itself a terminal, and no descriptor is behind it."""

    fileno = property()  # reading it raises AttributeError

    def isatty(self) -> bool:
        """Claim to be a terminal."""
        return True


@pytest.mark.parametrize("make", [io.StringIO, Bare])
def test_a_stream_without_a_descriptor(
    make: Callable[[], io.StringIO], pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain lines go to the stream itself; that it is closed ends nothing."""
    stream = make()
    monkeypatch.setattr(sys, "stdout", stream)
    view = LiveView(pytest.TerminalReporter(pytestconfig, stream), Path)
    view.started("a.yaml::a", "a", 60, Path("a.log"))
    view._beat(time.monotonic() + HEARTBEAT_S)
    assert stream.getvalue().lstrip() == "a: started, limit 60 s, log a.log\na: preparing, 60 s\n"
    stream.close()
    view._beat(time.monotonic() + 3 * HEARTBEAT_S)
    view.close()
